//! The broker: which worker or which other cluster does what. Pure; [`Machine`] says how it is driven.
//!
//! ```text
//! request   queued ──► local (a worker)  ──────────────► replied
//!             ▲  │                   worker lost, once
//!             │  └───► remote (a peer) ─────────────────► replied
//!             └────────── refused there, link lost            each of them: expired, withdrawn
//!
//! link      connecting ──HAIL──► greeting ──WELCOME──► up ◄──► stale ──► connecting
//!                                                       not heard, or not heard by the other one
//! ```
//!
//! Two tables of names never mix: connections are told apart by the face that they are on, and brokers have names.

mod clients;
mod crew;
mod guests;
mod peer;
mod peers;
mod place;
mod replies;
mod requests;
mod spill;
mod status;
mod workers;

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;
use std::hash::Hash;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clients::Client;
use crew::Crew;
use fastrand::Rng;
use guests::Guest;
use peer::Peer;
use replies::Replies;
use requests::Requests;
use rustc_hash::FxHashMap;

use crate::Machine;
use crate::backoff::Backoff;
use crate::peering::wire::{Card, Counters, Rejection, Spoken, State};
use crate::timers::Timers;

/// How a broker goes about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Its name, and where others find it.
    pub card: Card,
    /// How often it tells others how it is, at least: 250 ms.
    pub beat: Duration,
    /// And at most: 20 ms.
    pub least: Duration,
    /// After so many beats without a word, a peer gets nothing new. 3.
    pub stale: u32,
    /// After so many, it counts as lost. 10.
    pub down: u32,
    /// How often a request may be delegated. 1: whoever gets it does it or refuses.
    pub hops: u8,
    /// Whether it delegates what others have delegated to it, and takes as much as its peers take: a super-broker.
    pub is_relay: bool,
    /// Whether it tells its peers of one another, and works with those that it is told of.
    pub gossip: bool,
    /// A request leaves when waiting here would take so many per cent of what it takes there. 120.
    pub spill_percent: u32,
    /// And so much more. 2 ms.
    pub spill_margin: Duration,
    /// So many per cent of the workers' slots are not offered to others. 5.
    pub reserve_percent: u32,
    /// The most requests in hand. 50,000.
    pub queue: usize,
    /// The most octets of them. 128 MiB.
    pub queue_bytes: usize,
    /// How long replies are kept for clients that ask again. 60 s.
    pub replies: Duration,
    /// The most octets of them. 64 MiB.
    pub replies_bytes: usize,
    /// What becomes of the requests that a lost peer had.
    pub on_peer_loss: OnPeerLoss,
    /// How long a request is wanted that does not say so. 30 s.
    pub ttl: Duration,
    /// The most tasks that a peer has of this broker. 4,096.
    pub window: usize,
    /// How often workers speak at least; after three times that they count as lost. 1 s.
    pub worker_beat: Duration,
    /// How long to wait before a peer that could not be reached is tried again. From 100 ms to 5 s.
    pub backoff: Backoff,
    /// A peer that was not there for so long is forgotten, unless it was given by the operator. 10 min.
    pub forget: Duration,
}

impl Config {
    /// A broker of this name at these places, as it is usual.
    pub fn new(card: Card) -> Self {
        Self {
            card,
            beat: Duration::from_millis(250),
            least: Duration::from_millis(20),
            stale: 3,
            down: 10,
            hops: 1,
            is_relay: false,
            gossip: true,
            spill_percent: 120,
            spill_margin: Duration::from_millis(2),
            reserve_percent: 5,
            queue: 50_000,
            queue_bytes: 128 << 20,
            replies: Duration::from_secs(60),
            replies_bytes: 64 << 20,
            on_peer_loss: OnPeerLoss::Requeue,
            ttl: Duration::from_secs(30),
            window: 4096,
            worker_beat: Duration::from_secs(1),
            backoff: Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(5) },
            forget: Duration::from_secs(600),
        }
    }
}

/// What becomes of the requests that a lost peer had. They may have been done there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnPeerLoss {
    /// They are done again.
    #[default]
    Requeue,
    /// Their clients are told. A plain REQ client is told nothing, and asks again.
    Fail,
}

