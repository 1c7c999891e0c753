//! Brokers, workers and clients as processes of the simulated world.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fastrand::Rng;

use super::{CLIENTS, CLOUD, CloudConfig, Links, STATE, Seen, WORKERS, links, number};
use crate::Machine;
use crate::peering::state::{
    Broker, Client, ClientInput, ClientOutput, Config, Dial, Event, Input, Output, Resend, Worker,
    WorkerInput, WorkerOutput,
};
use crate::peering::wire::{Body, Status};
use crate::sim::{Act, Boot, Happening, Link};
use crate::timers::Timers;

/// A broker's process. Clones are the same one.
#[derive(Clone)]
pub(super) struct BrokerHost(Rc<RefCell<Inner>>);

struct Inner {
    own: usize,
    broker: Broker<Link>,
    /// Who has dialled, and where.
    joined: Links,
    /// Who is dialled: connections, by link.
    dialled: BTreeMap<Link, Dial>,
    /// Whose state is wanted.
    followed: Vec<Link>,
    follow_again: Option<Instant>,
    orders: VecDeque<Input<Link>>,
    acts: VecDeque<Act>,
    is_checked: bool,
    wrong: Vec<String>,
}

impl BrokerHost {
    pub(super) fn start(
        boot: &Boot<'_>,
        own: usize,
        config: Config,
        given: &[usize],
        is_checked: bool,
    ) -> Self {
        let mut broker = Broker::new(config, boot.seed, boot.now);
        for other in given {
            broker.handle(boot.now, Input::Join(super::card(*other).cloud));
        }
        Self(Rc::new(RefCell::new(Inner {
            own,
            broker,
            joined: Links::new(),
            dialled: BTreeMap::new(),
            followed: Vec::new(),
            follow_again: None,
            orders: VecDeque::new(),
            acts: VecDeque::new(),
            is_checked,
            wrong: Vec::new(),
        })))
    }

    pub(super) fn status(&self, now: Instant) -> Status {
        self.0.borrow().broker.status(now)
    }

    /// It hears of it with whatever happens next.
    pub(super) fn order(&self, input: Input<Link>) {
        self.0.borrow_mut().orders.push_back(input);
    }

    pub(super) fn wrong(&self) -> Vec<String> {
        self.0.borrow().wrong.clone()
    }
}

impl Inner {
    fn turn(&mut self, now: Instant) {
        while let Some(order) = self.orders.pop_front() {
            self.broker.handle(now, order);
        }
        while let Some(output) = self.broker.poll_output() {
            self.act(now, output);
        }
        if self.is_checked
            && let Err(wrong) = self.broker.check()
        {
            self.wrong.push(format!("DC{}: {wrong}", self.own + 1));
        }
    }

    fn act(&mut self, now: Instant, output: Output<Link>) {
        match output {
            Output::Say(_, link, frames) => self.acts.push_back(Act::Send(link, frames)),
            Output::Evict(_, link) => self.acts.push_back(Act::HangUp(link)),
            Output::Tell(dial, frames) => {
                if let Some(link) = self.link(dial) {
                    self.acts.push_back(Act::Send(link, frames));
                }
            }
            Output::Dial(dial, cloud) => {
                if let Some(other) = number(&cloud).filter(|other| *other != self.own) {
                    let (link, _) = links(self.own, other);
                    self.dialled.insert(link, dial);
                    // So that the other one speaks first, to whom there was nobody before.
                    self.acts.push_back(Act::HangUp(link));
                }
            }
            Output::Redial(dial) => self.acts.extend(self.link(dial).map(Act::HangUp)),
            Output::Hangup(dial) => {
                if let Some(link) = self.link(dial) {
                    self.dialled.remove(&link);
                    self.acts.push_back(Act::HangUp(link));
                }
            }
            Output::Follow(state) => {
                if let Some(other) = number(&state).filter(|other| *other != self.own) {
                    self.followed.push(links(self.own, other).1);
                    self.follow(now);
                }
            }
            Output::Unfollow(state) => {
                if let Some(other) = number(&state).filter(|other| *other != self.own) {
                    let link = links(self.own, other).1;
                    self.followed.retain(|it| *it != link);
                    self.acts.push_back(Act::HangUp(link));
                }
            }
            Output::Publish(frames) => {
                let followers = self.joined.iter().filter(|(_, port)| **port == STATE);
                self.acts.extend(followers.map(|(link, _)| Act::Send(*link, frames.clone())));
            }
            Output::Notice(_) => {}
            Output::Left(_) => self.acts.push_back(Act::Exit),
        }
    }

