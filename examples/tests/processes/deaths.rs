//! Workers that die in a job, programs that fail in one.

use crate::support::*;

/// A copy that takes a while.
const SLOW_COPY: &str = "sh -c 'cp \"$0\"/* \"$1\" && sleep 0.1' {} DEST";

both_ways! {
    b12_the_job_of_a_killed_worker_runs_again_and_all_30_are_done
    when_every_worker_has_died_the_run_ends_and_says_what_failed
    b11_a_failing_program_is_tried_again_and_its_worker_stays
    b11_a_failure_carries_the_exit_code_and_the_tail_of_the_error_output
    a_job_over_its_time_is_stopped_and_counted_as_failed
    the_job_of_a_worker_of_somebody_else_is_sent_again
}

fn b12_the_job_of_a_killed_worker_runs_again_and_all_30_are_done(way: Way) {
    let _shared = MACHINE.read();
    repeat(8, 4, |run| {
        let site = Site::new(30);
        let mut server = site.server(way, &["--command", SLOW_COPY]);
        let mut pids = std::collections::BTreeMap::new();
        for _ in 0..3 {
            let event = server.wait_for_event("worker-started");
            pids.insert(event["worker"].as_str().unwrap().to_owned(), event["pid"].as_u64().unwrap());
        }
        for _ in 0..3 * run {
            server.wait_for_event("started");
        }
        let victim = server.wait_for_event("started");
        let worker = victim["worker"].as_str().unwrap();
        signal(pids[worker], "-9");

        let finished = server.finish();

        assert_eq!(finished.code, 0, "{finished:#?}");
        assert_eq!(finished.summary()["done"], 30);
        let again: Vec<_> = finished.all("started").filter(|event| event["job"] == victim["job"]).collect();
        assert!(again.len() >= 2 && again[1]["attempt"].as_u64() > Some(1), "{again:?}");
        assert_ne!(again[1]["worker"], victim["worker"]);
        let dones: Vec<_> = finished.all("done").map(|event| event["job"].as_u64().unwrap()).collect();
        assert_eq!(std::collections::BTreeSet::from_iter(dones.clone()).len(), dones.len(), "{dones:?}");
        assert_eq!(finished.summary()["duplicates"], finished.all("duplicate").count());
        assert!(finished.summary()["resent"].as_u64() >= Some(1));
        let gone = finished.all("worker-exited").find(|event| event["worker"] == victim["worker"]).unwrap();
        assert_eq!(gone["how"], "killed by signal 9");
        site.assert_saved();
    });
}

fn when_every_worker_has_died_the_run_ends_and_says_what_failed(way: Way) {
    let _shared = MACHINE.read();
    let site = Site::new(4);
    let mut server = site.server(way, &["--workers", "2", "--command", "sleep 60"]);
    let pids: Vec<_> =
        (0..2).map(|_| server.wait_for_event("worker-started")["pid"].as_u64().unwrap()).collect();
    server.wait_for_event("started");
    server.wait_for_event("started");
    pids.into_iter().for_each(|pid| signal(pid, "-9"));

    let finished = server.finish();

    assert_eq!(finished.code, 1, "{finished:#?}");
    let summary = finished.summary();
    assert_eq!((&summary["failed"], &summary["trouble"]), (&4.into(), &"no worker is left".into()));
    assert!(!site.to().join(".partial").exists());
}

fn b11_a_failing_program_is_tried_again_and_its_worker_stays(way: Way) {
    let _shared = MACHINE.read();
    let site = Site::new(2);
    let finished = site.server(way, &["--workers", "1", "--retries", "2", "--command", "false"]).finish();

    assert_eq!(finished.code, 1, "{finished:#?}");
    // Two folders, three attempts each, all at the one worker, which at the end takes its leave in order.
    assert_eq!(finished.all("failed").count(), 6);
    assert!(
        finished.all("failed").all(|event| event["text"] == "exit code 1" && event["worker"] == "worker-1")
    );
    assert_eq!(finished.all("given-up").count(), 2);
    let gone: Vec<_> = finished.all("worker-exited").map(|event| &event["how"]).collect();
    assert_eq!(gone, ["exit code 0"]);
    assert_eq!(finished.summary()["failures"][0]["text"], "exit code 1");
}

fn b11_a_failure_carries_the_exit_code_and_the_tail_of_the_error_output(way: Way) {
    let _shared = MACHINE.read();
    let site = Site::new(1);
    let command = "sh -c 'echo \"$0: disk on fire\" >&2; exit 7' {}";
    let finished = site.server(way, &["--workers", "1", "--retries", "0", "--command", command]).finish();

    assert_eq!(finished.code, 1);
    let expected = format!("exit code 7: {}: disk on fire", site.folders[0].display());
    assert_eq!(finished.summary()["failures"][0]["text"], expected);
}

fn a_job_over_its_time_is_stopped_and_counted_as_failed(way: Way) {
    let _shared = MACHINE.read();
    let site = Site::new(1);
    let args = ["--workers", "1", "--retries", "1", "--job-timeout", "200ms", "--command", "sleep 60"];
    let finished = site.server(way, &args).finish();

    assert_eq!(finished.code, 1);
    let texts: Vec<_> = finished.all("failed").map(|event| &event["text"]).collect();
    assert_eq!(texts, ["not done within 200 ms", "not done within 200 ms"]);
}

fn the_job_of_a_worker_of_somebody_else_is_sent_again(way: Way) {
    let _shared = MACHINE.read();
    let site = Site::new(6);
    let ends = way.ends("tcp://127.0.0.1:0", "tcp://127.0.0.1:0");
    let rest = ["--external", "--workers", "2", "--job-timeout", "1s", "--grace", "1s"];
    let mut server = site.server(way, &[&rest[..], &ends[..]].concat());
    let (orders, reports) = server.endpoints();
    let mut workers =
        ["a", "b"].map(|name| Worker::start(way, name, &orders, &reports, &["--command", SLOW_COPY]));
    let victim = server.wait_for_event("started");
    workers.iter_mut().find(|worker| victim["worker"] == worker.name.as_str()).unwrap().kill();

    let finished = server.finish();

    assert_eq!(finished.code, 0, "{finished:#?}");
    let again = finished.all("started").filter(|event| event["job"] == victim["job"]).count();
    assert!(again >= 2);
    site.assert_saved();
}
