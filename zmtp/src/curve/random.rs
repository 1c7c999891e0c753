//! Where secrets come from. It is an argument, so that a test can choose them.

/// A source of octets that nobody can foresee.
pub trait Random {
    /// Fills `octets`.
    ///
    /// # Errors
    /// [`NoRandomness`] when there is none to be had. Then no key may be made.
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), NoRandomness>;
}

/// The operating system's source.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsRandom;

impl Random for OsRandom {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), NoRandomness> {
        getrandom::fill(octets).map_err(|_| NoRandomness)
    }
}

/// The operating system has no randomness to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the operating system gave no randomness, and without it no key is safe: check its random source and sandbox"
)]
pub struct NoRandomness;
