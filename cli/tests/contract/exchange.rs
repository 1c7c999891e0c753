//! `dealer`, `router`, `pair`: verbs that send and receive at the same time.

use std::time::Duration;

use serde_json::{Value, json};
use zmtp_libzmq::{Opt, SocketType};

use crate::support::{Zmtp, libzmq, libzmq_bound, libzmq_connected, nobody, zmtp};

#[test]
fn a_dealer_sends_and_receives_at_the_same_time() {
    let (router, at) = libzmq_bound(SocketType::Router);
    let mut dealer = zmtp(&format!("dealer --connect {at} --routing-id alice"));
    dealer.write("hello\n");
    assert_eq!(router.recv().unwrap(), [&b"alice"[..], b"hello"]);
    for n in ["1", "2", "3"] {
        router.send(&[b"alice", n.as_bytes(), b"unasked"]).unwrap();
        assert_eq!(dealer.line(), format!("{n}\tunasked"));
    }
    dealer.write("bye\n").end_input();
    assert_eq!(router.recv().unwrap(), [&b"alice"[..], b"bye"]);
    dealer.done();
}

#[test]
fn a_dealer_deals_to_its_peers_in_turn() {
    let ((a, at_a), (b, at_b)) = (libzmq_bound(SocketType::Dealer), libzmq_bound(SocketType::Dealer));
    let places = format!("--connect {at_a} --connect {at_b}");
    zmtp(&format!("dealer {places} --wait-peers 2 --message x --repeat 4")).done();
    for peer in [a, b] {
        assert_eq!(peer.recv().unwrap(), [b"x"]);
        assert_eq!(peer.recv().unwrap(), [b"x"]);
        assert!(!peer.poll_in(Duration::ZERO).unwrap());
    }
}

#[test]
fn a_dealer_that_nobody_reads_still_receives() {
    let (peer, at) = libzmq_bound(SocketType::Dealer);
    let mut dealer = zmtp(&format!("dealer --connect {at} --send-hwm 1"));
    dealer.flood();
    for _ in 0..100 {
        peer.send(&[b"in"]).unwrap();
        assert_eq!(dealer.line(), "in");
    }
}

#[test]
fn a_verb_that_sends_without_pause_still_receives_and_hears_signals() {
    let mut xpub = zmtp("xpub --bind tcp://127.0.0.1:0 --message x --repeat 1000000000000");
    let at = xpub.bound();
    for topic in ["a", "b", "c"] {
        let sub = libzmq(SocketType::Sub);
        sub.set_bytes(Opt::Subscribe, topic.as_bytes()).unwrap();
        sub.connect(&at).unwrap();
        assert_eq!(xpub.line(), format!("\\x01{topic}"));
        drop(sub);
        assert_eq!(xpub.line(), format!("\\x00{topic}"));
    }
    xpub.signal("INT");
    assert_eq!(xpub.ended().code, 130);
}

#[test]
fn a_router_prints_the_routing_id_first_and_takes_it_first() {
    let mut router = zmtp("router --bind tcp://127.0.0.1:0 --split-tabs");
    let at = router.bound();
    let peer = |name: &str| {
        let peer = libzmq(SocketType::Dealer);
        peer.set_bytes(Opt::RoutingId, name.as_bytes()).unwrap();
        peer.connect(&at).unwrap();
        peer
    };
    let (alice, bob) = (peer("alice"), peer("bob"));
    alice.send(&[b"from", b"alice"]).unwrap();
    assert_eq!(router.line(), "alice\tfrom\talice");
    bob.send(&[b"from bob"]).unwrap();
    assert_eq!(router.line(), "bob\tfrom bob");

    router.write("bob\tto\tbob\nalice\tto alice\n");
    assert_eq!(bob.recv().unwrap(), [&b"to"[..], b"bob"]);
    assert_eq!(alice.recv().unwrap(), [b"to alice"]);
    router.end_input();
    router.done();
}

