//! Waiting for one event of ours among others.

use zmtp::{Cause, Event, Monitor};

use crate::within;

/// What `pick` makes of the first event that it takes. Others are passed over, for 20 s in all.
#[track_caller]
pub fn event<T>(monitor: &mut Monitor, pick: impl Fn(Event) -> Option<T>) -> impl Future<Output = T> {
    within(20, async move {
        loop {
            if let Some(picked) = pick(monitor.next().await.expect("the socket is open")) {
                return picked;
            }
        }
    })
}

/// Why the next handshake that fails does, and whether there will be another try.
#[track_caller]
pub fn failure_and_retry(monitor: &mut Monitor) -> impl Future<Output = (Cause, bool)> {
    event(monitor, |event| match event {
        Event::HandshakeFailed { cause, retry, .. } => Some((cause, retry)),
        _ => None,
    })
}

/// Why the next handshake that fails does.
#[track_caller]
pub fn failure(monitor: &mut Monitor) -> impl Future<Output = Cause> {
    let failed = failure_and_retry(monitor);
    async move { failed.await.0 }
}
