//! Which state of things: changes are numbered, and so are the times when somebody has become their master.

use std::fmt;
use std::str::FromStr;

use crate::wire::{Malformed, Reader, Writer};

/// A point in the one order of all changes. Those of a later epoch come later, whatever their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Version {
    /// Grows when a server becomes the one that decides.
    pub epoch: u64,
    /// Grows with each change, and never begins anew.
    pub seq: u64,
}

impl Version {
    pub(crate) fn write(self, fields: Writer) -> Writer {
        fields.u64(self.epoch).u64(self.seq)
    }

    pub(crate) fn read(fields: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { epoch: fields.u64("epoch")?, seq: fields.u64("seq")? })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.seq)
    }
}

/// It is written as it is shown, `epoch.seq`, and this is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no version; expected an epoch and a number, as in 1795000000000.17")]
pub struct VersionError;

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let (epoch, seq) = text.split_once('.').ok_or(VersionError)?;
        let number = |text: &str| text.parse().map_err(|_| VersionError);
        Ok(Self { epoch: number(epoch)?, seq: number(seq)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_as_it_is_shown() {
        let version = Version { epoch: 1_795_000_000_000, seq: 17 };
        assert_eq!(version.to_string().parse(), Ok(version));
        for text in ["", "1", "1.", ".1", "1.2.3", "1.x", "-1.2"] {
            assert_eq!(text.parse::<Version>(), Err(VersionError), "{text}");
        }
    }
}