#[test]
fn with_json_a_router_takes_back_the_routing_id_that_it_printed() {
    let mut router = zmtp("router --bind tcp://127.0.0.1:0 --json");
    let req = libzmq_connected(SocketType::Req, &mut router);
    req.send(&[b"question"]).unwrap();
    let mut message: Value = serde_json::from_str(&router.line()).unwrap();
    assert_eq!(message["frames"].as_array().unwrap().len(), 3);
    assert_eq!(message["frames"][2], "question");
    message["frames"][2] = json!("answer");
    router.write(format!("{message}\n"));
    assert_eq!(req.recv().unwrap(), [b"answer"]);
}

#[test]
fn a_line_for_a_router_that_is_only_a_routing_id_is_a_bad_line() {
    let mut router = zmtp("router --bind tcp://127.0.0.1:0");
    router.write("hello\n").end_input();
    let ended = router.ended();
    assert_eq!(ended.code, 3);
    assert!(ended.err.contains("line 1: expected a routing id as the first frame"), "{ended:?}");
    let ended = zmtp("router --bind tcp://127.0.0.1:0 --message hello").ended();
    assert_eq!(ended.code, 3, "{ended:?}");
}

#[test]
fn what_is_for_nobody_is_dropped() {
    zmtp("router --bind tcp://127.0.0.1:0 --frame nobody --frame x").done();
}

#[test]
fn with_mandatory_what_is_for_nobody_is_told_and_the_verb_goes_on_and_exits_with_1() {
    let mut router = zmtp("router --bind tcp://127.0.0.1:0 --mandatory --split-tabs");
    let peer = libzmq(SocketType::Dealer);
    peer.set_bytes(Opt::RoutingId, b"alice").unwrap();
    peer.connect(&router.bound()).unwrap();
    peer.send(&[b"here"]).unwrap();
    assert_eq!(router.line(), "alice\there");

    router.write("bob\tlost\nalice\tfound\n").end_input();
    assert_eq!(peer.recv().unwrap(), [b"found"]);
    let ended = router.ended();
    assert_eq!((ended.code, ended.err.lines().count()), (1, 1), "{ended:?}");
    assert!(ended.err.contains("nobody is called `bob`"), "{ended:?}");
}

#[test]
fn with_mandatory_the_exit_code_is_1_also_when_the_end_is_a_timeout() {
    let to_nobody = "--mandatory --frame nobody --frame x";
    let ended = zmtp(&format!("router --bind tcp://127.0.0.1:0 {to_nobody} --timeout 200ms")).ended();
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("timed out"), "{ended:?}");
}

#[test]
fn a_pair_talks_with_a_pair() {
    let mut one = zmtp("pair --bind tcp://127.0.0.1:0");
    let mut other = zmtp(&format!("pair --connect {}", one.bound()));
    for n in 0..3 {
        one.write(format!("ping {n}\n"));
        assert_eq!(other.line(), format!("ping {n}"));
        other.write(format!("pong {n}\n"));
        assert_eq!(one.line(), format!("pong {n}"));
    }
    other.end_input();
    other.done();
    one.end_input();
    one.done();
}

#[test]
fn a_pair_talks_with_libzmq() {
    let mut pair = zmtp("pair --bind tcp://127.0.0.1:0 --frame a --frame b --count 1");
    let peer = libzmq_connected(SocketType::Pair, &mut pair);
    assert_eq!(peer.recv().unwrap(), [b"a", b"b"]);
    peer.send(&[b"c"]).unwrap();
    assert_eq!(pair.done().out, "c\n");
}

/// A two-way verb and a libzmq peer that it is connected to; the peer's message for it.
fn connected(verb: &str, options: &str) -> (Zmtp, zmtp_libzmq::Socket, Vec<Vec<u8>>) {
    let kind = if verb == "pair" { SocketType::Pair } else { SocketType::Dealer };
    let (peer, at) = libzmq_bound(kind);
    let mut zmtp = zmtp(&format!("{verb} --connect {at} --split-tabs {options} --monitor"));
    zmtp.err_line_with("handshake-succeeded");
    (zmtp, peer, vec![b"in".to_vec()])
}

