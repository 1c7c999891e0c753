//! What fails on the way, step by step.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::thread;
use std::time::{Duration, Instant};

use zmtp_libzmq::SocketType;

use super::{command, fails, greeting, ready, report, says, scripted, until_gone};
use crate::support::{libzmq_bound, nobody, zmtp};

#[test]
fn an_endpoint_that_cannot_be_dialled_is_3_and_said_what_can() {
    for (endpoint, words) in [
        ("nonsense", "expected `tcp://host:port`"),
        ("foo://x", "unknown transport `foo`"),
        ("tcp://127.0.0.1:99999", "expected a number from 1 to 65535"),
        ("tcp://*:5555", "can be bound, not connected to"),
        ("tcp://127.0.0.1:*", "can be bound, not connected to"),
        ("ipc://*", "can be bound, not connected to"),
        ("inproc://x", "doctor knows tcp:// and ipc://"),
    ] {
        let out = report(3, endpoint);
        assert!(
            out.starts_with("parse      failed ") && out.contains(words) && out.contains("\nnext: "),
            "{out}"
        );
    }
    let out = report(3, "nonsense --json");
    let failed: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&failed["step"], &failed["result"]), (&"parse".into(), &"failed".into()));
    assert!(failed["reason"].is_string() && failed["next"].is_string(), "{out}");
    let unknown = zmtp("doctor tcp://127.0.0.1:1 --as server").ended();
    assert!(unknown.code == 3 && unknown.err.contains("PULL"), "{unknown:?}");
}

#[test]
fn a_host_that_nobody_knows_is_said() {
    // However long the name server thinks about it.
    fails("tcp://no-such-host.invalid:5555 --timeout 2s", "resolve", &["no-such-host.invalid"]);
}

#[test]
fn an_ipc_path_without_a_listener_is_said_for_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("file"), "").unwrap();
    drop(UnixListener::bind(at("left")).unwrap());
    let endpoint = |name: &str| format!("ipc://{}", at(name).display());
    fails(&endpoint("nothing"), "resolve", &["there is no ", "let it bind the same path"]);
    fails(&endpoint("file"), "resolve", &["is a file, but no socket"]);
    fails(&endpoint("left"), "connect", &["nobody listens at"]);
}

#[test]
fn a_port_where_nobody_listens_is_said_to_refuse() {
    fails(&nobody(), "connect", &["nobody listens at 127.0", "see that it binds this endpoint"]);
}

#[test]
fn a_mute_peer_costs_the_time_that_it_may_and_no_more() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("tcp://{}", listener.local_addr().unwrap());
    let start = Instant::now();
    fails(&format!("{at} --timeout 500ms"), "greeting", &["has said nothing within 500ms"]);
    assert!(start.elapsed() >= Duration::from_millis(500), "it was given up too early");
}

