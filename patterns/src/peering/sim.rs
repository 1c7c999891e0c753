//! Tens of clusters, hundreds of workers and thousands of clients in one process, on a virtual clock: the very brokers,
//! workers and clients of the real thing, in a network that can be as bad as any.
//!
//! ```
//! use std::time::Duration;
//! use zmtp_patterns::peering::sim::{Cloud, CloudConfig};
//!
//! let mut cloud = Cloud::new(CloudConfig { clusters: 3, workers: 12, clients: 30, ..CloudConfig::default() });
//! cloud.run_for(Duration::from_secs(10));
//! let totals = cloud.totals();
//! assert!(totals.replied > 1000 && totals.failed == 0);
//! ```

mod hosts;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use hosts::{BrokerHost, ClientHost, WorkerHost};
use rustc_hash::FxHashMap;

use super::state::{Config, Input, Resend};
use super::wire::{Card, Counters, Status};
use crate::sim::{Host, Link, Port, Weather, World};

/// What is to be in the cloud, and what is to happen there.
#[derive(Debug, Clone)]
pub struct CloudConfig {
    /// How many clusters. 3.
    pub clusters: usize,
    /// How many workers they have, all together. 30.
    pub workers: usize,
    /// How many clients, all together. 100.
    pub clients: usize,
    /// How often each client asks in a second, at most: it waits for each reply. 10.
    pub rate: f64,
    /// How long a task takes on average; how long each one takes is drawn, and most are shorter. 20 ms.
    pub service: Duration,
    /// So many times slower than the fastest worker is the slowest. 1.
    pub spread: f64,
    /// How many octets a request has, and a reply. 1,000.
    pub size: usize,
    /// How often clients ask again, and for how long.
    pub resend: Resend,
    /// A part of the clients are plain REQ sockets, and of the workers, from 0 to 1. 0.5.
    pub plain: f64,
    /// How much of the clients and workers each cluster has: one number for each. As much as any other, unless set.
    pub shares: Vec<(f64, f64)>,
    /// Which brokers each of them is told of, by their numbers. The first one, unless set, for all but that one.
    pub given: Option<Vec<Vec<usize>>>,
    /// Changes of what is usual for a broker.
    pub brokers: fn(usize, &mut Config),
    /// Whether brokers are looked at after each step, which takes its time: [`Cloud::wrong`].
    pub is_checked: bool,
    /// How the network is.
    pub weather: Weather,
    /// All chance.
    pub seed: u64,
}

impl Default for CloudConfig {
    fn default() -> Self {
        Self {
            clusters: 3,
            workers: 30,
            clients: 100,
            rate: 10.0,
            service: Duration::from_millis(20),
            spread: 1.0,
            size: 1000,
            resend: Resend::default(),
            plain: 0.5,
            shares: Vec::new(),
            given: None,
            brokers: |_, _| {},
            is_checked: false,
            weather: Weather::default(),
            seed: 0,
        }
    }
}

/// A cloud.
pub struct Cloud {
    world: World,
    clusters: Vec<Cluster>,
    seen: Rc<RefCell<Seen>>,
}

/// The hosts of a cluster.
struct Cluster {
    broker: Host,
    shown: Rc<RefCell<Option<BrokerHost>>>,
    workers: Vec<Host>,
    clients: Vec<Host>,
}

/// What came of all requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests.
    pub asked: u64,
    /// Those that had a reply.
    pub replied: u64,
    /// Those of which nothing came in time.
    pub failed: u64,
    /// How often they were begun by a worker.
    pub begun: u64,
    /// How often one was begun while another worker had it, or after it was done.
    pub again: u64,
}

/// What clients and workers have seen: nobody asks a broker.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) totals: Totals,
    pub(crate) latencies: Vec<Duration>,
    /// How often each request was begun.
    begun: FxHashMap<(u32, u64), u32>,
    /// What is not as it has to be.
    pub(crate) wrong: Vec<String>,
    /// Whether it is looked at.
    is_watched: bool,
}

impl Seen {
    fn begin(&mut self, key: (u32, u64)) {
        self.totals.begun += 1;
        let times = self.begun.entry(key).or_default();
        *times += 1;
        self.totals.again += u64::from(*times > 1);
    }
}

/// The faces of a broker in the world.
const CLIENTS: Port = Port(0);
const WORKERS: Port = Port(1);
const CLOUD: Port = Port(2);
const STATE: Port = Port(3);