    fn link(&self, dial: Dial) -> Option<Link> {
        self.dialled.iter().find(|(_, its)| **its == dial).map(|(link, _)| *link)
    }

    /// A subscription is said again and again, since it may be lost, and connections are made anew without a word.
    fn follow(&mut self, now: Instant) {
        self.acts.extend(self.followed.iter().map(|link| Act::Send(*link, vec!["S".into()])));
        self.follow_again = Some(now + Duration::from_millis(200));
    }
}

impl Machine for BrokerHost {
    type Input = Happening;
    type Output = Act;

    fn handle(&mut self, now: Instant, happening: Happening) {
        let mut inner = self.0.borrow_mut();
        let input = match happening {
            Happening::Joined(link, port) => {
                if port != STATE {
                    inner.joined.insert(link, port);
                }
                // Some of them do not, and pass it over.
                input(port, link, Event::Joined { speaks: true })
            }
            Happening::Heard(link, frames) if inner.dialled.contains_key(&link) => {
                Some(Input::Peer(inner.dialled[&link], Event::Heard(frames)))
            }
            Happening::Heard(link, frames) if inner.followed.contains(&link) => Some(Input::State(frames)),
            Happening::Heard(link, frames) if frames[0] == "S" => {
                let is_new = inner.joined.insert(link, STATE).is_none();
                is_new.then_some(Input::Subscribed)
            }
            Happening::Heard(link, frames) => match inner.joined.get(&link) {
                Some(port) => input(*port, link, Event::Heard(frames)),
                None => None,
            },
            Happening::Left(link) => {
                inner.joined.remove(&link).and_then(|port| input(port, link, Event::Left))
            }
            Happening::Lost(link) => inner.dialled.get(&link).map(|dial| Input::Peer(*dial, Event::Left)),
            Happening::Synced(_) => None,
        };
        if let Some(input) = input {
            inner.broker.handle(now, input);
        }
        inner.turn(now);
    }

    fn wake(&mut self, now: Instant) {
        let mut inner = self.0.borrow_mut();
        if inner.follow_again.is_some_and(|at| at <= now) {
            inner.follow(now);
        }
        inner.broker.wake(now);
        inner.turn(now);
    }

    fn poll_output(&mut self) -> Option<Act> {
        self.0.borrow_mut().acts.pop_front()
    }

    fn next_deadline(&self) -> Option<Instant> {
        let inner = self.0.borrow();
        [inner.broker.next_deadline(), inner.follow_again].into_iter().flatten().min()
    }
}

fn input(port: crate::sim::Port, link: Link, event: Event) -> Option<Input<Link>> {
    match port {
        CLIENTS => Some(Input::Client(link, event)),
        WORKERS => Some(Input::Worker(link, event)),
        CLOUD => Some(Input::Guest(link, event)),
        _ => None,
    }
}

/// A worker's process.
pub(super) struct WorkerHost {
    speech: Speech,
    service: Duration,
    /// Tasks that are under way, by when they end.
    running: BTreeMap<u64, Body>,
    ends: Timers<u64>,
    rng: Rng,
    seen: Rc<RefCell<Seen>>,
    acts: VecDeque<Act>,
}

enum Speech {
    Ours(Worker),
    /// A REQ socket: it says READY until it is told something, and then only answers.
    Plain {
        since: Option<Instant>,
        has: Option<Bytes>,
        is_new: bool,
    },
}

impl WorkerHost {
    pub(super) fn start(boot: &Boot<'_>, is_plain: bool, service: Duration, seen: Rc<RefCell<Seen>>) -> Self {
        let mut acts = VecDeque::new();
        let speech = if is_plain {
            acts.push_back(Act::Send(boot.link(0), vec![Bytes::new(), "READY".into()]));
            Speech::Plain { since: Some(boot.now), has: None, is_new: false }
        } else {
            Speech::Ours(Worker::new(1, Duration::from_secs(1), boot.seed, boot.now))
        };
        let rng = Rng::with_seed(boot.seed);
        Self { speech, service, running: BTreeMap::new(), ends: Timers::default(), rng, seen, acts }
    }

    fn begin(&mut self, now: Instant, task: u64, body: Body) {
        if let Some(key) = body.first().and_then(|frame| key(frame)) {
            self.seen.borrow_mut().begin(key);
        }
        let took = self.service.mul_f64(-(1.0 - self.rng.f64()).ln());
        self.ends.set(task, now + took);
        self.running.insert(task, body);
    }

