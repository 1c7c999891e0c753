//! B10: no wait without an end. The clock is paused and jumps to the next timer whenever nothing else can
//! happen: a wait for ever would hang these tests, a wait of an hour takes no time, and how long it was can
//! be said exactly.

use std::time::Duration;

use clap::Parser;
use time::macros::date;
use tokio::time::{Instant, timeout};
use zmtp::{PullSocket, PushSocket};

use super::*;
use crate::{
    args::{Cli, Verb, WorkerArgs},
    worker::{Farewell, work},
};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
/// Timers tick in milliseconds, and there are a few in a row.
const ROUNDING: Duration = Duration::from_millis(50);

/// A server in this process that waits for workers of others, with one folder to save.
async fn server(name: &str, args: &[&str]) -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let (to, folder) = (dir.path().join("to").display().to_string(), dir.path().join("folder"));
    std::fs::create_dir(&folder).unwrap();
    let fixed = ["backup", &folder.display().to_string(), "--to", &to, "--external"].map(ToOwned::to_owned);
    let cli = Cli::parse_from(fixed.into_iter().chain(args.iter().map(ToString::to_string)));
    let mut setup = Setup::new(&cli.server, date!(2026 - 11 - 22)).unwrap();
    let [orders, reports] = ends(name);
    (setup.orders, setup.reports) = (orders, reports);
    (dir, Server::start(setup, Show::nothing()).await.unwrap())
}

fn worker(name: &str, args: &[&str]) -> WorkerArgs {
    let [orders, reports] = ends(name).map(|end| end.to_string());
    let fixed = ["backup", "worker", "--orders", &orders, "--reports", &reports, "--name", "w"];
    match Cli::parse_from(fixed.iter().chain(args)).verb {
        Some(Verb::Worker(args)) => args,
        None => unreachable!("a worker was asked for"),
    }
}

fn ends(name: &str) -> [Endpoint; 2] {
    ["orders", "reports"].map(|end| format!("inproc://{name}-{end}").parse().unwrap())
}

async fn took<T>(what: impl Future<Output = T>) -> (T, Duration) {
    let start = Instant::now();
    let result = timeout(1000 * HOUR, what).await.expect("an end");
    (result, start.elapsed())
}

#[track_caller]
fn assert_close(waited: Duration, expected: Duration) {
    assert!(waited >= expected && waited <= expected + ROUNDING, "{waited:?}, not {expected:?}");
}

#[tokio::test(start_paused = true)]
async fn b10_the_wait_for_workers_ends_at_the_ready_timeout() {
    let (_dir, server) = server("nobody", &["--ready-timeout", "2h"]).await;
    let ((_, trouble), waited) = took(server.run()).await;
    assert_eq!(
        trouble,
        Some(Trouble::TimedOut("0 of 3 workers ready after 2.0 h, at least 3 wanted".into()))
    );
    assert_close(waited, 2 * HOUR);
}

#[tokio::test(start_paused = true)]
async fn b10_the_wait_for_a_job_ends_at_the_job_timeout_and_the_wait_for_the_end_after_the_grace_time() {
    let args = ["--workers", "1", "--retries", "1", "--job-timeout", "1h", "--grace", "7s"];
    let (_dir, server) = server("deaf", &args).await;
    let [orders_at, reports_at] = ends("deaf");
    let (deaf, reports) = (PullSocket::new(), PushSocket::new());
    deaf.connect(orders_at).unwrap();
    reports.connect(reports_at).unwrap();
    reports.send(Report::Ready { worker: "deaf".into() }.encode()).await.unwrap();

    let ((summary, trouble), waited) = took(server.run()).await;

    assert_eq!((summary.failed, trouble), (1, None));
    assert_eq!(summary.failures[0].text, "no answer for 1.0 h");
    // Two attempts, each with the grace time for a worker to tell that it has given up; then the grace time.
    assert_close(waited, 2 * (HOUR + 7 * SECOND) + 7 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn b10_the_wait_for_workers_that_have_all_left_ends_at_the_ready_timeout() {
    let (_dir, server) = server("leavers", &["--workers", "1", "--ready-timeout", "90s"]).await;
    let [orders_at, reports_at] = ends("leavers");
    let leave = async {
        let (mut orders, reports) = (PullSocket::new(), PushSocket::new());
        orders.connect(orders_at).unwrap();
        reports.connect(reports_at).unwrap();
        reports.send(Report::Ready { worker: "w".into() }.encode()).await.unwrap();
        orders.recv().await.unwrap();
    };
    let (((_, trouble), ()), waited) = took(async { tokio::join!(server.run(), leave) }).await;
    assert_eq!(trouble, Some(Trouble::TimedOut("no worker attached for 1 min 30 s".into())));
    assert!(waited >= 90 * SECOND && waited < 100 * SECOND, "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn b10_a_worker_waits_for_its_first_server_until_the_connect_timeout() {
    let args = worker("no-server", &["--connect-timeout", "3h"]);
    let (farewell, waited) = took(work(args, |_| {})).await;
    assert_eq!(farewell, Ok(Farewell::NoServer(3 * HOUR)));
    assert_close(waited, 3 * HOUR);
}

#[tokio::test(start_paused = true)]
async fn b10_a_worker_without_its_server_waits_until_the_orphan_timeout_also_in_a_job() {
    let [orders_at, reports_at] = ends("lost");
    let args = worker("lost", &["--orphan-timeout", "4h", "--command", "sleep 100000"]);
    let server = async {
        let (orders, mut reports) = (PushSocket::builder().linger(Duration::ZERO).build(), PullSocket::new());
        orders.bind(orders_at).await.unwrap();
        reports.bind(reports_at).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let destination = dir.path().join("copy").display().to_string();
        let task = Task { job: 0, attempt: 1, source: "/".into(), destination };
        orders.send(Order::Backup(task).encode()).await.unwrap();
        while !matches!(Report::decode(&reports.recv().await.unwrap()), Ok(Report::Started { .. })) {}
    };
    let ((farewell, ()), waited) = took(async { tokio::join!(work(args, |_| {}), server) }).await;
    assert_eq!(farewell, Ok(Farewell::Orphaned(4 * HOUR)));
    assert_close(waited, 4 * HOUR);
}
