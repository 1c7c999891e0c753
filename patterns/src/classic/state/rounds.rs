//! Rounds of stop orders, ever further apart.
//!
//! One order for each attached pipe is right only if nobody comes, goes or has no room meanwhile. What went wrong in one
//! round the next one sets right; who gets two orders reads the first.

use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct Rounds {
    pub(super) next: Instant,
    pause: Duration,
}

impl Rounds {
    pub(super) fn new(now: Instant) -> Self {
        Self { next: now, pause: FIRST_PAUSE }
    }

    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let due = now >= self.next;
        if due {
            self.next = now + self.pause;
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
        due
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Rounds go on behind work that may take hours.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
