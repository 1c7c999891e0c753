//! B10: no wait without an end. The clock is paused and jumps to the next timer whenever nothing else can
//! happen: a wait for ever would hang these tests, a wait of an hour takes no time, and how long it was can
//! be said exactly.

use std::{pin::pin, time::Duration};

use clap::Parser;
use time::macros::date;
use tokio::time::{Instant, timeout};
use zmtp::{PullSocket, PushSocket};
use zmtp_patterns::balancer::{Balancer, Client, Job, Worker, WorkerConfig};

use super::*;
use crate::{
    args::{Cli, Verb, WorkerArgs},
    protocol::{Order, Report, Task, worker_id},
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
    let fixed = ["backup", "worker", "--orders", &orders, "--name", "w"];
    match Cli::parse_from(fixed.iter().chain(args)).verb {
        Some(Verb::Worker(args)) => WorkerArgs { reports: reports.parse().unwrap(), ..args },
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
    for (name, way) in BOTH {
        let args = [&["--ready-timeout", "2h"], way].concat();
        let (_dir, server) = server(&format!("nobody-{name}"), &args).await;
        let ((_, trouble), waited) = took(server.run()).await;
        assert_eq!(
            trouble,
            Some(Trouble::TimedOut("0 of 3 workers ready after 2.0 h, at least 3 wanted".into()))
        );
        assert_close(waited, 2 * HOUR);
    }
}

#[tokio::test(start_paused = true)]
async fn b10_the_wait_for_a_job_ends_at_the_job_timeout_and_the_wait_for_the_end_after_the_grace_time() {
    let (_dir, server) = server("deaf", &[&ONE_HOUR[..], &["--classic"]].concat()).await;
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
async fn b10_the_wait_for_a_balanced_job_ends_at_the_job_timeout() {
    let (_dir, server) = server("dreamer", &ONE_HOUR).await;
    let dreamer = balanced_worker("dreamer");
    let dreamer = Worker::start(dreamer, named("dreamer"), |_| std::future::pending());

    let (((summary, trouble), gone), waited) =
        took(async { tokio::join!(server.run(), dreamer.gone()) }).await;

    assert_eq!((summary.failed, trouble, gone.failed), (1, None, 2));
    assert_eq!(summary.failures[0].text, "it took longer than its hard limit");
    assert_close(waited, 2 * (HOUR + 7 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn b10_the_wait_for_balanced_workers_that_have_all_left_ends_at_the_ready_timeout() {
    let (_dir, server) = server("runaways", &["--workers", "1", "--ready-timeout", "90s"]).await;
    let (begun, mut has_begun) = tokio::sync::mpsc::channel(1);
    let runaway = Worker::start(balanced_worker("runaways"), named("w"), move |task| {
        let begun = begun.clone();
        async move {
            let _ = begun.send(()).await;
            task.cancelled().await;
            Err("cancelled".into())
        }
    });
    let leave = async {
        has_begun.recv().await.unwrap();
        runaway.drain(true, SECOND);
        runaway.gone().await;
    };
    let (((summary, trouble), ()), waited) = took(async { tokio::join!(server.run(), leave) }).await;
    assert_eq!(trouble, Some(Trouble::TimedOut("no worker attached for 1 min 30 s".into())));
    assert_eq!((summary.failed, summary.resent), (1, 0));
    assert_close(waited, 90 * SECOND);
}

fn balanced_worker(name: &str) -> zmtp::DealerSocket {
    let [orders, _] = ends(name);
    let socket = Worker::socket().build();
    socket.connect(orders).unwrap();
    socket
}

fn named(name: &str) -> WorkerConfig {
    WorkerConfig { worker: worker_id(name), host: name.into(), ..WorkerConfig::default() }
}

#[tokio::test(start_paused = true)]
async fn b10_the_wait_for_workers_that_have_all_left_ends_at_the_ready_timeout() {
    let args = ["--classic", "--workers", "1", "--ready-timeout", "90s"];
    let (_dir, server) = server("leavers", &args).await;
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
    for (_, way) in BOTH {
        let args = worker("no-server", &[&["--connect-timeout", "3h"], way].concat());
        let (farewell, waited) = took(work(args, |_| {})).await;
        assert_eq!(farewell, Ok(Farewell::NoServer(3 * HOUR)));
        assert_close(waited, 3 * HOUR);
    }
}

#[tokio::test(start_paused = true)]
async fn b10_a_worker_without_its_server_waits_until_the_orphan_timeout_also_in_a_job() {
    let [orders_at, reports_at] = ends("lost");
    let args = worker("lost", &[&FOUR_HOURS[..], &["--classic"]].concat());
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

#[tokio::test(start_paused = true)]
async fn b10_a_balanced_worker_without_its_server_waits_until_the_orphan_timeout_also_in_a_job() {
    let [orders_at, _] = ends("forlorn");
    let args = worker("forlorn", &FOUR_HOURS);
    let (started, mut has_started) = tokio::sync::mpsc::unbounded_channel();
    let say = move |line: &str| {
        if line == "/: started" {
            started.send(()).unwrap();
        }
    };
    let server = async {
        let (router, dealer) = (Balancer::socket().build(), Client::socket().build());
        router.bind(orders_at.clone()).await.unwrap();
        dealer.connect(orders_at).unwrap();
        let (balancer, client) = (Balancer::start(router, Default::default()), Client::start(dealer));
        let dir = tempfile::tempdir().unwrap();
        let destination = dir.path().join("0.1").display().to_string();
        let task = Task { job: 0, attempt: 1, source: "/".into(), destination };
        let _handle = client.submit(Job::new("0", task.to_payload())).await.unwrap();
        has_started.recv().await.unwrap();
        drop(balancer);
    };
    let ((farewell, ()), waited) = took(async { tokio::join!(work(args, say), server) }).await;
    assert_eq!(farewell, Ok(Farewell::Orphaned(4 * HOUR)));
    assert_close(waited, 4 * HOUR);
}

/// The worker does not look for a while, as on a busy machine.
#[tokio::test(start_paused = true)]
async fn b10_a_server_that_has_come_and_gone_before_the_worker_looks_was_there() {
    for (name, way) in BOTH {
        let [orders_at, _] = ends(&format!("brief-{name}"));
        let args = [&["--orphan-timeout", "4h"], way].concat();
        let mut work = pin!(work(worker(&format!("brief-{name}"), &args), |_| {}));
        assert!(timeout(Duration::ZERO, &mut work).await.is_err(), "it dials");
        let orders: Box<dyn Send> = match way {
            [] => {
                let router = Balancer::socket().build();
                router.bind(orders_at).await.unwrap();
                router.wait_for_peers(1).await;
                Box::new(router)
            }
            _ => {
                let push = PushSocket::new();
                push.bind(orders_at).await.unwrap();
                push.wait_for_peers(1).await;
                Box::new(push)
            }
        };
        drop(orders);
        // The clock goes on when everybody has seen that.
        tokio::time::sleep(SECOND).await;
        let (farewell, waited) = took(work).await;
        assert_eq!(farewell, Ok(Farewell::Orphaned(4 * HOUR)));
        assert_close(waited, 4 * HOUR);
    }
}

/// In real time: nobody dials inproc a second time.
#[tokio::test]
async fn a_worker_is_ready_again_for_the_next_server_though_it_has_not_got_to_the_orders_of_the_last() {
    let folder = tempfile::tempdir().unwrap();
    let [orders, reports] =
        ["orders", "reports"].map(|end| format!("ipc://{}", folder.path().join(end).display()));
    let [orders, reports]: [Endpoint; 2] = [orders, reports].map(|end| end.parse().unwrap());
    let args = WorkerArgs { orders, reports: reports.clone(), ..worker("next", &["--classic"]) };
    let server = async {
        for _ in 0..3 {
            let mut pull = PullSocket::new();
            pull.bind(reports.clone()).await.unwrap();
            let ready = Report::decode(&pull.recv().await.unwrap());
            assert!(matches!(ready, Ok(Report::Ready { .. })), "{ready:?}");
            pull.close().await.unwrap();
        }
    };
    let servers = timeout(100 * SECOND, server);
    tokio::select! {
        farewell = work(args, |_| {}) => panic!("{farewell:?}"),
        all = servers => all.expect("in time"),
    }
}

/// The ways that orders travel: a name, and the options.
const BOTH: [(&str, &[&str]); 2] = [("balanced", &[]), ("classic", &["--classic"])];
const ONE_HOUR: [&str; 8] = ["--workers", "1", "--retries", "1", "--job-timeout", "1h", "--grace", "7s"];
const FOUR_HOURS: [&str; 4] = ["--orphan-timeout", "4h", "--command", "sleep 100000"];
