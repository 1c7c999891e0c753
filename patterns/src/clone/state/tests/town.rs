//! A town to try the clone in: servers, alone or in pairs with a witness, and replicas as processes of the simulated world, and a chronicle of what was
//! published and what replicas said. A replica has two connections to its server, as its DEALER and its SUB would be: the
//! order of what comes on the one and on the other is left to chance.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::Machine;
use crate::clone::state::{
    Config, Health, Held, Input, News, Node, NodeInput, NodeOutput, Output, PairConfig, Record, Replica,
    ReplicaConfig, ReplicaInput, ReplicaOutput, Witness, WitnessInput,
};
use crate::clone::tree::Tree;
use crate::clone::version::Version;
use crate::clone::wire::{
    Beat, Change, Changed, Command, Durable, Next, Outcome, Publication, Role, Rows, Testimony, To, Update,
    What, Writing,
};
use crate::sim::{Act, Boot, Happening, Link};

/// What was seen, by whom.
#[derive(Debug, Clone)]
pub(super) enum Seen {
    /// A server, by its number, has begun with everything up to here.
    Begun { server: usize, version: Version },
    /// A server, by its number, has become this, with everything up to there.
    Role { server: usize, role: Role, version: Version },
    /// A server has done this, and the one who decides has not got it.
    Diverged { server: usize, updates: Vec<Update> },
    /// A server has published it.
    Published { server: usize, update: Update },
    /// A replica, by its number and how often it was started, has told its owner.
    News { replica: (usize, u32), news: News },
    /// A replica's owner has written something.
    Invoked { replica: (usize, u32), write: Writing, changes: Vec<Change> },
    /// A replica that has asked since then has been told by the server what there is under these prefixes, all on one page.
    Read { since: Instant, prefixes: Vec<Bytes>, version: Version, rows: Vec<Update> },
    /// A replica's write has an outcome.
    Written { replica: (usize, u32), number: u64, durable: Durable, outcome: Outcome },
    /// A replica knows that this session is open until then, or that it is over.
    Session { session: u64, until: Option<Instant> },
    /// The modules of a system, by its number, are on from now on.
    On(usize),
    /// They are off.
    Off(usize),
    /// They are to be off by then at the latest.
    Sure(usize, Instant),
}

pub(super) type Chronicle = Rc<RefCell<Vec<(Instant, Seen)>>>;
/// What somebody outside can see of a process.
pub(super) type Window<T> = Rc<RefCell<T>>;

/// What is said on a connection before anything else, and now and then: what it is for.
const CONTROL: &[u8] = b"control";
const TOPICS: &[u8] = b"topics";
/// And before each beat: by which path it comes.
const PATH: &[u8] = b"path";

/// The server's process, with what an XPUB does.
pub(super) struct ServerProcess {
    node: Node<Link>,
    number: usize,
    session: u64,
    /// If it is one of a pair: how, and what its replica has subscribed to.
    pair: Option<PairConfig>,
    follows: Option<BTreeSet<Bytes>>,
    announce: Instant,
    /// Records that the disk had before.
    before: usize,
    records: Shelf,
    /// Who has subscribed to what.
    topics: BTreeMap<Link, BTreeSet<Bytes>>,
    controls: BTreeSet<Link>,
    chronicle: Chronicle,
    window: Window<Shown>,
    now: Instant,
    acts: VecDeque<Act>,
}

/// What is on the disk of a server, by number: the world keeps octets, and these are what they stand for.
pub(super) type Shelf = Rc<RefCell<Vec<Record>>>;

/// What can be seen of a server.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) tree: Tree,
    pub(super) version: Version,
    pub(super) role: Role,
}

/// How a server is started.
#[derive(Clone)]
pub(super) struct Setup {
    pub(super) number: usize,
    pub(super) config: Config,
    /// If it is one of a pair. Its links: two to the other one, one for each path, one to the witness.
    pub(super) pair: Option<PairConfig>,
    pub(super) records: Shelf,
}

/// Its links to the other one: for what it asks, and for what is published.
const PEER: [u32; 2] = [0, 1];

