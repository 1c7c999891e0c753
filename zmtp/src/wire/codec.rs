//! Framing for people with their own I/O: an encoder and decoder for `tokio_util::codec::Framed`.
//!
//! This is the layer of single frames, messages and commands alike. Greeting and handshake are
//! [`Greeting`](super::Greeting) and [`Command`](super::Command); for all of it at once, without any I/O, see
//! [`Connection`](super::Connection).

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use super::error::{Error, Malformed, Misbehaved};
use super::frame::Header;

/// One frame as it travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawFrame {
    /// More frames of this message follow.
    pub more: bool,
    /// A command frame.
    pub command: bool,
    /// Its content.
    pub body: Bytes,
}

/// Cuts bytes into frames and back.
///
/// ```
/// use bytes::BytesMut;
/// use tokio_util::codec::{Decoder, Encoder};
/// use zmtp::wire::{FrameCodec, RawFrame};
///
/// let mut codec = FrameCodec::new(1024);
/// let frame = RawFrame { more: false, command: false, body: "hi".into() };
/// let mut wire = BytesMut::new();
/// codec.encode(frame.clone(), &mut wire)?;
/// assert_eq!(&wire[..], b"\0\x02hi");
/// assert_eq!(codec.decode(&mut wire)?, Some(frame));
/// # Ok::<(), zmtp::wire::CodecError>(())
/// ```
#[derive(Debug, Clone)]
pub struct FrameCodec {
    max_frame: u64,
}

impl FrameCodec {
    /// Accepts frames of at most `max_frame` octets.
    pub fn new(max_frame: u64) -> Self {
        Self { max_frame }
    }
}

impl Decoder for FrameCodec {
    type Item = RawFrame;
    type Error = CodecError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<RawFrame>, CodecError> {
        let Some((header, size)) = Header::decode(src).map_err(Error::from)? else {
            return Ok(None);
        };
        if header.len > self.max_frame {
            let limit = self.max_frame;
            return Err(Error::from(Misbehaved::MessageTooLarge { size: header.len, limit }).into());
        }
        let len = usize::try_from(header.len).map_err(|_| Error::from(Malformed::FrameLength(header.len)))?;
        if src.len() < size.saturating_add(len) {
            return Ok(None);
        }
        src.advance(size);
        Ok(Some(RawFrame { more: header.more, command: header.command, body: src.split_to(len).freeze() }))
    }
}

impl Encoder<RawFrame> for FrameCodec {
    type Error = CodecError;

    fn encode(&mut self, frame: RawFrame, dst: &mut BytesMut) -> Result<(), CodecError> {
        let mut header = Vec::with_capacity(Header::MAX);
        Header { more: frame.more, command: frame.command, len: frame.body.len() as u64 }.encode(&mut header);
        dst.reserve(header.len().saturating_add(frame.body.len()));
        dst.put_slice(&header);
        dst.put(frame.body);
        Ok(())
    }
}

/// What `Framed` reports: the stream failed, or the peer sent no frame.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The stream below failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The bytes are wrong.
    #[error(transparent)]
    Wire(#[from] Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_comes_out_when_its_last_octet_is_there_and_not_before() {
        let mut codec = FrameCodec::new(1024);
        for len in [0, 1, 255, 256, 1024] {
            let frame = RawFrame { more: true, command: false, body: vec![b'x'; len].into() };
            let mut wire = BytesMut::new();
            codec.encode(frame.clone(), &mut wire).unwrap();
            let mut so_far = BytesMut::new();
            let (last, rest) = wire.split_last().unwrap();
            for octet in rest {
                so_far.put_u8(*octet);
                assert_eq!(codec.decode(&mut so_far).unwrap(), None, "of {len}");
            }
            so_far.put_u8(*last);
            assert_eq!(codec.decode(&mut so_far).unwrap(), Some(frame));
            assert!(so_far.is_empty());
        }
    }

    #[test]
    fn a_frame_above_the_limit_or_of_an_unknown_kind_is_refused_at_its_header() {
        let mut codec = FrameCodec::new(1024);
        let refused = |codec: &mut FrameCodec, wire: &[u8]| match codec.decode(&mut wire.into()) {
            Err(CodecError::Wire(error)) => error,
            other => panic!("{other:?}"),
        };
        let too_large = Misbehaved::MessageTooLarge { size: 1025, limit: 1024 };
        assert_eq!(refused(&mut codec, b"\x02\0\0\0\0\0\0\x04\x01"), too_large.into());
        assert!(matches!(refused(&mut codec, b"\x80\x01x"), Error::Malformed(_)));
    }
}
