//! Requests in hand, and those of them that wait: the oldest is the first, also when it comes back.

use std::collections::BTreeSet;
use std::time::Instant;

use bytes::Bytes;
use rustc_hash::FxHashMap;

use super::Dial;
use super::place::Place;
use crate::peering::wire::Body;

/// A request, from when it was taken until there is an answer.
#[derive(Debug)]
pub(super) struct Request<P> {
    pub(super) from: From<P>,
    pub(super) body: Body,
    pub(super) place: Place,
    pub(super) arrived: Instant,
    pub(super) deadline: Instant,
    /// How often it may be delegated from here.
    pub(super) hops: u8,
    /// Who had it before.
    pub(super) path: Vec<String>,
    /// What the first of those calls it, and this broker if there is none.
    pub(super) origin: u64,
    /// Peers that would not do it.
    pub(super) avoid: Vec<Dial>,
    /// Workers that were lost while they had it, or could not do it.
    pub(super) losses: u8,
}

/// Whose a request is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum From<P> {
    /// A client's, with what stands before the reply.
    Plain(P, Vec<Bytes>),
    /// A client's, by its session and the number that it has there; and who that is, as long as it is connected.
    Client(Option<P>, (u64, u64)),
    /// Another broker's, and what that calls it.
    Guest(P, u64),
}

/// All of them, by number: the order in which they came.
#[derive(Debug)]
pub(super) struct Requests<P> {
    all: FxHashMap<u64, Request<P>>,
    queue: BTreeSet<u64>,
    bytes: usize,
    next: u64,
    /// How many are where, and of others.
    pub(super) counts: Counts,
}

/// How many requests of clients workers have, and peers; and how many are of other brokers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) local: u32,
    pub(super) remote: u32,
    pub(super) foreign: u32,
}

/// Where they are, counted anew, and whether somebody waits for them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Places {
    pub(super) queued: usize,
    pub(super) local: usize,
    pub(super) remote: usize,
    /// Of clients that are connected.
    pub(super) wanted: usize,
    /// Of those that wait, how many have no client.
    pub(super) unwanted: usize,
}

impl<P> Default for Requests<P> {
    fn default() -> Self {
        let (all, queue, counts) = (FxHashMap::default(), BTreeSet::new(), Counts::default());
        Self { all, queue, bytes: 0, next: 1, counts }
    }
}

impl<P> Requests<P> {
    /// Takes it in, where it says that it is.
    pub(super) fn insert(&mut self, request: Request<P>) -> u64 {
        let number = self.next;
        self.next += 1;
        self.bytes += octets(&request.body);
        self.count(&request, 1);
        if request.place == Place::Queued {
            self.queue.insert(number);
        }
        self.all.insert(number, request);
        number
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<Request<P>> {
        let request = self.all.remove(&number)?;
        self.bytes -= octets(&request.body);
        self.count(&request, -1);
        self.queue.remove(&number);
        Some(request)
    }

    pub(super) fn get(&self, number: u64) -> Option<&Request<P>> {
        self.all.get(&number)
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut Request<P>> {
        self.all.get_mut(&number)
    }

    /// It is there from now on.
    pub(super) fn put(&mut self, number: u64, place: Place) {
        let Some(request) = self.all.get_mut(&number) else { return };
        let before = std::mem::replace(&mut request.place, place);
        if !matches!(request.from, From::Guest(..)) {
            self.counts.add(before, -1);
            self.counts.add(place, 1);
        }
        if place == Place::Queued {
            self.queue.insert(number);
        } else {
            self.queue.remove(&number);
        }
    }

    /// The one that has waited for longest.
    pub(super) fn first(&self) -> Option<u64> {
        self.queue.first().copied()
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many are where.
    pub(super) fn places(&self) -> Places {
        let mut places = Places::default();
        for it in self.all.values() {
            match it.place {
                Place::Queued => places.queued += 1,
                Place::Local { .. } => places.local += 1,
                Place::Remote { .. } => places.remote += 1,
            }
            match it.from {
                From::Plain(..) | From::Client(Some(_), _) => places.wanted += 1,
                From::Client(None, _) if it.place == Place::Queued => places.unwanted += 1,
                From::Client(None, _) | From::Guest(..) => {}
            }
        }
        places
    }

    fn count(&mut self, request: &Request<P>, by: i32) {
        if matches!(request.from, From::Guest(..)) {
            self.counts.foreign = self.counts.foreign.wrapping_add_signed(by);
        } else {
            self.counts.add(request.place, by);
        }
    }
}

impl Counts {
    fn add(&mut self, place: Place, by: i32) {
        let count = match place {
            Place::Queued => return,
            Place::Local { .. } => &mut self.local,
            Place::Remote { .. } => &mut self.remote,
        };
        *count = count.wrapping_add_signed(by);
    }
}

/// What a body takes.
pub(super) fn octets(body: &[Bytes]) -> usize {
    body.iter().map(|frame| frame.len() + size_of::<Bytes>()).sum()
}
