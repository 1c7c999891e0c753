//! A town to try the clone in: servers and replicas as processes of the simulated world, and a chronicle of what was
//! published and what replicas said. A replica has two connections to its server, as its DEALER and its SUB would be: the
//! order of what comes on the one and on the other is left to chance.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::Machine;
use crate::clone::state::{
    Config, Health, Held, Input, News, Output, Record, Replica, ReplicaConfig, ReplicaInput, ReplicaOutput,
    Server,
};
use crate::clone::tree::Tree;
use crate::clone::version::Version;
use crate::clone::wire::{Change, Changed, Command, Outcome, Publication, Update};
use crate::sim::{Act, Boot, Happening, Link};

/// What was seen, by whom.
#[derive(Debug, Clone)]
pub(super) enum Seen {
    /// A server has begun with everything up to here.
    Begun(Version),
    /// A server has published it.
    Published(Update),
    /// A replica, by its number and how often it was started, has told its owner.
    News { replica: (usize, u32), news: News },
    /// A replica's write has an outcome.
    Written { replica: (usize, u32), number: u64, outcome: Outcome },
}

pub(super) type Chronicle = Rc<RefCell<Vec<(Instant, Seen)>>>;
/// What somebody outside can see of a process.
pub(super) type Window<T> = Rc<RefCell<T>>;

/// What is said on a connection before anything else, and now and then: what it is for.
const CONTROL: &[u8] = b"control";
const TOPICS: &[u8] = b"topics";

/// The server's process, with what an XPUB does.
pub(super) struct ServerProcess {
    server: Server<Link>,
    session: u64,
    /// Records that the disk had before.
    before: usize,
    records: Shelf,
    /// Who has subscribed to what.
    topics: BTreeMap<Link, BTreeSet<Bytes>>,
    controls: BTreeSet<Link>,
    chronicle: Chronicle,
    window: Window<Tree>,
    now: Instant,
    acts: VecDeque<Act>,
}

/// What is on the disk of a server, by number: the world keeps octets, and these are what they stand for.
pub(super) type Shelf = Rc<RefCell<Vec<Record>>>;

impl ServerProcess {
    pub(super) fn start(
        boot: &Boot<'_>,
        config: Config,
        epoch: u64,
        chronicle: Chronicle,
        window: Window<Tree>,
        records: Shelf,
    ) -> Self {
        records.borrow_mut().truncate(boot.records.len());
        let mut held = Held::default();
        records.borrow().iter().cloned().for_each(|record| held.apply(record));
        let held = held.in_order();
        chronicle.borrow_mut().push((boot.now, Seen::Begun(held.version)));
        Self {
            server: Server::new(config, held, epoch, boot.now),
            session: boot.seed,
            before: boot.records.len(),
            records,
            topics: BTreeMap::new(),
            controls: BTreeSet::new(),
            chronicle,
            window,
            now: boot.now,
            acts: VecDeque::new(),
        }
    }

    fn subscribe(&mut self, link: Link, topics: BTreeSet<Bytes>) {
        let all = |it: &Self| it.topics.values().flatten().cloned().collect::<BTreeSet<_>>();
        let before = all(self);
        self.topics.insert(link, topics);
        let after = all(self);
        for topic in after.difference(&before) {
            self.server.handle(self.now, Input::Subscribed(topic.clone()));
        }
        for topic in before.difference(&after) {
            self.server.handle(self.now, Input::Unsubscribed(topic.clone()));
        }
    }

    fn turn(&mut self) {
        while let Some(output) = self.server.poll_output() {
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
                        self.chronicle.borrow_mut().push((self.now, Seen::Published(update)));
                    }
                }
            }
        }
        *self.window.borrow_mut() = self.server.tree().clone();
    }
}

impl Machine for ServerProcess {
    type Input = Happening;
    type Output = Act;

