//! What a broker promises, each sentence by itself.

use std::time::Duration;

use bytes::Bytes;

use super::desk::{Desk, hello};
use crate::Backoff;
use crate::balancer::job::{Ending, Job, Report, Setback, Status};
use crate::balancer::state::{Config, Input, Presence};
use crate::balancer::wire::{Command, Hello, Lease, Refusal, Verdict};

fn open() -> Desk {
    // Whoever has failed is tried again after 100 ms at most.
    let backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_millis(100) };
    Desk::open(Config { backoff, ..Config::default() }, vec![])
}

fn keys(got: &[(Bytes, Lease)]) -> Vec<&str> {
    got.iter().map(|(key, _)| std::str::from_utf8(key).unwrap()).collect()
}

const SOON: Duration = Duration::from_millis(100);
const A_WHILE: Duration = Duration::from_secs(10);

#[test]
fn the_job_of_a_lost_worker_goes_to_another_as_its_next_attempt_and_before_all_that_wait() {
    let mut desk = open();
    desk.worker(1, 1);
    desk.jobs(&["one", "two", "three"]);
    let first = desk.lease(1, "one");
    desk.leave(1);
    desk.wait(A_WHILE);
    desk.worker(2, 1);
    let second = desk.lease(2, "one");
    assert_eq!((second.task, second.attempt), (first.task, 2));
}

#[test]
fn with_one_attempt_a_job_is_begun_once_at_most() {
    let mut desk = open();
    desk.worker(1, 1);
    desk.submit(Job { max_attempts: Some(1), ..Job::new("one", "") });
    desk.lease(1, "one");
    desk.leave(1);
    desk.worker(2, 1);
    desk.wait(A_WHILE);
    assert_eq!(desk.got(2), []);
    let ended = desk.ended();
    assert_eq!((ended[0].1.ending, &ended[0].1.payload[..]), (Ending::Dead, &b"its worker was lost"[..]));
}

#[test]
fn a_worker_that_is_silent_for_three_beats_is_lost_and_gets_nothing_new_after_two() {
    let mut desk = open();
    desk.worker(1, 2);
    desk.jobs(&["one"]);
    desk.lease(1, "one");
    desk.wait(Duration::from_millis(2500));
    desk.jobs(&["two"]);
    assert_eq!(desk.got(1), []);
    assert_eq!(desk.broker.status().workers[0].presence, Presence::Suspect);
    desk.worker(2, 2);
    assert_eq!(keys(&desk.got(2)), ["two"]);
    desk.wait(Duration::from_millis(400));
    desk.says(2, Command::Beat);
    desk.wait(Duration::from_millis(700));
    assert_eq!(keys(&desk.got(2)), ["one"]);
}

#[test]
fn a_worker_that_is_heard_again_in_time_is_suspected_no_more() {
    let mut desk = open();
    desk.worker(1, 1);
    desk.wait(Duration::from_millis(2500));
    desk.says(1, Command::Beat);
    desk.jobs(&["one"]);
    desk.lease(1, "one");
}

#[test]
fn a_lease_lives_as_long_as_its_worker_be_it_nine_hours() {
    let mut desk = open();
    desk.worker(1, 1);
    desk.jobs(&["one"]);
    let lease = desk.lease(1, "one");
    for _ in 0..9 * 3600 {
        desk.wait(Duration::from_secs(1));
        desk.says(1, Command::Beat);
    }
    assert_eq!(desk.done(1, lease, Status::Done), Verdict::Accepted);
    assert_eq!(desk.ended()[0].1.attempts, 1);
}

#[test]
fn the_same_process_that_comes_back_in_time_goes_on_and_another_one_of_its_name_does_not() {
    let mut desk = open();
    desk.worker(1, 1);
    desk.jobs(&["one"]);
    let lease = desk.lease(1, "one");
    desk.leave(1);
    desk.wait(Duration::from_millis(400));
    desk.worker_again(1, 1, 1, vec![lease]);
    assert!(matches!(&desk.told(1)[..], [Command::Welcome { keep, .. }] if keep == &[lease]));

    desk.leave(1);
    desk.worker_again(1, 99, 1, vec![]);
    let again = desk.lease(1, "one");
    assert_eq!(again.attempt, 2);
    assert_eq!(desk.done(1, lease, Status::Done), Verdict::Stale);
}

#[test]
fn one_result_is_accepted_and_what_comes_twice_or_too_late_is_counted() {
    let mut desk = open();
    desk.worker(1, 1);
    desk.jobs(&["one", "two"]);
    let one = desk.lease(1, "one");
    assert_eq!(desk.done(1, one, Status::Done), Verdict::Accepted);
    assert_eq!(desk.done(1, one, Status::Done), Verdict::Duplicate);
    let two = desk.lease(1, "two");
    desk.leave(1);
    desk.wait(A_WHILE);
    desk.worker(2, 1);
    let again = desk.lease(2, "two");
    desk.worker_again(1, 1, 1, vec![two]);
    assert_eq!(desk.done(1, two, Status::Done), Verdict::Stale);
    assert_eq!(desk.done(2, again, Status::Done), Verdict::Accepted);
    assert_eq!(desk.ended().len(), 2);
    let counters = desk.broker.counters();
    assert_eq!((counters.duplicate_results, counters.stale_results, counters.done), (1, 1, 2));
}

