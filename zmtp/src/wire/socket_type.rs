//! Socket types and which of them belong together (RFC 37, R37-TYPE).

use std::fmt;

/// The kinds of socket that ZeroMQ's stable specifications know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs)] // The RFCs' names; there is nothing to add.
pub enum SocketType {
    Pair,
    Pub,
    Sub,
    Req,
    Rep,
    Dealer,
    Router,
    Pull,
    Push,
    Xpub,
    Xsub,
}

impl SocketType {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Pair,
        Self::Pub,
        Self::Sub,
        Self::Req,
        Self::Rep,
        Self::Dealer,
        Self::Router,
        Self::Pull,
        Self::Push,
        Self::Xpub,
        Self::Xsub,
    ];

    /// The name as it travels in the `Socket-Type` property (R37-TYPE-01).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pair => "PAIR",
            Self::Pub => "PUB",
            Self::Sub => "SUB",
            Self::Req => "REQ",
            Self::Rep => "REP",
            Self::Dealer => "DEALER",
            Self::Router => "ROUTER",
            Self::Pull => "PULL",
            Self::Push => "PUSH",
            Self::Xpub => "XPUB",
            Self::Xsub => "XSUB",
        }
    }

    /// The type of this name, compared exactly.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str().as_bytes() == name)
    }

    /// Whether a peer of type `other` is a legal partner (R37-TYPE-03 to 07). Symmetric.
    pub fn goes_with(self, other: Self) -> bool {
        use SocketType::{Dealer, Pair, Pub, Pull, Push, Rep, Req, Router, Sub, Xpub, Xsub};
        matches!(
            (self, other),
            (Req, Rep | Router)
                | (Rep, Req | Dealer)
                | (Dealer, Rep | Dealer | Router)
                | (Router, Req | Dealer | Router)
                | (Pub | Xpub, Sub | Xsub)
                | (Sub | Xsub, Pub | Xpub)
                | (Push, Pull)
                | (Pull, Push)
                | (Pair, Pair)
        )
    }

    /// Whether its peers subscribe.
    pub(crate) fn publishes(self) -> bool {
        matches!(self, Self::Pub | Self::Xpub)
    }

    /// Whether a second `connect` to the same endpoint does nothing, as in libzmq. Others make a second connection.
    pub(crate) fn connects_once(self) -> bool {
        matches!(self, Self::Dealer | Self::Sub | Self::Pub | Self::Req)
    }

    /// Whether the READY of this type carries an `Identity`, even an empty one, as libzmq's does.
    pub(crate) fn announces_identity(self) -> bool {
        matches!(self, Self::Req | Self::Dealer | Self::Router)
    }
}

impl fmt::Display for SocketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Case 126.
    #[test]
    fn four_types_connect_to_an_endpoint_once() {
        let once = SocketType::ALL.into_iter().filter(|kind| kind.connects_once());
        let names: Vec<_> = once.map(SocketType::as_str).collect();
        assert_eq!(names, ["PUB", "SUB", "REQ", "DEALER"]);
    }

    #[test]
    fn every_type_has_a_partner_and_partnership_is_symmetric() {
        for a in SocketType::ALL {
            assert_eq!(SocketType::from_name(a.as_str().as_bytes()), Some(a));
            assert!(SocketType::ALL.into_iter().any(|b| a.goes_with(b)));
            for b in SocketType::ALL {
                assert_eq!(a.goes_with(b), b.goes_with(a), "{a} {b}");
            }
        }
        assert_eq!(SocketType::from_name(b"push"), None);
        assert_eq!(SocketType::from_name(b"PUSH\0"), None);
    }
}