/// What can happen to a broker. `P` names a connection on one of its faces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input<P> {
    /// On localfe.
    Client(P, Event),
    /// On localbe.
    Worker(P, Event),
    /// On cloudfe: somebody who delegates, or means to.
    Guest(P, Event),
    /// On cloudbe.
    Peer(Dial, Event),
    /// On statefe.
    State(Vec<Bytes>),
    /// On statebe: somebody wants to know how it is.
    Subscribed,
    /// Work with the broker that takes tasks there.
    Join(String),
    /// Leave the cloud: take nothing more, and end what there is, in this time.
    Leave(Duration),
}

/// What can happen on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It is there.
    Joined {
        /// It was said in the handshake that ZPP is spoken.
        speaks: bool,
    },
    /// A message has come.
    Heard(Vec<Bytes>),
    /// It is gone.
    Left,
}

/// What a broker wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output<P> {
    /// Say this to somebody who has connected to this face.
    Say(Face, P, Vec<Bytes>),
    /// Disconnect somebody.
    Evict(Face, P),
    /// Say this on a connection that was dialled.
    Tell(Dial, Vec<Bytes>),
    /// Keep a connection to the cloudfe there.
    Dial(Dial, String),
    /// The connection is of no use: drop it, and make a new one.
    Redial(Dial),
    /// Keep none any more.
    Hangup(Dial),
    /// Keep a subscription to the statebe there.
    Follow(String),
    /// And none any more.
    Unfollow(String),
    /// To all who follow.
    Publish(Vec<Bytes>),
    /// Tell whoever watches.
    Notice(Notice),
    /// It has left: so many requests are left undone. There is nothing more to do.
    Left(usize),
}

/// Where others connect to a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Face {
    /// localfe.
    Clients,
    /// localbe.
    Workers,
    /// cloudfe.
    Cloud,
}

/// A connection that a broker has dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dial(pub u32);

/// What whoever watches a broker may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// This peer gets tasks from now on.
    Up(String),
    /// It gets nothing new, since it was not heard or does not hear us.
    Stale(String),
    /// It is lost, and so many requests come back.
    Down(String, usize),
    /// It has left.
    Gone(String),
    /// Another broker, there, has the name of this one, or of one that it works with: they do not work together.
    Collision {
        /// The name.
        name: String,
        /// Where the one is.
        here: String,
        /// And where the other one.
        there: String,
    },
    /// A peer does not work with us.
    Rejected {
        /// Where it is.
        cloud: String,
        /// Why.
        rejection: Rejection,
    },
    /// A worker is lost.
    WorkerLost,
}

/// The broker.
#[derive(Debug)]
pub struct Broker<P> {
    config: Config,
    rng: Rng,
    session: u64,
    clients: FxHashMap<P, Client>,
    crew: Crew<P>,
    guests: FxHashMap<P, Guest>,
    peers: BTreeMap<Dial, Peer>,
    /// Peers that have said their names.
    names: BTreeMap<String, Dial>,
    dials: u32,
    requests: Requests<P>,
    replies: Replies,
    leaving: Option<Instant>,
    has_left: bool,
    /// Counts all that it has told of itself.
    told: u64,
    published: Published,
    timers: Timers<Timer>,
    counters: Counters,
    output: VecDeque<Output<P>>,
}

/// What was published last, and when.
#[derive(Debug, Default)]
struct Published {
    at: Option<Instant>,
    number: u64,
    what: (u32, u32, u32, bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// It is to say how it is.
    Publish,
    /// A peer may be silent.
    Peer(Dial),
    /// It may be tried again.
    Redial(Dial),
    /// A worker is to be spoken to, or may be silent.
    Worker(u64),
    /// A request is not wanted any more.
    Expire(u64),
    /// The first of the queue has waited for so long that it should leave.
    Spill,
    /// The time for leaving is over.
    Grace,
}

impl<P: Clone + Eq + Hash + Debug> Broker<P> {
    /// A broker without anybody. `seed` is all its chance.
    pub fn new(config: Config, seed: u64, now: Instant) -> Self {
        let mut rng = Rng::with_seed(seed);
        let session = rng.u64(1..);
        let mut timers = Timers::default();
        timers.set(Timer::Publish, now);
        Self {
            replies: Replies::new(config.replies, config.replies_bytes),
            config,
            rng,
            session,
            clients: FxHashMap::default(),
            crew: Crew::default(),
            guests: FxHashMap::default(),
            peers: BTreeMap::new(),
            names: BTreeMap::new(),
            dials: 0,
            requests: Requests::default(),
            leaving: None,
            has_left: false,
            told: 0,
            published: Published::default(),
            timers,
            counters: Counters::default(),
            output: VecDeque::new(),
        }
    }