/// Each octet is progress, and none of it buys time.
#[test]
fn a_peer_that_trickles_is_given_up_in_time() {
    let at = scripted(|stream| {
        for octet in greeting(1, "NULL").into_iter().take(30).cycle() {
            if stream.write_all(&[octet]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
    });
    fails(&format!("{at} --timeout 1s"), "greeting", &["of the 64 octets of its greeting within 1s"]);
}

#[test]
fn a_peer_that_hangs_up_is_said_to_do_so_and_where() {
    fails(&scripted(|_| {}), "greeting", &["closed the connection before it said a word"]);
    let half = scripted(|stream| {
        stream.write_all(&greeting(1, "NULL")[..20]).unwrap();
        stream.read_exact(&mut [0; 12]).unwrap();
    });
    fails(&half, "greeting", &["in the middle of its greeting, after 20 of 64 octets"]);
    let greeted = scripted(|stream| {
        stream.write_all(&greeting(1, "NULL")).unwrap();
        stream.read_exact(&mut [0; 64]).unwrap();
    });
    fails(&greeted, "handshake", &["closed the connection after our greeting"]);
    let met = scripted(|stream| {
        stream.write_all(&[greeting(1, "NULL"), ready(&[("Socket-Type", b"ROUTER")])].concat()).unwrap();
        // Greeting, and the header of READY.
        stream.read_exact(&mut [0; 66]).unwrap();
    });
    fails(&met, "heartbeat", &["closed the connection instead of answering a PING"]);
}

#[test]
fn a_peer_that_stops_talking_is_said_to_do_so_and_where() {
    fails(
        &format!("{} --timeout 1s", says(greeting(1, "NULL"))),
        "handshake",
        &["has not answered our greeting"],
    );
    let met = says([greeting(1, "NULL"), ready(&[("Socket-Type", b"ROUTER")])].concat());
    fails(&format!("{met} --timeout 1s"), "heartbeat", &["has not answered a PING within 1s"]);
}

/// It always has something to say, but no PONG.
#[test]
fn a_peer_that_floods_is_given_up_in_time() {
    let at = scripted(|stream| {
        stream.write_all(&[greeting(1, "NULL"), ready(&[("Socket-Type", b"ROUTER")])].concat()).unwrap();
        while stream.write_all(&b"\0\x05hello".repeat(1000)).is_ok() {}
    });
    fails(&format!("{at} --timeout 1s"), "heartbeat", &["has not answered a PING within 1s"]);
}

#[test]
fn messages_that_came_meanwhile_are_owned_up_to() {
    let at = scripted(|stream| {
        stream.write_all(&[greeting(1, "NULL"), ready(&[("Socket-Type", b"PUSH")])].concat()).unwrap();
        stream.write_all(b"\0\x05hello\x01\x03two\0\x06frames").unwrap();
        stream.write_all(&command("PONG", b"")).unwrap();
        until_gone(stream);
    });
    let out = report(0, &format!("{at} --as pull"));
    assert!(out.contains("2 messages came meanwhile, and are lost"), "{out}");
}

#[test]
fn types_that_do_not_talk_to_each_other_are_said_with_those_that_do() {
    let (_socket, at) = libzmq_bound(SocketType::Pub);
    fails(
        &format!("{at} --as pull"),
        "ready",
        &["the peer is a PUB, which does not talk to a PULL", "a PUB talks to SUB and XSUB"],
    );
    let bogus = [greeting(1, "NULL"), ready(&[("Socket-Type", b"B\x1bGUS")])].concat();
    fails(&says(bogus), "ready", &[r"the peer is a B\x1bGUS"]);
}

#[test]
fn an_error_of_the_peer_is_said_with_its_reason_escaped() {
    let refuses = |reason: &[u8]| {
        let error = command("ERROR", &[&[reason.len() as u8], reason].concat());
        says([greeting(1, "NULL"), error].concat())
    };
    fails(&refuses(b"400"), "handshake", &["ERROR \"400\"", "whether it refuses this address"]);
    fails(&refuses(b"\x1b]0;title\x07"), "handshake", &[r#"ERROR "\x1b]0;title\x07""#]);
}

#[test]
fn what_breaks_the_protocol_is_said_to() {
    let behind = |octets: &[u8]| says([&greeting(1, "NULL")[..], octets].concat());
    fails(&behind(b"\0\x05hello"), "handshake", &["a message before READY"]);
    fails(&behind(b"\x06\0\0\0\0\x7f\xff\xff\xff"), "handshake", &["limit 8192"]);
    fails(&behind(b"\xff\xff"), "handshake", &["frame flags 0xff"]);
    let twice = ready(&[("Socket-Type", b"ROUTER"), ("socket-type", b"ROUTER")]);
    fails(&behind(&twice), "handshake", &["twice"]);
}

#[test]
fn a_pair_that_has_a_peer_turns_the_doctor_away() {
    let mut pair = zmtp("pair --bind tcp://127.0.0.1:0");
    let at = pair.bound();
    let mut other = zmtp(&format!("pair --connect {at}"));
    other.write("hello\n");
    assert_eq!(pair.line(), "hello");
    fails(&format!("{at} --as pair"), "heartbeat", &["a PAIR with a peer has none"]);
    pair.write("still here\n");
    assert_eq!(other.line(), "still here");
}

#[test]
fn nobody_who_reads_the_report_is_no_reason_to_fail_otherwise() {
    let (_socket, at) = libzmq_bound(SocketType::Router);
    let mut visit = crate::support::Zmtp::start_unread(&["doctor", &at]);
    visit.close_output();
    assert_eq!(visit.ended().code, 0);
}