    fn turn(&mut self, now: Instant) {
        while let Speech::Ours(worker) = &mut self.speech
            && let Some(output) = worker.poll_output()
        {
            match output {
                WorkerOutput::Send(frames) => self.acts.push_back(Act::Send(Link(0), frames)),
                WorkerOutput::Start(task, body) => self.begin(now, task, body),
                WorkerOutput::Gone => self.acts.push_back(Act::Exit),
            }
        }
    }
}

impl Machine for WorkerHost {
    type Input = Happening;
    type Output = Act;

    fn handle(&mut self, now: Instant, happening: Happening) {
        match (&mut self.speech, happening) {
            (Speech::Ours(worker), Happening::Heard(_, frames)) => {
                worker.handle(now, WorkerInput::Heard(frames));
            }
            // Brokers greet whoever might speak.
            (Speech::Plain { .. }, Happening::Heard(_, frames)) if !frames[0].is_empty() => {}
            (Speech::Plain { since, has, .. }, Happening::Heard(_, frames)) if has.is_none() => {
                *since = None;
                *has = Some(frames[1].clone());
                self.begin(now, 0, frames[3..].to_vec());
            }
            (Speech::Plain { is_new: is_new @ true, .. }, Happening::Lost(link)) => {
                *is_new = false;
                self.acts.push_back(Act::Send(link, vec![Bytes::new(), "READY".into()]));
            }
            // It waits for nothing: its script starts it again after a while.
            (Speech::Plain { since, has: None, .. }, Happening::Lost(_)) => *since = Some(now),
            _ => {}
        }
        self.turn(now);
    }

    fn wake(&mut self, now: Instant) {
        while let Some(task) = self.ends.pop(now) {
            let body = self.running.remove(&task).unwrap_or_default();
            match &mut self.speech {
                Speech::Ours(worker) => worker.handle(now, WorkerInput::Over(task, Some(body))),
                Speech::Plain { since, has, .. } => {
                    let mut frames = vec![Bytes::new(), has.take().unwrap_or_default(), Bytes::new()];
                    frames.extend(body);
                    *since = Some(now);
                    self.acts.push_back(Act::Send(Link(0), frames));
                }
            }
        }
        match &mut self.speech {
            Speech::Ours(worker) => worker.wake(now),
            Speech::Plain { since: Some(since), has: None, is_new } if now >= *since + SCRIPT => {
                // A new process has a new connection, and says READY.
                (*since, *is_new) = (now, true);
                self.acts.push_back(Act::HangUp(Link(0)));
            }
            Speech::Plain { .. } => {}
        }
        self.turn(now);
    }

    fn poll_output(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    fn next_deadline(&self) -> Option<Instant> {
        let speech = match &self.speech {
            Speech::Ours(worker) => worker.next_deadline(),
            Speech::Plain { since: Some(since), has: None, .. } => Some(*since + SCRIPT),
            Speech::Plain { .. } => None,
        };
        [self.ends.next(), speech].into_iter().flatten().min()
    }
}

/// After so long without a task a plain worker's script starts it again.
const SCRIPT: Duration = Duration::from_secs(5);

/// A client's process: one request at a time, at random moments.
pub(super) struct ClientHost {
    me: u32,
    speech: Asking,
    number: u64,
    since: Option<Instant>,
    next: Instant,
    rate: f64,
    size: usize,
    resend: Resend,
    rng: Rng,
    seen: Rc<RefCell<Seen>>,
    acts: VecDeque<Act>,
}

enum Asking {
    Ours(Client),
    /// A REQ socket that is closed and made anew when no reply comes.
    Plain {
        again: Instant,
        until: Instant,
        is_new: bool,
    },
}

impl ClientHost {
    pub(super) fn start(
        boot: &Boot<'_>,
        me: u32,
        is_plain: bool,
        config: &CloudConfig,
        seen: Rc<RefCell<Seen>>,
    ) -> Self {
        let speech = if is_plain {
            Asking::Plain { again: boot.now, until: boot.now, is_new: false }
        } else {
            Asking::Ours(Client::new(boot.seed))
        };
        let mut host = Self {
            me,
            speech,
            // Its requests are told apart from those of its earlier lives.
            number: u64::from(boot.life) << 32,
            since: None,
            next: boot.now,
            rate: config.rate,
            size: config.size,
            resend: config.resend,
            rng: Rng::with_seed(boot.seed),
            seen,
            acts: VecDeque::new(),
        };
        host.next = boot.now + host.pause();
        host
    }

    fn pause(&mut self) -> Duration {
        Duration::from_secs_f64(-(1.0 - self.rng.f64()).ln() / self.rate.max(0.001))
    }

