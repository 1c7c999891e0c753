//! `proxy`.

use serde_json::Value;
use zmtp_libzmq::{Opt, SocketType};

use crate::support::{Zmtp, libzmq, libzmq_bound, nobody, zmtp};

/// Starts a proxy whose ends are both bound, and says where.
fn proxy(arguments: &str) -> (Zmtp, String, String) {
    let mut proxy = zmtp(&format!("proxy {arguments}"));
    let (front, back) = (proxy.bound(), proxy.bound());
    (proxy, front, back)
}

#[test]
fn two_bare_endpoints_are_a_router_and_a_dealer() {
    let (_proxy, front, back) = proxy("tcp://127.0.0.1:0 tcp://127.0.0.1:0");
    let _workers = ["a", "b"].map(|name| zmtp(&format!("rep --connect {back} --reply {name}")));
    let client = zmtp(&format!("req --connect {front} --message x --repeat 4 --timeout 10s"));
    assert_eq!(client.done().out.lines().count(), 4);

    let clients: Vec<_> =
        (0..5).map(|_| zmtp(&format!("req --connect {front} --message x --repeat 20"))).collect();
    for client in clients {
        assert_eq!(client.done().out.lines().count(), 20);
    }
}

#[test]
fn requests_of_libzmq_clients_reach_libzmq_workers_and_come_back() {
    let (_proxy, front, back) = proxy("router:bind:tcp://127.0.0.1:0 dealer:bind:tcp://127.0.0.1:0");
    let (req, rep) = (libzmq(SocketType::Req), libzmq(SocketType::Rep));
    req.connect(&front).unwrap();
    rep.connect(&back).unwrap();
    for n in ["1", "2", "3"] {
        req.send(&[b"question", n.as_bytes()]).unwrap();
        assert_eq!(rep.recv().unwrap(), [b"question", n.as_bytes()]);
        rep.send(&[n.as_bytes()]).unwrap();
        assert_eq!(req.recv().unwrap(), [n.as_bytes()]);
    }
}

#[test]
fn an_xsub_and_an_xpub_join_publishers_and_subscribers() {
    let (_proxy, front, back) = proxy("xsub:bind:tcp://127.0.0.1:0 xpub:bind:tcp://127.0.0.1:0");
    let subscriber = zmtp(&format!("sub --connect {back} --subscribe a --count 2"));
    // Its subscription goes through to the publisher.
    let publisher = "pub --wait-peers 1 --message a1 --message b1 --message a2";
    zmtp(&format!("{publisher} --connect {front}")).done();
    assert_eq!(subscriber.done().out, "a1\na2\n");
}

#[test]
fn a_capture_publishes_whatever_passes() {
    let capture = nobody();
    let ends = "xsub:bind:tcp://127.0.0.1:0 xpub:bind:tcp://127.0.0.1:0";
    let (mut proxy, front, back) = proxy(&format!("{ends} --capture {capture}"));
    assert_eq!(proxy.bound(), capture);
    let mut watcher = zmtp(&format!("sub --connect {capture} --monitor"));
    watcher.err_line_with("handshake-succeeded");
    let subscriber = zmtp(&format!("sub --connect {back} --subscribe a --count 1"));
    zmtp(&format!("pub --connect {front} --wait-peers 1 --message a1 --message b1")).done();
    assert_eq!(subscriber.done().out, "a1\n");
    let seen: Vec<String> =
        std::iter::from_fn(|| Some(watcher.line())).take_while(|line| line != "a1").collect();
    // The subscription may have passed before anybody watched.
    assert!(seen.iter().all(|line| line == "\\x01a"), "{seen:?}");
}

#[test]
fn a_pull_and_a_push_bring_work_from_one_place_to_another() {
    let (pull, far) = libzmq_bound(SocketType::Pull);
    let mut proxy = zmtp(&format!("proxy pull:bind:tcp://127.0.0.1:0 push:connect:{far}"));
    zmtp(&format!("push --connect {} --message x --repeat 1000", proxy.bound())).done();
    for _ in 0..1_000 {
        assert_eq!(pull.recv().unwrap(), [b"x"]);
    }
}