impl Cloud {
    /// It begins, all of it at once.
    pub fn new(config: CloudConfig) -> Self {
        let mut world = World::new(config.seed, config.weather);
        let seen = Rc::new(RefCell::new(Seen { is_watched: true, ..Seen::default() }));
        let mut clusters: Vec<_> =
            (0..config.clusters).map(|number| Self::broker(&mut world, number, &config)).collect();
        for (from, to) in pairs(config.clusters) {
            world.dial_at(clusters[from].broker, clusters[to].broker, CLOUD);
            world.dial_at(clusters[from].broker, clusters[to].broker, STATE);
        }
        let (shares, mut number) = (shares(&config), 0);
        for (cluster, (clients, workers)) in clusters.iter_mut().zip(shares) {
            for _ in 0..workers {
                let (is_plain, spread) = (world.rng().f64() < config.plain, config.spread.max(1.0));
                let service = config.service.mul_f64(1.0 + world.rng().f64() * (spread - 1.0));
                let shared = Rc::clone(&seen);
                let host = world.add(move |boot| {
                    Box::new(WorkerHost::start(boot, is_plain, service, Rc::clone(&shared)))
                });
                world.dial_at(host, cluster.broker, WORKERS);
                cluster.workers.push(host);
            }
            for _ in 0..clients {
                let is_plain = world.rng().f64() < config.plain;
                let (shared, its) = (Rc::clone(&seen), config.clone());
                number += 1;
                let host = world.add(move |boot| {
                    Box::new(ClientHost::start(boot, number, is_plain, &its, Rc::clone(&shared)))
                });
                world.dial_at(host, cluster.broker, CLIENTS);
                cluster.clients.push(host);
            }
        }
        Self { world, clusters, seen }
    }

    fn broker(world: &mut World, number: usize, config: &CloudConfig) -> Cluster {
        let shown = Rc::new(RefCell::new(None));
        let mut own = Config::new(card(number));
        (config.brokers)(number, &mut own);
        let usual = if number == 0 { Vec::new() } else { vec![0] };
        let given = config.given.as_ref().map_or(usual, |given| given[number].clone());
        let (kept, is_checked) = (Rc::clone(&shown), config.is_checked);
        let broker = world.add(move |boot| {
            let host = BrokerHost::start(boot, number, own.clone(), &given, is_checked);
            *kept.borrow_mut() = Some(host.clone());
            Box::new(host)
        });
        Cluster { broker, shown, workers: Vec::new(), clients: Vec::new() }
    }

    /// Lets so much time pass.
    pub fn run_for(&mut self, time: Duration) {
        self.world.run_for(time);
    }

    /// How long it has been there.
    pub fn age(&self) -> Duration {
        self.world.age()
    }

    /// How a cluster is, if it is there.
    pub fn status(&self, cluster: usize) -> Option<Status> {
        let it = &self.clusters[cluster];
        let shown = it.shown.borrow();
        shown.as_ref().filter(|_| self.world.is_up(it.broker)).map(|host| host.status(self.world.now()))
    }

    /// What has happened at a cluster.
    pub fn counters(&self, cluster: usize) -> Counters {
        self.status(cluster).map(|status| status.counters).unwrap_or_default()
    }

    /// What came of all requests so far.
    pub fn totals(&self) -> Totals {
        self.seen.borrow().totals
    }

    /// How long each reply has taken, in the order in which they came.
    pub fn latencies(&self) -> Vec<Duration> {
        self.seen.borrow().latencies.clone()
    }

    /// What clients and workers saw that must not be.
    pub fn wrong(&self) -> Vec<String> {
        let mut wrong = self.seen.borrow().wrong.clone();
        for cluster in &self.clusters {
            if let Some(host) = &*cluster.shown.borrow() {
                wrong.extend(host.wrong());
            }
        }
        wrong
    }

    /// From now on clients ask nothing new, so that what there is comes to an end.
    pub fn calm(&mut self) {
        self.seen.borrow_mut().is_watched = false;
    }

    /// Whether its broker runs.
    pub fn is_up(&self, cluster: usize) -> bool {
        self.world.is_up(self.clusters[cluster].broker)
    }

    /// A broker dies.
    pub fn kill(&mut self, cluster: usize) {
        self.world.kill(self.clusters[cluster].broker);
    }

    /// And is started again.
    pub fn restart(&mut self, cluster: usize) {
        self.world.restart(self.clusters[cluster].broker);
    }

    /// A broker stops, without ending.
    pub fn freeze(&mut self, cluster: usize) {
        self.world.freeze(self.clusters[cluster].broker);
    }

