//! Exit codes 1 and 4; the others have their tests where they arise.

use std::fs::File;
use std::process::Stdio;

use zmtp_libzmq::SocketType;

use crate::support::{Zmtp, libzmq, libzmq_bound, libzmq_pull, nobody, zmtp};

#[test]
fn an_address_in_use_exits_with_1() {
    let mut first = zmtp("pull --bind tcp://127.0.0.1:0");
    let at = first.bound();
    let ended = zmtp(&format!("pull --bind {at}")).ended();
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains(&format!("cannot bind to {at}")), "{ended:?}");
}

#[test]
fn an_address_that_is_not_ours_exits_with_1() {
    // TEST-NET-1 belongs to nobody.
    assert_eq!(zmtp("pull --bind tcp://192.0.2.1:5555").ended().code, 1);
}

#[test]
#[cfg(target_os = "linux")]
fn a_standard_output_that_cannot_be_written_exits_with_1() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut pull = Zmtp::start_with(&["pull", "--bind", "tcp://127.0.0.1:0"], Stdio::null(), full.into());
    let push = crate::support::libzmq_push(&mut pull);
    push.send(&[b"x"]).unwrap();
    let ended = pull.ended();
    assert_eq!(ended.code, 1);
    assert!(ended.err.starts_with("zmtp: cannot write to standard output: "), "{ended:?}");
}

#[test]
fn a_standard_input_that_cannot_be_read_exits_with_3() {
    let (_pull, at) = libzmq_pull();
    let directory = File::open("/").unwrap();
    let ended = Zmtp::start_with(&["push", "--connect", &at], directory.into(), Stdio::null()).ended();
    assert_eq!(ended.code, 3);
    assert!(ended.err.starts_with("zmtp: cannot read standard input: "), "{ended:?}");
}

#[test]
fn a_peer_of_a_type_that_does_not_go_with_ours_refuses_for_good() {
    for kind in [SocketType::Push, SocketType::Pub, SocketType::Rep] {
        let peer = libzmq(kind);
        let at = peer.bind("tcp://127.0.0.1:*").unwrap();
        let ended = zmtp(&format!("push --connect {at}")).ended();
        assert_eq!(ended.code, 4, "{kind:?}: {ended:?}");
        assert!(ended.err.starts_with(&format!("zmtp: refused: {at}: ")), "{ended:?}");
    }
}

#[test]
fn every_verb_is_refused_by_a_type_that_it_does_not_go_with() {
    let (_push, push) = libzmq_bound(SocketType::Push);
    let (_sub, sub) = libzmq_bound(SocketType::Sub);
    for (verb, at) in [
        ("pull", &sub),
        ("pub --wait-peers 1", &push),
        ("sub", &push),
        ("xpub", &push),
        ("xsub", &push),
        ("req --message x", &push),
        ("rep --echo", &push),
        ("dealer", &push),
        ("router", &push),
        ("pair", &push),
    ] {
        let ended = zmtp(&format!("{verb} --connect {at}")).ended();
        assert_eq!(ended.code, 4, "{verb}: {ended:?}");
        assert!(ended.err.starts_with(&format!("zmtp: refused: {at}: ")), "{ended:?}");
    }
}

#[test]
fn a_refusal_ends_the_verb_at_once_messages_still_queued_or_not() {
    let mut peer = zmtp("pull --bind tcp://127.0.0.1:0");
    let at = peer.bound();
    assert_eq!(zmtp(&format!("pull --connect {at}")).ended().code, 4);

    let mut peer = zmtp("push --bind tcp://127.0.0.1:0");
    let at = peer.bound();
    // The linger is 30 s, more than this test would wait.
    assert_eq!(zmtp(&format!("push --connect {at} --message x --repeat 3")).ended().code, 4);
}

#[test]
fn a_verb_goes_on_until_every_endpoint_has_refused_it() {
    let mut wrong = zmtp("pull --bind tcp://127.0.0.1:0");
    let (wrong_at, place) = (wrong.bound(), nobody());
    let options = "--monitor --reconnect 10ms..50ms";
    let mut pull = zmtp(&format!("pull --connect {wrong_at} --connect {place} {options}"));
    pull.err_line_with("handshake-failed");

    let mut also_wrong = zmtp(&format!("pull --bind {place}"));
    also_wrong.bound();
    let ended = pull.ended();
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(ended.err.contains(&format!("refused: {place}: ")), "{ended:?}");
}

#[test]
fn a_verb_that_also_binds_can_still_be_reached() {
    let mut wrong = zmtp("pull --bind tcp://127.0.0.1:0");
    let at = wrong.bound();
    let mut pull = zmtp(&format!("pull --connect {at} --bind tcp://127.0.0.1:0 --count 1 --monitor"));
    let bound = pull.bound();
    pull.err_line_with("handshake-failed");
    zmtp(&format!("push --connect {bound} --message x")).done();
    assert_eq!(pull.done().out, "x\n");
}

#[test]
fn a_wrong_peer_that_comes_to_us_does_not_end_the_verb() {
    let mut pull = zmtp("pull --bind tcp://127.0.0.1:0 --count 1");
    let at = pull.bound();
    assert_eq!(zmtp(&format!("pull --connect {at}")).ended().code, 4);
    zmtp(&format!("push --connect {at} --message x")).done();
    assert_eq!(pull.done().out, "x\n");
}