impl ServerProcess {
    pub(super) fn start(
        boot: &Boot<'_>,
        setup: &Setup,
        epoch: u64,
        chronicle: Chronicle,
        window: Window<Shown>,
    ) -> Self {
        let Setup { number, config, pair, records } = setup.clone();
        records.borrow_mut().truncate(boot.records.len());
        let mut held = Held::default();
        records.borrow().iter().cloned().for_each(|record| held.apply(record));
        let held = held.in_order();
        chronicle.borrow_mut().push((boot.now, Seen::Begun { server: number, version: held.version }));
        let node = match pair.clone() {
            Some(pair) => Node::paired(config, pair, held, boot.seed, epoch, boot.now),
            None => Node::alone(config, held, epoch, boot.now),
        };
        let mut process = Self {
            node,
            number,
            session: boot.seed,
            pair,
            follows: None,
            announce: boot.now,
            before: boot.records.len(),
            records,
            topics: BTreeMap::new(),
            controls: BTreeSet::new(),
            chronicle,
            window,
            now: boot.now,
            acts: VecDeque::new(),
        };
        process.turn();
        process
    }

    /// Says what its connections to the other one are for, while it follows.
    fn announce(&mut self) {
        self.announce = self.now + Duration::from_millis(100);
        if let Some(topics) = &self.follows {
            self.acts.push_back(Act::Send(Link(PEER[0]), vec![CONTROL.into()]));
            let topics = std::iter::once(TOPICS.into()).chain(topics.iter().cloned()).collect();
            self.acts.push_back(Act::Send(Link(PEER[1]), topics));
        }
    }

    fn subscribe(&mut self, link: Link, topics: BTreeSet<Bytes>) {
        let all = |it: &Self| it.topics.values().flatten().cloned().collect::<BTreeSet<_>>();
        let before = all(self);
        self.topics.insert(link, topics);
        let after = all(self);
        for topic in after.difference(&before) {
            self.node.handle(self.now, NodeInput::Server(Input::Subscribed(topic.clone())));
        }
        for topic in before.difference(&after) {
            self.node.handle(self.now, NodeInput::Server(Input::Unsubscribed(topic.clone())));
        }
    }

    fn turn(&mut self) {
        while let Some(output) = self.node.poll_output() {
            match output {
                NodeOutput::Server(output) => self.serve(output),
                NodeOutput::Replica(output) => self.follow(output),
                NodeOutput::Unfollow => {
                    self.follows = None;
                    self.acts.extend(PEER.map(|link| Act::HangUp(Link(link))));
                }
                NodeOutput::Beat(number, beat) => {
                    let paths = self.pair.as_ref().map_or(0, |pair| pair.paths as u32);
                    for path in 0..paths {
                        let frames = vec![PATH.into(), vec![path as u8].into(), self.frame(number, &beat)];
                        self.acts.push_back(Act::Send(Link(2 + path), frames));
                    }
                }
                NodeOutput::Claim(number, version, epoch) => {
                    let Some(pair) = &self.pair else { continue };
                    let claim = Testimony::Claim { pair: "pair".into(), lease: pair.lease, version, epoch };
                    let frame = claim.encode(self.session, number).into();
                    self.acts.push_back(Act::Send(Link(2 + pair.paths as u32), vec![frame]));
                }
                NodeOutput::Role(role, version) => {
                    self.see(Seen::Role { server: self.number, role, version });
                }
                NodeOutput::Diverged(updates) => self.see(Seen::Diverged { server: self.number, updates }),
            }
        }
        let (tree, version, role) = (self.node.tree().clone(), self.node.version(), self.node.role());
        *self.window.borrow_mut() = Shown { tree, version, role };
    }

    fn frame(&self, number: u64, beat: &Beat) -> Bytes {
        beat.encode(self.session, number).into()
    }

    fn serve(&mut self, output: Output<Link>) {
        match output {
            Output::Send(link, number, command) => {
                let (head, payloads) = command.encode(self.session, number);
                let frames = std::iter::once(Bytes::from(head)).chain(payloads).collect();
                self.acts.push_back(Act::Send(link, frames));
            }
            Output::Record(record) => {
                self.records.borrow_mut().push(record);
                self.acts.push_back(Act::Store(Bytes::new()));
            }
            Output::Publish(number, publication) => {
                let (topic, head, value) = publication.encode(self.session, number);
                let frames: Vec<_> = [topic.clone(), head.into()].into_iter().chain(value).collect();
                for (link, topics) in &self.topics {
                    if topics.iter().any(|wanted| topic.starts_with(wanted)) {
                        self.acts.push_back(Act::Send(*link, frames.clone()));
                    }
                }
                if let Publication::Update(update) = publication {
                    self.see(Seen::Published { server: self.number, update });
                }
            }
            Output::Asked(_) | Output::Outrun(_) => panic!("the node has heard that"),
        }
    }

