//! How a server is, and what it has counted.

use crate::clone::state::node::NodeStatus;
use crate::clone::version::Version;

/// How things are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// The last change.
    pub version: Version,
    /// Keys that stand for something.
    pub keys: u64,
    /// Octets of keys and values.
    pub bytes: u64,
    /// Changes that are kept for those who missed them.
    pub log: usize,
    /// Octets of them.
    pub log_bytes: usize,
    /// Connections.
    pub clients: usize,
    /// Clients that have written lately.
    pub writers: usize,
    /// Prefixes that somebody follows.
    pub prefixes: usize,
    /// Clients that are being told everything.
    pub snapshots: usize,
    /// Sessions that are open.
    pub sessions: usize,
    /// If it is one of a pair: how that is.
    pub node: Option<NodeStatus>,
    /// What was counted.
    pub counters: Counters,
}

/// What has happened since the server was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Writes that were done.
    pub written: u64,
    /// Writes whose condition did not hold.
    pub conflicts: u64,
    /// Writes that were not taken.
    pub refused: u64,
    /// Writes that were said again, and done once.
    pub repeated: u64,
    /// Writes that came behind one that was lost on the way, and wait until both are said again.
    pub early: u64,
    /// Keys whose time was up, their own or that of a session.
    pub expired: u64,
    /// Sessions whose clients were not heard for their time.
    pub ended: u64,
    /// Times that a client was told everything.
    pub snapshots: u64,
    /// Times that a client was told what it had missed.
    pub deltas: u64,
    /// Times that a client had to wait for that.
    pub waits: u64,
    /// Times that a client came back too late for its next page.
    pub gone: u64,
    /// Messages that are of no such protocol.
    pub malformed: u64,
}
