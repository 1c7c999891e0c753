//! Fair-queueing as a whole: the list of peers that have something, and the receiver's round, as the socket uses them.

use std::collections::{HashMap, HashSet};

use fastrand::Rng;

use super::*;
use crate::route::FairQueue;
use crate::wire::Chunk;

/// One receiver and what its peers have sent; messages say whose they are and which.
#[derive(Default)]
struct Receiver {
    sources: FairQueue,
    inbox: Inbox,
    pipes: HashMap<PeerId, Incoming>,
    arrivals: bool,
}

#[derive(Default)]
struct Incoming {
    chunks: VecDeque<Chunk>,
    is_listed: bool,
    is_held: bool,
    sent: u8,
    received: u8,
    waiting: usize,
}

fn peer(index: u32) -> PeerId {
    PeerId { index, generation: 0 }
}

impl Receiver {
    fn deliver(&mut self, from: PeerId, messages: usize) {
        let pipe = self.pipes.entry(from).or_default();
        let mut wire = Vec::new();
        for _ in 0..messages {
            wire.extend([0, 2, from.index as u8, pipe.sent]);
            pipe.sent = pipe.sent.wrapping_add(1);
        }
        pipe.waiting += messages;
        pipe.chunks.push_back(Chunk::new([wire.into()], messages));
        if !pipe.is_listed && !pipe.is_held {
            pipe.is_listed = true;
            self.sources.readable(from);
            self.arrivals = true;
        }
    }

    fn recv(&mut self) -> Option<PeerId> {
        if self.arrivals || self.inbox.wants_more() {
            self.refill();
        }
        let message = self.inbox.next()?;
        let [index, number] = message.first()[..] else { panic!("not a message of ours") };
        let from = peer(index.into());
        let pipe = self.pipes.get_mut(&from).unwrap();
        assert_eq!(number, pipe.received, "out of order");
        pipe.received = pipe.received.wrapping_add(1);
        pipe.waiting -= 1;
        Some(from)
    }

    fn refill(&mut self) {
        self.arrivals = false;
        while let Some(id) = self.inbox.next_spent() {
            let pipe = self.pipes.get_mut(&id).unwrap();
            pipe.is_held = false;
            pipe.is_listed = !pipe.chunks.is_empty();
            if pipe.is_listed {
                self.sources.readable(id);
            }
        }
        while let Some(id) = self.sources.next() {
            let pipe = self.pipes.get_mut(&id).unwrap();
            (pipe.is_listed, pipe.is_held) = (false, true);
            self.inbox.hold(id, None, |list| list.extend(pipe.chunks.drain(..).map(Parcel::from)));
        }
    }

    fn waiting(&self) -> impl Iterator<Item = PeerId> {
        self.pipes.iter().filter(|(_, pipe)| pipe.waiting > 0).map(|(id, _)| *id)
    }
}

/// R30-PULL-11: while peers have plenty, each gives one message before anyone gives a second.
#[test]
fn counts_of_peers_that_always_have_messages_differ_by_one_at_most() {
    for peers in 1..8 {
        let mut receiver = Receiver::default();
        for index in 0..peers {
            (0..10).for_each(|_| receiver.deliver(peer(index), 10 + index as usize));
        }
        let mut counts = vec![0; peers as usize];
        for _ in 0..100 * peers {
            counts[receiver.recv().unwrap().index as usize] += 1;
            assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{counts:?}");
        }
    }
}

/// R30-PULL-11: "senders gone berserk" delay a peer's message by one message each, no more, however much they send and
/// however the others trickle.
#[test]
fn a_waiting_peer_is_passed_by_at_most_once_by_each_other() {
    for seed in 0..40 {
        println!("seed {seed}");
        let rng = &mut Rng::with_seed(seed);
        let peers = rng.u32(2..8);
        let mut receiver = Receiver::default();
        let mut passed_by: HashMap<PeerId, Vec<PeerId>> = HashMap::new();
        let mut received = 0;
        for _ in 0..2000 {
            if rng.u8(..100) < 35 {
                // The first one is berserk, the last one trickles.
                let index = rng.u32(..peers);
                let most = if index == 0 { 50 } else { 1 + (peers - 1 - index) as usize };
                receiver.deliver(peer(index), rng.usize(1..=most));
            }
            let waiting: HashSet<_> = receiver.waiting().collect();
            let Some(from) = receiver.recv() else {
                assert_eq!(waiting, HashSet::new());
                continue;
            };
            received += 1;
            passed_by.remove(&from);
            for id in waiting.into_iter().filter(|id| *id != from) {
                let others = passed_by.entry(id).or_default();
                others.push(from);
                let times = others.iter().filter(|other| **other == from).count();
                assert!(times <= 1, "{from:?} {times} times before {id:?}: {others:?}");
            }
        }
        assert!(received > 500);
        while receiver.recv().is_some() {}
        assert_eq!(receiver.waiting().count(), 0);
    }
}
