//! The wait for workers, in front of the first job.

use std::time::{Duration, Instant};

use crate::balance::{broker, submit, worker};

#[test]
fn b09_with_two_of_three_workers_work_begins_when_the_time_is_up_if_two_are_enough() {
    let begun = Instant::now();
    let (mut broker, at) = broker("--expect 3 --min 2 --ready-timeout 2s");
    let killed = worker(&at, "", "echo {}");
    killed.signal("KILL");
    drop(killed);
    let _two = [(); 2].map(|()| worker(&at, "", "echo {}"));
    let submit = submit(&at, "", "job\n");
    broker.err_line_with("work begins with 2 of 3 workers");
    let took = begun.elapsed();
    assert!(took >= Duration::from_secs(2) && took < Duration::from_secs(4), "{took:?}");
    assert_eq!(submit.done().out, "done\tjob\t0\t1\tjob\n");
}

#[test]
fn b09_with_two_of_three_workers_the_broker_ends_with_2_and_names_the_counts_if_they_are_too_few() {
    let (broker, at) = broker("--expect 3 --min 3 --ready-timeout 2s");
    let killed = worker(&at, "", "echo {}");
    killed.signal("KILL");
    drop(killed);
    let _two = [(); 2].map(|()| worker(&at, "", "echo {}"));
    let ended = broker.ended();
    assert_eq!(ended.code, 2);
    let sentence = "timed out: 2 of 3 workers were ready within 2s, at least 3 must be; see that";
    assert!(ended.err.contains(sentence), "{}", ended.err);
}