    fn handle(&mut self, now: Instant, happening: Happening) {
        self.now = now;
        match happening {
            Happening::Joined(link) => self.acts.push_back(Act::Send(link, vec![CONTROL.into()])),
            Happening::Heard(link, frames) if frames[0] == CONTROL => {
                if self.controls.insert(link) {
                    self.server.handle(now, Input::Joined(link));
                }
            }
            Happening::Heard(link, frames) if frames[0] == TOPICS => {
                self.subscribe(link, frames[1..].iter().cloned().collect());
            }
            Happening::Heard(link, frames) => {
                self.server.handle(now, Input::Heard(link, Command::decode(frames)));
            }
            Happening::Left(link) if self.controls.remove(&link) => {
                self.server.handle(now, Input::Left(link));
            }
            Happening::Left(link) => {
                self.subscribe(link, BTreeSet::new());
                self.topics.remove(&link);
            }
            Happening::Synced(records) => {
                self.server.handle(now, Input::Synced(records.saturating_sub(self.before) as u64));
            }
        }
        self.turn();
    }

    fn wake(&mut self, now: Instant) {
        self.now = now;
        self.server.wake(now);
        self.turn();
    }

    fn poll_output(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.server.next_deadline()
    }
}

/// A replica's process, and its owner, who writes and watches.
pub(super) struct ReplicaProcess {
    replica: Replica,
    me: (usize, u32),
    session: u64,
    boot_links: [Link; 2],
    topics: BTreeSet<Bytes>,
    /// When it writes what.
    plan: VecDeque<(Instant, Vec<Change>)>,
    announce: Instant,
    /// What it knows from news alone.
    watched: BTreeMap<Bytes, (Version, Bytes)>,
    chronicle: Chronicle,
    window: Window<Glimpse>,
    now: Instant,
    acts: VecDeque<Act>,
}

/// What can be seen of a replica.
#[derive(Debug, Default)]
pub(super) struct Glimpse {
    pub(super) tree: Tree,
    pub(super) health: Health,
    pub(super) open: usize,
}

impl ReplicaProcess {
    pub(super) fn start(
        boot: &Boot<'_>,
        number: usize,
        config: ReplicaConfig,
        plan: &[(Instant, Vec<Change>)],
        chronicle: Chronicle,
        window: Window<Glimpse>,
    ) -> Self {
        let mut process = Self {
            replica: Replica::new(config, boot.seed, boot.now),
            me: (number, boot.life),
            session: boot.seed,
            boot_links: [boot.link(0), boot.link(1)],
            topics: BTreeSet::new(),
            plan: plan.iter().filter(|(at, _)| *at > boot.now).cloned().collect(),
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

    /// Says what its connections are for.
    fn announce(&mut self) {
        let [control, updates] = self.boot_links;
        self.acts.push_back(Act::Send(control, vec![CONTROL.into()]));
        let topics = std::iter::once(TOPICS.into()).chain(self.topics.iter().cloned()).collect();
        self.acts.push_back(Act::Send(updates, topics));
        self.announce = self.now + Duration::from_millis(100);
    }

    fn turn(&mut self) {
        let mut has_news = false;
        while let Some(output) = self.replica.poll_output() {
            match output {
                ReplicaOutput::Dial(_) => {
                    self.acts.extend(self.boot_links.map(Act::HangUp));
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
                    let (head, payloads) = command.encode(self.session, number);
                    let frames = std::iter::once(Bytes::from(head)).chain(payloads).collect();
                    self.acts.push_back(Act::Send(self.boot_links[0], frames));
                }
                ReplicaOutput::Written(number, outcome) => {
                    self.see(Seen::Written { replica: self.me, number, outcome });
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
        *self.window.borrow_mut() =
            Glimpse { tree: replica.tree().clone(), health: replica.health(), open: replica.open() };
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

    fn see(&self, seen: Seen) {
        self.chronicle.borrow_mut().push((self.now, seen));
    }
}

impl Machine for ReplicaProcess {
    type Input = Happening;
    type Output = Act;

    fn handle(&mut self, now: Instant, happening: Happening) {
        self.now = now;
        let [control, updates] = self.boot_links;
        match happening {
            Happening::Heard(_, frames) if frames[0] == CONTROL => self.announce(),
            Happening::Heard(link, frames) if link == control => {
                self.replica.handle(now, ReplicaInput::Heard(Command::decode(frames)));
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
        while let Some((_, changes)) = self.plan.pop_front_if(|(at, _)| *at <= now) {
            self.replica.write(now, changes);
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
        let planned = self.plan.front().map(|(at, _)| *at);
        [planned, self.replica.next_deadline(), Some(self.announce)].into_iter().flatten().min()
    }
}
