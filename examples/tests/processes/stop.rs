//! The end: everybody goes, in time, whatever has happened; and nobody stays when the server is gone.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use crate::{
    naive::{Naive, Ours},
    support::*,
};

/// Processes with this word in their command line.
fn running(word: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(word)).collect()
}

/// `sleep` for a minute, under a name that no other test has.
fn unmistakable_sleep() -> String {
    format!("sleep 60.{}", fastrand::u64(1_000_000_000..))
}

#[test]
fn b08_all_stop_when_one_was_killed_and_one_was_added_midway() {
    let _shared = MACHINE.read();
    let site = Site::new(12);
    let mut server = site.server(&["--command", "sleep 0.1"]);
    let (orders, reports) = server.endpoints();
    let victim = server.wait_for_event("worker-started");
    server.wait_for_event("started");
    signal(victim["pid"].as_u64().unwrap(), "-9");
    let added = Worker::start("added", &orders, &reports, &["--command", "sleep 0.1"]);
    server.wait_for("newcomer", |event| event["event"] == "ready" && event["worker"] == "added");

    let finished = server.finish();

    assert_eq!(finished.code, 0, "{finished:#?}");
    assert_eq!(added.exit_code(), 0);
    let mut ends: Vec<_> =
        finished.all("worker-exited").map(|event| event["how"].as_str().unwrap()).collect();
    ends.sort_unstable();
    assert_eq!(ends, ["exit code 0", "exit code 0", "killed by signal 9"]);
    assert_eq!(finished.all("overstayed").count(), 0);
}

#[test]
fn b08_a_worker_that_does_not_stop_is_killed_after_the_grace_time() {
    let _shared = MACHINE.read();
    let site = Site::new(1);
    let mut server = site.server(&["--workers", "2", "--grace", "500ms", "--command", "sleep 0.3"]);
    let pids = [(); 2].map(|()| server.wait_for_event("worker-started"));
    let busy = server.wait_for_event("started");
    let idle = pids.iter().find(|event| event["worker"] != busy["worker"]).unwrap();
    signal(idle["pid"].as_u64().unwrap(), "-STOP");

    let finished = server.finish();

    assert_eq!(finished.code, 0, "{finished:#?}");
    let end = finished.all("worker-exited").find(|event| event["worker"] == idle["worker"]).unwrap();
    assert_eq!(end["how"], "killed by signal 9");
}

#[test]
fn a_signal_stops_server_workers_and_their_programs() {
    let _shared = MACHINE.read();
    for name in ["-TERM", "-INT", "-HUP"] {
        let (site, sleep) = (Site::new(6), unmistakable_sleep());
        let mut server = site.server(&["--command", &sleep]);
        (0..3).for_each(|_| _ = server.wait_for_event("started"));
        let start = Instant::now();
        signal(server.pid().into(), name);

        let finished = server.finish();

        assert_eq!(finished.code, 1, "{finished:#?}");
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        assert_eq!(finished.all("bye").count(), 3, "{finished:#?}");
        assert_eq!(finished.summary()["trouble"], "interrupted");
        until("the programs are gone", || running(&sleep).is_empty());
        assert!(!site.to().join(".partial").exists());
    }
}

#[test]
fn the_program_of_a_killed_worker_is_killed_too() {
    let _shared = MACHINE.read();
    let (site, sleep) = (Site::new(1), unmistakable_sleep());
    let mut server = site.server(&["--workers", "1", "--command", &sleep]);
    let worker = server.wait_for_event("worker-started")["pid"].as_u64().unwrap();
    server.wait_for_event("started");
    until("the program runs", || running(&sleep).iter().any(|line| line.starts_with("sleep")));
    signal(worker, "-9");

    let finished = server.finish();

    assert_eq!(finished.code, 1);
    until("the program is gone", || running(&sleep).is_empty());
}

#[test]
fn workers_exit_by_themselves_when_their_server_is_killed() {
    let _shared = MACHINE.read();
    let site = Site::new(3);
    let mut server = site.server(&["--command", "sleep 60"]);
    let pids = [(); 3].map(|()| server.wait_for_event("worker-started")["pid"].as_u64().unwrap());
    (0..3).for_each(|_| _ = server.wait_for_event("started"));
    signal(server.pid().into(), "-9");
    until("all workers are gone", || {
        !pids.iter().any(|pid| Path::new("/proc").join(pid.to_string()).exists())
    });
}

#[test]
fn an_orphan_leaves_after_its_timeout_and_not_before() {
    let _alone = MACHINE.write();
    let mut server = Ours::bind("tcp://127.0.0.1:0", "tcp://127.0.0.1:0");
    let (orders, reports) = server.endpoints();
    let worker = Worker::start("orphan", orders, reports, &["--orphan-timeout", "500ms"]);
    server.recv_only("ready");
    until("it is attached", || server.is_attached());
    drop(server);
    let start = Instant::now();
    assert_eq!(worker.exit_code(), 0);
    let waited = start.elapsed();
    assert!((400..3000).contains(&waited.as_millis()), "{waited:?}");
}

#[test]
fn a_worker_waits_for_its_first_server_for_as_long_as_it_was_told() {
    let _shared = MACHINE.read();
    let (orders, reports) = (free_endpoint(), free_endpoint());
    let patient = Worker::start("patient", &orders, &reports, &["--orphan-timeout", "100ms"]);
    let hasty = Worker::start("hasty", &orders, &reports, &["--connect-timeout", "300ms"]);
    assert_eq!(hasty.exit_code(), 2);

    let mut server = Ours::bind(&orders, &reports);
    assert_eq!(server.recv_only("ready")[1], "patient");
    server.send_kills(1);
    assert_eq!(server.recv_only("bye")[1], "patient");
    assert_eq!(patient.exit_code(), 0);
}

#[test]
fn a_worker_is_ready_again_for_the_next_server() {
    let _shared = MACHINE.read();
    let (orders, reports) = (free_endpoint(), free_endpoint());
    let worker = Worker::start("w", &orders, &reports, &["--orphan-timeout", "60s"]);
    for _ in 0..2 {
        let mut server = Ours::bind(&orders, &reports);
        assert_eq!(server.recv_only("ready")[1], "w");
        until("it is attached", || server.is_attached());
    }
    let mut server = Ours::bind(&orders, &reports);
    server.send_kills(1);
    assert_eq!(worker.exit_code(), 0);
}

#[test]
fn a_worker_does_what_was_sent_before_kill() {
    let _shared = MACHINE.read();
    let site = Site::new(5);
    let mut server = Ours::bind("tcp://127.0.0.1:0", "tcp://127.0.0.1:0");
    let (orders, reports) = server.endpoints();
    let worker = Worker::start("w", orders, reports, &[]);
    server.send_jobs(&site);
    server.send_kills(1);
    assert_eq!(server.results(5).values().sum::<usize>(), 5);
    assert_eq!(worker.exit_code(), 0);
}

#[test]
fn a_worker_that_is_terminated_in_a_job_takes_its_leave() {
    let _shared = MACHINE.read();
    let site = Site::new(1);
    let mut server = Ours::bind("tcp://127.0.0.1:0", "tcp://127.0.0.1:0");
    let (orders, reports) = server.endpoints();
    let worker = Worker::start("w", orders, reports, &["--command", "sleep 60"]);
    server.send_jobs(&site);
    server.recv_only("started");
    signal(worker.pid().into(), "-TERM");
    server.recv_only("bye");
    assert_eq!(worker.exit_code(), 0);
}
