//! Two sockets of ours, joined by a stream in memory.

use std::time::Duration;

use zmtp::{Builder, Pattern, Pull, PullSocket, Push, PushSocket, Socket};

use crate::within;

/// A PUSH and a PULL with these settings, joined.
pub fn pair(push: Builder<Push>, pull: Builder<Pull>) -> (PushSocket, PullSocket) {
    let (push, pull) = (push.build(), pull.build());
    join(&push, &pull);
    (push, pull)
}

/// Joins two sockets by a stream that holds 64 KiB in each direction.
pub fn join(push: &PushSocket, pull: &PullSocket) {
    let (near, far) = tokio::io::duplex(64 * 1024);
    push.attach(near, "inproc://pull").expect("a runtime");
    pull.attach(far, "inproc://push").expect("a runtime");
}

/// Lets everything happen that can happen. Only with a paused clock, and peers in memory.
pub async fn settle() {
    tokio::time::sleep(Duration::from_secs(1)).await;
}

/// Joins any two sockets by a stream that holds 64 KiB in each direction, and waits until each knows of the other.
pub async fn meet<A: Pattern, B: Pattern>(one: &Socket<A>, other: &Socket<B>) {
    meet_by(64 * 1024, one, other).await;
}

/// The same, with so many octets in each direction.
pub async fn meet_by<A: Pattern, B: Pattern>(octets: usize, one: &Socket<A>, other: &Socket<B>) {
    let (near, far) = tokio::io::duplex(octets);
    let before = (one.peer_count(), other.peer_count());
    one.attach(near, "inproc://other").expect("a runtime");
    other.attach(far, "inproc://one").expect("a runtime");
    within(20, one.wait_for_peers(before.0 + 1)).await;
    within(20, other.wait_for_peers(before.1 + 1)).await;
}
