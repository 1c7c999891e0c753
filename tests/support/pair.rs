//! Two sockets of ours, joined by a stream in memory.

use std::time::Duration;

use zmtp::{Builder, Pull, PullSocket, Push, PushSocket};

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
