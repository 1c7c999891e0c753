//! `--send-hwm`, `--recv-hwm`, `--max-message-size`, `--reconnect`.

use std::time::Duration;

use zmtp_libzmq::{Opt, SocketType};

use crate::support::{DEADLINE, Zmtp, libzmq, libzmq_push, nobody, zmtp};

#[test]
fn send_hwm_is_how_many_messages_wait_for_a_peer() {
    let place = nobody();
    let limited = |mark: &str, messages: u32| {
        let marks = format!("--send-hwm {mark} --timeout 300ms");
        zmtp(&format!("push --connect {place} --message x --repeat {messages} {marks}")).ended().err
    };
    assert!(limited("5", 5).contains("no peer for"));
    assert!(limited("5", 6).contains("no peer took a message"));
    assert!(limited("unlimited", 5_000).contains("no peer for"));
}

#[test]
fn a_receiver_whose_reader_stops_reading_stops_its_peers() {
    let mut pull = Zmtp::start_unread(&["pull", "--bind", "tcp://127.0.0.1:0", "--recv-hwm", "10"]);
    let push = libzmq_push(&mut pull);
    push.set_int(Opt::SndTimeo, 500).unwrap();
    let body = [b'x'; 10_000];
    let mut sent = 0;
    while push.send(&[&body]).is_ok() {
        sent += 1;
        assert!(sent < 10_000, "100 MB went into a pipe that nobody reads");
    }
    // And it goes on where it stopped.
    pull.read_output();
    for _ in 0..sent {
        assert_eq!(pull.line().len(), body.len());
    }
}

#[test]
fn a_peer_that_sends_a_message_too_large_is_hung_up_on_and_others_are_not() {
    let mut pull = zmtp("pull --bind tcp://127.0.0.1:0 --max-message-size 1KiB --monitor");
    let at = pull.bound();
    let (large, small) = (libzmq(SocketType::Push), libzmq(SocketType::Push));
    large.connect(&at).unwrap();
    large.send(&[&[b'x'; 1_025]]).unwrap();
    let said = pull.err_line_with("disconnected");
    assert!(said.contains("limit 1024"), "{said}");
    small.connect(&at).unwrap();
    small.send(&[&[b'y'; 1_000], &[b'z'; 24]]).unwrap();
    assert_eq!(pull.line().len(), 1_025);
}

#[test]
fn reconnect_is_how_long_to_wait_between_two_tries() {
    let mut push = zmtp(&format!("push --connect {} --monitor --json --reconnect 5ms..20ms", nobody()));
    for _ in 0..10 {
        let said: serde_json::Value = serde_json::from_str(&push.err_line_with("connect-retried")).unwrap();
        let after = said["after"].as_str().unwrap().strip_suffix("ms").unwrap();
        assert!(after.parse::<f64>().unwrap() <= 20.0, "{said}");
    }
}

#[test]
fn a_peer_that_comes_back_is_found_again() {
    let mut pull = zmtp("pull --bind tcp://127.0.0.1:0 --count 1");
    let at = pull.bound();
    let mut push = zmtp(&format!("push --connect {at} --monitor --reconnect 10ms..50ms"));
    push.write("one\n");
    assert_eq!(pull.done().out, "one\n");
    push.err_line_with("disconnected");

    let pull = zmtp(&format!("pull --bind {at} --count 1 --timeout {}s", DEADLINE.as_secs()));
    push.err_line_with("handshake-succeeded");
    push.write("two\n").end_input();
    assert_eq!(pull.done().out, "two\n");
    push.done();
}

#[test]
fn a_linger_of_zero_discards_at_once() {
    let begun = std::time::Instant::now();
    let ended = zmtp(&format!("push --connect {} --message x --linger 0", nobody())).ended();
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("1 message was discarded"), "{ended:?}");
    assert!(begun.elapsed() < Duration::from_secs(10));
}
