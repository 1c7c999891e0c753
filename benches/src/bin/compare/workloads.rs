//! What is measured.

use std::fmt;

use serde::Serialize;

/// One workload at one size.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) transport: &'static str,
    /// Octets of a message.
    pub(crate) size: usize,
    /// Subscribers, clients, pushers or pullers.
    pub(crate) peers: usize,
    pub(crate) measure: Measure,
}

/// What counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Measure {
    /// Microseconds of so few that quantiles mean nothing.
    First,
    /// Messages a second: more is better.
    Rate,
    /// Microseconds: fewer are better.
    Latency,
    /// Requests a second, and how long they take.
    Both,
    /// Messages a second, and who had how many.
    Shares,
    /// Seconds until all have exchanged a message, and memory.
    Scale,
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} B", self.name, self.transport, self.size)?;
        if self.peers > 1 { write!(f, ", {} peers", self.peers) } else { Ok(()) }
    }
}

/// All cells, or those of the named workloads.
pub(crate) fn cells(names: &[String]) -> impl Iterator<Item = Workload> {
    use Measure::{Both, First, Latency, Rate, Scale, Shares};
    let row = |name, transport, sizes: &[usize], peers: &[usize], measure| -> Vec<Workload> {
        let cell = |size, peers| Workload { name, transport, size, peers, measure };
        peers.iter().flat_map(|peers| sizes.iter().map(|size| cell(*size, *peers))).collect()
    };
    let all = [
        row("pushpull", "tcp", &[16, 64, 256, 1024, 8192, 65_536, 1_048_576], &[1], Rate),
        row("curve", "tcp", &[64, 1024, 65_536], &[1], Rate),
        row("ipc", "ipc", &[64, 8192], &[1], Rate),
        row("inproc", "inproc", &[64, 8192], &[1], Rate),
        row("reqrep", "tcp", &[1, 64, 1024], &[1], Latency),
        row("reqrep", "ipc", &[64], &[1], Latency),
        row("reqrep", "inproc", &[64], &[1], Latency),
        row("pubsub", "tcp", &[64, 1024], &[1, 8, 64], Rate),
        row("dealer", "tcp", &[64], &[1, 16, 128], Both),
        row("scale", "tcp", &[64], &[2000, 10_000], Scale),
        row("paced", "tcp", &[64], &[1], Latency),
        row("idle-first", "tcp", &[64], &[1], First),
        row("fan-in", "tcp", &[64], &[1000], Shares),
        row("stalled", "tcp", &[64], &[32], Shares),
    ];
    let names = names.to_vec();
    all.into_iter()
        .flatten()
        .filter(move |cell| names.is_empty() || names.iter().any(|name| name == cell.name))
}