    fn follow(&mut self, output: ReplicaOutput) {
        let topics = self.follows.get_or_insert_default();
        match output {
            ReplicaOutput::Dial(_) => {
                topics.clear();
                self.acts.extend(PEER.map(|link| Act::HangUp(Link(link))));
            }
            ReplicaOutput::Subscribe(topic) => {
                topics.insert(topic);
                self.announce();
            }
            ReplicaOutput::Unsubscribe(topic) => {
                topics.remove(&topic);
                self.announce();
            }
            ReplicaOutput::Send(number, command) => {
                // C10: a standby says what any client says.
                assert!(matches!(
                    command,
                    Command::Fence { .. } | Command::Sync { .. } | Command::Page { .. }
                ));
                let (head, payloads) = command.encode(self.session, number);
                let frames = std::iter::once(Bytes::from(head)).chain(payloads).collect();
                self.acts.push_back(Act::Send(Link(PEER[0]), frames));
            }
            ReplicaOutput::Written(..) | ReplicaOutput::News(_) | ReplicaOutput::Session { .. } => {}
        }
    }

    fn see(&self, seen: Seen) {
        self.chronicle.borrow_mut().push((self.now, seen));
    }

    /// What has come on a link that it has dialled.
    fn heard(&mut self, link: Link, frames: Vec<Bytes>) {
        let paths = self.pair.as_ref().map_or(0, |pair| pair.paths as u32);
        let input = match link.0 {
            0 => NodeInput::Replica(ReplicaInput::Heard(Command::decode(frames))),
            1 => NodeInput::Replica(ReplicaInput::Published(Publication::decode(frames))),
            it if it == 2 + paths => NodeInput::Witness(Testimony::decode(frames)),
            _ => return,
        };
        self.node.handle(self.now, input);
    }
}

impl Machine for ServerProcess {
    type Input = Happening;
    type Output = Act;

    fn handle(&mut self, now: Instant, happening: Happening) {
        self.now = now;
        let server = NodeInput::Server;
        let dialled = self.pair.as_ref().map_or(0, |pair| 3 + pair.paths as u32);
        match happening {
            Happening::Joined(link, _) => self.acts.push_back(Act::Send(link, vec![CONTROL.into()])),
            Happening::Heard(link, frames) if link.0 < dialled && frames[0] == CONTROL => self.announce(),
            Happening::Heard(link, frames) if link.0 < dialled => self.heard(link, frames),
            Happening::Heard(link, frames) if frames[0] == CONTROL => {
                if self.controls.insert(link) {
                    self.node.handle(now, server(Input::Joined(link)));
                }
            }
            Happening::Heard(link, frames) if frames[0] == TOPICS => {
                self.subscribe(link, frames[1..].iter().cloned().collect());
            }
            Happening::Heard(_, frames) if frames[0] == PATH => {
                let path = usize::from(frames[1][0]);
                self.node.handle(now, NodeInput::Beat(path, Beat::decode(&frames[2..])));
            }
            Happening::Heard(link, frames) => {
                self.node.handle(now, server(Input::Heard(link, Command::decode(frames))));
            }
            Happening::Left(link) if self.controls.remove(&link) => {
                self.node.handle(now, server(Input::Left(link)));
            }
            // A replica learns of it when it is silent, or when the next one hails it.
            Happening::Lost(_) => {}
            Happening::Left(link) => {
                self.subscribe(link, BTreeSet::new());
                self.topics.remove(&link);
            }
            Happening::Synced(records) => {
                let records = records.saturating_sub(self.before) as u64;
                self.node.handle(now, server(Input::Synced(records)));
            }
        }
        self.turn();
    }

    fn wake(&mut self, now: Instant) {
        self.now = now;
        self.node.wake(now);
        if self.announce <= now {
            self.announce();
        }
        self.turn();
    }

    fn poll_output(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    fn next_deadline(&self) -> Option<Instant> {
        let announce = self.follows.is_some().then_some(self.announce);
        [self.node.next_deadline(), announce].into_iter().flatten().min()
    }
}

/// The witness's process.
pub(super) struct WitnessProcess {
    witness: Witness<Link>,
    session: u64,
    acts: VecDeque<Act>,
}

impl WitnessProcess {
    pub(super) fn start(boot: &Boot<'_>) -> Self {
        Self { witness: Witness::new(boot.now), session: boot.seed, acts: VecDeque::new() }
    }
}

impl Machine for WitnessProcess {
    type Input = Happening;
    type Output = Act;

    fn handle(&mut self, now: Instant, happening: Happening) {
        if let Happening::Heard(link, frames) = happening {
            self.witness.handle(now, WitnessInput(link, Testimony::decode(frames)));
        }
        while let Some((link, number, testimony)) = self.witness.poll_output() {
            let frame = testimony.encode(self.session, number).into();
            self.acts.push_back(Act::Send(link, vec![frame]));
        }
    }

