//! What needs a process to itself, for it takes gigabytes, or counts what the process holds. One test at a time.

mod large;
mod many;
mod restarts;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Held by the test that runs.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a story on a runtime of its own, alone, so that its threads and descriptors go with it. It may open as many
/// descriptors as the system lets it.
fn run(story: impl Future<Output = ()>) {
    let _alone = alone();
    support::allow_descriptors();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(story);
}
