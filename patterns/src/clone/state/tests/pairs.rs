//! Thousands of towns with two servers, each from a seed of its own: what must be so in every one of them.
//!
//! `SEED=n cargo test -p zmtp-patterns of_a_pair` has one again, `SEEDS=n` tries so many.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::history::{History, Promised};
use super::seeds::{check_ends, check_sessions, every_seed, plan, weather};
use super::system::SystemProcess;
use super::town::{
    Chronicle, Glimpse, ReplicaProcess, Seen, ServerProcess, Setup, Shelf, Shown, Window, WitnessProcess,
};
use crate::backoff::Backoff;
use crate::clone::state::{Config, Health, News, PairConfig, ReplicaConfig};
use crate::clone::version::Version;
use crate::clone::wire::{Durable, Outcome, Role, Update, Writing};
use crate::sim::{Host, Weather, World};

/// Everything about one town.
struct Town {
    world: World,
    servers: [Host; 2],
    shown: [Window<Shown>; 2],
    witness: Option<Host>,
    /// Whether the witness was started again, with nothing.
    has_forgotten: Rc<Cell<bool>>,
    replicas: Vec<(Host, ReplicaConfig, Window<Glimpse>)>,
    /// Each server may have a system of modules.
    systems: Vec<Host>,
    chronicle: Chronicle,
    has_store: bool,
    /// Whether servers are killed.
    kills: bool,
    start: Instant,
}

const BEAT: Duration = Duration::from_millis(50);
const FAILOVER: Duration = Duration::from_millis(400);

impl Town {
    fn found(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let weather = weather(&mut rng);
        let mut world = World::new(rng.u64(..), weather);
        let start = world.now();
        let (has_store, has_witness) = (rng.bool(), rng.bool());
        let config = Config {
            beat: BEAT,
            patience: Duration::from_secs(1),
            log: if rng.bool() { 5 } else { 1000 },
            page: if rng.bool() { 100 } else { 256 << 10 },
            store: has_store,
            ..Config::default()
        };
        let pair = PairConfig {
            is_primary: true,
            beat: BEAT,
            failover: FAILOVER,
            max_lag: [0, 5, 1000][rng.usize(..3)],
            has_witness,
            lease: FAILOVER,
            paths: rng.usize(1..=2),
            bootstrap: rng.bool(),
        };
        let chronicle = Chronicle::default();
        let shown: [Window<Shown>; 2] = Default::default();
        let servers = [0, 1].map(|number| {
            let (seen, shown) = (Rc::clone(&chronicle), Rc::clone(&shown[number]));
            let pair = PairConfig { is_primary: number == 0, ..pair.clone() };
            let records: Shelf = Rc::default();
            let setup = Setup { number, config: config.clone(), pair: Some(pair), records };
            world.add(move |boot| {
                let epoch = (boot.now - start).as_millis() as u64;
                Box::new(ServerProcess::start(boot, &setup, epoch, Rc::clone(&seen), Rc::clone(&shown)))
            })
        });
        for (one, other) in [(servers[0], servers[1]), (servers[1], servers[0])] {
            (0..2 + pair.paths).for_each(|_| world.dial(one, other));
        }
        let has_forgotten: Rc<Cell<bool>> = Rc::default();
        let forgets = Rc::clone(&has_forgotten);
        let witness = has_witness.then(|| {
            world.add(move |boot| {
                forgets.set(boot.life > 0);
                Box::new(WitnessProcess::start(boot))
            })
        });
        if let Some(witness) = witness {
            servers.iter().for_each(|server| world.dial(*server, witness));
        }
        let mut replicas = Vec::new();
        for number in 0..rng.usize(1..=3) {
            let config = ReplicaConfig {
                servers: 2,
                backoff: Backoff { first: Duration::from_millis(20), longest: Duration::from_millis(500) },
                ..ReplicaConfig::default()
            };
            let mut plan = plan(&mut rng, start + Duration::from_secs(1));
            for (_, durable, _) in &mut plan {
                *durable = if rng.bool() { Durable::Standby } else { Durable::Server };
            }
            let window: Window<Glimpse> = Rc::new(RefCell::default());
            let (seen, shown, its) = (Rc::clone(&chronicle), Rc::clone(&window), config.clone());
            let host = world.add(move |boot| {
                let (seen, shown) = (Rc::clone(&seen), Rc::clone(&shown));
                Box::new(ReplicaProcess::start(boot, number, its.clone(), &plan, seen, shown))
            });
            for server in servers {
                world.dial(host, server);
                world.dial(host, server);
            }
            replicas.push((host, config, window));
        }
        let has_systems = rng.u8(..3) == 0;
        let systems = (0..if has_systems { 2 } else { 0 }).map(|own| {
            let seen = Rc::clone(&chronicle);
            let host = world.add(move |boot| Box::new(SystemProcess::start(boot, own, Rc::clone(&seen))));
            for server in servers {
                world.dial(host, server);
                world.dial(host, server);
            }
            host
        });
        let systems = systems.collect();
        let kills = rng.bool();
        Self {
            world,
            servers,
            shown,
            witness,
            has_forgotten,
            replicas,
            systems,
            chronicle,
            has_store,
            kills,
            start,
        }
    }

