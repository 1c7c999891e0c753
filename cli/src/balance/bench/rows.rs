//! What is measured.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc;
use zmtp_patterns::balancer::{Config, Expect, Job, Pivot};

use super::{Broker, Crew};
use crate::bench::{Figure, Row, millis, percentile};

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "tasks",
        figures: &[Figure {
            name: "tasks",
            what: "jobs of 64 octets through 8 workers with 16 slots each, a thousand at a time",
            unit: "jobs/s",
        }],
        measure: |about| Box::pin(async move { vec![tasks(about).await] }),
    },
    Row {
        name: "sync",
        figures: &[Figure {
            name: "sync",
            what: "jobs of 64 octets, one after the other, through one worker",
            unit: "jobs/s",
        }],
        measure: |about| Box::pin(async move { vec![sync(about).await] }),
    },
    Row {
        name: "barrier",
        figures: &[Figure {
            name: "barrier",
            what: "from the last of 200 workers' start to the beginning of work",
            unit: "ms",
        }],
        measure: |_| Box::pin(async move { vec![barrier().await] }),
    },
    Row {
        name: "redispatch",
        figures: &[Figure {
            name: "redispatch",
            what: "from a worker's SIGKILL to its job at another, without resume grace, 99 of 100",
            unit: "ms",
        }],
        measure: |about| Box::pin(async move { vec![redispatch(about).await] }),
    },
    Row {
        name: "one-shot",
        figures: &[Figure {
            name: "one-shot",
            what: "processes (`true`), one for each job, as many at a time as there are processors",
            unit: "processes/s",
        }],
        measure: |about| Box::pin(async move { vec![one_shot(about).await] }),
    },
];

fn job(number: u64) -> Job {
    Job::new(number.to_string(), Bytes::from_static(&[b'x'; 64]))
}

async fn tasks(about: Duration) -> f64 {
    let broker = Broker::start(Config::default()).await;
    let _crew = Crew::start(&broker, 8, 16);
    rate(&broker, about).await
}

/// Jobs done in a second, by a client that has as many open as it may.
async fn rate(broker: &Broker, about: Duration) -> f64 {
    let client = broker.client();
    let (handles, mut open) = mpsc::channel(1000);
    let start = Instant::now();
    let submit = async {
        let mut number = 0;
        while start.elapsed() < about {
            let handle = client.submit(job(number)).await.expect("a broker");
            number += 1;
            let _ = handles.send(handle).await;
        }
        drop(handles);
    };
    let mut done = 0;
    let hear = async {
        while let Some(handle) = open.recv().await {
            handle.outcome().await.expect("an outcome");
            done += 1;
        }
    };
    tokio::join!(submit, hear);
    f64::from(done) / start.elapsed().as_secs_f64()
}

async fn sync(about: Duration) -> f64 {
    let broker = Broker::start(Config::default()).await;
    let _crew = Crew::start(&broker, 1, 1);
    let client = broker.client();
    let (start, mut done) = (Instant::now(), 0);
    while start.elapsed() < about {
        let handle = client.submit(job(done)).await.expect("a broker");
        handle.outcome().await.expect("an outcome");
        done += 1;
    }
    done as f64 / start.elapsed().as_secs_f64()
}

async fn barrier() -> f64 {
    const WORKERS: usize = 200;
    let expect = Expect { workers: WORKERS, at_least: WORKERS, within: Duration::from_secs(30) };
    let mut broker = Broker::start(Config { expect: Some(expect), ..Config::default() }).await;
    let start = Instant::now();
    let _crew = Crew::start(&broker, WORKERS, 1);
    millis(broker.ready().await.duration_since(start))
}

/// A worker is killed for each hundredth of that time, a hundred at most.
async fn redispatch(about: Duration) -> f64 {
    let kills = (about.as_millis() as u64 / 10).clamp(1, 100);
    let mut broker = Broker::start(Config { resume_grace: Duration::ZERO, ..Config::default() }).await;
    let client = broker.client();
    let mut times = Vec::new();
    for number in 0..kills {
        // It is the only worker until it has the job.
        let mut victim = victim(&broker.at);
        broker.forget();
        let handle = client.submit(job(2 * number)).await.expect("a broker");
        broker.leased().await;
        let (got, mut heard) = mpsc::unbounded_channel();
        let _crew = Crew::with(&broker, 1, 1, move |_| {
            let _ = got.send(Instant::now());
            async { Ok(Bytes::new()) }
        });
        // The other is there when it has done something else.
        let other = client.submit(job(2 * number + 1)).await.expect("a broker");
        other.outcome().await.expect("an outcome");
        heard.recv().await;
        let killed = Instant::now();
        victim.kill().expect("it is ours");
        let at = heard.recv().await.expect("a worker");
        times.push(at.duration_since(killed));
        victim.wait().expect("it is ours");
        handle.outcome().await.expect("an outcome");
    }
    millis(percentile(&mut times, 99))
}

/// A worker as a process of its own, whose commands take longer than it has to live.
fn victim(at: &str) -> Child {
    let program = std::env::current_exe().expect("this program has a path");
    let mut command = Command::new(program);
    command.args(["balance", "worker", "--connect", at, "--", "sleep", "2"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("this program can be started")
}

async fn one_shot(about: Duration) -> f64 {
    let broker = Broker::start(Config::default()).await;
    let pivot = Pivot::new("true", Vec::<String>::new());
    let slots = std::thread::available_parallelism().map_or(1, |n| n.get() as u16);
    let _crew = Crew::with(&broker, 1, slots, move |task| pivot.run(task));
    rate(&broker, about).await
}
