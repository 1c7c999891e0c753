//! Notices that something does not move on.

use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// A timer that is armed while something is wanted and looks at a counter when it fires. Moving on costs nothing:
/// the timer is not touched before it fires.
#[derive(Debug)]
pub(crate) struct Watch {
    every: Duration,
    /// How far the counter must have come in that time.
    least: u64,
    sleep: Option<Pin<Box<Sleep>>>,
    mark: u64,
    /// It was not wanted at some time since the timer was armed.
    paused: bool,
}

impl Watch {
    pub(crate) fn new(every: Duration, least: u64) -> Self {
        Self { every, least, sleep: None, mark: 0, paused: false }
    }

    /// Whether it was wanted for a whole period in which `counter` did not come far enough.
    pub(crate) fn is_late(&mut self, wanted: bool, counter: u64, cx: &mut Context<'_>) -> bool {
        let mut late = false;
        self.paused |= !wanted;
        let timer = match &mut self.sleep {
            Some(timer) => timer,
            None if !wanted => return false,
            None => {
                (self.mark, self.paused) = (counter, false);
                self.sleep.insert(Box::pin(sleep(self.every)))
            }
        };
        while timer.as_mut().poll(cx).is_ready() {
            if !wanted {
                self.sleep = None;
                return false;
            }
            late |= !self.paused && counter.saturating_sub(self.mark) < self.least;
            (self.mark, self.paused) = (counter, false);
            timer.as_mut().reset(Instant::now() + self.every);
        }
        late
    }
}
