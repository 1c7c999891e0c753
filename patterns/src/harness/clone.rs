//! A server and a replica, and whatever is said to them.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::Machine;
use crate::clone::state::{
    Config, Held, Input, Node, NodeInput, NodeOutput, Output, PairConfig, Replica, ReplicaConfig,
    ReplicaInput, ReplicaOutput, Server,
};
use crate::clone::wire::{Beat, Change, Command, Durable, Lasts, Publication, Testimony, To, When};
use crate::clone::{Sums, Version};
use crate::harness::message;

/// Whatever clients say to a server, a server to a replica, and the other one or the witness to one of a pair: what is read is written as it was, nothing
/// panics, versions only grow, the sums of a tree are those of its entries, and when everybody has gone nobody is told
/// anything.
///
/// Of the input each turn takes an octet that says what happens to whom, and for a message how many frames there are, of
/// which lengths.
pub fn clone(data: &[u8]) {
    let mut town = Town::new();
    let mut rest = data;
    while let Some((turn, more)) = rest.split_first() {
        rest = more;
        let (peer, what) = (turn & 3, turn >> 2);
        match what {
            0 => town.server.handle(town.now, Input::Joined(peer)),
            1 => town.server.handle(town.now, Input::Left(peer)),
            2..12 => town.wait(Duration::from_millis(1 << what)),
            12 => town.write(),
            _ => {
                let frames;
                (frames, rest) = message(rest);
                match what {
                    13..40 => town.hear(peer, frames),
                    40..48 => town.subscribe(frames, what < 44),
                    48..56 => town.tell(frames),
                    56..60 => town.publish(frames),
                    _ => town.pair(usize::from(peer), frames),
                }
            }
        }
        town.settle();
        town.check();
    }
    for peer in 0..4 {
        town.server.handle(town.now, Input::Left(peer));
    }
    town.wait(Duration::from_secs(1));
    town.check();
    let status = town.server.status();
    assert_eq!((status.snapshots, status.clients), (0, 0));
}

struct Town {
    server: Server<u8>,
    replica: Replica,
    /// One of a pair, which hears of nobody else than the other one and the witness.
    node: Node<u8>,
    now: Instant,
    seen: [Version; 2],
    /// Records of the server, and of the one of a pair.
    recorded: [u64; 2],
}

impl Town {
    fn new() -> Self {
        let now = Instant::now();
        let config = Config {
            keys: 20,
            bytes: 4000,
            log: 8,
            snapshots: 2,
            page: 100,
            store: true,
            ..Config::default()
        };
        let replica = ReplicaConfig { buffer: 4000, ..ReplicaConfig::default() };
        Self {
            node: Node::paired(
                config.clone(),
                PairConfig { has_witness: true, ..PairConfig::default() },
                Held::default(),
                1,
                1,
                now,
            ),
            server: Server::new(config, Held::default(), 1, now),
            replica: Replica::new(replica, 1, now),
            now,
            seen: [Version::default(); 2],
            recorded: [0; 2],
        }
    }

    fn hear(&mut self, peer: u8, frames: Vec<Bytes>) {
        let said = command(frames);
        self.server.handle(self.now, Input::Heard(peer, said));
    }

    fn tell(&mut self, frames: Vec<Bytes>) {
        self.replica.handle(self.now, ReplicaInput::Heard(command(frames)));
    }

    fn publish(&mut self, frames: Vec<Bytes>) {
        let published = Publication::decode(frames);
        if let Ok((header, publication)) = &published {
            let (topic, head, value) = publication.encode(header.session, header.number);
            let again = Publication::decode([topic, head.into()].into_iter().chain(value));
            assert_eq!(again.map(|(_, again)| again).as_ref(), Ok(publication));
        }
        self.replica.handle(self.now, ReplicaInput::Published(published));
    }

    /// The other one of a pair, or the witness.
    fn pair(&mut self, path: usize, frames: Vec<Bytes>) {
        let beat = Beat::decode(&frames);
        if let Ok((header, beat)) = &beat {
            let again = Beat::decode([beat.encode(header.session, header.number)]);
            assert_eq!(again.map(|(_, again)| again).as_ref(), Ok(beat));
        }
        let testimony = Testimony::decode(&frames);
        if let Ok((header, testimony)) = &testimony {
            let again = Testimony::decode([testimony.encode(header.session, header.number)]);
            assert_eq!(again.map(|(_, again)| again).as_ref(), Ok(testimony));
        }
        self.node.handle(self.now, NodeInput::Beat(path, beat));
        self.node.handle(self.now, NodeInput::Witness(testimony));
    }

    fn subscribe(&mut self, frames: Vec<Bytes>, is_wanted: bool) {
        let topic = frames.into_iter().next().unwrap_or_default();
        let input = if is_wanted { Input::Subscribed(topic) } else { Input::Unsubscribed(topic) };
        self.server.handle(self.now, input);
    }

    fn write(&mut self) {
        if self.replica.open() < 8 {
            let to = To::Value { value: "value".into(), lasts: Lasts::Forever };
            self.replica.write(
                self.now,
                Durable::Server,
                vec![Change { key: "key".into(), to, when: When::Always }],
            );
        }
    }

    fn wait(&mut self, how_long: Duration) {
        let until = self.now + how_long;
        loop {
            let next = [self.server.next_deadline(), self.replica.next_deadline(), self.node.next_deadline()];
            let next = next.into_iter().flatten().min().filter(|next| *next <= until);
            self.now = next.unwrap_or(until).max(self.now);
            self.server.wake(self.now);
            self.replica.wake(self.now);
            self.node.wake(self.now);
            self.settle();
            if next.is_none() {
                return;
            }
        }
    }

    fn settle(&mut self) {
        while let Some(output) = self.server.poll_output() {
            self.recorded[0] += u64::from(matches!(output, Output::Record(_)));
        }
        self.server.handle(self.now, Input::Synced(self.recorded[0]));
        while let Some(output) = self.replica.poll_output() {
            drop::<ReplicaOutput>(output);
        }
        while let Some(output) = self.node.poll_output() {
            self.recorded[1] += u64::from(matches!(output, NodeOutput::Server(Output::Record(_))));
        }
        self.node.handle(self.now, NodeInput::Server(Input::Synced(self.recorded[1])));
        let versions = [self.server.status().version, self.replica.version()];
        assert!(
            self.seen.iter().zip(&versions).all(|(before, now)| before <= now),
            "{:?} {versions:?}",
            self.seen
        );
        self.seen = versions;
    }

    fn check(&self) {
        for tree in [self.server.tree(), self.replica.tree()] {
            let (all, count) = (tree.sums(b""), tree.iter(b"").count() as u64);
            let firsts: BTreeSet<_> = tree.iter(b"").map(|(key, _)| key[0]).collect();
            let mut sums = Sums::default();
            firsts.into_iter().for_each(|first| sums += tree.sums(&[first]));
            assert_eq!((all.count, all), (count, sums));
        }
    }
}

/// What was said, which is the same when it is said again.
fn command(frames: Vec<Bytes>) -> Result<(crate::wire::Header, Command), crate::wire::Malformed> {
    let said = Command::decode(frames);
    if let Ok((header, command)) = &said {
        let (head, payloads) = command.encode(header.session, header.number);
        let again = Command::decode(std::iter::once(Bytes::from(head)).chain(payloads));
        assert_eq!(again.map(|(_, again)| again).as_ref(), Ok(command));
    }
    said
}
