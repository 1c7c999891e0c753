//! Framing (RFC 37, R37-FRM): flags, length, body.
//!
//! ```text
//!   short: flags  len8   body      (body 0..255)          bit 0 MORE   1 LONG   2 COMMAND   3-7 reserved
//!   long : flags  len64  body      (body 0..2^63-1)
//! ```

use super::error::Malformed;

/// Flags and length of one frame.
///
/// ```
/// use zmtp::wire::Header;
///
/// let header = Header { more: false, command: false, len: 256 };
/// let mut wire = Vec::new();
/// header.encode(&mut wire);
/// assert_eq!(wire, [2, 0, 0, 0, 0, 0, 0, 1, 0]);
/// assert_eq!(Header::decode(&wire), Ok(Some((header, 9))));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// More frames of this message follow.
    pub more: bool,
    /// A command frame instead of a message frame.
    pub command: bool,
    /// Octets of the body.
    pub len: u64,
}

impl Header {
    /// The longest header, in octets.
    pub const MAX: usize = 9;

    /// Reads the header at the front of `input`: it and its size in octets, or `None` while it is incomplete.
    ///
    /// A long header for a short body is accepted (R37-FRM-02).
    ///
    /// # Errors
    /// [`Malformed::FrameFlags`] for a reserved bit (R37-FRM-03) or a command with MORE (R37-FRM-07), as soon as the
    /// first octet is there; [`Malformed::FrameLength`] above 2^63-1.
    #[inline]
    pub fn decode(input: &[u8]) -> Result<Option<(Self, usize)>, Malformed> {
        let Some((&flags, rest)) = input.split_first() else {
            return Ok(None);
        };
        if flags & RESERVED != 0 || flags & (COMMAND | MORE) == (COMMAND | MORE) {
            return Err(Malformed::FrameFlags(flags));
        }
        let (len, size) = if flags & LONG == 0 {
            let Some(&len) = rest.first() else { return Ok(None) };
            (u64::from(len), 2)
        } else {
            let Some(len) = rest.first_chunk() else { return Ok(None) };
            (u64::from_be_bytes(*len), Self::MAX)
        };
        if len > i64::MAX as u64 {
            return Err(Malformed::FrameLength(len));
        }
        Ok(Some((Self { more: flags & MORE != 0, command: flags & COMMAND != 0, len }, size)))
    }

    /// Appends the header to `out`, in its short form where that is possible (R37-SEC-09, 10).
    #[inline]
    pub fn encode(self, out: &mut Vec<u8>) {
        let mut flags = 0;
        if self.more {
            flags |= MORE;
        }
        if self.command {
            flags |= COMMAND;
        }
        if let Ok(len) = u8::try_from(self.len) {
            out.extend_from_slice(&[flags, len]);
        } else {
            let [a, b, c, d, e, f, g, h] = self.len.to_be_bytes();
            out.extend_from_slice(&[flags | LONG, a, b, c, d, e, f, g, h]);
        }
    }

    /// The octets that [`encode`](Self::encode) writes for a body of `len`.
    #[inline]
    pub(crate) fn size(len: usize) -> usize {
        if len > 255 { Self::MAX } else { 2 }
    }
}

pub(crate) const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;
const RESERVED: u8 = !(MORE | LONG | COMMAND);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boundary_between_short_and_long_lies_between_255_and_256() {
        for (len, expected) in [(0, vec![0, 0]), (255, vec![0, 255]), (256, vec![2, 0, 0, 0, 0, 0, 0, 1, 0])]
        {
            let mut out = Vec::new();
            Header { more: false, command: false, len }.encode(&mut out);
            assert_eq!(out, expected);
            assert_eq!(Header::size(len as usize), out.len());
        }
    }

    #[test]
    fn every_header_reads_back_and_every_prefix_of_it_is_incomplete() {
        for len in [0, 1, 255, 256, 65_536, i64::MAX as u64] {
            for (more, command) in [(false, false), (true, false), (false, true)] {
                let header = Header { more, command, len };
                let mut out = Vec::new();
                header.encode(&mut out);
                assert_eq!(Header::decode(&out), Ok(Some((header, out.len()))));
                for cut in 0..out.len() {
                    assert_eq!(Header::decode(&out[..cut]), Ok(None));
                }
            }
        }
    }

    #[test]
    fn hostile_28_a_length_above_two_to_the_63rd_is_refused_at_the_header() {
        for len in [1 << 63, u64::MAX] {
            let mut wire = vec![2];
            wire.extend(u64::to_be_bytes(len));
            assert_eq!(Header::decode(&wire), Err(Malformed::FrameLength(len)));
        }
    }

    #[test]
    fn hostile_31_a_long_header_for_a_small_body_is_accepted() {
        let (header, size) = Header::decode(&[2, 0, 0, 0, 0, 0, 0, 0, 3]).unwrap().unwrap();
        assert_eq!((header.len, size), (3, 9));
    }

    #[test]
    fn hostile_32_reserved_bits_and_a_command_with_more_are_refused() {
        for flags in (0..=255).filter(|flags| flags & 0xf8 != 0 || flags & 5 == 5) {
            assert_eq!(Header::decode(&[flags]), Err(Malformed::FrameFlags(flags)));
        }
    }
}