#[test]
fn pairs_and_the_other_way_round_go_together_too() {
    let (_proxy, front, back) = proxy("pair:bind:tcp://127.0.0.1:0 pair:bind:tcp://127.0.0.1:0");
    let mut one = zmtp(&format!("pair --connect {front}"));
    let mut other = zmtp(&format!("pair --connect {back}"));
    one.write("there\n");
    assert_eq!(other.line(), "there");
    other.write("back\n");
    assert_eq!(one.line(), "back");

    let (_proxy, back, front) = proxy("dealer:bind:tcp://127.0.0.1:0 router:bind:tcp://127.0.0.1:0");
    let _rep = zmtp(&format!("rep --connect {back} --echo"));
    assert_eq!(zmtp(&format!("req --connect {front} --message x")).done().out, "x\n");
}

#[test]
fn a_signal_closes_a_proxy_in_order() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let (proxy, _, _) = proxy("tcp://127.0.0.1:0 tcp://127.0.0.1:0");
        proxy.signal(signal);
        assert_eq!(proxy.ended().code, code);
    }

    // What has come in before the signal still goes out.
    let place = nobody();
    let mut proxy = zmtp(&format!(
        "proxy pull:bind:tcp://127.0.0.1:0 push:connect:{place} --reconnect 10ms..50ms --monitor"
    ));
    zmtp(&format!("push --connect {} --message x", proxy.bound())).done();
    // By then everything has come in.
    proxy.err_line_with("disconnected");
    proxy.signal("INT");
    let pull = zmtp(&format!("pull --bind {place} --count 1"));
    assert_eq!(pull.done().out, "x\n");
    assert_eq!(proxy.ended().code, 130);
}

#[test]
fn a_proxy_that_is_refused_on_one_side_exits_with_4() {
    let (_wrong, at) = libzmq_bound(SocketType::Push);
    let ended = zmtp(&format!("proxy router:bind:tcp://127.0.0.1:0 dealer:connect:{at}")).ended();
    assert_eq!(ended.code, 4);
    assert!(ended.err.contains(&format!("refused: {at}: ")), "{ended:?}");
}

#[test]
fn a_place_that_is_taken_exits_with_1() {
    let (_proxy, front, _) = proxy("tcp://127.0.0.1:0 tcp://127.0.0.1:0");
    assert_eq!(zmtp(&format!("proxy {front} tcp://127.0.0.1:0")).ended().code, 1);
    assert_eq!(zmtp(&format!("proxy tcp://127.0.0.1:0 tcp://127.0.0.1:0 --capture {front}")).ended().code, 1);
}

#[test]
fn ends_that_make_no_sense_exit_with_3() {
    let end = "tcp://127.0.0.1:0";
    let cases = [
        (end.to_owned(), "<BACK>"),
        (format!("nonsense {end}"), "expected something like xsub:bind:"),
        (format!("sub:bind:{end} {end}"), "`sub` is no type of socket that a proxy can have"),
        (format!("router:{end} {end}"), "neither `bind` nor `connect`"),
        (format!("pull:bind:{end} dealer:bind:{end}"), "a pull in front and a dealer behind"),
        (format!("{end} xpub:bind:{end}"), "a router in front and a xpub behind"),
        (format!("{end} dealer:connect:tcp://127.0.0.1:*"), "not connected to"),
        (format!("{end} {end} --message x"), "--message"),
    ];
    for (arguments, reason) in cases {
        let ended = zmtp(&format!("proxy {arguments}")).ended();
        assert_eq!(ended.code, 3, "{arguments}: {ended:?}");
        assert!(ended.err.contains(reason), "{arguments}: {}", ended.err);
    }
}

#[test]
fn monitor_prints_the_events_of_all_sockets() {
    let mut proxy = zmtp("proxy tcp://127.0.0.1:0 tcp://127.0.0.1:0 --monitor --json");
    let (front, back) = (proxy.bound(), proxy.bound());
    let req = libzmq(SocketType::Req);
    req.connect(&front).unwrap();
    let rep = libzmq(SocketType::Rep);
    rep.set_int(Opt::Linger, 0).unwrap();
    rep.connect(&back).unwrap();
    let mut types = [(); 2].map(|()| {
        let event: Value = serde_json::from_str(&proxy.err_line_with("handshake-succeeded")).unwrap();
        event["type"].as_str().unwrap().to_owned()
    });
    types.sort();
    assert_eq!(types, ["REP", "REQ"]);
}
