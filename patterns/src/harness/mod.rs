//! A door for the fuzz targets. Not part of the API: it may change in any release.

mod balancer;
mod clone;
mod peering;

pub use balancer::balancer;
use bytes::Bytes;
pub use clone::clone;
pub use peering::peering;

/// A fuzz target's name, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// All fuzz targets.
pub const TARGETS: &[Target] = &[("balancer", balancer), ("clone", clone), ("peering", peering)];

/// Up to five frames, each behind its length in an octet.
fn message(mut data: &[u8]) -> (Vec<Bytes>, &[u8]) {
    let mut frames = Vec::new();
    let Some((count, mut rest)) = data.split_first() else { return (frames, data) };
    for _ in 0..count % 6 {
        let Some((len, more)) = rest.split_first() else { break };
        let (frame, more) = more.split_at(usize::from(*len).min(more.len()));
        frames.push(Bytes::copy_from_slice(frame));
        rest = more;
    }
    data = rest;
    (frames, data)
}
