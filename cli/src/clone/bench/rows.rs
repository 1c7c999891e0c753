//! What is measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::flood::flood;
use super::memory::memory;
use super::pairs::changeover;
use super::{Served, fill, keys, write};
use crate::bench::{Figure, Row, millis, percentile};

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "seen",
        figures: &[
            Figure {
                name: "seen",
                what: "from a write of 800 octets to its being in the writer's replica, 100 writers of 5 a second each, 10 of them with replicas",
                unit: "ms",
            },
            Figure { name: "seen-99", what: "the same, 99 of 100", unit: "ms" },
        ],
        measure: |about| Box::pin(seen(about)),
    },
    Row {
        name: "flood",
        figures: &[
            Figure {
                name: "written",
                what: "writes of 100 octets by 10 clients, each in a thread of its own, 200 at a time each",
                unit: "writes/s",
            },
            Figure { name: "told", what: "the same, at all of their replicas", unit: "changes/s" },
        ],
        measure: |about| Box::pin(flood(about)),
    },
    Row {
        name: "curve",
        figures: &[
            Figure { name: "at-1000", what: CURVE, unit: "ms" },
            Figure { name: "at-1000-99", what: "the same, 99 of 100", unit: "ms" },
            Figure { name: "at-10000", what: "the same at 10,000 writes a second", unit: "ms" },
            Figure { name: "at-10000-99", what: "the same, 99 of 100", unit: "ms" },
            Figure { name: "at-50000", what: "the same at 50,000 writes a second", unit: "ms" },
            Figure { name: "at-50000-99", what: "the same, 99 of 100", unit: "ms" },
        ],
        measure: |about| Box::pin(curve(about)),
    },
    Row {
        name: "join",
        figures: &[
            Figure {
                name: "join",
                what: "until a new client knows 1,000,000 keys of 100 octets, or the part of them that --each is of a second, while 10 clients write",
                unit: "ms",
            },
            Figure { name: "write", what: "how long a write took before, 99 of 100", unit: "ms" },
            Figure { name: "write-joining", what: "how long a write took meanwhile, 99 of 100", unit: "ms" },
        ],
        measure: |about| Box::pin(join(about)),
    },
    Row {
        name: "memory",
        figures: &[Figure {
            name: "memory",
            what: "what a server alone needs for each of 1,000,000 keys of 16 octets with values of 100, or for each of the part of them that --each is of a second",
            unit: "octets/key",
        }],
        measure: |about| Box::pin(memory(about)),
    },
    Row {
        name: "changeover",
        figures: &[
            Figure {
                name: "planned",
                what: "from when a server of a pair is told to hand over until a write is answered that was made then",
                unit: "ms",
            },
            Figure { name: "death", what: "the same when it dies: failover 2 s, beat 250 ms", unit: "ms" },
            Figure { name: "death-tight", what: "the same, failover 200 ms, beat 50 ms", unit: "ms" },
        ],
        measure: |about| Box::pin(changeover(about)),
    },
];

/// The writers have as many replicas of everything as there are in ten; the others follow nothing.
async fn seen(about: Duration) -> Vec<f64> {
    const WRITERS: u64 = 100;
    const EACH: Duration = Duration::from_millis(200);
    let served = Served::start().await;
    let mut writing = JoinSet::new();
    for writer in 0..WRITERS {
        let sees = writer % 10 == 0;
        let client = served.client(if sees { "" } else { "\0nothing" });
        writing.spawn(async move {
            client.ready().await;
            // Not all at the same time.
            sleep(EACH * writer as u32 / WRITERS as u32).await;
            let (mut times, begun, mut ticks) = (Vec::new(), Instant::now(), interval(EACH));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            for number in 0_u64.. {
                ticks.tick().await;
                if begun.elapsed() > about {
                    break;
                }
                let start = Instant::now();
                let version = write(&client, format!("{writer}/{number}"), 800).await;
                if sees {
                    client.wait_for(version).await;
                    times.push(start.elapsed());
                }
            }
            times
        });
    }
    let mut times: Vec<_> = writing.join_all().await.into_iter().flatten().collect();
    vec![millis(percentile(&mut times, 50)), millis(percentile(&mut times, 99))]
}

/// From when a write of 800 octets is due to its being in its writer's replica, at one rate after the other.
async fn curve(about: Duration) -> Vec<f64> {
    let mut figures = Vec::new();
    for rate in [1_000, 10_000, 50_000] {
        let mut times = at_rate(about, rate).await;
        figures.extend([50, 99].map(|p| millis(percentile(&mut times, p))));
    }
    figures
}

async fn at_rate(about: Duration, rate: u32) -> Vec<Duration> {
    const CLIENTS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    const TICK: Duration = Duration::from_millis(10);
    let served = Served::start().await;
    let mut clients = JoinSet::new();
    for prefix in CLIENTS {
        let client = served.client(prefix);
        clients.spawn(async move {
            client.ready().await;
            let (mut writing, mut ticks) = (JoinSet::new(), interval(TICK));
            for tick in 0..about.as_millis() / TICK.as_millis() {
                let due = ticks.tick().await;
                for number in 0..rate * TICK.as_millis() as u32 / 1000 / CLIENTS.len() as u32 {
                    let client = client.clone();
                    writing.spawn(async move {
                        let version = write(&client, format!("{prefix}/{number}/{}", tick % 5), 800).await;
                        client.wait_for(version).await;
                        due.elapsed()
                    });
                }
            }
            writing.join_all().await
        });
    }
    clients.join_all().await.concat()
}

async fn join(about: Duration) -> Vec<f64> {
    let served = Served::start().await;
    fill(&served.client("\0nothing"), keys(about)).await;
    let (mut usual, ()) = writes(&served, sleep(about.min(Duration::from_secs(1)))).await;
    let (mut meanwhile, (joined, _)) = writes(&served, served.join()).await;
    let write = millis(percentile(&mut usual, 99));
    vec![millis(joined), write, millis(percentile(&mut meanwhile, 99))]
}

/// How long writes of 10 clients take for as long as that takes.
async fn writes<T>(served: &Served, meanwhile: impl Future<Output = T>) -> (Vec<Duration>, T) {
    let (is_over, mut writing) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
    for number in 0..10 {
        let (client, is_over) = (served.client("\0nothing"), Arc::clone(&is_over));
        writing.spawn(async move {
            client.ready().await;
            let mut times = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                let start = Instant::now();
                write(&client, format!("{number}"), 100).await;
                times.push(start.elapsed());
                sleep(Duration::from_millis(5)).await;
            }
            times
        });
    }
    let done = meanwhile.await;
    is_over.store(true, Ordering::Relaxed);
    (writing.join_all().await.into_iter().flatten().collect(), done)
}

const CURVE: &str = "from when a write of 800 octets is due to its being in its writer's replica, 10 writers of 1,000 a second together";
