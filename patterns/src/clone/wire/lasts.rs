//! How long a key stands for what it was set to.

use std::time::Duration;

use crate::wire::{Malformed, Reader, Writer};

/// How long a key stands for what it was set to, if nobody changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lasts {
    /// For ever.
    #[default]
    Forever,
    /// So long at least, from when the server was told; whole milliseconds, at most 49 days.
    For(Duration),
    /// As long as the session with this number is open: [`Session`](crate::clone::Session).
    With(u64),
}

impl Lasts {
    /// So long, if it is said how long.
    pub fn for_or_ever(ttl: Option<Duration>) -> Self {
        ttl.map_or(Self::Forever, Self::For)
    }

    /// How long, if it is a time of its own.
    pub fn ttl(self) -> Option<Duration> {
        match self {
            Self::For(ttl) => Some(ttl),
            Self::Forever | Self::With(_) => None,
        }
    }

    pub(super) fn write(self, fields: Writer) -> Writer {
        match self {
            Self::Forever => fields.u8(0),
            Self::For(ttl) => fields.u8(1).duration(ttl),
            Self::With(session) => fields.u8(2).u64(session),
        }
    }

    pub(super) fn read(fields: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match fields.u8("lasts")? {
            0 => Self::Forever,
            1 => Self::For(fields.duration("ttl")?),
            2 => Self::With(fields.u64("session")?),
            _ => return Err(Malformed::Field("lasts")),
        })
    }
}
