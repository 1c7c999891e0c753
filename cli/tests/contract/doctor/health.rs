//! Peers with which all is well.

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use serde_json::Value;
use zmtp_libzmq::SocketType;

use super::{greeting, ready, report, says, scripted, until_gone};
use crate::support::{libzmq_bound, zmtp};

#[test]
fn every_type_of_libzmq_is_well_and_no_message_is_taken_from_it_unless_that_is_told() {
    for (kind, name, partner, shares) in [
        (SocketType::Pair, "PAIR", "pair", true),
        (SocketType::Pub, "PUB", "sub", false),
        (SocketType::Sub, "SUB", "pub", false),
        (SocketType::Req, "REQ", "rep", true),
        (SocketType::Rep, "REP", "req", false),
        (SocketType::Dealer, "DEALER", "router", true),
        (SocketType::Router, "ROUTER", "dealer", false),
        (SocketType::Pull, "PULL", "push", false),
        (SocketType::Push, "PUSH", "pull", true),
        (SocketType::Xpub, "XPUB", "xsub", false),
        (SocketType::Xsub, "XSUB", "xpub", false),
    ] {
        let (_socket, at) = libzmq_bound(kind);
        for options in ["", "--as "] {
            let options = if options.is_empty() { String::new() } else { format!("{options}{partner}") };
            let out = report(0, &format!("{at} {options}"));
            let steps: Vec<_> =
                out.lines().map(|line| line.split_whitespace().take(2).collect::<Vec<_>>()).collect();
            let last = if shares && options.is_empty() { "skipped" } else { "ok" };
            let [most @ .., heartbeat] = &steps[..] else { panic!("{out}") };
            let expected = ["parse", "resolve", "connect", "greeting", "handshake", "ready"];
            assert!(
                most.iter().zip(expected).all(|(step, name)| *step == [name, "ok"]) && most.len() == 6,
                "{out}"
            );
            assert_eq!(*heartbeat, ["heartbeat", last], "{out}");
            assert!(out.contains("ZMTP 3.1, mechanism NULL, as-server 0"), "{out}");
            assert!(out.lines().nth(5).unwrap().contains(&format!("{name}, no routing id")), "{out}");
            if last == "skipped" {
                assert!(out.contains(&format!("`--as {partner}` goes on all the same")), "{out}");
            }
        }
    }
}

#[test]
fn ours_is_well_over_tcp_and_ipc_by_file_and_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = format!("ipc://{}", folder.path().join("socket").display());
    let name = format!("ipc://@zmtp-doctor-{}", std::process::id());
    for at in ["tcp://127.0.0.1:0", "tcp://[::1]:0", &file, &name] {
        if (at.contains('@') && !cfg!(target_os = "linux")) || (at.contains("::1") && !has_ipv6()) {
            continue;
        }
        let mut router = zmtp(&format!("router --bind {at} --json"));
        let place = router.bound();
        let out = report(0, &place);
        assert!(out.contains("ROUTER, no routing id") && out.contains("PING was answered in"), "{out}");
    }
}

fn has_ipv6() -> bool {
    std::net::TcpListener::bind("[::1]:0").is_ok()
}

#[test]
fn a_job_that_waits_for_a_worker_is_still_there_after_the_visit() {
    let mut push = zmtp("push --bind tcp://127.0.0.1:0 --message job");
    let at = push.bound();
    let out = report(0, &at);
    assert!(out.contains("a PUSH shares its messages among its peers"), "{out}");
    assert_eq!(zmtp(&format!("pull --connect {at} --count 1")).done().out, "job\n");
    push.done();
}