    fn wake(&mut self, _now: Instant) {}

    fn poll_output(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    fn next_deadline(&self) -> Option<Instant> {
        None
    }
}

/// A replica's process, and its owner, who writes and watches.
pub(super) struct ReplicaProcess {
    pub(super) replica: Replica,
    me: (usize, u32),
    session: u64,
    /// Two to each server; those to this one are in use.
    server: u32,
    topics: BTreeSet<Bytes>,
    /// When it writes what.
    plan: VecDeque<Planned>,
    /// Its writes, by number.
    written: BTreeMap<u64, Planned>,
    /// What it has asked to be told last: by which number, when first, and under which prefixes.
    asked: (u64, Instant, Vec<Bytes>),
    /// Sessions that it keeps open.
    sessions: BTreeSet<u64>,
    announce: Instant,
    /// What came of writes, and what is known of sessions; for who reads that.
    pub(super) outcomes: Vec<(u64, Outcome)>,
    pub(super) sure: Vec<(u64, Option<Instant>)>,
    /// What it knows from news alone.
    watched: BTreeMap<Bytes, (Version, Bytes)>,
    chronicle: Chronicle,
    window: Window<Glimpse>,
    pub(super) now: Instant,
    acts: VecDeque<Act>,
}

/// When something is to be written, how safe it is to be then, and what it is.
pub(super) type Planned = (Instant, Durable, Vec<Change>);

/// What can be seen of a replica.
#[derive(Debug, Default)]
pub(super) struct Glimpse {
    pub(super) tree: Tree,
    pub(super) health: Health,
    pub(super) open: usize,
    /// Sessions that it keeps open.
    pub(super) sessions: BTreeSet<u64>,
}

impl ReplicaProcess {
    pub(super) fn start(
        boot: &Boot<'_>,
        number: usize,
        config: ReplicaConfig,
        plan: &[Planned],
        chronicle: Chronicle,
        window: Window<Glimpse>,
    ) -> Self {
        let mut process = Self {
            replica: Replica::new(config, boot.seed, boot.now),
            me: (number, boot.life),
            session: boot.seed,
            server: 0,
            topics: BTreeSet::new(),
            plan: plan.iter().filter(|(at, ..)| *at > boot.now).cloned().collect(),
            written: BTreeMap::new(),
            asked: (0, boot.now, Vec::new()),
            sessions: BTreeSet::new(),
            outcomes: Vec::new(),
            sure: Vec::new(),
            announce: boot.now,
            watched: BTreeMap::new(),
            chronicle,
            window,
            now: boot.now,
            acts: VecDeque::new(),
        };
        process.turn();
        process
    }

    fn links(&self) -> [Link; 2] {
        [Link(2 * self.server), Link(2 * self.server + 1)]
    }

    /// Says what its connections are for.
    fn announce(&mut self) {
        let [control, updates] = self.links();
        self.acts.push_back(Act::Send(control, vec![CONTROL.into()]));
        let topics = std::iter::once(TOPICS.into()).chain(self.topics.iter().cloned()).collect();
        self.acts.push_back(Act::Send(updates, topics));
        self.announce = self.now + Duration::from_millis(100);
    }