    /// And goes on.
    pub fn thaw(&mut self, cluster: usize) {
        self.world.thaw(self.clusters[cluster].broker);
    }

    /// It leaves the cloud, within this time.
    pub fn leave(&mut self, cluster: usize, grace: Duration) {
        if let Some(host) = &*self.clusters[cluster].shown.borrow() {
            host.order(Input::Leave(grace));
        }
    }

    /// All connections between two of them are cut.
    pub fn cut(&mut self, one: usize, other: usize) {
        self.world.cut_between(self.clusters[one].broker, self.clusters[other].broker);
    }

    /// Nothing goes through between two of them, and nobody says so.
    pub fn part(&mut self, one: usize, other: usize) {
        self.world.part(self.clusters[one].broker, self.clusters[other].broker);
    }

    /// And then it does again.
    pub fn join(&mut self, one: usize, other: usize) {
        self.world.join(self.clusters[one].broker, self.clusters[other].broker);
    }

    /// How many clusters there are.
    pub fn clusters(&self) -> usize {
        self.clusters.len()
    }

    /// How many workers a cluster has, and clients.
    pub fn size(&self, cluster: usize) -> (usize, usize) {
        (self.clusters[cluster].workers.len(), self.clusters[cluster].clients.len())
    }

    /// What is done with one of its workers.
    pub fn to_worker(&mut self, cluster: usize, worker: usize, fate: Fate) {
        let host = self.clusters[cluster].workers[worker];
        self.befall(host, fate);
    }

    /// What is done with one of its clients.
    pub fn to_client(&mut self, cluster: usize, client: usize, fate: Fate) {
        let host = self.clusters[cluster].clients[client];
        self.befall(host, fate);
    }

    fn befall(&mut self, host: Host, fate: Fate) {
        match fate {
            Fate::Killed => self.world.kill(host),
            Fate::Restarted => self.world.restart(host),
            Fate::Frozen => self.world.freeze(host),
            Fate::Thawed => self.world.thaw(host),
        }
    }

    /// How the network is from now on.
    pub fn weather(&mut self) -> &mut Weather {
        &mut self.world.weather
    }

    /// Chance for plans.
    pub fn rng(&mut self) -> &mut fastrand::Rng {
        self.world.rng()
    }
}

/// What can be done with a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// As by `kill -9`.
    Killed,
    /// If it was.
    Restarted,
    /// As by SIGSTOP.
    Frozen,
    /// If it was.
    Thawed,
}

impl std::fmt::Debug for Cloud {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cloud")
            .field("world", &self.world)
            .field("totals", &self.totals())
            .finish_non_exhaustive()
    }
}

/// Who a broker is.
fn card(number: usize) -> Card {
    let name = format!("DC{}", number + 1);
    Card { name, cloud: format!("sim://cloud/{number}"), state: format!("sim://state/{number}") }
}

/// Which broker is meant.
fn number(endpoint: &str) -> Option<usize> {
    endpoint.rsplit('/').next()?.parse().ok()
}

/// Everybody with everybody else, in the order in which they dial.
fn pairs(clusters: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..clusters).flat_map(move |from| (0..clusters).filter(move |to| *to != from).map(move |to| (from, to)))
}

/// The links of a broker to another one: to its cloudfe and to its statebe.
fn links(own: usize, other: usize) -> (Link, Link) {
    let at = 2 * (other - usize::from(other > own)) as u32;
    (Link(at), Link(at + 1))
}

/// How many clients and workers each cluster has.
fn shares(config: &CloudConfig) -> Vec<(usize, usize)> {
    let even = vec![(1.0, 1.0); config.clusters];
    let shares = if config.shares.is_empty() { &even } else { &config.shares };
    let sums = shares.iter().fold((0.0, 0.0), |sums, it| (sums.0 + it.0, sums.1 + it.1));
    let mut given = (0.0, 0.0);
    let so_many = |before: f64, share: f64, sum: f64, all: usize| {
        let until = |part: f64| if sum > 0.0 { (part / sum * all as f64).round() as usize } else { 0 };
        until(before + share) - until(before)
    };
    let mut result = Vec::new();
    for (clients, workers) in shares {
        result.push((
            so_many(given.0, *clients, sums.0, config.clients),
            so_many(given.1, *workers, sums.1, config.workers),
        ));
        given = (given.0 + clients, given.1 + workers);
    }
    result
}

type Links = BTreeMap<Link, Port>;
