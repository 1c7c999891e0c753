//! Contenders taking turns.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::process::Peer;
use crate::workloads::{Measure, Workload};

/// A program with the contenders' command line.
#[derive(Debug, Clone)]
pub(crate) struct Contender {
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    /// What it is measured on, as a workload or a workload and its transport; `None` for everything.
    only: Option<&'static [&'static str]>,
}

/// Name, program and variant of each rival, and what it is measured on: what it has.
const RIVALS: [(&str, &str, &str, &[&str]); 6] = [
    (
        "omq",
        "rival-omq",
        "plain",
        &["pushpull", "curve", "ipc", "inproc", "reqrep", "pubsub", "dealer", "scale"],
    ),
    ("omq-io", "rival-omq", "io", &["pushpull", "curve", "reqrep tcp", "pubsub", "dealer"]),
    ("rzmq", "rival-rzmq", "mt", &["pushpull", "curve", "ipc", "inproc", "reqrep", "pubsub", "dealer"]),
    (
        "zeromq",
        "rival-zeromq",
        "",
        &["pushpull", "ipc", "reqrep tcp", "reqrep ipc", "pubsub", "dealer", "scale"],
    ),
    ("monocoque", "rival-monocoque", "eager", &["pushpull", "curve", "reqrep tcp", "pubsub", "dealer"]),
    ("monocoque-coalesce", "rival-monocoque", "coalesce", &["pushpull", "curve", "pubsub", "dealer"]),
];

impl Contender {
    /// Those of this package, by name; the rivals; and others.
    pub(crate) fn all(names: &[String], rivals: bool, others: &[String]) -> Result<Vec<Self>, String> {
        let ours = names.iter().map(|name| {
            let (program, runtime) = match name.as_str() {
                "zmtp" => ("peer-zmtp", "ct"),
                "zmtp-main" => ("peer-zmtp", "ct-main"),
                "zmtp-mt" => ("peer-zmtp", "mt"),
                "zmtp-mt-main" => ("peer-zmtp", "mt-main"),
                "libzmq" => ("peer-libzmq", "ct"),
                other => return Err(format!("unknown contender {other}")),
            };
            Self::named(name, program, &["--rt", runtime])
        });
        let others = others.iter().map(|other| {
            let (name, rest) = other.split_once('=').ok_or("--contender takes NAME=PATH[,ARGUMENT...]")?;
            let mut parts = rest.split(',').map(str::to_owned);
            let program = parts.next().unwrap_or_default().into();
            Ok(Self { name: name.to_owned(), program, arguments: parts.collect(), only: None })
        });
        let rivals = RIVALS.iter().filter(|_| rivals).map(|(name, program, variant, only)| {
            let program =
                PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/rivals/release").join(program);
            let variant =
                if variant.is_empty() { Vec::new() } else { vec!["--variant".into(), (*variant).into()] };
            Ok(Self { name: (*name).to_owned(), program, arguments: variant, only: Some(only) })
        });
        ours.chain(rivals).chain(others).collect()
    }

    /// A program of this package.
    fn named(name: &str, program: &str, arguments: &[&str]) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?.with_file_name(program);
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Ok(Self { name: name.to_owned(), program, arguments, only: None })
    }

    fn takes_part(&self, workload: &Workload) -> bool {
        let named = format!("{} {}", workload.name, workload.transport);
        self.only.is_none_or(|only| only.iter().any(|one| *one == workload.name || *one == named))
    }
}

/// What one run found, by name.
pub(crate) type Figures = BTreeMap<String, f64>;

/// One workload, and what the contenders did in it, round by round.
#[derive(Debug, Serialize)]
pub(crate) struct Cell {
    pub(crate) workload: Workload,
    /// `None` for a round that failed: round stands beside round.
    pub(crate) runs: BTreeMap<String, Vec<Option<Figures>>>,
    pub(crate) failures: BTreeMap<String, String>,
    /// In the order of the command line.
    pub(crate) names: Vec<String>,
}

