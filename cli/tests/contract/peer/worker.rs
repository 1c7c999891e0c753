//! Workers that run commands, and how they end.

use crate::peer::{broker, echo, until};
use crate::support::Zmtp;

fn asked(at: &str, arguments: &[&str]) -> String {
    Zmtp::start(&[&["req", "--connect", at], arguments].concat()).done().out
}

#[test]
fn a_command_reads_the_request_and_writes_the_reply() {
    let (_one, first) = broker("DC1", "");
    let worker = Zmtp::start(&["peer", "worker", "--connect", &first, "--", "tr", "a-z", "A-Z"]);
    assert_eq!(asked(&first, &["--message", "hello"]), "HELLO\n");
    // All frames, one after the other.
    assert_eq!(asked(&first, &["--frame", "one", "--frame", "two"]), "ONETWO\n");
    worker.signal("TERM");
    let ended = worker.done();
    assert!(ended.err.contains("zmtp: 2 done"), "{}", ended.err);
}

#[test]
fn a_task_that_fails_is_tried_by_another_worker() {
    let (_one, first) = broker("DC1", "");
    let _failing = Zmtp::start(&["peer", "worker", "--connect", &first, "--slots", "4", "--", "false"]);
    let _echo = echo(&first, "");
    until(&first, |status| status["workers"] == 2);
    assert_eq!(asked(&first, &["--message", "hello"]), "hello\n");
}

#[test]
fn a_worker_that_is_told_to_end_ends_what_it_has() {
    let (_one, first) = broker("DC1", "");
    let worker = echo(&first, "--takes 300ms");
    let asking = Zmtp::start(&["req", "--connect", &first, "--message", "hello"]);
    until(&first, |status| status["local"] == 1);
    worker.signal("INT");
    assert_eq!(asking.done().out, "hello\n");
    assert!(worker.done().err.contains("zmtp: 1 done"));
    until(&first, |status| status["workers"] == 0);
}
