//! How a server goes about it.

use std::time::Duration;

/// How a server goes about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// How often it publishes at least. 250 ms.
    pub beat: Duration,
    /// The most keys. 10,000,000.
    pub keys: u64,
    /// The most octets of keys and values. 4 GiB.
    pub bytes: u64,
    /// The most octets of a value. 16 MiB.
    pub value: usize,
    /// The most changes that are kept for those who missed them. 100,000.
    pub log: usize,
    /// The most octets of them. 64 MiB.
    pub log_bytes: usize,
    /// How many clients are told everything at a time. 16; others wait.
    pub snapshots: usize,
    /// The most sessions that are open at a time. 10,000.
    pub sessions: usize,
    /// The most keys that last with one of them. 10,000.
    pub session_keys: usize,
    /// About how many octets a page has. 64 KiB: a larger one keeps writers waiting; an entry is not divided.
    pub page: usize,
    /// How long a client may take to ask for its next page. 60 s.
    pub patience: Duration,
    /// Whether what is changed is written down, and writes are answered when it is:
    /// [`Output::Record`](super::Output::Record). Off.
    pub store: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            beat: Duration::from_millis(250),
            keys: 10_000_000,
            bytes: 4 << 30,
            value: 16 << 20,
            log: 100_000,
            log_bytes: 64 << 20,
            snapshots: 16,
            sessions: 10_000,
            session_keys: 10_000,
            page: 64 << 10,
            patience: Duration::from_secs(60),
            store: false,
        }
    }
}
