//! An even pace.

use std::thread::sleep;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

/// Calls `tick` once each `every`, `count` times, on this thread. Who is late catches up.
pub fn pace(every: Duration, count: u64, mut tick: impl FnMut()) {
    let mut due = Instant::now();
    for _ in 0..count {
        due += every;
        sleep(due.saturating_duration_since(Instant::now()));
        tick();
    }
}

/// The same for a task: a thread ticks, since tokio's own clock has a grain of a millisecond.
#[derive(Debug)]
pub struct Pacer(mpsc::UnboundedReceiver<()>);

impl Pacer {
    /// Starts to tick.
    pub fn start(every: Duration, count: u64) -> Self {
        let (tell, ticks) = mpsc::unbounded_channel();
        // Whoever no longer listens needs no more ticks.
        std::thread::spawn(move || {
            pace(every, count, || {
                let _ = tell.send(());
            });
        });
        Self(ticks)
    }

    /// Waits for the next tick; false after the last.
    pub async fn tick(&mut self) -> bool {
        self.0.recv().await.is_some()
    }
}