    pub(super) fn turn(&mut self) {
        let mut has_news = false;
        while let Some(output) = self.replica.poll_output() {
            match output {
                ReplicaOutput::Dial(server) => {
                    self.acts.extend(self.links().map(Act::HangUp));
                    self.server = server as u32;
                    self.acts.extend(self.links().map(Act::HangUp));
                    self.topics.clear();
                }
                ReplicaOutput::Subscribe(topic) => {
                    self.topics.insert(topic);
                    self.announce();
                }
                ReplicaOutput::Unsubscribe(topic) => {
                    self.topics.remove(&topic);
                    self.announce();
                }
                ReplicaOutput::Send(number, command) => {
                    if let Command::Sync { request, prefixes, .. } = &command
                        && *request != self.asked.0
                    {
                        self.asked = (*request, self.now, prefixes.clone());
                    }
                    let (head, payloads) = command.encode(self.session, number);
                    let frames = std::iter::once(Bytes::from(head)).chain(payloads).collect();
                    self.acts.push_back(Act::Send(self.links()[0], frames));
                }
                ReplicaOutput::Written(number, outcome) => {
                    let Some((since, durable, changes)) = self.written.remove(&number) else { continue };
                    self.outcomes.push((number, outcome));
                    self.see(Seen::Written { replica: self.me, number, durable, outcome });
                    if let ([Change { to: To::Open { session, ttl }, .. }], Outcome::Done(_)) =
                        (&changes[..], outcome)
                    {
                        self.sessions.insert(*session);
                        self.replica.hold(self.now, *session, *ttl, since);
                    }
                }
                ReplicaOutput::Session { session, until } => {
                    if until.is_none() {
                        self.sessions.remove(&session);
                    }
                    self.sure.push((session, until));
                    self.see(Seen::Session { session, until });
                }
                ReplicaOutput::News(news) => {
                    has_news = true;
                    self.learn(&news);
                    self.see(Seen::News { replica: self.me, news });
                }
            }
        }
        if has_news {
            // J4: whoever listens knows what there is.
            let known = self.watched.iter().map(|(key, (version, value))| (key, *version, value));
            let there = self.replica.tree().iter(b"").map(|(key, it)| (key, it.version, &it.value));
            assert!(known.eq(there), "{:?} was not told everything", self.me);
        }
        let replica = &self.replica;
        *self.window.borrow_mut() = Glimpse {
            tree: replica.tree().clone(),
            health: replica.health(),
            open: replica.open(),
            sessions: self.sessions.clone(),
        };
    }

    fn learn(&mut self, news: &News) {
        match news {
            News::Changed(updates) => {
                for Update { version, key, change, .. } in updates.iter().cloned() {
                    match change {
                        Changed::Set { value, .. } => _ = self.watched.insert(key, (version, value)),
                        _ => _ = self.watched.remove(&key),
                    }
                }
            }
            News::Resync { .. } => {
                let entries = self.replica.tree().iter(b"");
                self.watched =
                    entries.map(|(key, it)| (key.clone(), (it.version, it.value.clone()))).collect();
            }
            News::Health(_) => {}
        }
    }

    /// Its owner writes that.
    pub(super) fn write(&mut self, durable: Durable, changes: Vec<Change>) -> u64 {
        let number = self.replica.write(self.now, durable, changes.clone());
        self.written.insert(number, (self.now, durable, changes.clone()));
        let write = Writing { writer: self.session, number };
        self.see(Seen::Invoked { replica: self.me, write, changes });
        number
    }

    /// What fits on one page is what the server had at one moment since it was asked.
    fn read(&self, command: &Command) {
        if let Command::Rows { request, what: What::Snapshot, from, next: Next::End { version, .. }, rows } =
            command
            && (*request, from.len()) == (self.asked.0, 0)
        {
            let (_, since, prefixes) = self.asked.clone();
            let mut rows = Rows::read(rows).expect("rows");
            rows.retain(|update| !update.key.is_empty());
            self.see(Seen::Read { since, prefixes, version: *version, rows });
        }
    }

    pub(super) fn see(&self, seen: Seen) {
        self.chronicle.borrow_mut().push((self.now, seen));
    }
}

impl Machine for ReplicaProcess {
    type Input = Happening;
    type Output = Act;

    fn handle(&mut self, now: Instant, happening: Happening) {
        self.now = now;
        let [control, updates] = self.links();
        match happening {
            Happening::Heard(link, frames) if frames[0] == CONTROL && [control, updates].contains(&link) => {
                self.announce();
            }
            Happening::Heard(_, frames) if frames[0] == CONTROL => {}
            Happening::Heard(link, frames) if link == control => {
                let command = Command::decode(frames);
                if let Ok((_, command)) = &command {
                    self.read(command);
                }
                self.replica.handle(now, ReplicaInput::Heard(command));
            }
            Happening::Heard(link, frames) if link == updates => {
                self.replica.handle(now, ReplicaInput::Published(Publication::decode(frames)));
            }
            _ => {}
        }
        self.turn();
    }

    fn wake(&mut self, now: Instant) {
        self.now = now;
        while let Some((_, durable, changes)) = self.plan.pop_front_if(|(at, ..)| *at <= now) {
            if let [Change { to: To::Close(session), .. }] = changes[..] {
                self.sessions.remove(&session);
                self.replica.release(session);
            }
            self.write(durable, changes);
        }
        self.replica.wake(now);
        if self.announce <= now {
            self.announce();
        }
        self.turn();
    }

    fn poll_output(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    fn next_deadline(&self) -> Option<Instant> {
        let planned = self.plan.front().map(|(at, ..)| *at);
        [planned, self.replica.next_deadline(), Some(self.announce)].into_iter().flatten().min()
    }
}
