//! Work at workers: how many at a time, and what becomes of it when one goes.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::balance::{
    HOLD, broker, columns, lines, most_at_a_time, numbers, recorded, submit, until, worker,
};

#[test]
fn b01_b02_thirty_jobs_at_three_workers_take_ten_times_one_and_never_more_than_three_run() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record");
    let (mut broker, at) = broker("--expect 3");
    let workers: Vec<_> = (0..3).map(|_| worker(&at, "", &recorded(&record, "W", "0.2"))).collect();
    broker.err_line_with("work begins with 3 of 3 workers");
    let begun = Instant::now();
    let out = submit(&at, "", &numbers(30)).done().out;
    let took = begun.elapsed();
    // Ten rounds of 0.2 s, and what a busy machine takes to start ninety processes and more.
    assert!(took >= Duration::from_secs(2) && took < Duration::from_secs(6), "{took:?}");
    assert_eq!(most_at_a_time(&record), 3);
    let jobs: BTreeSet<_> = columns(&out).into_iter().map(|columns| columns[1].to_owned()).collect();
    assert_eq!((jobs.len(), lines(&record).len()), (30, 60));
    drop(workers);
}

#[test]
fn b11_a_command_that_fails_is_tried_again_and_told_with_its_exit_code_and_standard_error() {
    let (_broker, at) = broker("");
    let worker = worker(&at, "--max-tasks 3", "echo no such host: {} >&2; exit 23");
    let ended = submit(&at, "--max-attempts 3", "alpha\n").ended();
    assert_eq!((ended.code, &*ended.out), (1, "failed\talpha\t23\t3\tno such host: alpha\n"));
    assert!(ended.err.contains("1 of 1 jobs did not end well"), "{}", ended.err);
    assert!(worker.done().err.contains("0 done, 3 not"));
}

#[test]
fn b12_the_job_of_a_worker_that_is_killed_runs_again_elsewhere_and_all_thirty_are_done() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record");
    let (mut broker, at) = broker("--expect 3");
    let first = worker(&at, "", &format!("echo begin W1 {{}} >> {}; {HOLD}", record.display()));
    let _others = ["W2", "W3"].map(|name| worker(&at, "", &recorded(&record, name, "0.1")));
    broker.err_line_with("work begins");
    let submit = submit(&at, "", &numbers(30));
    let begun = until(&record, |line| line.starts_with("begin W1"));
    first.signal("KILL");
    let out = submit.done().out;
    let columns = columns(&out);
    assert_eq!(columns.len(), 30);
    let again: Vec<_> = columns.iter().filter(|columns| columns[3] != "1").collect();
    let [again] = again[..] else { panic!("{again:?}") };
    assert!(again[3] == "2" && again[4] != "W1", "{again:?}");
    assert_eq!(begun, format!("begin W1 {}", again[1]));
}

#[test]
fn b14_of_four_jobs_for_workers_that_take_one_each_the_last_waits_for_the_fourth_worker() {
    let (_broker, at) = broker("");
    let mut submit = submit(&at, "", "T1\nT2\nT3\nT4\n");
    for name in ["W1", "W2", "W3"] {
        worker(&at, "--one-shot", &format!("echo {name}")).done();
    }
    for _ in 0..3 {
        submit.line();
    }
    worker(&at, "--one-shot", "echo W4").done();
    assert_eq!(submit.line(), "done\tT4\t0\t1\tW4");
    submit.done();
}

#[test]
fn a_job_goes_to_a_worker_with_its_tag_after_the_job_that_it_is_to_follow() {
    let (_broker, at) = broker("");
    let _plain = worker(&at, "--slots 4", "echo backup {}");
    let mut archives = submit(&at, "--key archive/{} --tag archive", "a\n");
    let backups = submit(&at, "--key backup/{}", "a\nb\n").done().out;
    assert_eq!(columns(&backups).len(), 2);
    let mut after = submit(&at, "--key again/{} --after archive/{} --order {}", "a\n");
    let _archiver = worker(&at, "--tag archive --name archiver", "echo archive {}");
    assert_eq!(archives.line(), "done\ta\t0\t1\tarchive a");
    assert!(after.line().starts_with("done\ta\t0\t1\t"));
    let refused = submit(&at, "--after nothing", "a\n").ended();
    assert_eq!(refused.code, 1);
    assert!(
        refused.out.starts_with("refused\ta\t0\t0\t") && refused.out.contains("to come after"),
        "{refused:?}"
    );
}

#[test]
fn a_worker_whose_name_another_has_says_so_and_takes_its_place_when_it_is_gone() {
    let (_broker, at) = broker("");
    let first = worker(&at, "--name one", "echo first");
    assert_eq!(columns(&submit(&at, "", "a\n").done().out)[0][4], "first");
    let mut second = worker(&at, "--name one", "echo second");
    second.err_line_with("another worker of this name is at the broker");
    assert_eq!(columns(&submit(&at, "", "a\n").done().out)[0][4], "first");
    drop(first);
    assert_eq!(columns(&submit(&at, "", "a\n").done().out)[0][4], "second");
}