#[test]
fn at_the_end_of_the_input_a_two_way_verb_ends() {
    for verb in ["dealer", "router", "pair"] {
        let (mut zmtp, _peer, _) = connected(verb, "");
        zmtp.end_input();
        zmtp.done();
    }
}

#[test]
fn with_count_a_two_way_verb_goes_on_receiving_when_its_input_has_ended() {
    for verb in ["dealer", "router", "pair"] {
        let (mut zmtp, peer, message) = connected(verb, "--count 2");
        zmtp.end_input();
        let frames: Vec<&[u8]> = message.iter().map(Vec::as_slice).collect();
        peer.send(&frames).unwrap();
        assert!(zmtp.line().ends_with("in"));
        peer.send(&frames).unwrap();
        assert!(zmtp.line().ends_with("in"));
        zmtp.done();
    }
}

#[test]
fn with_timeout_a_two_way_verb_goes_on_receiving_until_it_is_quiet() {
    for verb in ["dealer", "router", "pair"] {
        let (mut zmtp, peer, message) = connected(verb, "--timeout 1s");
        zmtp.end_input();
        let frames: Vec<&[u8]> = message.iter().map(Vec::as_slice).collect();
        peer.send(&frames).unwrap();
        let ended = zmtp.ended();
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(
            ended.out.ends_with("in\n") && ended.err.contains("timed out: no message for 1s"),
            "{ended:?}"
        );
    }
}

#[test]
fn a_message_in_either_direction_renews_the_timeout() {
    let (peer, at) = libzmq_bound(SocketType::Pair);
    let mut pair = zmtp(&format!("pair --connect {at} --timeout 1s"));
    for _ in 0..6 {
        pair.write("out\n");
        assert_eq!(peer.recv().unwrap(), [b"out"]);
        std::thread::sleep(Duration::from_millis(300));
    }
    for _ in 0..6 {
        peer.send(&[b"in"]).unwrap();
        assert_eq!(pair.line(), "in");
        std::thread::sleep(Duration::from_millis(300));
    }
    assert_eq!(pair.ended().code, 2);
}

#[test]
fn a_two_way_verb_whose_messages_nobody_takes_times_out_and_says_so() {
    for verb in ["dealer", "pair"] {
        let ended = zmtp(&format!("{verb} --bind tcp://127.0.0.1:0 --message x --timeout 300ms")).ended();
        assert_eq!(ended.code, 2);
        assert!(ended.err.contains("no peer took a message for 300ms"), "{ended:?}");
    }
    let place = nobody();
    let ended = zmtp(&format!("dealer --connect {place} --wait-peers 1 --message x --timeout 300ms")).ended();
    assert!(ended.code == 2 && ended.err.contains("0 of 1 peers within 300ms"), "{ended:?}");
}

#[test]
fn at_the_end_of_its_input_a_dealer_lingers() {
    let place = nobody();
    let dealer = zmtp(&format!("dealer --connect {place} --message x --reconnect 10ms..50ms"));
    let peer = libzmq(SocketType::Dealer);
    peer.bind(&place).unwrap();
    assert_eq!(peer.recv().unwrap(), [b"x"]);
    dealer.done();

    let ended = zmtp(&format!("dealer --connect {} --message x --linger 100ms", nobody())).ended();
    assert!(ended.code == 2 && ended.err.contains("1 message was discarded"), "{ended:?}");
}

#[test]
fn when_standard_output_is_closed_a_two_way_verb_ends_quietly() {
    let (_peer, at) = libzmq_bound(SocketType::Pair);
    let mut pair = Zmtp::start_unread(&["pair", "--connect", &at]);
    pair.close_output();
    let ended = pair.ended();
    assert_eq!((ended.code, &*ended.err), (0, ""));
}