    /// Whether it wants to be told of requests. If not, whoever drives it does not read localfe, so that clients wait.
    pub fn takes_requests(&self) -> bool {
        self.leaving.is_none() && self.requests.len() <= self.config.queue
    }

    /// What has happened.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Publishes how it is, if that has changed, but not too often.
    fn tell_of_changes(&mut self, now: Instant) {
        let is_leaving = self.leaving.is_some();
        let what = (self.offered(), self.crew.slots(), self.requests.waiting() as u32, is_leaving);
        if what != self.published.what {
            let next = self.published.at.map_or(now, |at| at + self.config.least);
            // What is planned may be later than that.
            if next <= now {
                self.publish(now);
            } else {
                self.timers.set(Timer::Publish, next);
            }
        }
    }

    fn publish(&mut self, now: Instant) {
        let is_leaving = self.leaving.is_some();
        let what = (self.offered(), self.crew.slots(), self.requests.waiting() as u32, is_leaving);
        let report = self.report(0);
        let state = State {
            card: self.config.card.clone(),
            number: report.number,
            free: report.free,
            slots: what.1,
            queue: what.2,
            service: self.crew.service(),
            is_leaving,
            seen: self.receipts(),
            known: self.acquaintances(),
        };
        self.published.number += 1;
        let frames = state.encode(self.session, self.published.number);
        self.output.push_back(Output::Publish(frames));
        (self.published.what, self.published.at) = (what, Some(now));
        self.timers.set(Timer::Publish, now + self.config.beat);
    }

    /// After whatever has happened: nobody waits who need not, and others know how it is.
    fn turn(&mut self, now: Instant) {
        self.dispatch(now);
        if self.leaving.is_some() && self.requests.is_empty() && !self.has_left {
            self.has_gone(0);
        }
        if !self.has_left {
            self.tell_of_changes(now);
        }
    }

    fn leave(&mut self, now: Instant, grace: Duration) {
        if self.leaving.is_none() {
            self.leaving = Some(now);
            self.timers.set(Timer::Grace, now + grace);
        }
    }

    fn has_gone(&mut self, undone: usize) {
        self.has_left = true;
        self.say_bye();
        self.output.push_back(Output::Left(undone));
    }

    fn notice(&mut self, notice: Notice) {
        self.output.push_back(Output::Notice(notice));
    }
}

impl<P: Clone + Eq + Hash + Debug> Machine for Broker<P> {
    type Input = Input<P>;
    type Output = Output<P>;

    fn handle(&mut self, now: Instant, input: Input<P>) {
        if self.has_left {
            return;
        }
        match input {
            Input::Client(client, event) => self.client(now, client, event),
            Input::Worker(worker, event) => self.worker(now, worker, event),
            Input::Guest(guest, event) => self.guest(now, guest, event),
            Input::Peer(dial, event) => self.peer(now, dial, event),
            Input::State(frames) => self.state(now, frames),
            Input::Subscribed => self.publish(now),
            Input::Join(cloud) => self.join(now, cloud),
            Input::Leave(grace) => self.leave(now, grace),
        }
        self.turn(now);
    }

    fn wake(&mut self, now: Instant) {
        if self.has_left {
            return;
        }
        while let Some(timer) = self.timers.pop(now) {
            match timer {
                Timer::Publish => self.publish(now),
                Timer::Peer(dial) => self.watch(now, dial),
                Timer::Redial(dial) => self.redial(now, dial),
                Timer::Worker(worker) => self.beat(now, worker),
                Timer::Expire(request) => self.expire(request),
                // The turn does it.
                Timer::Spill => {}
                Timer::Grace => return self.has_gone(self.requests.len()),
            }
        }
        self.turn(now);
    }

    fn poll_output(&mut self) -> Option<Output<P>> {
        self.output.pop_front()
    }

    fn next_deadline(&self) -> Option<Instant> {
        if self.has_left { None } else { self.timers.next() }
    }
}
