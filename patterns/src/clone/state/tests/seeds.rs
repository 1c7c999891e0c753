//! Thousands of towns, each from a seed of its own: what must be so in every one of them.
//!
//! `SEED=n cargo test -p zmtp-patterns every_replica` has one again, `SEEDS=n` tries so many.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fastrand::Rng;

use super::history::{History, Promised};
use super::town::{Chronicle, Glimpse, Planned, ReplicaProcess, Seen, ServerProcess, Setup, Shown, Window};
use crate::backoff::Backoff;
use crate::clone::state::{Config, Health, News, ReplicaConfig};
use crate::clone::tree::Tree;
use crate::clone::version::Version;
use crate::clone::wire::{Change, Changed, Durable, Lasts, Outcome, Refusal, To, Update, When, Writing};
use crate::sim::{Host, Weather, World};

/// Everything about one town.
struct Town {
    world: World,
    server: Host,
    tree: Window<Shown>,
    replicas: Vec<(Host, ReplicaConfig, Window<Glimpse>)>,
    chronicle: Chronicle,
    /// Each server that is started has a higher epoch than the last one.
    is_clock_right: bool,
    has_store: bool,
    start: Instant,
}

const BEAT: Duration = Duration::from_millis(50);

impl Town {
    fn found(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let weather = weather(&mut rng);
        let mut world = World::new(rng.u64(..), weather);
        let start = world.now();
        let (is_clock_right, has_store) = (rng.u8(..4) > 0, rng.bool());
        let config = Config {
            beat: BEAT,
            patience: Duration::from_secs(1),
            log: if rng.bool() { 5 } else { 1000 },
            page: if rng.bool() { 100 } else { 256 << 10 },
            snapshots: if rng.u8(..4) == 0 { 1 } else { 16 },
            store: has_store,
            keys: if rng.u8(..8) == 0 { 6 } else { 1000 },
            ..Config::default()
        };
        let chronicle = Chronicle::default();
        let tree = Window::default();
        let (seen, shown) = (Rc::clone(&chronicle), Rc::clone(&tree));
        let setup = Setup { number: 0, config, pair: None, records: Rc::default() };
        let server = world.add(move |boot| {
            let epoch = if is_clock_right { u64::from(boot.life) + 1 } else { 1 };
            Box::new(ServerProcess::start(boot, &setup, epoch, Rc::clone(&seen), Rc::clone(&shown)))
        });
        let mut replicas = Vec::new();
        for number in 0..rng.usize(1..=4) {
            let all = ["", "a/", "b/", "a/x/", "c"].map(Bytes::from);
            let prefixes = match rng.u8(..3) {
                0 => vec![Bytes::new()],
                _ => rng.choose_multiple(all, 2),
            };
            let config = ReplicaConfig {
                prefixes,
                buffer: if rng.u8(..4) == 0 { 1000 } else { 64 << 20 },
                backoff: Backoff { first: Duration::from_millis(20), longest: Duration::from_millis(500) },
                ..ReplicaConfig::default()
            };
            let plan = plan(&mut rng, start);
            let window: Window<Glimpse> = Rc::new(RefCell::default());
            let (seen, shown, its) = (Rc::clone(&chronicle), Rc::clone(&window), config.clone());
            let host = world.add(move |boot| {
                let (seen, shown) = (Rc::clone(&seen), Rc::clone(&shown));
                Box::new(ReplicaProcess::start(boot, number, its.clone(), &plan, seen, shown))
            });
            world.dial(host, server);
            world.dial(host, server);
            replicas.push((host, config, window));
        }
        Self { world, server, tree, replicas, chronicle, is_clock_right, has_store, start }
    }

    /// Things go wrong for a while.
    fn suffer(&mut self) {
        let hosts: Vec<_> = self.replicas.iter().map(|(host, ..)| *host).collect();
        for _ in 0..self.world.rng().usize(0..20) {
            let pause = Duration::from_millis(self.world.rng().u64(0..600));
            self.world.run_for(pause);
            let other = self.world.rng().choice(hosts.clone()).unwrap_or(self.server);
            let whom = if self.world.rng().u8(..4) == 0 { self.server } else { other };
            match self.world.rng().u8(..10) {
                0 => self.world.kill(whom),
                1 | 2 => self.world.freeze(whom),
                3 => self.world.thaw(whom),
                4 => self.world.cut_between(self.server, other),
                5 => self.world.part(self.server, other),
                6 => self.world.join(self.server, other),
                _ => self.world.restart(whom),
            }
        }
    }

    /// Then everything is mended, and there is time.
    fn recover(&mut self) {
        self.world.weather = Weather::default();
        for host in self.replicas.iter().map(|(host, ..)| *host).chain([self.server]).collect::<Vec<_>>() {
            self.world.thaw(host);
            self.world.join(self.server, host);
            self.world.restart(host);
        }
        self.world.run_for(Duration::from_secs(10));
    }

