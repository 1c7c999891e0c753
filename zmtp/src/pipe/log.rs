//! What many peers are to get: written once, and handed to all of them together.
//!
//! A publisher does not copy a message into each subscriber's pipe. It appends to the log of the audience at hand, and
//! looks at no pipe while all of them are known to have room. When an engine comes for its messages, or the audience
//! changes, or the room is used up, every pipe gets the same few shared segments. Per subscriber that costs something
//! once a batch, and the memory is shared.

use super::{Ending, Outbound, Patience, Pipes, View};
use crate::peer::PeerId;

/// Messages that no pipe has yet.
///
/// Invariant: while there are some, each of `takers` had room for `room` messages and `room_bytes` octets more than
/// there are, and is awake or will be when it looks into its pipe.
#[derive(Debug)]
pub(crate) struct Log {
    out: Outbound,
    audience: Vec<PeerId>,
    takers: Vec<PeerId>,
    /// Those of the audience that were full, and miss these messages.
    losers: Vec<PeerId>,
    patience: Patience,
    room: usize,
    room_bytes: usize,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            out: Outbound::new(usize::MAX, usize::MAX, false),
            audience: Vec::new(),
            takers: Vec::new(),
            losers: Vec::new(),
            patience: Patience::Paced,
            room: 0,
            room_bytes: 0,
        }
    }
}

impl Log {
    /// Appends a message for these peers, if they are the audience and all have room.
    #[inline]
    pub(crate) fn append(&mut self, peers: &[PeerId], message: View<'_>, patience: Patience) -> bool {
        let has_room = self.out.messages() < self.room && self.out.bytes() < self.room_bytes;
        let suits = has_room && (patience == self.patience || self.patience == Patience::Paced);
        if !suits || self.audience != peers {
            return false;
        }
        self.out.push(message);
        true
    }
}

impl Pipes {
    /// Begins a log for these peers, with this message.
    pub(crate) fn begin_log(&mut self, peers: &[PeerId], message: View<'_>, patience: Patience) {
        self.spread();
        let mut log = std::mem::take(&mut self.log);
        log.audience.extend_from_slice(peers);
        (log.room, log.room_bytes, log.patience) = (usize::MAX, usize::MAX, patience);
        for id in peers {
            let taker = self.get_mut(*id).filter(|pipe| pipe.ending == Ending::No);
            let Some(pipe) = taker.filter(|pipe| pipe.out.has_room(Patience::None)) else {
                log.losers.push(*id);
                continue;
            };
            let (room, room_bytes) = pipe.out.room_for(patience);
            (log.room, log.room_bytes) = (log.room.min(room), log.room_bytes.min(room_bytes));
            log.takers.push(*id);
            if pipe.wants_messages {
                self.rouse(*id);
            }
        }
        if log.takers.is_empty() {
            // Nobody would ever come for it.
            self.miss(&mut log, 1);
        } else {
            log.out.push(message);
        }
        self.log = log;
    }

    /// Hands what the log holds to the pipes that it is for. Whoever looks into a pipe does this first.
    #[inline]
    pub(crate) fn spread(&mut self) {
        if !self.log.audience.is_empty() {
            self.spread_log();
        }
    }

    #[cold]
    fn spread_log(&mut self) {
        let mut log = std::mem::take(&mut self.log);
        let messages = log.out.messages();
        let segments = log.out.take_shared();
        for id in log.takers.drain(..) {
            match self.get_mut(id).filter(|pipe| pipe.ending == Ending::No) {
                Some(pipe) => pipe.out.append(&segments),
                None => self.drops.no_peer += messages as u64,
            }
        }
        self.miss(&mut log, messages as u64);
        self.log = log;
    }

    /// Counts what the losers have missed, and ends the audience.
    fn miss(&mut self, log: &mut Log, messages: u64) {
        for id in log.losers.drain(..) {
            match self.get_mut(id).filter(|pipe| pipe.ending == Ending::No) {
                Some(pipe) => {
                    pipe.dropped += messages;
                    self.drops.peer_full += messages;
                }
                None => self.drops.no_peer += messages,
            }
        }
        log.audience.clear();
    }
}