#[test]
fn with_json_each_step_is_an_object() {
    let (_socket, at) = libzmq_bound(SocketType::Router);
    let out = report(0, &format!("{at} --json"));
    let steps: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<_> = steps.iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(names, ["parse", "resolve", "connect", "greeting", "handshake", "ready", "heartbeat"]);
    assert!(steps.iter().all(|step| step["result"] == "ok" && step["ms"].is_f64()), "{out}");
    assert_eq!(steps[0]["endpoint"], at);
    assert_eq!(steps[1]["addresses"], serde_json::json!([at.trim_start_matches("tcp://")]));
    assert_eq!(
        (&steps[3]["version"], &steps[3]["mechanism"], &steps[3]["as_server"]),
        (&"3.1".into(), &"NULL".into(), &false.into())
    );
    assert_eq!((&steps[4]["as"], &steps[5]["type"]), (&"DEALER".into(), &"ROUTER".into()));
    assert!(steps[6]["round_trip_ms"].is_f64() && steps[6]["messages_lost"] == 0, "{out}");
}

#[test]
fn a_peer_of_3_0_has_no_heartbeats_and_that_is_said() {
    let at = says([greeting(0, "NULL"), ready(&[("Socket-Type", b"ROUTER")])].concat());
    let out = report(0, &at);
    assert!(out.contains("ZMTP 3.0, mechanism NULL"), "{out}");
    assert!(out.lines().last().unwrap().starts_with("heartbeat  skipped"), "{out}");
    assert!(out.contains("ZMTP 3.0, which has no heartbeats"), "{out}");
}

#[test]
fn what_a_peer_says_of_itself_is_shown_and_escaped() {
    let properties: [(&str, &[u8]); 4] = [
        ("socket-type", b"ROUTER"),
        ("Identity", b"\x1b[31mred"),
        ("X-Name", b"a\nb"),
        ("X-Bell", b"\xc2\x9b\x07"),
    ];
    let session = [greeting(0, "NULL"), ready(&properties)].concat();
    let out = report(0, &says(session.clone()));
    let line = out.lines().nth(5).unwrap();
    assert!(
        line.ends_with(r#"ROUTER, routing id "\x1b[31mred", X-Name "a\nb", X-Bell "\xc2\x9b\x07""#),
        "{out}"
    );
    let out = report(0, &format!("{} --json", says(session)));
    let ready: Value = serde_json::from_str(out.lines().nth(5).unwrap()).unwrap();
    assert_eq!(ready["routing_id"], "\x1b[31mred");
    assert_eq!(ready["metadata"], serde_json::json!({ "X-Name": "a\nb", "X-Bell": { "base64": "wpsH" } }));
}

/// Signature, version, the rest; and the rest not before the peer has shown its mechanism.
#[test]
fn the_greeting_goes_out_in_stages_and_a_peer_of_another_mechanism_never_sees_ours() {
    let (tell, told) = std::sync::mpsc::channel();
    let at = scripted(move |stream| {
        let mut heard = Vec::new();
        for (wanted, answer) in [(10, 0..10), (12, 10..64)] {
            let mut some = vec![0; wanted - heard.len()];
            stream.read_exact(&mut some).unwrap();
            heard.extend(some);
            stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
            let more = stream.read(&mut [0; 64]).map_err(|error| error.kind());
            assert!(matches!(more, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut)), "{more:?}");
            stream.set_read_timeout(None).unwrap();
            stream.write_all(&greeting(1, "CURVE")[answer]).unwrap();
        }
        stream.read_to_end(&mut heard).unwrap();
        tell.send(heard).unwrap();
    });
    super::fails(
        &format!("{at} --timeout 20s"),
        "greeting",
        &["the peer's mechanism is CURVE, and ours is NULL"],
    );
    assert_eq!(told.recv().unwrap(), b"\xff\0\0\0\0\0\0\0\0\x7f\x03\x01");
}

#[test]
fn a_peer_that_wants_our_whole_greeting_first_is_well_all_the_same() {
    let at = scripted(|stream| {
        stream.read_exact(&mut [0; 64]).unwrap();
        stream.write_all(&greeting(0, "NULL")).unwrap();
        // And our READY before it shows its own.
        stream.read_exact(&mut [0; 10]).unwrap();
        stream.write_all(&ready(&[("Socket-Type", b"ROUTER")])).unwrap();
        until_gone(stream);
    });
    report(0, &format!("{at} --timeout 2s"));
}
