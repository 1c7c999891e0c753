//! What the server is at a moment.

use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use zmtp_benches::resident_kib;

/// Of the server's process alone.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// Since the visitors came.
    pub(crate) seconds: f64,
    /// The memory that it holds.
    pub(crate) rss_kib: u64,
    /// Open descriptors.
    pub(crate) descriptors: usize,
    pub(crate) threads: usize,
    /// tokio's tasks that have not ended.
    pub(crate) tasks: usize,
    /// Messages that its PULL has received.
    pub(crate) pulled: u64,
}

impl Sample {
    /// Of this process, on this runtime.
    pub(crate) fn take(runtime: &Handle, pulled: u64) -> Self {
        let entries = |folder| std::fs::read_dir(folder).map_or(0, Iterator::count);
        Self {
            seconds: 0.0,
            rss_kib: resident_kib("self").unwrap_or_default(),
            // One of them reads the folder.
            descriptors: entries("/proc/self/fd").saturating_sub(1),
            threads: entries("/proc/self/task"),
            tasks: runtime.metrics().num_alive_tasks(),
            pulled,
        }
    }
}

/// What is judged of a sample.
#[derive(Debug)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) of: fn(&Sample) -> f64,
    /// By how much it may grow in the judged time, whatever that is.
    pub(crate) tolerated: f64,
}

/// The memory may grow by what an allocator keeps when an unusual crowd was there; after half an hour, some 500,000 visits,
/// that is no more than nine octets of each. The others are counts, and none may go up for good.
pub(crate) const FIGURES: [Figure; 4] = [
    Figure { name: "memory, KiB", of: |sample| sample.rss_kib as f64, tolerated: 4096.0 },
    Figure { name: "descriptors", of: |sample| sample.descriptors as f64, tolerated: 3.0 },
    Figure { name: "threads", of: |sample| sample.threads as f64, tolerated: 1.0 },
    Figure { name: "tasks", of: |sample| sample.tasks as f64, tolerated: 3.0 },
];
