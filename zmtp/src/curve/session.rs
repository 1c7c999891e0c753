//! Traffic: each frame of ZMTP in a MESSAGE of its own (R26-MSG).
//!
//! ```text
//!   frame flags 00, or 02 when long     length     body
//!   body = \x07MESSAGE (8)  counter (8)  tag (16)  encrypted: flags (1)  payload
//! ```
//!
//! The flags of the frame are inside the box. The frame outside says neither MORE nor COMMAND, as libzmq does it:
//! with COMMAND outside, libzmq drops the payload. What the frame outside of a received MESSAGE says is not looked at.

use std::fmt;
use std::ops::Range;

use dryoc::classic::crypto_onetimeauth::crypto_onetimeauth as poly1305;
use salsa20::SalsaCore;
use salsa20::cipher::consts::U10;
use salsa20::cipher::{KeyIvInit, StreamCipherCore};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::boxes::{BoxKey, TAG, short_nonce};
use super::client::expect;
use super::error::{Error, Step};
use crate::wire::Header;

/// The two directions of a connection after READY.
///
/// Counters rise by one for each MESSAGE sent; of those received each has to be above the one before, and gaps are
/// allowed (R26-HELLO-15, 17, R26-READY-09, 11). No counter is used twice, and the last one, 2^64-1, never.
///
/// Nothing is allocated for a message. All nonces of one direction begin with the same 16 octets, so the first step of
/// XSalsa20, which takes those, is made once and not for each message; short ones need little more than that step.
pub struct Session {
    key: BoxKey,
    sending: Direction,
    receiving: Direction,
}

/// What a MESSAGE says of its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags {
    /// More frames of this message follow (R26-MSG-07).
    pub more: bool,
    /// The payload is a command's body, `len8 name data`. R26-MSG-06 does not know of this flag; libzmq does.
    pub command: bool,
}

/// Which end of the connection a session is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Role {
    Client,
    Server,
}

impl Session {
    /// Octets by which the body of a MESSAGE is longer than its payload (R26-MSG-03).
    pub const OVERHEAD: usize = 33;

    /// A session whose handshake ended with these counters.
    pub(super) fn new(key: BoxKey, role: Role, sent: u64, received: u64) -> Self {
        let to_server = |last| Direction::new(&key, b"CurveZMQMESSAGEC", last);
        let to_client = |last| Direction::new(&key, b"CurveZMQMESSAGES", last);
        let (sending, receiving) = match role {
            Role::Client => (to_server(sent), to_client(received)),
            Role::Server => (to_client(sent), to_server(received)),
        };
        Self { key, sending, receiving }
    }

    /// Appends `payload` to `out`, as a whole ZMTP frame with a MESSAGE in it. Where `out` has room for it, nothing is
    /// allocated.
    ///
    /// # Errors
    /// [`Error::Exhausted`] after 2^64 MESSAGEs; [`Error::Flags`] for a command with MORE. Nothing is appended then.
    pub fn seal(&mut self, flags: Flags, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let flags = flags.encode()?;
        let counter = self.sending.last.checked_add(1).filter(|next| *next != u64::MAX);
        let counter = counter.ok_or(Error::Exhausted)?;
        self.sending.last = counter;

        let len = payload.len().saturating_add(Self::OVERHEAD);
        out.reserve(len.saturating_add(Header::MAX));
        Header { more: false, command: false, len: len as u64 }.encode(out);
        out.extend_from_slice(NAME);
        out.extend_from_slice(&counter.to_be_bytes());
        out.extend_from_slice(&[0; TAG]);
        let content_at = out.len();
        out.push(flags);
        out.extend_from_slice(payload);

        let (head, content) = out.split_at_mut(content_at);
        let tag = self.sending.seal(&self.key, counter, content);
        if let Some(place) = head.last_chunk_mut() {
            *place = tag;
        }
        Ok(())
    }

