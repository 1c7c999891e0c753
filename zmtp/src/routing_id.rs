//! The names by which a ROUTER knows its peers (R37-ID, R28-ROUTER-09, 10).

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};

use smallvec::SmallVec;

use crate::message::Frame;

/// Names one peer of a ROUTER: the identity that the peer announced, or five octets that the ROUTER made up, of which
/// the first is zero.
///
/// One that you choose yourself has 1 to 255 octets and does not begin with a zero octet.
///
/// ```
/// use zmtp::RoutingId;
///
/// let id = RoutingId::try_from("worker-1")?;
/// assert_eq!(id.as_ref(), b"worker-1");
/// assert!(RoutingId::try_from("").is_err());
/// # Ok::<(), zmtp::InvalidRoutingId>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct RoutingId(SmallVec<[u8; 24]>);

impl RoutingId {
    /// One of ours, for a peer that announced none (R37-ID-04).
    pub(crate) fn generated(number: u32) -> Self {
        let [a, b, c, d] = number.to_be_bytes();
        Self(SmallVec::from_slice(&[0, a, b, c, d]))
    }

    /// What a peer announced, which the handshake has checked.
    pub(crate) fn announced(identity: &[u8]) -> Option<Self> {
        (!identity.is_empty()).then(|| Self(identity.into()))
    }

    fn chosen(octets: &[u8]) -> Result<Self, InvalidRoutingId> {
        match octets {
            [] => Err(InvalidRoutingId::Empty),
            [_, ..] if octets.len() > 255 => Err(InvalidRoutingId::TooLong { octets: octets.len() }),
            [0, ..] => Err(InvalidRoutingId::LeadingZero),
            _ => Ok(Self(octets.into())),
        }
    }
}

/// Text as text, everything else escaped.
impl fmt::Display for RoutingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for RoutingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoutingId(\"{self}\")")
    }
}

impl AsRef<[u8]> for RoutingId {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for RoutingId {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl Hash for RoutingId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0[..].hash(state);
    }
}

impl PartialOrd for RoutingId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RoutingId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0[..].cmp(&other.0[..])
    }
}

impl From<RoutingId> for Frame {
    fn from(id: RoutingId) -> Self {
        Self::from(id.as_ref())
    }
}

macro_rules! chosen {
    ($($from:ty),*) => {$(
        impl TryFrom<$from> for RoutingId {
            type Error = InvalidRoutingId;

            fn try_from(octets: $from) -> Result<Self, InvalidRoutingId> {
                Self::chosen(octets.as_ref())
            }
        }
    )*};
}

chosen!(&str, &[u8], String, Vec<u8>, Frame);

impl<const N: usize> TryFrom<&[u8; N]> for RoutingId {
    type Error = InvalidRoutingId;

    fn try_from(octets: &[u8; N]) -> Result<Self, InvalidRoutingId> {
        Self::chosen(octets)
    }
}

/// Octets that cannot be chosen as a routing id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRoutingId {
    /// There are none.
    #[error("a routing id has at least one octet")]
    Empty,
    /// There are too many.
    #[error("a routing id of {octets} octets; at most 255 are allowed")]
    TooLong {
        /// How many.
        octets: usize,
    },
    /// The first one is zero.
    #[error("a routing id does not begin with a zero octet: those are made by ROUTER sockets themselves")]
    LeadingZero,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chosen_id_has_1_to_255_octets_and_no_leading_zero() {
        assert_eq!(RoutingId::try_from(""), Err(InvalidRoutingId::Empty));
        assert_eq!(RoutingId::try_from(&b"\0a"[..]), Err(InvalidRoutingId::LeadingZero));
        assert_eq!(RoutingId::try_from(vec![1; 256]), Err(InvalidRoutingId::TooLong { octets: 256 }));
        assert_eq!(RoutingId::try_from(vec![1; 255]).unwrap().as_ref(), [1; 255]);
    }

    #[test]
    fn a_generated_id_begins_with_zero_and_prints_escaped() {
        assert_eq!(RoutingId::generated(1).as_ref(), [0, 0, 0, 0, 1]);
        assert_eq!(RoutingId::generated(0x6100_000a).to_string(), r"\x00a\x00\x00\n");
    }
}