#[test]
fn a_worker_has_never_more_tasks_than_slots_whatever_credit_it_gives() {
    let mut desk = open();
    desk.worker(1, 2);
    for _ in 0..3 {
        desk.says(1, Command::Ready { credit: u16::MAX });
    }
    desk.jobs(&["one", "two", "three"]);
    assert_eq!(keys(&desk.got(1)), ["one", "two"]);
    desk.says(1, Command::Ready { credit: 1 });
    assert_eq!(desk.got(1), []);
}

#[test]
fn a_worker_for_one_task_gets_one_ever() {
    let mut desk = open();
    desk.hello(1, 1, Hello { max_tasks: 1, slots: 8, ..hello(1) });
    desk.says(1, Command::Ready { credit: 8 });
    desk.jobs(&["one", "two"]);
    let lease = desk.lease(1, "one");
    desk.done(1, lease, Status::Done);
    assert_eq!(desk.got(1), []);
}

#[test]
fn the_higher_priority_goes_first_then_the_earlier_submission_and_what_comes_back_has_its_old_place() {
    let mut desk = open();
    desk.jobs(&["first"]);
    desk.submit(Job { priority: 9, ..Job::new("urgent", "") });
    desk.jobs(&["second"]);
    desk.worker(1, 1);
    let urgent = desk.lease(1, "urgent");
    desk.says(1, Command::Return { lease: urgent });
    desk.says(1, Command::Ready { credit: 1 });
    let urgent = desk.lease(1, "urgent");
    assert_eq!(urgent.attempt, 2);
    desk.done(1, urgent, Status::Done);
    let first = desk.lease(1, "first");
    desk.done(1, first, Status::Done);
    desk.lease(1, "second");
}

#[test]
fn with_an_ordering_key_one_job_is_begun_at_a_time_in_the_order_of_submission() {
    let mut desk = open();
    for key in ["one", "two"] {
        desk.submit(Job { order: Some("disk".into()), ..Job::new(key, "") });
    }
    desk.worker(1, 8);
    let one = desk.lease(1, "one");
    // Also while the first waits for its next attempt.
    desk.done(1, one, Status::Failed);
    assert_eq!(desk.got(1), []);
    desk.wait(SOON);
    let one = desk.lease(1, "one");
    desk.done(1, one, Status::Done);
    desk.lease(1, "two");
}

#[test]
fn a_job_comes_after_others_and_is_skipped_when_one_of_them_does_not_end_well() {
    let mut desk = open();
    desk.worker(1, 8);
    desk.jobs(&["backup"]);
    desk.submit(Job { after: vec!["backup".into()], ..Job::new("archive", "") });
    desk.submit(Job { after: vec!["archive".into()], ..Job::new("report", "") });
    let backup = desk.lease(1, "backup");
    desk.done(1, backup, Status::Done);
    let archive = desk.lease(1, "archive");
    desk.done(1, archive, Status::Hopeless);
    let ended: Vec<_> = desk.ended().into_iter().map(|(_, outcome)| outcome.ending).collect();
    assert_eq!(ended, [Ending::Done, Ending::Dead, Ending::Skipped]);
}

#[test]
fn what_is_given_back_or_stopped_since_its_worker_goes_costs_no_attempt() {
    let mut desk = open();
    desk.submit(Job { max_attempts: Some(1), ..Job::new("one", "") });
    for peer in 1..=3 {
        desk.worker(peer, 1);
        let lease = desk.lease(peer, "one");
        match peer {
            1 => desk.says(1, Command::Return { lease }),
            2 => {
                let report = Report { status: Status::Cancelled, code: 0, took: SOON, payload: Bytes::new() };
                desk.says(2, Command::Done { lease, report, credit: 0 });
            }
            _ => _ = desk.done(3, lease, Status::Done),
        }
        desk.says(peer, Command::Bye);
    }
    let ended = desk.ended();
    assert_eq!((ended[0].1.ending, ended[0].1.attempts), (Ending::Done, 1));
}

#[test]
fn what_kills_its_workers_is_dead_after_three_of_them_with_its_history() {
    let mut desk = open();
    desk.jobs(&["poison"]);
    for peer in 1..=3 {
        desk.worker(peer, 1);
        desk.lease(peer, "poison");
        desk.leave(peer);
        desk.wait(A_WHILE);
    }
    let dead: Vec<_> = desk.broker.dead().collect();
    let setbacks: Vec<_> =
        dead[0].attempts.iter().map(|attempt| (attempt.worker.0[0], attempt.setback)).collect();
    assert_eq!(setbacks, [1, 2, 3].map(|worker| (worker, Setback::WorkerLost)));
}