impl Cell {
    pub(crate) fn new(workload: Workload) -> Self {
        Self { workload, runs: BTreeMap::new(), failures: BTreeMap::new(), names: Vec::new() }
    }

    pub(crate) fn has_failed(&self) -> bool {
        !self.failures.is_empty()
    }

    pub(crate) fn measure(&mut self, contenders: &[Contender], rounds: usize, seconds: f64, limit: Duration) {
        let contenders: Vec<_> = contenders.iter().filter(|one| one.takes_part(&self.workload)).collect();
        let mut counts = Vec::new();
        for contender in &contenders {
            self.names.push(contender.name.clone());
            counts.push(self.note(contender, |cell| cell.calibrate(contender, seconds, limit)));
        }
        for _ in 0..rounds {
            for (contender, count) in contenders.iter().zip(&counts) {
                let Some(count) = count else { continue };
                let figures = self.note(contender, |cell| cell.run(contender, *count, limit));
                self.runs.entry(contender.name.clone()).or_default().push(figures);
            }
        }
    }

    fn note<T>(&mut self, contender: &Contender, what: impl FnOnce(&Self) -> Result<T, String>) -> Option<T> {
        match what(self) {
            Ok(done) => Some(done),
            Err(failure) => {
                eprintln!("{} in {}: {failure}", contender.name, self.workload);
                self.failures.insert(contender.name.clone(), failure);
                None
            }
        }
    }

    /// A count that keeps this contender busy for about `seconds`.
    fn calibrate(&self, contender: &Contender, seconds: f64, limit: Duration) -> Result<u64, String> {
        let copies = if self.workload.name == "pubsub" { self.workload.peers } else { 1 };
        match self.workload.name {
            "scale" => return Ok(0),
            "paced" => return Ok((seconds * 10_000.0) as u64),
            "idle-first" => return Ok(FIRST_MESSAGES),
            _ => {}
        }
        let has_clients = matches!(self.workload.name, "dealer" | "fan-in");
        let clients = if has_clients { self.workload.peers as u64 } else { 1 };
        let mut count = (4_000_000 / self.workload.size as u64).clamp(50, 10_000).max(50 * clients);
        if copies > 8 {
            count /= copies as u64;
        }
        for _ in 0..4 {
            let figures = self.run(contender, count.max(50), limit)?;
            let wanted = (figures["msgs_s"] / copies as f64 * seconds) as u64;
            if count * 8 >= wanted {
                count = wanted;
                break;
            }
            count = wanted.min(count * 20);
        }
        // A share is worth comparing when each has had many turns.
        let least = if self.workload.name == "fan-in" { 5000 } else { 50 };
        Ok(count.max(least * clients))
    }

