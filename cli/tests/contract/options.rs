//! `--send-hwm`, `--recv-hwm`, `--max-message-size`, `--reconnect`, `--routing-id`, `--conflate`, `--heartbeat`.

use std::io::{Read, Write};
use std::net::TcpStream;

use std::time::Duration;

use zmtp_libzmq::{Opt, SocketType};

use crate::support::{DEADLINE, Zmtp, libzmq, libzmq_bound, libzmq_push, nobody, zmtp};

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

#[test]
fn routing_id_is_the_name_that_a_router_knows_us_by() {
    let (router, at) = libzmq_bound(SocketType::Router);
    zmtp(&format!("dealer --connect {at} --routing-id alice --message x")).done();
    assert_eq!(router.recv().unwrap(), [&b"alice"[..], b"x"]);

    let req = zmtp(&format!("req --connect {at} --routing-id bob --message x"));
    assert_eq!(router.recv().unwrap(), [&b"bob"[..], b"", b"x"]);
    router.send(&[b"bob", b"", b"y"]).unwrap();
    assert_eq!(req.done().out, "y\n");

    let mut other = zmtp(&format!("router --connect {at} --routing-id carol --split-tabs --monitor"));
    other.err_line_with("handshake-succeeded");
    // A router learns a router's name with the handshake, and it is not told when.
    router.set_int(Opt::RouterMandatory, 1).unwrap();
    while router.send(&[b"carol", b"hello"]).is_err() {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(other.line().ends_with("\thello"));
}

#[test]
fn with_conflate_a_sender_without_a_peer_keeps_only_the_newest() {
    let place = nobody();
    for verb in ["push", "dealer"] {
        // It dials a peer that is not there, and it waits for one to come.
        for (ours, theirs) in [("--connect", "--bind"), ("--bind", "--connect")] {
            let options = "--conflate --reconnect 10ms..50ms --monitor";
            let mut sender = zmtp(&format!("{verb} {ours} {place} {options}"));
            let peer = if verb == "push" { "pull" } else { "dealer" };
            sender.write("x\n".repeat(500)).write("newest\n");
            // Nothing tells that it has read all that.
            std::thread::sleep(Duration::from_secs(1));
            let mut receiver = zmtp(&format!("{peer} {theirs} {place}"));
            if theirs == "--bind" {
                receiver.bound();
            }
            assert_eq!(receiver.line(), "newest", "{verb} {ours}");
            sender.write("next\n");
            assert_eq!(receiver.line(), "next");
            sender.end_input();
            sender.done();
            receiver.signal("INT");
            receiver.ended();
        }
    }
}

#[test]
fn with_conflate_a_sender_without_a_peer_still_sends_at_the_end_of_its_input() {
    let place = nobody();
    let mut push = zmtp(&format!("push --bind {place} --conflate --message a --message b"));
    push.bound();
    assert_eq!(zmtp(&format!("pull --connect {place} --count 1")).done().out, "b\n");
    push.done();
}

#[test]
fn with_conflate_a_receiver_gets_the_newest() {
    for (verb, kind) in [("pull", SocketType::Push), ("sub", SocketType::Pub)] {
        let mut receiver =
            Zmtp::start_unread(&[verb, "--bind", "tcp://127.0.0.1:0", "--conflate", "--monitor"]);
        let peer = libzmq(kind);
        peer.connect(&receiver.bound()).unwrap();
        receiver.err_line_with("handshake-succeeded");
        // A publisher hears of a subscription later than we of it.
        std::thread::sleep(Duration::from_millis(200));
        let body = vec![b'x'; 9_999];
        for _ in 0..5_000 {
            peer.send(&[&body]).unwrap();
        }
        receiver.read_output();
        let (mut old, mut newest) = (0, false);
        while !newest {
            // A publisher whose queue is full drops it.
            peer.send(&[b"newest"]).unwrap();
            std::thread::sleep(Duration::from_millis(20));
            while let Some(line) = receiver.try_line() {
                newest |= line == "newest";
                old += usize::from(!newest);
            }
        }
        assert!(old < 1_000, "{verb}: {old} of 5,000 were kept");
    }
}

#[test]
fn with_heartbeat_a_peer_that_gives_no_sign_of_life_is_hung_up_on() {
    let mut pull = zmtp("pull --bind tcp://127.0.0.1:0 --heartbeat 200ms --monitor");
    let at = pull.bound();
    let mut peer = silent_push(&at);
    pull.err_line_with("handshake-succeeded");
    let said = pull.err_line_with("disconnected");
    assert!(said.contains("did not answer a PING within 200 ms"), "{said}");
    // It was asked first.
    let mut heard = Vec::new();
    let _ = peer.read_to_end(&mut heard);
    assert!(heard.windows(5).any(|bytes| bytes == b"\x04PING"), "{heard:?}");
}

#[test]
fn with_heartbeat_a_peer_that_is_alive_but_quiet_stays() {
    // A busy machine may need a while for the answer, too. Three times it is asked.
    let mut pull = zmtp("pull --bind tcp://127.0.0.1:0 --heartbeat 1s --monitor");
    let push = libzmq_push(&mut pull);
    pull.err_line_with("handshake-succeeded");
    std::thread::sleep(Duration::from_millis(3500));
    push.send(&[b"still here"]).unwrap();
    assert_eq!(pull.line(), "still here");
    pull.signal("INT");
    let ended = pull.ended();
    assert!(ended.err.contains("closed from this side") && !ended.err.contains("PING"), "{ended:?}");
}

/// A PUSH of protocol 3.1 that says nothing after its handshake.
fn silent_push(at: &str) -> TcpStream {
    let mut peer = TcpStream::connect(at.strip_prefix("tcp://").unwrap()).unwrap();
    let mut greeting = [0; 64];
    (greeting[0], greeting[9], greeting[10], greeting[11]) = (0xff, 0x7f, 3, 1);
    greeting[12..16].copy_from_slice(b"NULL");
    peer.write_all(&greeting).unwrap();
    peer.write_all(b"\x04\x1a\x05READY\x0bSocket-Type\0\0\0\x04PUSH").unwrap();
    peer.set_read_timeout(Some(DEADLINE)).unwrap();
    peer
}
