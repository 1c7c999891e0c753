//! The clock that shells give to their machines.

use std::future::pending;
use std::time::Instant;

use tokio::time::sleep_until;

/// The clock that timers go by.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Until then, or for ever. What is due already does not wait.
pub(crate) async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) if deadline <= now() => {}
        Some(deadline) => sleep_until(deadline.into()).await,
        None => pending().await,
    }
}
