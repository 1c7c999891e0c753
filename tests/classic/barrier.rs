//! The same workers that [get nothing](crate::bug) from the article's server, and a ventilator.

use std::time::Duration;

use support::{ANY_PORT, quiet_port, within};
use zmtp::{PullSocket, PushSocket};
use zmtp_libzmq::Context;
use zmtp_patterns::classic::{Config, Expect, Job, Summary, Ventilator};

use crate::article::Worked;
use crate::{article, meeting, repeat, some_time};

#[tokio::test]
async fn b04_with_the_barrier_each_of_three_libzmq_workers_gets_something_100_times_of_100() {
    let runs = repeat(100, async || {
        let (orders, reports, at) = bound([ANY_PORT; 2]).await;
        let context = Context::new();
        let workers = futures::future::join_all((0..3).map(async |_| {
            some_time(500).await;
            article::worker(&context, &at).await.unwrap()
        }));
        let ventilator = Ventilator::new(orders, reports, patient(Expect::All(3)));
        within(60, futures::future::join(ventilator.run(jobs(5)), workers)).await
    });
    for (summary, workers) in runs.await {
        assert_eq!(summary.unwrap().ended(), 5);
        assert!(workers.iter().all(|worker| worker.jobs >= 1 && worker.stopped), "{workers:?}");
    }
}

#[derive(Debug, Clone, Copy)]
enum First {
    Server,
    Workers,
}

#[derive(Debug, Clone, Copy)]
enum Whose {
    Ours,
    Libzmq,
}

/// Twelve workers, of which the half is there by then, or all, when the ventilator binds.
async fn run(first: First, whose: Whose) -> (Summary, Vec<Worked>) {
    let (at, context) = ([(); 2].map(|()| format!("tcp://127.0.0.1:{}", quiet_port())), Context::new());
    let workers = async || {
        let workers = (0..12).map(async |_| {
            if matches!(first, First::Server) {
                some_time(100).await;
            }
            match whose {
                Whose::Libzmq => article::worker(&context, &at).await.unwrap(),
                Whose::Ours => {
                    let gone = meeting::worker(&at).run(async |_| Ok::<_, String>(())).await;
                    Worked { jobs: gone.done as usize, stopped: true }
                }
            }
        });
        futures::future::join_all(workers).await
    };
    let ventilator = async || {
        if matches!(first, First::Workers) {
            some_time(300).await;
        }
        let (orders, reports, _) = bound([&at[0], &at[1]]).await;
        Ventilator::new(orders, reports, patient(Expect::All(12))).run(jobs(24)).await.unwrap()
    };
    match first {
        First::Server => within(60, futures::future::join(ventilator(), workers())).await,
        First::Workers => {
            let (workers, summary) = within(60, futures::future::join(workers(), ventilator())).await;
            (summary, workers)
        }
    }
}

/// Each of the twelve gets its two jobs and is stopped, in each of the runs: `CLASSIC_RUNS=1000` makes it so many.
async fn nobody_is_left_out(first: First, whose: Whose) {
    let times = std::env::var("CLASSIC_RUNS").map_or(25, |times| times.parse().expect("a number"));
    let runs = repeat(times, async || run(first, whose).await).await;
    let is_bad = |(summary, workers): &&(Summary, Vec<Worked>)| {
        let of_all = (summary.workers, summary.ended(), summary.duplicates, summary.unknown, summary.stayed);
        of_all != (12, 24, 0, 0, 0)
            || workers.iter().any(|worker| *worker != Worked { jobs: 2, stopped: true })
    };
    let bad: Vec<_> = runs.iter().filter(is_bad).collect();
    println!("{first:?} first, workers {whose:?}: {} bad of {times}", bad.len());
    assert!(bad.is_empty(), "{bad:?}");
}

#[tokio::test]
async fn b26_when_the_server_is_first_each_libzmq_worker_gets_its_share() {
    nobody_is_left_out(First::Server, Whose::Libzmq).await;
}

#[tokio::test]
async fn b26_when_the_workers_wait_already_each_libzmq_worker_gets_its_share() {
    nobody_is_left_out(First::Workers, Whose::Libzmq).await;
}

#[tokio::test]
async fn b26_when_the_server_is_first_each_worker_of_ours_gets_its_share() {
    nobody_is_left_out(First::Server, Whose::Ours).await;
}

#[tokio::test]
async fn b26_when_the_workers_wait_already_each_worker_of_ours_gets_its_share() {
    nobody_is_left_out(First::Workers, Whose::Ours).await;
}

/// A ventilator's sockets, and where they are.
pub(crate) async fn bound(at: [&str; 2]) -> (PushSocket, PullSocket, [String; 2]) {
    let (orders, reports) = (Ventilator::orders().build(), Ventilator::reports().build());
    let at = [orders.bind(at[0]).await.unwrap().to_string(), reports.bind(at[1]).await.unwrap().to_string()];
    (orders, reports, at)
}

/// Nothing takes that long, on the slowest of machines.
pub(crate) fn patient(expect: Expect) -> Config {
    let patience = Duration::from_secs(120);
    Config { expect, ready_within: patience, work_within: Some(patience), grace: patience }
}

pub(crate) fn jobs(count: usize) -> impl Iterator<Item = Job> {
    (0..count).map(|number| Job::new(format!("job {number}")).unwrap())
}
