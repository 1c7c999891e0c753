//! How much can be written, and told to all who write.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::{Barrier, oneshot};
use tokio::task::JoinSet;
use zmtp_patterns::clone::{Client, Version};

use super::{Served, write};
use crate::bench::thread;

/// What they all wait for, and what they tell each other.
#[derive(Clone)]
struct Crowd {
    barrier: Arc<Barrier>,
    last: Arc<Mutex<Version>>,
}

/// What came of one client.
struct Flooded {
    count: u64,
    /// After so long all was written.
    written: Duration,
    /// And all that the others have written was in its replica.
    told: Duration,
}

pub(super) async fn flood(about: Duration) -> Vec<f64> {
    const CLIENTS: usize = 10;
    let served = Served::start().await;
    let crowd = Crowd { barrier: Arc::new(Barrier::new(CLIENTS)), last: Arc::default() };
    let mut flooding = JoinSet::new();
    for number in 0..CLIENTS {
        let (place, crowd, (done, flooded)) = (served.place.clone(), crowd.clone(), oneshot::channel());
        thread(move || async move {
            let client = Client::start(vec![place], Default::default());
            let _ = done.send(crowd.flood(number, client, about).await);
        });
        flooding.spawn(flooded);
    }
    let (mut count, mut written, mut told) = (0, Duration::ZERO, Duration::ZERO);
    for flooded in flooding.join_all().await {
        let flooded = flooded.expect("it has an end");
        count += flooded.count;
        (written, told) = (written.max(flooded.written), told.max(flooded.told));
    }
    vec![count as f64 / written.as_secs_f64(), (count * CLIENTS as u64) as f64 / told.as_secs_f64()]
}

impl Crowd {
    /// Writes, 200 at a time, until that is over, and then waits for what all others have written.
    async fn flood(&self, number: usize, client: Client, about: Duration) -> Flooded {
        client.ready().await;
        self.barrier.wait().await;
        let (begun, mut writing) = (Instant::now(), JoinSet::new());
        for task in 0..200 {
            let client = client.clone();
            writing.spawn(async move {
                let (mut count, mut last) = (0_u64, Version::default());
                while begun.elapsed() < about {
                    last = write(&client, format!("{number}/{task}/{}", count % 5), 100).await;
                    count += 1;
                }
                (count, last)
            });
        }
        let done = writing.join_all().await;
        let written = begun.elapsed();
        self.say(done.iter().map(|(_, last)| *last).max());
        self.barrier.wait().await;
        let last = self.say(None);
        client.wait_for(last).await;
        Flooded { count: done.iter().map(|(count, _)| count).sum(), written, told: begun.elapsed() }
    }

    /// This is the last that one has written. Says what is the last that anybody has.
    fn say(&self, last: Option<Version>) -> Version {
        let mut of_all = self.last.lock().expect("nobody panics");
        *of_all = (*of_all).max(last.unwrap_or_default());
        *of_all
    }
}