    fn hosts(&self) -> Vec<Host> {
        let replicas = self.replicas.iter().map(|(host, ..)| *host);
        self.servers.into_iter().chain(self.witness).chain(replicas).chain(self.systems.clone()).collect()
    }

    /// Things go wrong for a while.
    fn suffer(&mut self) {
        let hosts = self.hosts();
        for _ in 0..self.world.rng().usize(0..30) {
            let pause = Duration::from_millis(self.world.rng().u64(0..600));
            self.world.run_for(pause);
            let any = |world: &mut World| {
                if world.rng().bool() { world.rng().usize(..2) } else { world.rng().usize(..hosts.len()) }
            };
            let (one, other) = (hosts[any(&mut self.world)], hosts[any(&mut self.world)]);
            match self.world.rng().u8(..12) {
                0 | 1 if self.may_die(one) => self.world.kill(one),
                2 | 3 => self.world.freeze(one),
                4 | 5 => self.world.thaw(one),
                6 if one != other => self.world.cut_between(one, other),
                7 if one != other => self.world.part(one, other),
                8 | 9 if one != other => self.world.join(one, other),
                _ => self.world.restart(one),
            }
        }
    }

    /// What is in memory only is gone if both servers are.
    fn may_die(&self, host: Host) -> bool {
        let Some(number) = self.servers.iter().position(|server| *server == host) else { return true };
        let other = self.shown[1 - number].borrow().role;
        let is_kept =
            matches!(other, Role::Active | Role::Standby) && self.world.is_up(self.servers[1 - number]);
        self.kills && (self.has_store || is_kept)
    }

    /// Then everything is mended, and there is time.
    fn recover(&mut self) {
        self.world.weather = Weather::default();
        let hosts = self.hosts();
        for host in &hosts {
            self.world.thaw(*host);
            self.world.restart(*host);
            hosts.iter().filter(|other| *other != host).for_each(|other| self.world.join(*host, *other));
        }
        self.world.run_for(Duration::from_secs(15));
    }

    fn tell(&self) {
        for shown in &self.shown {
            println!("{:?}", shown.borrow());
        }
        for (_, config, window) in &self.replicas {
            println!("{config:?}\n{:?}", window.borrow());
        }
        for (at, seen) in self.chronicle.borrow().iter() {
            println!("{:>8} us  {seen:?}", (*at - self.start).as_micros());
        }
    }

    /// J3: one decides, the other one and everybody else has what that one has.
    fn check_replicas(&self) {
        let mut roles = [self.shown[0].borrow().role, self.shown[1].borrow().role];
        roles.sort_by_key(|role| *role as u8);
        assert_eq!(roles, [Role::Standby, Role::Active]);
        let [one, other] = [self.shown[0].borrow(), self.shown[1].borrow()];
        assert_eq!((one.version, &one.tree), (other.version, &other.tree), "the standby has something else");
        for (number, (.., window)) in self.replicas.iter().enumerate() {
            let window = window.borrow();
            assert_eq!((window.health, window.open), (Health::Live, 0), "replica {number}");
            assert_eq!(window.tree, one.tree, "replica {number} has something else");
        }
    }

    /// J1: in each epoch one server publishes at most. J4, J7: what a replica tells is ever later, and was published.
    fn check_news(&self) {
        let mut published: BTreeMap<Version, Update> = BTreeMap::new();
        let mut owners: BTreeMap<u64, usize> = BTreeMap::new();
        let mut latest: BTreeMap<(usize, u32), Version> = BTreeMap::new();
        for (_, seen) in self.chronicle.borrow().iter() {
            match seen {
                Seen::Published { server, update } => {
                    assert!(published.insert(update.version, update.clone()).is_none(), "{update:?} twice");
                    let owner = owners.entry(update.version.epoch).or_insert(*server);
                    assert_eq!(owner, server, "two servers decide in epoch {}", update.version.epoch);
                }
                Seen::News { replica, news: News::Changed(updates) } => {
                    let latest = latest.entry(*replica).or_default();
                    for update in updates {
                        assert!(*latest < update.version, "{latest} before {}", update.version);
                        *latest = update.version;
                        assert_eq!(published.get(&update.version), Some(update));
                    }
                }
                Seen::News { replica, news: News::Resync { from, to } } => {
                    let latest = latest.entry(*replica).or_default();
                    assert!(*latest <= *from && from <= to, "{latest}, {from}, {to}");
                    *latest = *to;
                }
                _ => {}
            }
        }
    }

