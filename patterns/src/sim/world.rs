//! The world: whose turn it is, and what happens next.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fastrand::Rng;

use super::disk::Disk;
use super::network::{Connection, Dial, Partings, Side};
use super::{Act, Boot, Frames, Happening, Host, Link, Port, Process, Weather};

/// A seeded world. Nothing in it depends on anything but the seed and what its owner does.
pub struct World {
    rng: Rng,
    start: Instant,
    now: Instant,
    /// How the network and the disks are from now on.
    pub weather: Weather,
    hosts: Vec<Slot>,
    connections: BTreeMap<usize, Connection>,
    made: usize,
    partings: Partings,
    /// By time, and then in the order in which they were planned.
    plans: BinaryHeap<Reverse<(Instant, u64, Plan)>>,
    planned: u64,
    delivered: u64,
}

type Start = Box<dyn FnMut(&Boot<'_>) -> Box<dyn Process>>;

/// A place for a process.
struct Slot {
    start: Start,
    process: Option<Box<dyn Process>>,
    life: u32,
    /// What has come while it was frozen.
    frozen: Option<VecDeque<Happening>>,
    disk: Disk,
    dials: Vec<Dial>,
    /// The earliest wake-up that is planned.
    wake: Option<Instant>,
}

/// What is to happen at some time.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Plan {
    Wake(Host),
    Dial(Host, usize),
    Arrive(usize, Side, Frames),
    /// This side learns that the connection is gone.
    Notice(usize, Side),
    Sync(Host, u32, usize),
}

impl World {
    /// A world without hosts.
    pub fn new(seed: u64, weather: Weather) -> Self {
        let start = Instant::now();
        Self {
            rng: Rng::with_seed(seed),
            start,
            now: start,
            weather,
            hosts: Vec::new(),
            connections: BTreeMap::new(),
            made: 0,
            partings: Partings::default(),
            plans: BinaryHeap::new(),
            planned: 0,
            delivered: 0,
        }
    }

    /// The virtual time.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// How long the world has been there.
    pub fn age(&self) -> Duration {
        self.now - self.start
    }

    /// How many messages have come to a process.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Chance for the owner's own plans.
    pub fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// A host whose process is made by `start`, now and whenever it is started again. It runs once its dials are known:
    /// with the next [`run_for`](Self::run_for).
    pub fn add(&mut self, start: impl FnMut(&Boot<'_>) -> Box<dyn Process> + 'static) -> Host {
        let host = Host(self.hosts.len());
        self.hosts.push(Slot {
            start: Box::new(start),
            process: None,
            life: 0,
            frozen: None,
            disk: Disk::default(),
            dials: Vec::new(),
            wake: None,
        });
        self.start(host);
        host
    }

    /// From now on the one keeps a connection to the other, whenever that can be.
    pub fn dial(&mut self, from: Host, to: Host) {
        self.dial_at(from, to, Port(0));
    }

    /// The same, at one of several ports.
    pub fn dial_at(&mut self, from: Host, to: Host, port: Port) {
        let dials = &mut self.hosts[from.0].dials;
        dials.push(Dial { to, port, connection: None, waiting: Vec::new() });
        let dial = dials.len() - 1;
        self.plan_dial(from, dial);
    }

    /// Whether its process runs, frozen or not.
    pub fn is_up(&self, host: Host) -> bool {
        self.hosts[host.0].process.is_some()
    }

    /// Ends the process between two of its steps, as `kill -9` does: its connections are gone, and so is what its disk
    /// had not synced.
    pub fn kill(&mut self, host: Host) {
        let slot = &mut self.hosts[host.0];
        slot.process = None;
        slot.frozen = None;
        slot.disk.forget(&mut self.rng);
        slot.dials.iter_mut().for_each(|dial| (dial.connection, dial.waiting) = (None, Vec::new()));
        for number in self.connections_of(host) {
            self.cut(number);
        }
    }

    /// Starts it again if it was killed or had ended.
    pub fn restart(&mut self, host: Host) {
        if !self.is_up(host) {
            self.hosts[host.0].life += 1;
            self.start(host);
            for dial in 0..self.hosts[host.0].dials.len() {
                self.plan_dial(host, dial);
            }
        }
    }

    /// Stops the process without ending it, as SIGSTOP does: its connections stay.
    pub fn freeze(&mut self, host: Host) {
        let slot = &mut self.hosts[host.0];
        if slot.process.is_some() {
            slot.frozen.get_or_insert_default();
        }
    }

    /// Lets it go on.
    pub fn thaw(&mut self, host: Host) {
        if let Some(waiting) = self.hosts[host.0].frozen.take() {
            for happening in waiting {
                self.happen(host, happening);
            }
            self.plan_wake(host, self.now);
        }
    }

    /// Cuts all connections between the two. Each notices at a time of its own.
    pub fn cut_between(&mut self, one: Host, other: Host) {
        for number in self.connections_of(one) {
            let connection = &self.connections[&number];
            if [connection.dialler, connection.dialled].contains(&other) {
                self.cut(number);
            }
        }
    }

    /// Lets nothing through between the two, and tells neither.
    pub fn part(&mut self, one: Host, other: Host) {
        self.partings.part(one, other);
    }

    /// Ends that: what was under way goes on.
    pub fn join(&mut self, one: Host, other: Host) {
        self.partings.join(one, other);
        for number in self.connections_of(one) {
            let Some(connection) = self.connections.get_mut(&number) else { continue };
            if [connection.dialler, connection.dialled].contains(&other) {
                for (side, frames) in std::mem::take(&mut connection.held) {
                    self.plan_at(self.now, Plan::Arrive(number, side, frames));
                }
            }
        }
    }

    /// Lets so much time pass.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(Reverse((at, ..))) = self.plans.peek()
            && *at <= end
        {
            self.step();
        }
        self.now = end;
    }

