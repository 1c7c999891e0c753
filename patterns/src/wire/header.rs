//! What every message begins with: 24 octets in network order. The fields of the command follow in the same frame.
//!
//! ```text
//!  0  magic    u16   AA B1 balancer, AA B2 peering, AA B3 clone, AA B4 pipes, AA B5 logs
//!  2  major    u8    another one is another language
//!  3  minor    u8    a newer one may add fields at the end, which older readers pass over
//!  4  command  u8
//!  5  flags    u8
//!  6  length   u16   of this header, so that it may grow
//!  8  session  u64   drawn at random when a process starts: one that was restarted is somebody else
//! 16  number   u64   counts the messages of a session to this peer
//! ```

use bytes::{Buf, BufMut};

use super::Malformed;

/// Which component's messages these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Protocol {
    /// Work for those who said that they are free.
    Balancer = 0xaab1,
    /// Many clusters, one cloud.
    Peering = 0xaab2,
    /// One state, many replicas.
    Clone = 0xaab3,
}

impl Protocol {
    const MINOR: u8 = 0;

    /// The version that is spoken here.
    pub fn major(self) -> u8 {
        match self {
            Self::Balancer | Self::Peering => 1,
            // The first was RFC 12's.
            Self::Clone => 2,
        }
    }
}

/// What the first frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What the message is.
    pub command: u8,
    /// Of the sender's process.
    pub session: u64,
    /// Counts the sender's messages to this peer.
    pub number: u64,
}

impl Header {
    /// Octets of a header.
    pub const LEN: usize = 24;

    /// The frame.
    pub fn encode(&self, protocol: Protocol) -> [u8; Self::LEN] {
        let mut frame = [0; Self::LEN];
        let mut at = &mut frame[..];
        at.put_u16(protocol as u16);
        at.put_u8(protocol.major());
        at.put_u8(Protocol::MINOR);
        at.put_u8(self.command);
        at.put_u8(0);
        at.put_u16(Self::LEN as u16);
        at.put_u64(self.session);
        at.put_u64(self.number);
        frame
    }

    /// The header of a frame, and what follows it there.
    ///
    /// # Errors
    /// [`Malformed::Magic`] if this is something else, [`Malformed::Version`] if it is too new.
    pub fn decode(protocol: Protocol, frame: &[u8]) -> Result<(Self, &[u8]), Malformed> {
        let mut at = frame;
        if frame.len() < Self::LEN || at.get_u16() != protocol as u16 {
            return Err(Malformed::Magic);
        }
        let major = at.get_u8();
        if major != protocol.major() {
            return Err(Malformed::Version { major, ours: protocol.major() });
        }
        let (_minor, command, _flags) = (at.get_u8(), at.get_u8(), at.get_u8());
        let len = usize::from(at.get_u16());
        if len < Self::LEN || len > frame.len() {
            return Err(Malformed::Field("length"));
        }
        Ok((Self { command, session: at.get_u64(), number: at.get_u64() }, &frame[len..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header { command: 7, session: 0x0102_0304_0506_0708, number: 9 };

    #[test]
    fn a_header_is_what_the_picture_shows() {
        let frame = HEADER.encode(Protocol::Balancer);
        assert_eq!(frame, *b"\xaa\xb1\x01\0\x07\0\0\x18\x01\x02\x03\x04\x05\x06\x07\x08\0\0\0\0\0\0\0\x09");
        assert_eq!(Header::decode(Protocol::Balancer, &frame), Ok((HEADER, &[][..])));
    }

    #[test]
    fn a_newer_header_may_be_longer_and_have_another_minor_version() {
        let mut frame = HEADER.encode(Protocol::Balancer).to_vec();
        (frame[3], frame[7]) = (200, 30);
        frame.extend(*b"futurefields");
        assert_eq!(Header::decode(Protocol::Balancer, &frame), Ok((HEADER, &b"fields"[..])));
    }

    #[test]
    fn what_is_no_header_is_refused_by_what_is_wrong_with_it() {
        let good = HEADER.encode(Protocol::Balancer);
        let with = |at: usize, octet: u8| {
            let mut frame = good;
            frame[at] = octet;
            Header::decode(Protocol::Balancer, &frame).map(|(header, _)| header)
        };
        assert_eq!(with(1, 0xb2), Err(Malformed::Magic));
        assert_eq!(with(2, 2), Err(Malformed::Version { major: 2, ours: 1 }));
        assert_eq!(with(7, 23), Err(Malformed::Field("length")));
        assert_eq!(with(7, 25), Err(Malformed::Field("length")));
        for len in 0..Header::LEN {
            assert_eq!(Header::decode(Protocol::Balancer, &good[..len]), Err(Malformed::Magic));
        }
    }
}