    fn tell(&self) {
        for (_, config, window) in &self.replicas {
            println!("{config:?}\n{:?}", window.borrow());
        }
        for (at, seen) in self.chronicle.borrow().iter() {
            println!("{:>8} us  {seen:?}", (*at - self.start).as_micros());
        }
    }

    /// J3: everybody has what the server has.
    fn check_replicas(&self) {
        let tree = &self.tree.borrow().tree;
        for (number, (_, config, window)) in self.replicas.iter().enumerate() {
            let window = window.borrow();
            assert_eq!((window.health, window.open), (Health::Live, 0), "replica {number}");
            let is_followed = |key: &Bytes| config.prefixes.iter().any(|prefix| key.starts_with(prefix));
            let expected = tree.iter(b"").filter(|(key, _)| is_followed(key));
            assert!(window.tree.iter(b"").eq(expected), "replica {number} has something else");
        }
    }

    /// J4, J7: what a replica tells is ever later, and is what a server has published.
    fn check_news(&self) {
        let mut published: BTreeMap<Version, Update> = BTreeMap::new();
        let mut latest: BTreeMap<(usize, u32), Version> = BTreeMap::new();
        for (_, seen) in self.chronicle.borrow().iter() {
            match seen {
                Seen::Published { update, .. } => {
                    let before = published.insert(update.version, update.clone());
                    assert!(before.is_none() || !self.is_clock_right, "{} is there twice", update.version);
                }
                Seen::News { replica, news } => {
                    let latest = latest.entry(*replica).or_default();
                    match news {
                        News::Changed(updates) => {
                            for update in updates {
                                assert!(*latest < update.version, "{latest} before {}", update.version);
                                *latest = update.version;
                                if self.is_clock_right {
                                    assert_eq!(published.get(&update.version), Some(update));
                                }
                            }
                        }
                        News::Resync { from, to } => {
                            assert!(*latest <= *from && from <= to, "{latest}, {from}, {to}");
                            *latest = *to;
                        }
                        News::Health(_) => {}
                    }
                }
                _ => {}
            }
        }
    }

    /// J2, J6: what was answered is there when the server is started again, and what is there is not done again.
    fn check_store(&self) {
        let mut answered = Version::default();
        let mut there: BTreeMap<Writing, Version> = BTreeMap::new();
        for (_, seen) in self.chronicle.borrow().iter().filter(|_| self.has_store) {
            match seen {
                Seen::Written { outcome: Outcome::Done(version), .. } => answered = answered.max(*version),
                Seen::Begun { version, .. } => {
                    assert!(*version >= answered, "begun with {version}, and {answered} was answered");
                    there.retain(|_, done| *done <= *version);
                }
                Seen::Published { update: Update { version, until, writer: Some(write), .. }, .. } => {
                    let done = Version { seq: *until, ..*version };
                    let before = there.insert(*write, done);
                    assert!(before.is_none_or(|before| before == done), "{write:?} was done again as {done}");
                }
                _ => {}
            }
        }
    }

    /// J6: a write is done once by each server at most, all of it together, and what is said of it is true.
    fn check_writes(&self) {
        let mut done: BTreeMap<(Writing, u64), BTreeSet<u64>> = BTreeMap::new();
        let mut versions = BTreeSet::new();
        let mut lives = 0;
        for (_, seen) in self.chronicle.borrow().iter() {
            match seen {
                Seen::Begun { .. } => lives += 1,
                Seen::Written { outcome: Outcome::Refused(Refusal::Forgotten), number, replica, .. } => {
                    assert!(
                        lives > 1,
                        "{number} of {replica:?} is refused though its server was there all the time"
                    );
                }
                Seen::Published { update, .. } => {
                    versions.insert(update.version);
                    if let Some(writing) = update.writer {
                        done.entry((writing, update.version.epoch)).or_default().insert(update.until);
                    }
                }
                Seen::Written { outcome: Outcome::Done(version), number, replica, .. } => {
                    let is_it = |((write, epoch), untils): (&(Writing, u64), &BTreeSet<u64>)| {
                        write.number == *number && *epoch == version.epoch && untils.contains(&version.seq)
                    };
                    assert!(done.iter().any(is_it), "{number} of {replica:?} was not done at {version}");
                }
                _ => {}
            }
        }
        if self.is_clock_right {
            for ((writing, epoch), batches) in &done {
                assert_eq!(batches.len(), 1, "{writing:?} was done more than once in epoch {epoch}");
            }
        }
    }
    /// There is one order of all writes and reads that explains what everybody was told.
    fn check_history(&self) {
        let chronicle = self.chronicle.borrow();
        let lives = chronicle.iter().filter(|(_, seen)| matches!(seen, Seen::Begun { .. })).count();
        // Otherwise the same version is that of two changes.
        if lives > 1 && !self.is_clock_right {
            return;
        }
        let is_safe = self.has_store || lives == 1;
        let promised = Promised { is_in_time: true, is_safe, is_final: is_safe };
        let epoch = self.tree.borrow().version.epoch;
        History::of(&chronicle, epoch, promised, |_, _| true).check().unwrap();
    }
}

