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

/// A program that copies once it was let go, and does not end before, under a name that no other test has.
struct Held {
    folder: tempfile::TempDir,
    command: String,
    sleep: String,
}

impl Held {
    fn new() -> Self {
        let (folder, sleep) = (tempfile::tempdir().unwrap(), unmistakable_sleep());
        let go = folder.path().join("go").display().to_string();
        let command = format!(r#"sh -c 'test -e {go} || exec {sleep}; cp "$0"/* "$1"' {{}} DEST"#);
        Self { folder, command, sleep }
    }

    /// Those that are begun from now on copy.
    fn let_go(&self) {
        std::fs::write(self.folder.path().join("go"), "").unwrap();
    }

    /// Whether one runs that was begun before.
    fn runs(&self) -> bool {
        running(&self.sleep).iter().any(|line| line.starts_with("sleep"))
    }
}

/// The options of a server with so many workers, which others start.
fn external<'a>(workers: &'a str, ends: Vec<&'a str>) -> Vec<&'a str> {
    [vec!["--external", "--workers", workers], ends].concat()
}

const ANY: &str = "tcp://127.0.0.1:0";

both_ways! {
    b08_all_stop_when_one_was_killed_and_one_was_added_midway
    b08_a_worker_that_does_not_stop_is_killed_after_the_grace_time
    a_signal_stops_server_workers_and_their_programs
    the_program_of_a_killed_worker_is_killed_too
    workers_exit_by_themselves_when_their_server_is_killed
    an_orphan_leaves_after_its_timeout_and_not_before
    a_worker_waits_for_its_first_server_for_as_long_as_it_was_told
    a_worker_is_ready_again_for_the_next_server
    a_worker_that_is_terminated_while_it_waits_goes
}

fn b08_all_stop_when_one_was_killed_and_one_was_added_midway(way: Way) {
    let _shared = MACHINE.read();
    let site = Site::new(12);
    let mut server = site.server(way, &["--command", "sleep 0.1"]);
    let (orders, reports) = server.endpoints();
    let victim = server.wait_for_event("worker-started");
    server.wait_for_event("started");
    signal(victim["pid"].as_u64().unwrap(), "-9");
    let added = Worker::start(way, "added", &orders, &reports, &["--command", "sleep 0.1"]);
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

fn b08_a_worker_that_does_not_stop_is_killed_after_the_grace_time(way: Way) {
    let _shared = MACHINE.read();
    let site = Site::new(1);
    let mut server = site.server(way, &["--workers", "2", "--grace", "500ms", "--command", "sleep 0.3"]);
    let pids = [(); 2].map(|()| server.wait_for_event("worker-started"));
    let busy = server.wait_for_event("started");
    let idle = pids.iter().find(|event| event["worker"] != busy["worker"]).unwrap();
    signal(idle["pid"].as_u64().unwrap(), "-STOP");

    let finished = server.finish();

    assert_eq!(finished.code, 0, "{finished:#?}");
    let end = finished.all("worker-exited").find(|event| event["worker"] == idle["worker"]).unwrap();
    assert_eq!(end["how"], "killed by signal 9");
}

fn a_signal_stops_server_workers_and_their_programs(way: Way) {
    let _shared = MACHINE.read();
    for name in ["-TERM", "-INT", "-HUP"] {
        let (site, sleep) = (Site::new(6), unmistakable_sleep());
        let mut server = site.server(way, &["--command", &sleep]);
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

fn the_program_of_a_killed_worker_is_killed_too(way: Way) {
    let _shared = MACHINE.read();
    let (site, sleep) = (Site::new(1), unmistakable_sleep());
    let mut server = site.server(way, &["--workers", "1", "--command", &sleep]);
    let worker = server.wait_for_event("worker-started")["pid"].as_u64().unwrap();
    server.wait_for_event("started");
    until("the program runs", || running(&sleep).iter().any(|line| line.starts_with("sleep")));
    signal(worker, "-9");

    let finished = server.finish();

    assert_eq!(finished.code, 1);
    until("the program is gone", || running(&sleep).is_empty());
}

fn workers_exit_by_themselves_when_their_server_is_killed(way: Way) {
    let _shared = MACHINE.read();
    let site = Site::new(3);
    let mut server = site.server(way, &["--command", "sleep 60"]);
    let pids = [(); 3].map(|()| server.wait_for_event("worker-started")["pid"].as_u64().unwrap());
    (0..3).for_each(|_| _ = server.wait_for_event("started"));
    signal(server.pid().into(), "-9");
    until("all workers are gone", || {
        !pids.iter().any(|pid| Path::new("/proc").join(pid.to_string()).exists())
    });
}

fn an_orphan_leaves_after_its_timeout_and_not_before(way: Way) {
    let _alone = MACHINE.write();
    let (site, sleep) = (Site::new(1), unmistakable_sleep());
    let mut server = site.server(way, &external("1", way.ends(ANY, ANY)));
    let (orders, reports) = server.endpoints();
    let args = ["--orphan-timeout", "500ms", "--command", &sleep];
    let worker = Worker::start(way, "orphan", &orders, &reports, &args);
    server.wait_for_event("started");
    let start = Instant::now();
    drop(server);
    assert_eq!(worker.exit_code(), 0);
    let waited = start.elapsed();
    // Less than it would be if it had not been told.
    assert!((500..9000).contains(&waited.as_millis()), "{waited:?}");
    until("the program is gone", || running(&sleep).is_empty());
}

fn a_worker_waits_for_its_first_server_for_as_long_as_it_was_told(way: Way) {
    let _shared = MACHINE.read();
    let (orders, reports) = (free_endpoint(), free_endpoint());
    let patient = Worker::start(way, "patient", &orders, &reports, &["--orphan-timeout", "100ms"]);
    let start = Instant::now();
    let hasty = Worker::start(way, "hasty", &orders, &reports, &["--connect-timeout", "300ms"]);
    assert_eq!(hasty.exit_code(), 2);
    assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());

    let site = Site::new(1);
    let finished = site.server(way, &external("1", way.ends(&orders, &reports))).finish();
    assert_eq!(finished.code, 0, "{finished:#?}");
    assert_eq!(finished.all("ready").next().unwrap()["worker"], "patient");
    site.assert_saved();
    assert_eq!(patient.exit_code(), 0);
}

fn a_worker_is_ready_again_for_the_next_server(way: Way) {
    let _shared = MACHINE.read();
    let (orders, reports) = (free_endpoint(), free_endpoint());
    let (site, ends) = (Site::new(2), way.ends(&orders, &reports));
    let worker = Worker::start(way, "w", &orders, &reports, &["--orphan-timeout", "60s"]);
    for _ in 0..2 {
        // It waits for another one until it is killed.
        let mut server = site.server(way, &external("2", ends.clone()));
        assert_eq!(server.wait_for_event("ready")["worker"], "w");
    }
    let finished = site.server(way, &external("1", ends)).finish();
    assert_eq!(finished.code, 0, "{finished:#?}");
    assert_eq!(finished.jobs_per_worker(), [2]);
    site.assert_saved();
    assert_eq!(worker.exit_code(), 0);
}

fn a_worker_that_is_terminated_while_it_waits_goes(way: Way) {
    let _shared = MACHINE.read();
    let site = Site::new(1);
    let mut server = site.server(way, &external("2", way.ends(ANY, ANY)));
    let (orders, reports) = server.endpoints();
    let worker = Worker::start(way, "w", &orders, &reports, &[]);
    server.wait_for_event("ready");
    signal(worker.pid().into(), "-TERM");
    assert_eq!(worker.exit_code(), 0);
}

#[test]
fn what_a_server_that_is_gone_wanted_done_is_stopped_for_the_next_one() {
    let _shared = MACHINE.read();
    let (site, held) = (Site::new(2), Held::new());
    let at = free_endpoint();
    let ends = Way::Balanced.ends(&at, "");
    let args = ["--orphan-timeout", "60s", "--command", &held.command];
    let worker = Worker::start(Way::Balanced, "w", &at, "", &args);
    let mut first = site.server(Way::Balanced, &external("1", ends.clone()));
    first.wait_for_event("started");
    until("the program runs", || held.runs());
    drop(first);
    held.let_go();

    let finished = site.server(Way::Balanced, &external("1", ends)).finish();

    assert_eq!(finished.code, 0, "{finished:#?}");
    assert_eq!((finished.all("lost").count(), finished.all("failed").count()), (0, 0), "{finished:#?}");
    site.assert_saved();
    assert_eq!(worker.exit_code(), 0);
    until("the program is gone", || !held.runs());
}

#[test]
fn workers_of_somebody_else_stop_their_programs_and_go_when_their_server_is_terminated() {
    let _shared = MACHINE.read();
    let (site, sleep) = (Site::new(6), unmistakable_sleep());
    let mut server = site.server(Way::Balanced, &external("2", Way::Balanced.ends(ANY, "")));
    let (at, _) = server.endpoints();
    let workers = ["a", "b"].map(|name| Worker::start(Way::Balanced, name, &at, "", &["--command", &sleep]));
    (0..2).for_each(|_| _ = server.wait_for_event("started"));
    signal(server.pid().into(), "-TERM");

    let finished = server.finish();

    assert_eq!((finished.code, finished.all("bye").count()), (1, 2), "{finished:#?}");
    assert_eq!(finished.summary()["trouble"], "interrupted");
    assert_eq!(workers.map(Worker::exit_code), [0, 0]);
    until("the programs are gone", || running(&sleep).is_empty());
}

/// Without a second try: what is given back counts for nothing.
#[test]
fn a_worker_that_is_terminated_in_a_job_gives_it_back_and_another_does_it() {
    let _shared = MACHINE.read();
    let (site, held) = (Site::new(1), Held::new());
    let args = [external("2", Way::Balanced.ends(ANY, "")), vec!["--retries", "0"]].concat();
    let mut server = site.server(Way::Balanced, &args);
    let (at, _) = server.endpoints();
    let [a, b] =
        ["a", "b"].map(|name| Worker::start(Way::Balanced, name, &at, "", &["--command", &held.command]));
    let started = server.wait_for_event("started");
    until("the program runs", || held.runs());
    held.let_go();
    let (busy, other) = if started["worker"] == "a" { (a, b) } else { (b, a) };
    signal(busy.pid().into(), "-TERM");
    assert_eq!(busy.exit_code(), 0);

    let finished = server.finish();

    assert_eq!(finished.code, 0, "{finished:#?}");
    assert_eq!(finished.all("done").next().unwrap()["worker"], other.name.as_str());
    site.assert_saved();
    assert_eq!(other.exit_code(), 0);
    until("the program is gone", || !held.runs());
}

#[test]
fn a_worker_does_what_was_sent_before_kill() {
    let _shared = MACHINE.read();
    let site = Site::new(5);
    let mut server = Ours::bind("tcp://127.0.0.1:0", "tcp://127.0.0.1:0");
    let (orders, reports) = server.endpoints();
    let worker = Worker::start(Way::Classic, "w", orders, reports, &[]);
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
    let worker = Worker::start(Way::Classic, "w", orders, reports, &["--command", "sleep 60"]);
    server.send_jobs(&site);
    server.recv_only("started");
    signal(worker.pid().into(), "-TERM");
    server.recv_only("bye");
    assert_eq!(worker.exit_code(), 0);
}