    fn body(&self) -> Body {
        let mut body = vec![0; self.size.max(12)];
        body[..4].copy_from_slice(&self.me.to_be_bytes());
        body[4..12].copy_from_slice(&self.number.to_be_bytes());
        vec![body.into()]
    }

    fn ask(&mut self, now: Instant) {
        self.number += 1;
        self.since = Some(now);
        self.seen.borrow_mut().totals.asked += 1;
        let (body, resend) = (self.body(), self.resend);
        match &mut self.speech {
            Asking::Ours(client) => client.handle(now, ClientInput::Request(self.number, resend, body)),
            Asking::Plain { again, until, .. } => {
                (*again, *until) = (now + resend.every, now + resend.within);
                self.acts.push_back(Act::Send(Link(0), [vec![Bytes::new()], body].concat()));
            }
        }
    }

    /// This came of the request.
    fn settle(&mut self, now: Instant, reply: Option<&Body>) {
        let Some(since) = self.since.take() else {
            return self.seen.borrow_mut().wrong.push(format!("client {} did not ask", self.me));
        };
        let mut seen = self.seen.borrow_mut();
        match reply {
            Some(body) => {
                let its = body.first().and_then(|frame| key(frame));
                if its != Some((self.me, self.number)) {
                    let wrong = format!("client {} asked {} and was told {its:?}", self.me, self.number);
                    seen.wrong.push(wrong);
                }
                seen.totals.replied += 1;
                seen.latencies.push(now - since);
            }
            None => seen.totals.failed += 1,
        }
        drop(seen);
        self.next = now + self.pause();
    }

    fn turn(&mut self, now: Instant) {
        while let Asking::Ours(client) = &mut self.speech
            && let Some(output) = client.poll_output()
        {
            match output {
                ClientOutput::Send(frames) => self.acts.push_back(Act::Send(Link(0), frames)),
                ClientOutput::Settled(_, result) => self.settle(now, result.ok().as_ref()),
            }
        }
    }
}

impl Machine for ClientHost {
    type Input = Happening;
    type Output = Act;

    fn handle(&mut self, now: Instant, happening: Happening) {
        if let (Happening::Lost(link), Asking::Plain { is_new: is_new @ true, .. }) =
            (&happening, &mut self.speech)
        {
            // The socket that was made anew says it.
            *is_new = false;
            if self.since.is_some() {
                self.acts.push_back(Act::Send(*link, [vec![Bytes::new()], self.body()].concat()));
            }
        }
        if let Happening::Heard(_, frames) = happening {
            match &mut self.speech {
                Asking::Ours(client) => client.handle(now, ClientInput::Heard(frames)),
                // What comes again after its reply a REQ socket passes over.
                Asking::Plain { .. } if self.since.is_none() || !frames[0].is_empty() => {}
                Asking::Plain { .. } => {
                    let body = frames[1..].to_vec();
                    // A socket that was made anew has none of what the last one was told.
                    if body.first().and_then(|frame| key(frame)) == Some((self.me, self.number)) {
                        self.settle(now, Some(&body));
                    }
                }
            }
        }
        self.turn(now);
    }

    fn wake(&mut self, now: Instant) {
        match &mut self.speech {
            Asking::Ours(client) => client.wake(now),
            Asking::Plain { until, .. } if self.since.is_some() && *until <= now => self.settle(now, None),
            Asking::Plain { again, is_new, .. } if self.since.is_some() && *again <= now => {
                (*again, *is_new) = (now + self.resend.every, true);
                self.acts.push_back(Act::HangUp(Link(0)));
            }
            Asking::Plain { .. } => {}
        }
        self.turn(now);
        if self.since.is_none() && self.next <= now && self.seen.borrow().is_watched {
            self.ask(now);
            self.turn(now);
        }
    }

    fn poll_output(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    fn next_deadline(&self) -> Option<Instant> {
        let speech = match &self.speech {
            Asking::Ours(client) => client.next_deadline(),
            Asking::Plain { again, until, .. } => self.since.map(|_| (*again).min(*until)),
        };
        let next = (self.since.is_none() && self.seen.borrow().is_watched).then_some(self.next);
        [speech, next].into_iter().flatten().min()
    }
}

/// Whose a body is, and which of its requests.
fn key(frame: &[u8]) -> Option<(u32, u64)> {
    let (me, rest) = frame.split_first_chunk()?;
    let (number, _) = rest.split_first_chunk()?;
    Some((u32::from_be_bytes(*me), u64::from_be_bytes(*number)))
}
