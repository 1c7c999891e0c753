//! What stands before a body: whose it is, up to an empty frame, and in a worker's case which attempt.

use bytes::Bytes;

use crate::balancer::job::TaskId;
use crate::balancer::wire::Lease;

/// The frames up to the first empty one, with it, and what follows. A REQ socket's envelope is the empty frame only, or
/// a request id before it; whoever asks through a ROUTER has more.
pub(super) fn split(frames: &[Bytes]) -> (&[Bytes], &[Bytes]) {
    match frames.iter().position(Bytes::is_empty) {
        Some(at) => frames.split_at(at + 1),
        None => frames.split_at(0),
    }
}

/// An attempt as the address that a worker puts before its reply.
pub(super) fn address(lease: Lease) -> Bytes {
    let mut address = lease.task.0.to_be_bytes().to_vec();
    address.extend(lease.attempt.to_be_bytes());
    address.into()
}

/// Which attempt a reply is for, and its body: an address, an empty frame, one more.
pub(super) fn reply(frames: &[Bytes]) -> Option<(Lease, Bytes)> {
    let [address, delimiter, body] = frames else { return None };
    let (task, attempt) = address.split_first_chunk()?;
    let lease = Lease {
        task: TaskId(u64::from_be_bytes(*task)),
        attempt: u16::from_be_bytes(attempt.try_into().ok()?),
    };
    delimiter.is_empty().then(|| (lease, body.clone()))
}