#[test]
fn an_attempt_that_takes_too_long_or_shows_no_progress_is_stopped_and_tried_again() {
    let mut desk = open();
    desk.worker(1, 2);
    let limit = Some(Duration::from_secs(2));
    desk.submit(Job { hard_limit: limit, ..Job::new("hard", "") });
    desk.submit(Job { stall_timeout: limit, ..Job::new("stalls", "") });
    let got = desk.got(1);
    for _ in 0..3 {
        desk.wait(Duration::from_millis(900));
        desk.says(1, Command::Beat);
        let lease = got[1].1;
        desk.says(1, Command::Progress { lease, permille: 0, note: String::new() });
    }
    let cancel = |lease: Lease| Command::Cancel { lease, grace: Duration::ZERO };
    assert!(desk.told(1).contains(&cancel(got[0].1)));
    desk.wait(Duration::from_millis(1900));
    desk.says(1, Command::Beat);
    desk.wait(Duration::from_millis(200));
    assert!(desk.told(1).contains(&cancel(got[1].1)));
    assert_eq!(desk.broker.counters().setbacks, 2);
}

#[test]
fn a_full_queue_says_when_to_ask_again_and_takes_the_job_when_there_is_room() {
    for config in [Config { queue: 1, ..Config::default() }, Config { queue_bytes: 500, ..Config::default() }]
    {
        let mut desk = Desk::open(config, vec![]);
        desk.jobs(&["one", "two"]);
        let told = desk.told(0);
        assert!(
            matches!(&told[..], [Command::Accepted { .. }, Command::Busy { key, retry_after }]
                if key == "two" && *retry_after > Duration::ZERO),
            "{told:?}"
        );
        desk.worker(1, 1);
        let lease = desk.lease(1, "one");
        desk.done(1, lease, Status::Done);
        desk.jobs(&["two"]);
        desk.lease(1, "two");
        assert_eq!(desk.broker.counters().busy, 1);
    }
}

#[test]
fn of_two_workers_of_one_name_the_second_is_rejected_while_the_first_is_there() {
    let mut desk = open();
    desk.worker(1, 1);
    desk.hello(2, 2, hello(1));
    assert_eq!(desk.told(2), [Command::Reject]);
    desk.leave(1);
    desk.says(2, Command::Hello(hello(1)));
    assert!(matches!(desk.told(2)[..], [Command::Welcome { .. }]));
}

#[test]
fn a_connection_is_one_worker_and_the_name_that_it_had_before_is_gone() {
    let mut desk = open();
    desk.worker(1, 1);
    for name in 2..100 {
        desk.says(1, Command::Hello(hello(name)));
    }
    assert_eq!(desk.broker.status().workers.len(), 1);
    desk.leave(1);
    assert_eq!(desk.broker.status().workers.len(), 0);
}

#[test]
fn what_is_submitted_twice_is_done_once_until_its_result_was_claimed() {
    let mut desk = open();
    desk.worker(1, 8);
    desk.jobs(&["one", "one"]);
    let lease = desk.lease(1, "one");
    desk.done(1, lease, Status::Done);
    // Whoever has missed the result is told it again.
    desk.jobs(&["one"]);
    assert_eq!(desk.ended().len(), 2);
    assert_eq!(desk.got(1), []);
    desk.says(0, Command::Claimed { key: "one".into() });
    desk.jobs(&["one"]);
    desk.lease(1, "one");
}

#[test]
fn results_that_nobody_claims_are_kept_up_to_a_bound_and_then_the_oldest_is_forgotten_and_counted() {
    let mut desk = Desk::open(Config { results: 2, ..Config::default() }, vec![]);
    desk.worker(1, 8);
    for key in ["one", "two", "three"] {
        desk.jobs(&[key]);
        let lease = desk.lease(1, key);
        desk.done(1, lease, Status::Done);
    }
    let status = desk.broker.status();
    assert_eq!((status.unclaimed, status.counters.results_forgotten), (2, 1));
}

#[test]
fn a_broker_that_drains_takes_no_more_jobs_finishes_those_it_has_and_then_tells_its_workers_to_go() {
    let mut desk = open();
    desk.worker(1, 1);
    desk.jobs(&["one", "two"]);
    let one = desk.lease(1, "one");
    desk.handle(Input::Drain { now: false });
    desk.told(0);
    desk.jobs(&["three"]);
    assert_eq!(desk.told(0), [Command::Refused { key: "three".into(), refusal: Refusal::Draining }]);
    desk.done(1, one, Status::Done);
    let two = desk.lease(1, "two");
    desk.done(1, two, Status::Done);
    assert!(desk.told(1).iter().any(|command| matches!(command, Command::Drain { now: false, .. })));
}

#[test]
fn what_was_lost_on_the_way_is_noticed_and_the_peer_has_to_begin_anew() {
    let mut desk = open();
    desk.worker(1, 1);
    desk.jobs(&["one"]);
    desk.lease(1, "one");
    // It never came there: its worker does not name it, and that costs no attempt.
    desk.leave(1);
    desk.worker_again(1, 1, 1, vec![]);
    assert_eq!(desk.lease(1, "one").attempt, 2);
    assert_eq!(desk.broker.counters().setbacks, 0);
}
