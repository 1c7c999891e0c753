//! Notices that something does not move on.

use std::pin::Pin;
use std::task::Context;

use tokio::time::{Instant, Sleep, sleep};

use crate::options::Progress;

/// A timer that is armed while something is wanted and looks at a counter when it fires. Moving on costs nothing:
/// the timer is not touched before it fires.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    sleep: Option<Pin<Box<Sleep>>>,
    mark: u64,
    /// It was not wanted at some time since the timer was armed.
    paused: bool,
}

impl Watch {
    /// Whether it was wanted for a whole period in which `counter` did not come as far as it must.
    pub(crate) fn is_late(
        &mut self,
        wanted: bool,
        counter: u64,
        must: Progress,
        cx: &mut Context<'_>,
    ) -> bool {
        let mut late = false;
        self.paused |= !wanted;
        let timer = match &mut self.sleep {
            Some(timer) => timer,
            None if !wanted => return false,
            None => {
                (self.mark, self.paused) = (counter, false);
                self.sleep.insert(Box::pin(sleep(must.every)))
            }
        };
        while timer.as_mut().poll(cx).is_ready() {
            if !wanted {
                self.sleep = None;
                return false;
            }
            late |= !self.paused && counter.saturating_sub(self.mark) < must.bytes;
            (self.mark, self.paused) = (counter, false);
            timer.as_mut().reset(Instant::now() + must.every);
        }
        late
    }
}
