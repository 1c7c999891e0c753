//! CURVE after the handshake: every frame is a box (R26-MSG).
//!
//! What is read is opened before anything else looks at it, and what is written is sealed last. Between the two all is as
//! with any other mechanism: the frames that come out are those that would have come without boxes.

use super::buffer::Buffer;
use super::connection::Limits;
use super::error::{Error, Malformed, Misbehaved};
use super::frame::Header;
use super::scanner::MAX_COMMAND;
use crate::curve::{self, Flags, Session};

/// Both directions of a connection.
#[derive(Debug)]
pub(super) struct Sealed {
    session: Session,
    limits: Limits,
    /// Boxes that have come and are not open yet.
    incoming: Buffer,
    /// What is wrong with the box at the front. It is told when all before it has been taken.
    wrong: Option<Error>,
    /// Octets of the handshake that were not sent when it was over: they go as they are.
    unsealed: usize,
}

impl Sealed {
    /// `incoming`: what has come behind the handshake. `unsealed`: octets of it that are still to be sent.
    pub(super) fn new(session: Session, limits: Limits, incoming: Buffer, unsealed: usize) -> Self {
        Self { session, limits, incoming, wrong: None, unsealed }
    }

    pub(super) fn incoming(&mut self) -> &mut Buffer {
        &mut self.incoming
    }

    /// Whether the peer has begun a frame that is not complete.
    pub(super) fn is_mid_frame(&self) -> bool {
        !self.incoming.octets().is_empty()
    }

    /// Opens what is whole, and appends the frames that were in it to `opened`.
    #[inline(never)]
    pub(super) fn open(&mut self, opened: &mut Buffer) {
        if self.wrong.is_none() && !self.incoming.octets().is_empty() {
            self.wrong = self.open_all(opened).err();
        }
    }

    /// What is wrong with the box that [`open`](Self::open) did not get past.
    pub(super) fn wrong(&self) -> Result<(), Error> {
        self.wrong.clone().map_or(Ok(()), Err)
    }

    fn open_all(&mut self, opened: &mut Buffer) -> Result<(), Error> {
        let mut room = self.incoming.octets().len();
        loop {
            let Some((header, size)) = Header::decode(self.incoming.octets())? else { return Ok(()) };
            self.check(header.len)?;
            let len = usize::try_from(header.len).map_err(|_| Malformed::FrameLength(header.len))?;
            let whole = size.saturating_add(len);
            let all = self.incoming.octets().len();
            if all < whole {
                self.incoming.want(whole);
                return Ok(());
            }
            let body = self.incoming.octets_mut().get_mut(size..whole).unwrap_or_default();
            let (Flags { more, command }, payload) = self.session.open_in_place(body)?;
            let payload = body.get(payload).unwrap_or_default();
            // Never longer than their boxes: there is room for all at once.
            let frames = opened.reserve(std::mem::take(&mut room));
            Header { more, command, len: payload.len() as u64 }.encode(frames);
            frames.extend_from_slice(payload);
            self.incoming.skip(whole);
        }
    }

    /// A frame that is too long for any message or command is refused at its header. The rest is the scanner's business.
    fn check(&self, len: u64) -> Result<(), Misbehaved> {
        let limit = self.limits.max_message.max(MAX_COMMAND);
        let size = len.saturating_sub(Session::OVERHEAD as u64);
        if size > limit {
            return Err(Misbehaved::MessageTooLarge { size, limit: self.limits.max_message });
        }
        Ok(())
    }

    /// Appends one frame of a message.
    pub(super) fn seal(&mut self, more: bool, body: &[u8], out: &mut Vec<u8>) -> Result<(), curve::Error> {
        self.session.seal(Flags { more, command: false }, body, out)
    }

    /// Seals whole frames of our own: commands, and the subscriptions that 3.0 sends as messages.
    pub(super) fn seal_commands(&mut self, frames: &[u8]) -> Vec<u8> {
        let (ready, mut frames) =
            frames.split_at_checked(std::mem::take(&mut self.unsealed)).unwrap_or((frames, &[]));
        let mut out = ready.to_vec();
        while let Ok(Some((header, size))) = Header::decode(frames) {
            let (frame, rest) =
                frames.split_at_checked(size.saturating_add(header.len as usize)).unwrap_or((frames, &[]));
            let flags = Flags { more: header.more, command: header.command };
            if self.session.seal(flags, frame.get(size..).unwrap_or_default(), &mut out).is_err() {
                // All counters are used up, after centuries: nothing more is said.
                break;
            }
            frames = rest;
        }
        out
    }
}
