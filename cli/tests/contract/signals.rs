//! SIGINT, SIGTERM, and a standard output that is closed.

use std::time::{Duration, Instant};

use crate::support::{Zmtp, libzmq_push, nobody, zmtp};

#[test]
fn a_signal_closes_in_order_and_exits_with_130_or_143() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let mut pull = zmtp("pull --bind tcp://127.0.0.1:0");
        let push = libzmq_push(&mut pull);
        push.send(&[b"x"]).unwrap();
        assert_eq!(pull.line(), "x");
        pull.signal(signal);
        let ended = pull.ended();
        assert_eq!((ended.code, &*ended.out, &*ended.err), (code, "", ""));
    }
}

#[test]
fn a_sender_still_sends_what_it_has_queued_after_a_signal() {
    let place = nobody();
    let mut push = zmtp(&format!("push --connect {place} --monitor --reconnect 10ms..50ms"));
    push.write("queued\n");
    // Two lines after the message was written it has been read as well: nothing else tells.
    push.err_line_with("connect-retried");
    push.err_line_with("connect-retried");
    push.signal("INT");
    push.err_line_with("connect-retried");
    let pull = zmtp(&format!("pull --bind {place} --count 1"));
    assert_eq!(pull.done().out, "queued\n");
    assert_eq!(push.ended().code, 130);
}

#[test]
fn a_second_signal_ends_at_once() {
    for (first, second, code) in [("INT", "INT", 130), ("INT", "TERM", 143)] {
        let place = nobody();
        let mut push = zmtp(&format!("push --connect {place} --monitor --reconnect 10ms..50ms"));
        push.write("queued\n");
        push.err_line_with("connect-retried");
        push.err_line_with("connect-retried");
        push.signal(first);
        push.err_line_with("connect-retried");
        push.err_line_with("connect-retried");
        // It would linger for 30 s, more than this test would wait.
        push.signal(second);
        assert_eq!(push.ended().code, code);
    }
}

#[test]
fn a_signal_during_linger_does_not_cut_it_short() {
    let place = nobody();
    let mut push = zmtp(&format!("push --connect {place} --message x --monitor --reconnect 10ms..50ms"));
    push.err_line_with("connect-retried");
    push.signal("TERM");
    push.err_line_with("connect-retried");
    push.err_line_with("connect-retried");
    let pull = zmtp(&format!("pull --bind {place} --count 1"));
    assert_eq!(pull.done().out, "x\n");
    assert_eq!(push.ended().code, 143);
}

#[test]
fn a_reader_that_has_stopped_reading_does_not_keep_a_receiver_after_a_signal() {
    let mut pull = Zmtp::start_unread(&["pull", "--bind", "tcp://127.0.0.1:0", "--monitor"]);
    let mut push = zmtp(&format!("push --connect {} --timeout 1s", pull.bound()));
    push.flood();
    // It has stopped when its peer cannot get rid of anything.
    assert_eq!(push.ended().code, 2);
    let begun = Instant::now();
    pull.signal("INT");
    assert_eq!(pull.ended().code, 130);
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn when_standard_output_is_closed_a_receiver_ends_quietly() {
    let mut pull = Zmtp::start_unread(&["pull", "--bind", "tcp://127.0.0.1:0"]);
    pull.bound();
    // No message is needed to notice.
    pull.close_output();
    let ended = pull.ended();
    assert_eq!((ended.code, &*ended.err), (0, ""));
}

#[test]
fn when_standard_output_is_closed_under_load_a_receiver_ends_quietly() {
    let mut pull = Zmtp::start_unread(&["pull", "--bind", "tcp://127.0.0.1:0"]);
    let mut push = zmtp(&format!("push --connect {}", pull.bound()));
    push.flood();
    pull.read_output();
    for _ in 0..1_000 {
        pull.line();
    }
    pull.stop_reading();
    let ended = pull.ended();
    assert_eq!((ended.code, &*ended.err), (0, ""));
}
