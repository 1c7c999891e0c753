//! How long to wait before trying again.

use std::time::Duration;

use fastrand::Rng;

/// Waits that double from `first` to `longest`, each of a random length up to that (full jitter): a thousand who failed
/// together do not come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The longest that the first wait can be.
    pub first: Duration,
    /// The longest that any wait can be.
    pub longest: Duration,
}

impl Backoff {
    /// The wait after this many failures in a row, of which there was at least one.
    pub fn wait(&self, failures: u32, rng: &mut Rng) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let limit = self.first.saturating_mul(1 << doublings).min(self.longest);
        limit.mul_f64(rng.f64())
    }
}

impl Default for Backoff {
    /// From 1 s to 60 s.
    fn default() -> Self {
        Self { first: Duration::from_secs(1), longest: Duration::from_secs(60) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_are_never_the_same_for_all() {
        let backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(5) };
        let mut rng = Rng::with_seed(7);
        for (failures, limit) in [(1, 1), (2, 2), (3, 4), (4, 5), (5, 5), (u32::MAX, 5)] {
            let waits: Vec<_> = (0..200).map(|_| backoff.wait(failures, &mut rng)).collect();
            let (least, most) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
            assert!(*most <= Duration::from_secs(limit), "{most:?} after {failures}");
            assert!(*most > Duration::from_secs(limit) / 2 && *least < Duration::from_secs(limit) / 2);
        }
    }
}
