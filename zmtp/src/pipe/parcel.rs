//! What lies in an incoming pipe: messages of the peer, and what the socket itself has to say of it, in order.

use std::collections::VecDeque;

use super::{Batch, Outbound};
use crate::message::Message;
use crate::monitor::Cause;
use crate::peer::PeerInfo;
use crate::wire::Chunk;

/// A run of messages, or a note.
#[derive(Debug, Default)]
pub(crate) struct Parcel {
    /// With a note it is one empty message, so that it has a place among the others.
    pub(crate) chunk: Chunk,
    pub(crate) note: Option<Note>,
}

/// Something about a peer that has its place among the peer's messages.
#[derive(Debug, Clone)]
pub(crate) enum Note {
    /// It is ready.
    Joined(Box<PeerInfo>),
    /// It has gone; these were its last messages.
    Left(Cause),
}

impl Parcel {
    /// A message of our own making, as if the peer had sent it.
    pub(crate) fn message(message: &Message) -> Self {
        Self::messages(std::slice::from_ref(message))
    }

    /// The same for several, which take no more memory than their octets.
    pub(crate) fn messages(messages: &[Message]) -> Self {
        let mut out = Outbound::new(usize::MAX, usize::MAX, false);
        messages.iter().for_each(|message| out.push(message.into()));
        let mut pieces = Batch::default();
        let mut chunks = VecDeque::new();
        let mut count = 0;
        while !out.is_empty() {
            out.take(&mut pieces, usize::MAX);
            let chunk = std::mem::take(&mut pieces);
            count += chunk.messages();
            chunks.extend(chunk.into_pieces());
        }
        Chunk::new(chunks, count).into()
    }

    pub(crate) fn note(note: Note) -> Self {
        Self { note: Some(note), ..Self::message(&"".into()) }
    }

    /// Its newest message alone.
    pub(super) fn newest(mut self) -> Self {
        if self.chunk.messages() <= 1 {
            return self;
        }
        let newest = std::iter::from_fn(|| self.chunk.next_message()).last();
        newest.map_or_else(Self::default, |message| Self::message(&message))
    }
}

impl From<Chunk> for Parcel {
    fn from(chunk: Chunk) -> Self {
        Self { chunk, note: None }
    }
}
