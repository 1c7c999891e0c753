//! The barrier in front of the first task: so many workers must be ready, or so much time have passed.

use std::time::{Duration, Instant};

/// How many workers there are to be before work begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expect {
    /// With so many ready it begins at once.
    pub workers: usize,
    /// With so many ready it begins when the time is up.
    pub at_least: usize,
    /// How long to wait for all.
    pub within: Duration,
}

/// Whether tasks may go to workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    Open,
    Closed {
        expect: Expect,
        until: Instant,
    },
    /// The time was up, and too few were ready.
    Failed,
}

impl Gate {
    pub(crate) fn new(expect: Option<Expect>, now: Instant) -> Self {
        expect.map_or(Self::Open, |expect| Self::Closed { expect, until: now + expect.within })
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Closed { until, .. } => Some(*until),
            _ => None,
        }
    }

    /// So many different workers are attached and ready now. Says whether that has changed anything.
    pub(crate) fn look(&mut self, now: Instant, ready: usize) -> bool {
        let Self::Closed { expect, until } = *self else { return false };
        if ready >= expect.workers || now >= until && ready >= expect.at_least {
            *self = Self::Open;
        } else if now >= until {
            *self = Self::Failed;
        }
        *self != Self::Closed { expect, until }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_with_all_or_with_enough_in_the_end_and_fails_with_fewer() {
        let (start, within) = (Instant::now(), Duration::from_secs(2));
        let gate = || Gate::new(Some(Expect { workers: 3, at_least: 2, within }), start);
        for (at, ready, then) in [
            (start, 3, Some(Gate::Open)),
            (start, 2, None),
            (start + within, 2, Some(Gate::Open)),
            (start + within, 1, Some(Gate::Failed)),
        ] {
            let mut gate = gate();
            let before = gate;
            assert_eq!(gate.look(at, ready), then.is_some());
            assert_eq!(gate, then.unwrap_or(before));
        }
        assert_eq!(Gate::new(None, start), Gate::Open);
    }
}
