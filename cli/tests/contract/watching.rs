//! `--monitor`.

use serde_json::Value;
use zmtp_libzmq::SocketType;

use crate::support::{libzmq, libzmq_pull, libzmq_push, zmtp};

#[test]
fn monitor_prints_one_line_an_event_with_endpoint_peer_and_cause() {
    let mut pull = zmtp("pull --bind tcp://127.0.0.1:0 --monitor");
    let at = pull.bound();
    assert_eq!(pull.err_line(), format!("listening {at}"));
    let push = libzmq(SocketType::Push);
    push.connect(&at).unwrap();
    let accepted = pull.err_line();
    assert!(
        accepted.starts_with(&format!("accepted {at} ")) && accepted.contains("127.0.0.1:"),
        "{accepted}"
    );
    let succeeded = pull.err_line();
    assert!(succeeded.starts_with(&format!("handshake-succeeded {at} ")), "{succeeded}");
    assert!(succeeded.contains("PUSH") && succeeded.contains("127.0.0.1:"), "{succeeded}");
    drop(push);
    let disconnected = pull.err_line();
    assert!(disconnected.starts_with(&format!("disconnected {at} ")), "{disconnected}");
    assert!(
        disconnected.contains("127.0.0.1:") && disconnected.contains("closed the connection"),
        "{disconnected}"
    );
    pull.signal("INT");
    assert_eq!(pull.ended().err, format!("closed {at}\n"));
}

#[test]
fn with_json_events_are_objects() {
    let (pull, at) = libzmq_pull();
    let mut push = zmtp(&format!("push --connect {at} --monitor --json"));
    let mut next = || serde_json::from_str::<Value>(&push.err_line()).unwrap();
    assert_eq!(next()["event"], "connect-delayed");
    let connected = next();
    assert_eq!((&connected["event"], &connected["endpoint"]), (&"connected".into(), &at.as_str().into()));
    let succeeded = next();
    assert_eq!(succeeded["event"], "handshake-succeeded");
    assert_eq!(succeeded["type"], "PULL");
    assert!(succeeded["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{succeeded}");
    drop(pull);
    let disconnected = next();
    assert_eq!((&disconnected["event"], &disconnected["discarded"]), (&"disconnected".into(), &0.into()));
    assert!(disconnected["cause"].as_str().unwrap().contains("closed"), "{disconnected}");
}

#[test]
fn a_refusal_is_an_event_with_its_cause() {
    let wrong = libzmq(SocketType::Push);
    let at = wrong.bind("tcp://127.0.0.1:*").unwrap();
    let mut push = zmtp(&format!("push --connect {at} --monitor --json"));
    let failed: Value = serde_json::from_str(&push.err_line_with("handshake-failed")).unwrap();
    assert_eq!(failed["retry"], false);
    assert!(failed["cause"].as_str().unwrap().contains("PUSH"), "{failed}");
    assert_eq!(push.ended().code, 4);
}

#[test]
fn without_monitor_nothing_but_the_bound_lines_is_said() {
    let mut pull = zmtp("pull --bind tcp://127.0.0.1:0 --count 1");
    let push = libzmq_push(&mut pull);
    push.send(&[b"x"]).unwrap();
    let ended = pull.done();
    assert_eq!((&*ended.out, &*ended.err), ("x\n", ""));
}
