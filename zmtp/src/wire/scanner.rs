//! Finds where messages end in what was read, and stops at commands, limits and unfinished frames.
//!
//! It looks at headers only: the bodies are parsed when the user takes the messages.

use std::collections::VecDeque;

use bytes::Bytes;

use super::buffer::Buffer;
use super::chunk::Chunk;
use super::connection::Limits;
use super::error::{Error, Misbehaved};
use super::frame::Header;

/// Progress through the bytes of traffic.
///
/// Invariant: `whole <= at`. Up to `whole` the buffer holds `messages` whole messages; from there to `at` whole
/// frames of the message that is still coming.
#[derive(Debug)]
pub(crate) struct Scanner {
    limits: Limits,
    at: usize,
    whole: usize,
    messages: usize,
    /// Frames and octets of the message that is still coming, those in `held` included.
    frames: usize,
    size: u64,
    /// Earlier frames of that message, already out of the buffer.
    held: VecDeque<Bytes>,
}

/// Why the scan stopped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// As many messages as there is room for.
    Full,
    /// The buffer ends inside a frame. Its whole length, header included; 0 while the header is incomplete.
    Incomplete(usize),
    /// A whole command frame stands next: octets of its header, and of its body.
    Command(usize, usize),
}

impl Scanner {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, at: 0, whole: 0, messages: 0, frames: 0, size: 0, held: VecDeque::new() }
    }

    /// Goes on through `input` until there are `room` messages, or something stops it.
    pub(crate) fn scan(&mut self, input: &[u8], room: usize) -> Result<Stop, Error> {
        let is_short_allowed = self.limits.max_message >= u64::from(u8::MAX) && self.limits.max_frames > 0;
        while self.messages < room {
            let rest = input.get(self.at..).unwrap_or_default();
            // Most messages are one short frame, and there is nothing more to ask of it.
            if let [0, len, body @ ..] = rest
                && body.len() >= usize::from(*len)
                && self.frames == 0
                && is_short_allowed
            {
                self.at = self.at.saturating_add(usize::from(*len)).saturating_add(2);
                self.whole = self.at;
                self.messages = self.messages.saturating_add(1);
                continue;
            }
            let Some((header, size)) = Header::decode(rest)? else {
                return Ok(Stop::Incomplete(0));
            };
            if header.command && header.len > MAX_COMMAND {
                return Err(Misbehaved::CommandTooLarge { size: header.len, limit: MAX_COMMAND }.into());
            }
            if !header.command {
                self.check(&header)?;
            }
            // The limits above made this fit, unless the user lifted them beyond this machine's addresses.
            let len = usize::try_from(header.len).unwrap_or(usize::MAX);
            let frame = size.saturating_add(len);
            if rest.len() < frame {
                return Ok(Stop::Incomplete(frame));
            }
            if header.command {
                return Ok(Stop::Command(size, len));
            }
            self.at = self.at.saturating_add(frame);
            if header.more {
                self.frames = self.frames.saturating_add(1);
                self.size = self.size.saturating_add(header.len);
            } else {
                (self.frames, self.size) = (0, 0);
                self.whole = self.at;
                self.messages = self.messages.saturating_add(1);
            }
        }
        Ok(Stop::Full)
    }

    /// Takes the whole messages out of `buffer`, if there are any.
    pub(crate) fn take(&mut self, buffer: &mut Buffer) -> Option<Chunk> {
        if self.messages == 0 {
            return None;
        }
        let last = buffer.take(self.whole);
        self.at = self.at.saturating_sub(self.whole);
        self.whole = 0;
        Some(Chunk::new(self.held.drain(..).chain([last]), std::mem::take(&mut self.messages)))
    }

    /// Moves the whole frames of the unfinished message out of `buffer`, so that what stands next is at its front.
    /// Call it when [`take`](Self::take) has nothing.
    pub(crate) fn hold(&mut self, buffer: &mut Buffer) {
        if self.at > 0 {
            self.held.push_back(buffer.take(self.at));
            self.at = 0;
        }
    }

    /// Whether a message has begun that is not complete.
    pub(crate) fn is_mid_message(&self, buffer: &Buffer) -> bool {
        self.frames > 0 || buffer.octets().len() > self.at
    }

    fn check(&self, header: &Header) -> Result<(), Misbehaved> {
        let size = self.size.saturating_add(header.len);
        if size > self.limits.max_message {
            return Err(Misbehaved::MessageTooLarge { size, limit: self.limits.max_message });
        }
        if self.frames >= self.limits.max_frames {
            return Err(Misbehaved::TooManyFrames { limit: self.limits.max_frames });
        }
        Ok(())
    }
}

/// The longest command in traffic: a subscription to a topic of 64 KiB.
pub(super) const MAX_COMMAND: u64 = 64 * 1024 + 10;
