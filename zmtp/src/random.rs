//! A number that strangers cannot guess, without a dependency.

use std::hash::{BuildHasher, RandomState};

/// Where a count begins that others should not be able to foresee.
pub(crate) fn random() -> u32 {
    // The standard library seeds its hashers from the system.
    RandomState::new().hash_one(()) as u32
}