/// While a client knows that its session is open nobody closes it but the client.
pub(super) fn check_sessions(chronicle: &Chronicle) {
    let mut until: BTreeMap<u64, Instant> = BTreeMap::new();
    for (at, seen) in chronicle.borrow().iter() {
        match seen {
            Seen::Session { session, until: Some(sure) } => _ = until.insert(*session, *sure),
            Seen::Published {
                update: Update { change: Changed::Closed(session), writer: None, .. }, ..
            } => {
                let sure = until.get(session);
                assert!(sure.is_none_or(|sure| sure <= at), "session {session} was closed too early");
            }
            _ => {}
        }
    }
}

/// What lasts with a session lasts no longer than there is somebody who keeps it open.
pub(super) fn check_ends<'a>(tree: &Tree, glimpses: impl Iterator<Item = &'a Window<Glimpse>>) {
    let held: BTreeSet<_> = glimpses.flat_map(|window| window.borrow().sessions.clone()).collect();
    for (key, entry) in tree.iter(b"") {
        // Systems of modules look after their own key.
        let Lasts::With(session) = entry.lasts else { continue };
        if *key == "modules" {
            continue;
        }
        assert!(held.contains(&session), "{key:?} has outlived session {session}");
    }
}

/// Half of the towns have a quiet network; in the others some is lost, and some comes twice.
pub(super) fn weather(rng: &mut Rng) -> Weather {
    let stormy = rng.bool();
    Weather {
        loss: if stormy { 0.05 * rng.f64() } else { 0.0 },
        doubled: if stormy { 0.05 * rng.f64() } else { 0.0 },
        ..Weather::default()
    }
}

/// What a replica's owner writes, and when.
pub(super) fn plan(rng: &mut Rng, start: Instant) -> Vec<Planned> {
    // Half of them have a session, and some have a second one.
    let mut session = rng.bool().then(|| rng.u64(1..));
    let mut plan: Vec<_> = (0..rng.usize(0..20))
        .map(|_| {
            let changes = match rng.u8(..4) {
                0 => (0..rng.usize(2..6)).map(|_| change(rng, session)).collect(),
                _ => vec![change(rng, session)],
            };
            (start + Duration::from_millis(rng.u64(200..4000)), Durable::Server, changes)
        })
        .collect();
    plan.sort_by_key(|(at, ..)| *at);
    while let Some(number) = session {
        let ttl = Duration::from_millis(rng.u64(100..2000));
        let begin = start + Duration::from_millis(rng.u64(1..2000));
        let change = |to| vec![Change { key: Bytes::new(), to, when: When::Always }];
        plan.push((begin, Durable::Server, change(To::Open { session: number, ttl })));
        let end = begin + Duration::from_millis(rng.u64(1..2000));
        if rng.bool() {
            plan.push((end, Durable::Server, change(To::Close(number))));
        }
        session = (rng.u8(..4) == 0).then(|| rng.u64(1..));
    }
    plan.sort_by_key(|(at, ..)| *at);
    plan
}

fn change(rng: &mut Rng, session: Option<u64>) -> Change {
    let names = ["a/1", "a/2", "a/x/1", "a/x/2", "b/1", "b/2", "c", "cc", "d", "e"];
    let lasts = match (rng.u8(..5), session) {
        (0, _) => Lasts::For(Duration::from_millis(rng.u64(10..2000))),
        (1 | 2, Some(session)) => Lasts::With(session),
        _ => Lasts::Forever,
    };
    let to = match rng.u8(..4) {
        0 => To::Nothing,
        _ => To::Value { value: rng.u16(..).to_string().into(), lasts },
    };
    let when = match rng.u8(..7) {
        0 => When::Absent,
        1 => When::Unchanged(Version { epoch: 1, seq: rng.u64(1..10) }),
        2 => When::Held(session.unwrap_or(1)),
        _ => When::Always,
    };
    Change { key: rng.choice(names).unwrap_or_default().into(), to, when }
}

fn live(seed: u64, tell: bool) {
    let mut town = Town::found(seed);
    town.suffer();
    town.recover();
    if tell {
        town.tell();
    }
    town.check_replicas();
    town.check_news();
    town.check_writes();
    town.check_store();
    town.check_history();
    check_sessions(&town.chronicle);
    check_ends(&town.tree.borrow().tree, town.replicas.iter().map(|(.., window)| window));
}

/// Lives through ten thousand towns, or `SEEDS`, or one again: `SEED`.
pub(super) fn every_seed(test: &str, live: fn(u64, bool)) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect(name));
    let seeds = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => number("FROM").unwrap_or(0)..number("FROM").unwrap_or(0) + number("SEEDS").unwrap_or(10_000),
    };
    for seed in seeds {
        let lived = std::panic::catch_unwind(|| live(seed, number("SEED").is_some()));
        assert!(lived.is_ok(), "seed {seed}: SEED={seed} cargo test -p zmtp-patterns {test}");
    }
}

#[test]
fn every_replica_ends_with_what_the_server_has_and_is_told_of_everything_in_one_order() {
    every_seed("every_replica", live);
}
