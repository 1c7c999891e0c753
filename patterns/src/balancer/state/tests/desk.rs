//! A broker without sockets and clocks, to which somebody says one thing after the other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::Machine;
use crate::balancer::job::{Job, Outcome, Report, Status, TaskId, WorkerId};
use crate::balancer::state::{Broker, Config, Input, Output, Record};
use crate::balancer::wire::{Command, Hello, Lease, Verdict};
use crate::wire::Header;

pub(in crate::balancer::state) struct Desk {
    pub(in crate::balancer::state) broker: Broker<u8>,
    pub(in crate::balancer::state) records: Vec<Record>,
    now: Instant,
    /// What each peer says next is of this session, and has this number.
    numbers: BTreeMap<u8, (u64, u64)>,
    told: Vec<(u8, Command)>,
}

impl Desk {
    /// A broker that goes on with these records, and a client, 0.
    pub(in crate::balancer::state) fn open(config: Config, records: Vec<Record>) -> Self {
        let now = Instant::now();
        let broker = Broker::restore(config, 1, now, records.clone());
        let mut desk = Self { broker, records, now, numbers: BTreeMap::new(), told: Vec::new() };
        desk.join(0, 0);
        desk.says(0, Command::Greet);
        desk
    }

    pub(in crate::balancer::state) fn handle(&mut self, input: Input<u8>) {
        self.broker.handle(self.now, input);
        self.hear();
    }

    fn hear(&mut self) {
        while let Some(output) = self.broker.poll_output() {
            match output {
                Output::Record(record) => {
                    self.records.push(record);
                    let (_, recorded) = self.broker.records();
                    self.broker.handle(self.now, Input::Synced(recorded));
                }
                Output::Send(peer, _, command) => self.told.push((peer, command)),
                Output::Evict(_) | Output::Notice(_) => {}
            }
        }
    }

    pub(super) fn wait(&mut self, how_long: Duration) {
        let until = self.now + how_long;
        while let Some(next) = self.broker.next_deadline().filter(|next| *next <= until) {
            self.now = next.max(self.now);
            self.broker.wake(self.now);
            self.hear();
        }
        self.now = until;
    }

    /// Somebody comes, in this session.
    fn join(&mut self, peer: u8, session: u64) {
        self.numbers.insert(peer, (session, 0));
        self.handle(Input::Joined(peer));
    }

    pub(super) fn leave(&mut self, peer: u8) {
        self.handle(Input::Left(peer));
    }

    pub(in crate::balancer::state) fn says(&mut self, peer: u8, command: Command) {
        let Some((session, number)) = self.numbers.get_mut(&peer) else { panic!("{peer} is not there") };
        let header = Header { command: 0, session: *session, number: *number };
        *number += 1;
        self.handle(Input::Heard(peer, Ok((header, command))));
    }

    /// All that this peer was told since somebody asked last, but for what everybody is told.
    pub(in crate::balancer::state) fn told(&mut self, peer: u8) -> Vec<Command> {
        let told = self.told.extract_if(.., |(to, _)| *to == peer).map(|(_, command)| command);
        let is_common = |command: &Command| matches!(command, Command::Hail | Command::Beat);
        told.filter(|command| !is_common(command)).collect()
    }

    /// A worker of this peer's number comes, says what it is, and takes as many tasks as it has slots.
    pub(super) fn worker(&mut self, peer: u8, slots: u16) {
        self.worker_again(peer, peer.into(), slots, vec![]);
    }

    /// The same in this session and with this in hand.
    pub(super) fn worker_again(&mut self, peer: u8, session: u64, slots: u16, in_hand: Vec<Lease>) {
        let credit = slots - in_hand.len() as u16;
        self.hello(peer, session, Hello { slots, in_hand, ..hello(peer) });
        self.says(peer, Command::Ready { credit });
    }

    pub(super) fn hello(&mut self, peer: u8, session: u64, hello: Hello) {
        self.join(peer, session);
        self.says(peer, Command::Hello(hello));
    }

    pub(in crate::balancer::state) fn submit(&mut self, job: Job) {
        self.says(0, Command::Submit { job: Arc::new(job) });
    }

    /// Jobs of these keys.
    pub(super) fn jobs(&mut self, keys: &[&'static str]) {
        keys.iter().for_each(|key| self.submit(Job::new(*key, "payload")));
    }

    /// Which tasks this worker has got, by key.
    pub(super) fn got(&mut self, peer: u8) -> Vec<(Bytes, Lease)> {
        let told = self.told(peer);
        let task = |command| match command {
            Command::Task { lease, job } => Some((job.key.clone(), lease)),
            _ => None,
        };
        told.into_iter().filter_map(task).collect()
    }

    /// The one that it has got, and nothing else.
    pub(super) fn lease(&mut self, peer: u8, key: &str) -> Lease {
        let got = self.got(peer);
        assert!(matches!(&got[..], [(other, _)] if other == key), "{got:?}");
        got[0].1
    }

    /// An attempt is over at this worker, which takes another. What that counts for.
    pub(super) fn done(&mut self, peer: u8, lease: Lease, status: Status) -> Verdict {
        let report = Report { status, code: 1, took: Duration::ZERO, payload: "result".into() };
        self.told.retain(|(to, command)| *to != peer || !matches!(command, Command::Heard { .. }));
        self.says(peer, Command::Done { lease, report, credit: 1 });
        let heard = self.told.iter().find_map(|(to, command)| match command {
            Command::Heard { lease: of, verdict } if *to == peer && *of == lease => Some(*verdict),
            _ => None,
        });
        heard.expect("an answer")
    }

    /// What the client was told of the ends of jobs.
    pub(super) fn ended(&mut self) -> Vec<(Bytes, Outcome)> {
        let told = self.told(0);
        let end = |command| match command {
            Command::Result { key, outcome } => Some((key, outcome)),
            _ => None,
        };
        told.into_iter().filter_map(end).collect()
    }

    /// What a job of this key is called.
    pub(in crate::balancer::state) fn task(&mut self) -> TaskId {
        let told = self.told(0);
        match told[..] {
            [.., Command::Accepted { task, .. }] => task,
            _ => panic!("{told:?}"),
        }
    }
}

/// What a worker of this peer's number says of itself.
pub(super) fn hello(peer: u8) -> Hello {
    let beat = Duration::from_secs(1);
    let worker = WorkerId([peer; 16]);
    Hello { worker, host: String::new(), pid: 0, slots: 1, max_tasks: 0, beat, tags: vec![], in_hand: vec![] }
}
