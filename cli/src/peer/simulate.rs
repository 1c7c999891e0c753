//! A cloud on a virtual clock, and how it was.

use std::time::Duration;

use serde_json::{Value, json};
use zmtp::Message;
use zmtp_patterns::peering::sim::{Cloud, Totals};

/// What came of it.
#[derive(Debug)]
pub(crate) struct Run {
    cloud: Cloud,
    /// A broker dies so often, if any does.
    kill: Option<Duration>,
    pub(crate) time: Duration,
    /// The broker that is dead, and until when.
    dead: Option<(usize, Duration)>,
    killed: u64,
    pub(crate) moments: Vec<Moment>,
    /// The figures of each cluster.
    counts: Vec<Counts>,
}

/// How the clusters were at some time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Moment {
    pub(crate) at: Duration,
    /// None of one that was not there.
    pub(crate) clusters: Vec<Option<Load>>,
}

/// How busy a cluster was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Load {
    /// Which part of its workers' slots had a task.
    pub(crate) busy: f64,
    /// How many requests other clusters had of it.
    pub(crate) spilled: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    requests: u64,
    spilled: u64,
    foreign: u64,
    refused: u64,
    /// Those of the broker that runs, which begins with nothing.
    last: [u64; 4],
    busy: f64,
    looks: u64,
}

impl Run {
    pub(crate) fn new(cloud: Cloud, time: Duration, kill: Option<Duration>) -> Self {
        let counts = vec![Counts::default(); cloud.clusters()];
        Self { cloud, kill, time, dead: None, killed: 0, moments: Vec::new(), counts }
    }

    /// Lets all of it happen, and says after each step how far it is.
    pub(crate) fn go(&mut self, mut step: impl FnMut(Duration, Totals)) {
        let every = (self.time / SAMPLES).clamp(Duration::from_millis(1), Duration::from_millis(100));
        while self.cloud.age() < self.time {
            let before = self.cloud.age();
            self.cloud.run_for(every.min(self.time - before));
            let now = self.cloud.age();
            self.look(now);
            self.strike(before, now);
            step(now, self.cloud.totals());
        }
    }

    fn look(&mut self, at: Duration) {
        let mut clusters = Vec::new();
        for (number, counts) in self.counts.iter_mut().enumerate() {
            let status = self.cloud.status(number);
            let load = status.map(|status| {
                let its = status.counters;
                counts.add([its.requests, its.spilled, its.foreign, its.refused]);
                let busy = status.slots.saturating_sub(status.free);
                let busy = f64::from(busy) / f64::from(status.slots.max(1));
                counts.busy += busy;
                counts.looks += 1;
                Load { busy, spilled: status.remote }
            });
            clusters.push(load);
        }
        self.moments.push(Moment { at, clusters });
    }

    /// A broker dies, or the one that has died comes back.
    fn strike(&mut self, before: Duration, now: Duration) {
        let Some(every) = self.kill else { return };
        if let Some((cluster, until)) = self.dead
            && until <= now
        {
            self.cloud.restart(cluster);
            self.counts[cluster].last = [0; 4];
            self.dead = None;
        }
        let times = |time: Duration| time.as_nanos() / every.as_nanos();
        if times(now) > times(before) && self.dead.is_none() && now < self.time {
            let clusters = self.cloud.clusters();
            let cluster = self.cloud.rng().usize(..clusters);
            self.cloud.kill(cluster);
            self.killed += 1;
            self.dead = Some((cluster, now + every / 2));
        }
    }

    /// Totals, then a line for each cluster.
    pub(crate) fn lines(&self) -> Vec<Message> {
        let count = |what: &str, number: u64| Message::new(what.to_owned()).with(number.to_string());
        let mut lines: Vec<_> = self.totals().map(|(what, number)| count(what, number)).collect();
        for (what, millis) in self.latencies() {
            lines.push(Message::new(what).with(format!("{millis:.1}")).with("ms"));
        }
        for (number, counts) in self.counts.iter().enumerate() {
            let line = Message::new("cluster").with(name(number));
            let line =
                counts.all().iter().fold(line, |line, (what, count)| line.with(format!("{what} {count}")));
            lines.push(line.with(format!("busy {:.0} %", counts.share() * 100.0)));
        }
        lines
    }

    /// The same for a program.
    pub(crate) fn object(&self) -> Value {
        let clusters: Vec<_> = self
            .counts
            .iter()
            .enumerate()
            .map(|(number, counts)| {
                let mut cluster = json!({ "name": name(number), "busy": counts.share() });
                for (what, count) in counts.all() {
                    cluster[what] = count.into();
                }
                cluster
            })
            .collect();
        let mut object = json!({ "clusters": clusters });
        for (what, number) in self.totals() {
            object[what] = number.into();
        }
        for (what, millis) in self.latencies() {
            object[format!("{what}_ms")] = millis.into();
        }
        object
    }

    /// So many had no reply.
    pub(crate) fn failed(&self) -> u64 {
        self.cloud.totals().failed
    }

    fn totals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let Totals { asked, replied, failed, begun, again } = self.cloud.totals();
        let all =
            [("asked", asked), ("replied", replied), ("failed", failed), ("begun", begun), ("again", again)];
        all.into_iter().chain(self.kill.map(|_| ("killed", self.killed)))
    }

    fn latencies(&self) -> [(&'static str, f64); 2] {
        let mut all = self.cloud.latencies();
        [("p50", 50), ("p99", 99)]
            .map(|(what, p)| (what, crate::bench::millis(crate::bench::percentile(&mut all, p))))
    }
}

impl Counts {
    fn add(&mut self, now: [u64; 4]) {
        let before = std::mem::replace(&mut self.last, now);
        let [requests, spilled, foreign, refused] =
            std::array::from_fn(|at| now[at].saturating_sub(before[at]));
        self.requests += requests;
        self.spilled += spilled;
        self.foreign += foreign;
        self.refused += refused;
    }

    fn all(&self) -> [(&'static str, u64); 4] {
        [
            ("requests", self.requests),
            ("spilled", self.spilled),
            ("foreign", self.foreign),
            ("refused", self.refused),
        ]
    }

    fn share(&self) -> f64 {
        self.busy / self.looks.max(1) as f64
    }
}

/// As the simulation has it.
pub(crate) fn name(cluster: usize) -> String {
    format!("DC{}", cluster + 1)
}

/// The clusters are looked at so often at least.
const SAMPLES: u32 = 600;
