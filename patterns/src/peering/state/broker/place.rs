//! Where a request is: in one place at a time.

use crate::peering::state::broker::Dial;

/// Where a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It waits.
    Queued,
    /// A worker has it, as this task.
    Local { worker: u64, task: u64 },
    /// A peer has it, as this task.
    Remote { dial: Dial, task: u64 },
}