    /// Opens the body of a MESSAGE where it is: gives its flags, and where in `body` the payload now stands.
    ///
    /// # Errors
    /// What is wrong with it (R26-MSG-08). Unless the tag is right nothing has changed, neither here nor in `body`.
    /// After any error the connection is to be closed without a word (R26-MSG-09, 10).
    pub fn open_in_place(&mut self, body: &mut [u8]) -> Result<(Flags, Range<usize>), Error> {
        let size = body.len();
        expect(body, NAME, Step::Message)?;
        let wrong_size = Error::Size { step: Step::Message, size };
        if size < Self::OVERHEAD {
            return Err(wrong_size);
        }
        let (head, content) = body.split_at_mut_checked(Self::OVERHEAD - 1).ok_or(wrong_size)?;
        let (head, tag) = head.split_last_chunk().ok_or(wrong_size)?;
        let counter = u64::from_be_bytes(*head.last_chunk().ok_or(wrong_size)?);

        self.receiving.open(&self.key, counter, tag, content).ok_or(Error::Box(Step::Message))?;
        let last = self.receiving.last;
        if counter <= last || counter == u64::MAX {
            return Err(Error::Counter { step: Step::Message, counter, last });
        }
        self.receiving.last = counter;
        let flags = Flags::decode(*content.first().ok_or(wrong_size)?)?;
        Ok((flags, Self::OVERHEAD..size))
    }
}

/// Counters only: the keys are nobody's business.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("sent", &self.sending.last)
            .field("received", &self.receiving.last)
            .finish_non_exhaustive()
    }
}

impl Flags {
    fn encode(self) -> Result<u8, Error> {
        match (self.more, self.command) {
            (false, false) => Ok(0),
            (true, false) => Ok(MORE),
            (false, true) => Ok(COMMAND),
            (true, true) => Err(Error::Flags(MORE | COMMAND)),
        }
    }

    fn decode(flags: u8) -> Result<Self, Error> {
        match flags {
            0 => Ok(Self::default()),
            MORE => Ok(Self { more: true, command: false }),
            COMMAND => Ok(Self { more: false, command: true }),
            _ => Err(Error::Flags(flags)),
        }
    }
}

/// One direction: the counter of its latest command, and what its nonces begin with.
struct Direction {
    last: u64,
    prefix: &'static [u8; 16],
    /// XSalsa20's key for this prefix: with it the rest is Salsa20, whose nonce is the counter.
    stream_key: Zeroizing<[u8; 32]>,
}

impl Direction {
    fn new(key: &BoxKey, prefix: &'static [u8; 16], last: u64) -> Self {
        Self { last, prefix, stream_key: key.stream_key(prefix) }
    }

    fn seal(&self, key: &BoxKey, counter: u64, content: &mut [u8]) -> [u8; TAG] {
        if content.len() > SHORT {
            return key.seal(&short_nonce(self.prefix, counter), content);
        }
        let stream = Stream::new(&self.stream_key, counter, content.len());
        stream.apply(content);
        stream.tag(content)
    }

    fn open(&self, key: &BoxKey, counter: u64, tag: &[u8; TAG], content: &mut [u8]) -> Option<()> {
        if content.len() > SHORT {
            return key.open(&short_nonce(self.prefix, counter), tag, content);
        }
        let stream = Stream::new(&self.stream_key, counter, content.len());
        if !bool::from(stream.tag(content).ct_eq(tag)) {
            return None;
        }
        stream.apply(content);
        Some(())
    }
}

/// The key stream of one short MESSAGE: 32 octets for the tag's key, and the rest for the content. It serves no other
/// message and is not wiped.
struct Stream([[u8; 64]; BLOCKS]);

impl Stream {
    /// As much as content of this length takes.
    #[inline]
    fn new(key: &[u8; 32], counter: u64, len: usize) -> Self {
        let mut blocks = [[0; 64]; BLOCKS];
        let mut cipher = Salsa20::new(key.into(), &counter.to_be_bytes().into());
        for block in blocks.iter_mut().take(len.saturating_add(TAG_KEY).div_ceil(64)) {
            cipher.write_keystream_block(block.into());
        }
        Self(blocks)
    }

    #[inline]
    fn apply(&self, content: &mut [u8]) {
        let (_, stream) = self.0.as_flattened().split_at(TAG_KEY);
        for (octet, key) in content.iter_mut().zip(stream) {
            *octet ^= key;
        }
    }

    #[inline]
    fn tag(&self, content: &[u8]) -> [u8; TAG] {
        let mut tag = [0; TAG];
        if let Some(key) = self.0.as_flattened().first_chunk() {
            poly1305(&mut tag, content, key);
        }
        tag
    }
}

type Salsa20 = SalsaCore<U10>;

const NAME: &[u8; 8] = b"\x07MESSAGE";
const MORE: u8 = 1;
const COMMAND: u8 = 2;

/// Octets at the front of the key stream that are the key of the tag.
const TAG_KEY: usize = 32;
/// Blocks of the key stream of a short MESSAGE. With one more, vector units are faster.
const BLOCKS: usize = 3;
/// The longest content, flags included, that is short.
const SHORT: usize = BLOCKS * 64 - TAG_KEY;