    fn run(&self, contender: &Contender, count: u64, limit: Duration) -> Result<Figures, String> {
        let Workload { name, transport, size, peers, .. } = &self.workload;
        let deadline = Instant::now() + limit;
        let endpoint = endpoint(transport);
        let options =
            [("--endpoint", endpoint.clone()), ("--size", size.to_string()), ("--count", count.to_string())];
        let mut arguments: Vec<String> =
            options.into_iter().flat_map(|(option, value)| [option.into(), value]).collect();
        arguments.extend(["--peers".into(), peers.to_string()]);
        if *name == "curve" {
            arguments.push("--curve".into());
        }
        let start = |role: &str| Peer::start(contender, role, &arguments, deadline);
        let bound = |role: &str| {
            let mut peer = start(role)?;
            peer.expect("READY")?;
            Ok::<_, String>(peer)
        };
        let alone = match (*name, *transport) {
            ("inproc", _) => Some("inproc"),
            (_, "inproc") => Some("inproc-req"),
            _ => None,
        };
        let mut figures = if let Some(role) = alone {
            numbers(&start(role)?.result()?)
        } else {
            // Who binds, who connects, and whether the one who connects does the measuring.
            let (first, second, second_measures) = match *name {
                "pushpull" | "curve" | "ipc" => ("pull", "push", false),
                "paced" => ("timed-pull", "paced-push", false),
                "idle-first" => ("timed-pull", "idle-push", false),
                "fan-in" => ("fan-pull", "fan-push", false),
                "stalled" => ("stalled-push", "stalled-pull", true),
                "reqrep" => ("rep", "req", true),
                "pubsub" => ("pub", "sub", true),
                "dealer" | "scale" => ("router", "dealer", true),
                other => return Err(format!("unknown workload {other}")),
            };
            let mut first = bound(first)?;
            let idle = zmtp_benches::resident_kib(&first.id());
            let crowd;
            let second_program = if matches!(*name, "scale" | "fan-in") {
                crowd = Contender::named("peer-crowd", "peer-crowd", &["--rt", "ct"])?;
                &crowd
            } else {
                contender
            };
            let mut second = Peer::start(second_program, second, &arguments, deadline)?;
            if *name == "pubsub" {
                second.expect("SYNCED")?;
                first.say_go()?;
            }
            let (measuring, other) =
                if second_measures { (&mut second, &mut first) } else { (&mut first, &mut second) };
            let mut figures = numbers(&measuring.result()?);
            if *name == "scale" {
                sleep(Duration::from_millis(300));
                let now = zmtp_benches::resident_kib(&other.id());
                let grown = now.unwrap_or_default().saturating_sub(idle.unwrap_or_default());
                figures.insert("kib_peer".into(), grown as f64 / *peers as f64);
            }
            other.close();
            let theirs = numbers(&other.result()?);
            *figures.entry("cpu_s".into()).or_default() += theirs.get("cpu_s").copied().unwrap_or_default();
            figures
        };
        if let Some(path) = endpoint.strip_prefix("ipc://") {
            let _ = std::fs::remove_file(path);
        }
        if figures.get("lost").is_some_and(|lost| *lost != 0.0) {
            return Err(format!("{} of {} deliveries were lost", figures["lost"], count * *peers as u64));
        }
        let messages = figures.get("msgs").copied().unwrap_or(*peers as f64).max(1.0);
        let cpu_us = figures["cpu_s"] / messages * 1e6;
        figures.insert("cpu_us_msg".into(), cpu_us);
        Ok(figures)
    }
}

impl Measure {
    /// The figures of a table, its main one first: name, title.
    pub(crate) fn figures(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Rate => &[("msgs_s", "msgs/s"), ("cpu_us_msg", "CPU us/msg")],
            Self::Latency => &[
                ("p50_us", "p50 us"),
                ("p99_us", "p99 us"),
                ("p999_us", "p99.9 us"),
                ("cpu_us_msg", "CPU us/msg"),
            ],
            Self::First => &[("p50_us", "p50 us"), ("max_us", "greatest us")],
            Self::Both => &[
                ("msgs_s", "requests/s"),
                ("p50_us", "p50 us"),
                ("p99_us", "p99 us"),
                ("cpu_us_msg", "CPU us/request"),
            ],
            Self::Shares => &[
                ("msgs_s", "msgs/s"),
                ("fairness", "fairness"),
                ("least", "least share"),
                ("most", "greatest share"),
            ],
            Self::Scale => {
                &[("setup_s", "seconds"), ("kib_peer", "KiB/connection"), ("cpu_us_msg", "CPU us/connection")]
            }
        }
    }
}

fn numbers(line: &Map<String, Value>) -> Figures {
    line.iter().filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect()
}

fn endpoint(transport: &str) -> String {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    match transport {
        "tcp" => {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
            format!("tcp://{}", listener.local_addr().expect("an address"))
        }
        "ipc" => {
            let path = std::env::temp_dir().join(format!("compare-{}-{number}", std::process::id()));
            format!("ipc://{}", path.display())
        }
        _ => format!("inproc://{number}"),
    }
}

/// Of `idle-first`: each takes a second.
const FIRST_MESSAGES: u64 = 10;
