//! `--count`, the end of the input, `--timeout`, `--wait-peers`, `--linger`.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use zmtp_libzmq::{Opt, SocketType};

use crate::support::{DEADLINE, libzmq, libzmq_pull, libzmq_push, nobody, zmtp};

#[test]
fn count_ends_after_so_many_messages_received() {
    let mut pull = zmtp("pull --bind tcp://127.0.0.1:0 --count 3");
    let push = libzmq_push(&mut pull);
    for message in ["1", "2", "3", "4"] {
        push.send(&[message.as_bytes()]).unwrap();
    }
    assert_eq!(pull.done().out, "1\n2\n3\n");
}

#[test]
fn count_ends_after_so_many_messages_sent() {
    let (pull, at) = libzmq_pull();
    let mut push = zmtp(&format!("push --connect {at} --count 2"));
    // The input stays open.
    push.write("1\n2\n3\n");
    assert_eq!(pull.recv().unwrap(), [b"1"]);
    assert_eq!(pull.recv().unwrap(), [b"2"]);
    push.done();
    assert!(!pull.poll_in(Duration::ZERO).unwrap());
}

#[test]
fn at_the_end_of_the_input_a_sender_waits_until_everything_has_left() {
    let place = nobody();
    let mut push = zmtp(&format!("push --connect {place} --monitor --reconnect 10ms..50ms"));
    push.write("a\nb\n").end_input();
    push.err_line_with("connect-retried");
    push.err_line_with("connect-retried");

    let pull = zmtp(&format!("pull --bind {place} --count 2"));
    assert_eq!(pull.done().out, "a\nb\n");
    push.done();
}

#[test]
fn a_receiver_without_messages_times_out() {
    for at in ["--bind tcp://127.0.0.1:0", &format!("--connect {}", nobody())] {
        let ended = zmtp(&format!("pull {at} --timeout 200ms")).ended();
        assert_eq!(ended.code, 2);
        assert!(ended.err.contains("timed out: no message for 200ms"), "{ended:?}");
    }
}

#[test]
fn a_sender_without_peers_times_out() {
    let ended = zmtp("push --bind tcp://127.0.0.1:0 --message x --timeout 200ms").ended();
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("timed out: no peer took a message for 200ms"), "{ended:?}");

    // Here the message is queued, and it is the end that waits.
    let ended = zmtp(&format!("push --connect {} --message x --timeout 200ms", nobody())).ended();
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("timed out: no peer for 200ms"), "{ended:?}");
}

#[test]
fn a_sender_without_input_times_out() {
    let (_pull, at) = libzmq_pull();
    let ended = zmtp(&format!("push --connect {at} --timeout 200ms")).ended();
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("timed out: no input for 200ms"), "{ended:?}");
}

#[test]
fn a_sender_whose_peers_take_nothing_times_out() {
    let pull = libzmq(SocketType::Pull);
    pull.set_int(Opt::RcvHwm, 1).unwrap();
    let at = pull.bind("tcp://127.0.0.1:*").unwrap();
    let mut push = zmtp(&format!("push --connect {at} --timeout 500ms"));
    push.flood();
    let ended = push.ended();
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("timed out: no peer took a message for 500ms"), "{ended:?}");
}

#[test]
fn every_message_renews_the_timeout() {
    let mut pull = zmtp("pull --bind tcp://127.0.0.1:0 --timeout 1s --count 8");
    let begun = Instant::now();
    let place = pull.bound();
    let push = zmtp(&format!("push --connect {place} --message x --repeat 8 --every 200ms --timeout 1s"));
    assert_eq!(pull.done().out, "x\n".repeat(8));
    push.done();
    assert!(begun.elapsed() > Duration::from_secs(1));
}

#[test]
fn wait_peers_sends_nothing_until_so_many_are_connected() {
    let mut push = zmtp("push --bind tcp://127.0.0.1:0 --wait-peers 2 --message x --repeat 2 --monitor");
    let at = push.bound();
    let first = zmtp(&format!("pull --connect {at} --count 1"));
    push.err_line_with("handshake-succeeded");
    let second = zmtp(&format!("pull --connect {at} --count 1"));
    // Two messages, in turn. Had the first not waited, its receiver would have taken it and left.
    assert_eq!(first.done().out, "x\n");
    assert_eq!(second.done().out, "x\n");
    push.done();
}

#[test]
fn wait_peers_gives_up_with_the_timeout() {
    let (_pull, at) = libzmq_pull();
    let ended = zmtp(&format!("push --connect {at} --wait-peers 2 --message x --timeout 500ms")).ended();
    assert_eq!((ended.code, &*ended.err), (2, "zmtp: timed out: 1 of 2 peers within 500ms\n"));
}

#[test]
fn a_linger_that_was_too_short_exits_with_2_and_tells_how_many_messages_were_discarded() {
    let push = zmtp(&format!("push --connect {} --message x --repeat 3 --linger 100ms", nobody()));
    let ended = push.ended();
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("3 messages were discarded"), "{ended:?}");
}

#[test]
fn a_peer_that_hangs_up_without_a_word_is_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let begun = Instant::now();
    let push = zmtp(&format!("push --connect tcp://{at} --message x --linger 300ms --reconnect 10ms..20ms"));
    assert_eq!(push.ended().code, 2);
    assert!(begun.elapsed() >= Duration::from_millis(300));
    assert!(begun.elapsed() < DEADLINE);
}