    /// Lets time pass until something is so, at most this long. Says whether it was.
    pub fn run_until(&mut self, most: Duration, mut is_so: impl FnMut(&Self) -> bool) -> bool {
        let end = self.now + most;
        loop {
            if is_so(self) {
                return true;
            }
            match self.plans.peek() {
                Some(Reverse((at, ..))) if *at <= end => self.step(),
                _ => {
                    self.now = end;
                    return is_so(self);
                }
            }
        }
    }

    fn step(&mut self) {
        let Some(Reverse((at, _, plan))) = self.plans.pop() else { return };
        self.now = at;
        match plan {
            Plan::Wake(host) => self.wake(host),
            Plan::Dial(host, dial) => self.connect(host, dial),
            Plan::Arrive(number, side, frames) => self.arrive(number, side, frames),
            Plan::Notice(number, side) => self.notice(number, side),
            Plan::Sync(host, life, records) => {
                let slot = &mut self.hosts[host.0];
                if slot.life == life && slot.process.is_some() {
                    slot.disk.sync(records);
                    self.happen(host, Happening::Synced(records));
                }
            }
        }
    }

    fn start(&mut self, host: Host) {
        let slot = &mut self.hosts[host.0];
        let seed = self.rng.u64(..);
        let boot = Boot { now: self.now, seed, life: slot.life, records: slot.disk.records() };
        slot.process = Some((slot.start)(&boot));
        slot.wake = None;
        // Not now: its owner has not said yet whom it dials.
        self.plan_wake(host, self.now);
    }

    fn plan_at(&mut self, at: Instant, plan: Plan) {
        self.planned += 1;
        self.plans.push(Reverse((at, self.planned, plan)));
    }

    fn plan_wake(&mut self, host: Host, at: Instant) {
        let at = at.max(self.now);
        let slot = &mut self.hosts[host.0];
        if slot.wake.is_none_or(|planned| at < planned) {
            slot.wake = Some(at);
            self.plan_at(at, Plan::Wake(host));
        }
    }

    fn plan_dial(&mut self, host: Host, dial: usize) {
        let wait = self.weather.redial.mul_f64(self.rng.f64());
        self.plan_at(self.now + wait, Plan::Dial(host, dial));
    }

    fn wake(&mut self, host: Host) {
        let slot = &mut self.hosts[host.0];
        if slot.wake != Some(self.now) {
            // An earlier one has replaced it.
            return;
        }
        slot.wake = None;
        if let (Some(process), None) = (&mut slot.process, &slot.frozen) {
            process.wake(self.now);
            self.turn(host);
        }
    }

    fn happen(&mut self, host: Host, happening: Happening) {
        let slot = &mut self.hosts[host.0];
        match (&mut slot.process, &mut slot.frozen) {
            (Some(_), Some(waiting)) => waiting.push_back(happening),
            (Some(process), None) => {
                self.delivered += u64::from(matches!(happening, Happening::Heard(..)));
                process.handle(self.now, happening);
                self.turn(host);
            }
            (None, _) => {}
        }
    }

    /// Does what the process wants, and plans its next wake-up.
    fn turn(&mut self, host: Host) {
        while let Some(act) = self.hosts[host.0].process.as_mut().and_then(|process| process.poll_output()) {
            match act {
                Act::Send(link, frames) => self.send(host, link, frames),
                Act::HangUp(link) => {
                    if let Some(number) = self.find(host, link) {
                        self.cut(number);
                    }
                }
                Act::Store(record) => self.store(host, record),
                Act::Exit => self.kill(host),
            }
        }
        let deadline = self.hosts[host.0].process.as_ref().and_then(|process| process.next_deadline());
        if let Some(deadline) = deadline {
            self.plan_wake(host, deadline);
        }
    }