    /// What was done and told. With a witness one decides at a time, and what comes later has a later version.
    fn history(&self) -> History {
        let is_safe = self.has_store || !self.kills;
        let promised = Promised { is_in_time: self.are_epochs_in_order(), is_safe, is_final: false };
        let epoch = self.shown[0].borrow().version.epoch;
        History::of(&self.chronicle.borrow(), epoch, promised, |durable, outcome| {
            // What was not done is not said to be safe anywhere.
            durable == Durable::Standby && matches!(outcome, Outcome::Done(_))
        })
    }

    /// J2: what was to be safe at the standby too is there in every later epoch. J6: nothing was done twice.
    fn check_writes(&self) {
        let history = self.history();
        let mut done: BTreeMap<Writing, BTreeSet<u64>> = BTreeMap::new();
        for (_, seen) in self.chronicle.borrow().iter() {
            match seen {
                Seen::Published { update: Update { version, until, writer: Some(write), .. }, .. }
                    if history.counts(*version) =>
                {
                    done.entry(*write).or_default().insert(*until);
                }
                Seen::Written {
                    durable: Durable::Standby, outcome: Outcome::Done(version), number, ..
                } => {
                    let is_kept = self.has_store || !self.kills;
                    assert!(
                        !is_kept || history.counts(*version),
                        "write {number} came to {version}, and is lost"
                    );
                }
                _ => {}
            }
        }
        for (write, untils) in done {
            assert_eq!(untils.len(), 1, "{write:?} was done twice: {untils:?}");
        }
    }

    /// What was done in vain is told of, each change once in a server's life, and nothing else: one that is killed before its
    /// store has let go of it tells it again.
    fn check_divergence(&self) {
        let history = self.history();
        let mut told = BTreeSet::new();
        for (_, seen) in self.chronicle.borrow().iter() {
            match seen {
                Seen::Begun { server, .. } => told.retain(|(by, _)| by != server),
                Seen::Diverged { server, updates } => {
                    for Update { version, .. } in updates {
                        assert!(
                            !history.counts(*version),
                            "server {server} says of {version} that it was in vain"
                        );
                        assert!(
                            told.insert((*server, *version)),
                            "server {server} says that of {version} twice"
                        );
                    }
                }
                _ => {}
            }
        }
    }

    /// J5: while the modules of one system are on, those of the other one are not; in the end those of the one who decides are.
    fn check_systems(&self) {
        let mut until: [Option<Instant>; 2] = [None; 2];
        let mut is_on = [false; 2];
        for (at, seen) in self.chronicle.borrow().iter() {
            match seen {
                Seen::On(system) => {
                    let other = until[1 - system];
                    // Without a witness there may be two who decide.
                    assert!(
                        self.witness.is_none() || other.is_none_or(|until| until <= *at),
                        "system {system} is on, and the other one may be"
                    );
                    is_on[*system] = true;
                }
                Seen::Sure(system, by) => until[*system] = until[*system].max(Some(*by)),
                Seen::Off(system) => (is_on[*system], until[*system]) = (false, None),
                _ => {}
            }
        }
        if !self.systems.is_empty() {
            let decides = [0, 1].map(|server| self.shown[server].borrow().role == Role::Active);
            assert_eq!(is_on, decides, "the modules of who decides are on, and no others");
        }
    }

    /// A witness knows of all epochs, and tells it, unless it was killed.
    fn are_epochs_in_order(&self) -> bool {
        self.witness.is_some() && !self.has_forgotten.get()
    }

    /// With a witness one has stopped when the other one begins.
    fn check_witness(&self) {
        let mut latest = Version::default();
        for (_, seen) in self.chronicle.borrow().iter().filter(|_| self.are_epochs_in_order()) {
            if let Seen::Published { update, .. } = seen {
                assert!(latest < update.version, "{} was published after {latest}", update.version);
                latest = update.version;
            }
        }
    }
}

fn live(seed: u64, tell: bool) {
    let mut town = Town::found(seed);
    town.suffer();
    town.recover();
    if tell {
        town.tell();
    }
    town.check_news();
    town.check_replicas();
    town.check_writes();
    town.check_witness();
    town.check_divergence();
    town.history().check().unwrap();
    if town.witness.is_some() {
        check_sessions(&town.chronicle);
    }
    town.check_systems();
    check_ends(&town.shown[0].borrow().tree, town.replicas.iter().map(|(.., window)| window));
}

#[test]
fn one_server_of_a_pair_decides_at_a_time_and_what_it_has_answered_outlives_it() {
    every_seed("of_a_pair", live);
}