    fn store(&mut self, host: Host, record: Bytes) {
        let slot = &mut self.hosts[host.0];
        let (records, life) = (slot.disk.store(record), slot.life);
        let sync = self.weather.sync.mul_f64(self.rng.f64());
        self.plan_at(self.now + sync, Plan::Sync(host, life, records));
    }

    fn find(&self, host: Host, link: Link) -> Option<usize> {
        let slot = &self.hosts[host.0];
        if let Some(dial) = slot.dials.get(link.0 as usize) {
            return dial.connection;
        }
        let number = link.0.checked_sub(DIALLED)? as usize;
        self.connections.get(&number).filter(|connection| connection.dialled == host).map(|_| number)
    }

    fn send(&mut self, host: Host, link: Link, frames: Frames) {
        match (self.find(host, link), self.hosts[host.0].dials.get_mut(link.0 as usize)) {
            (Some(number), dial) => {
                let side = if dial.is_some() { Side::Dialled } else { Side::Dialler };
                self.transmit(number, side, frames);
            }
            (None, Some(dial)) => dial.waiting.push(frames),
            (None, None) => {}
        }
    }

    /// Towards this side.
    fn transmit(&mut self, number: usize, side: Side, frames: Frames) {
        let Weather { delay: (least, most), loss, doubled, .. } = self.weather;
        let Some(connection) = self.connections.get_mut(&number) else { return };
        if connection.is_cut || self.rng.f64() < loss {
            return;
        }
        let delay = least + (most - least).mul_f64(self.rng.f64());
        let at = (self.now + delay).max(connection.latest[side as usize]);
        connection.latest[side as usize] = at;
        if self.rng.f64() < doubled {
            self.plan_at(at, Plan::Arrive(number, side, frames.clone()));
        }
        self.plan_at(at, Plan::Arrive(number, side, frames));
    }

    fn arrive(&mut self, number: usize, side: Side, frames: Frames) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        if connection.is_cut {
            return;
        }
        if self.partings.are_parted(connection.dialler, connection.dialled) {
            connection.held.push((side, frames));
            return;
        }
        let host = connection.host(side);
        let link = match side {
            Side::Dialler => Link(connection.dial as u32),
            Side::Dialled => connection.link,
        };
        self.happen(host, Happening::Heard(link, frames));
    }

    fn connect(&mut self, host: Host, dial: usize) {
        let slot = &self.hosts[host.0];
        let to = slot.dials[dial].to;
        if slot.process.is_none() || slot.dials[dial].connection.is_some() {
            return;
        }
        if !self.is_up(to) || self.partings.are_parted(host, to) {
            self.plan_dial(host, dial);
            return;
        }
        let number = self.made;
        self.made += 1;
        let link = Link(DIALLED + number as u32);
        let connection = Connection {
            dialler: host,
            dial,
            dialled: to,
            link,
            is_cut: false,
            noticed: [false; 2],
            latest: [self.now; 2],
            held: Vec::new(),
        };
        self.connections.insert(number, connection);
        let dial = &mut self.hosts[host.0].dials[dial];
        dial.connection = Some(number);
        let (waiting, port) = (std::mem::take(&mut dial.waiting), dial.port);
        self.happen(to, Happening::Joined(link, port));
        for frames in waiting {
            self.transmit(number, Side::Dialled, frames);
        }
    }

    /// Nothing goes through any more, and what is under way is lost.
    fn cut(&mut self, number: usize) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        if !std::mem::replace(&mut connection.is_cut, true) {
            for side in [Side::Dialler, Side::Dialled] {
                let delay = self.weather.delay.1.mul_f64(self.rng.f64());
                self.plan_at(self.now + delay, Plan::Notice(number, side));
            }
        }
    }

    fn notice(&mut self, number: usize, side: Side) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        connection.noticed[side as usize] = true;
        let (dialler, dial, dialled, link) =
            (connection.dialler, connection.dial, connection.dialled, connection.link);
        if connection.noticed == [true; 2] {
            self.connections.remove(&number);
        }
        match side {
            Side::Dialler => {
                let dialled_by = &mut self.hosts[dialler.0].dials[dial];
                // A process that was started again meanwhile dials by itself.
                if dialled_by.connection == Some(number) {
                    dialled_by.connection = None;
                    self.plan_dial(dialler, dial);
                    self.happen(dialler, Happening::Lost(Link(dial as u32)));
                }
            }
            Side::Dialled => self.happen(dialled, Happening::Left(link)),
        }
    }

    fn connections_of(&self, host: Host) -> Vec<usize> {
        let is_its = |connection: &Connection| [connection.dialler, connection.dialled].contains(&host);
        self.connections.iter().filter(|(_, it)| is_its(it)).map(|(number, _)| *number).collect()
    }
}

/// Links of the dialled side begin here, above all dials that a host could have.
const DIALLED: u32 = 1_000_000;

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("age", &self.age())
            .field("hosts", &self.hosts.len())
            .finish_non_exhaustive()
    }
}
