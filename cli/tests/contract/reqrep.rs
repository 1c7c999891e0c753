//! `req` and `rep`.

use std::time::Duration;

use zmtp_libzmq::SocketType;

use crate::support::{libzmq_bound, libzmq_connected, nobody, zmtp};

#[test]
fn a_req_sends_each_input_message_and_prints_each_reply() {
    let (rep, at) = libzmq_bound(SocketType::Rep);
    let mut req = zmtp(&format!("req --connect {at}"));
    req.write("one\ntwo\n").end_input();
    for (request, reply) in [("one", "1"), ("two", "2")] {
        assert_eq!(rep.recv().unwrap(), [request.as_bytes()]);
        // Until the reply is there the next request is not sent.
        assert!(!rep.poll_in(Duration::from_millis(100)).unwrap());
        rep.send(&[reply.as_bytes(), b"second frame"]).unwrap();
    }
    assert_eq!(req.done().out, "1\tsecond frame\n2\tsecond frame\n");
}

#[test]
fn a_req_prints_every_reply_that_is_due_before_it_ends() {
    let (rep, at) = libzmq_bound(SocketType::Rep);
    let mut req = zmtp(&format!("req --connect {at} --message late"));
    assert_eq!(rep.recv().unwrap(), [b"late"]);
    req.end_input();
    std::thread::sleep(Duration::from_millis(300));
    rep.send(&[b"but here"]).unwrap();
    assert_eq!(req.done().out, "but here\n");
}

#[test]
fn a_req_ends_after_so_many_replies() {
    let mut rep = zmtp("rep --bind tcp://127.0.0.1:0 --echo");
    let mut req = zmtp(&format!("req --connect {} --count 2", rep.bound()));
    req.write("1\n2\n3\n");
    assert_eq!(req.done().out, "1\n2\n");
}

#[test]
fn a_req_without_a_reply_times_out() {
    let (rep, at) = libzmq_bound(SocketType::Rep);
    let req = zmtp(&format!("req --connect {at} --message x --timeout 500ms"));
    assert_eq!(rep.recv().unwrap(), [b"x"]);
    let ended = req.ended();
    assert_eq!((ended.code, &*ended.err), (2, "zmtp: timed out: no reply for 500ms\n"));

    let ended = zmtp(&format!("req --connect {} --message x --timeout 200ms", nobody())).ended();
    assert_eq!(ended.code, 2, "{ended:?}");
}

#[test]
fn a_req_asks_its_peers_in_turn() {
    let mut a = zmtp("rep --bind tcp://127.0.0.1:0 --reply a");
    let mut b = zmtp("rep --bind tcp://127.0.0.1:0 --reply b");
    let places = format!("--connect {} --connect {}", a.bound(), b.bound());
    let out = zmtp(&format!("req {places} --wait-peers 2 --message x --repeat 4")).done().out;
    assert!(["a\nb\na\nb\n", "b\na\nb\na\n"].contains(&&*out), "{out}");
}

#[test]
fn a_rep_echoes() {
    let mut rep = zmtp("rep --bind tcp://127.0.0.1:0 --echo --count 2");
    let req = libzmq_connected(SocketType::Req, &mut rep);
    for message in [[&b"a"[..], b"", b"c"], [b"x", b"\xff", b"z"]] {
        req.send(&message).unwrap();
        assert_eq!(req.recv().unwrap(), message);
    }
    assert_eq!(rep.done().out, "a\t\tc\nx\t\\xff\tz\n");
}

#[test]
fn a_rep_replies_the_same_to_every_request() {
    let mut rep = zmtp("rep --bind tcp://127.0.0.1:0 --reply pong --count 3");
    let req = libzmq_connected(SocketType::Req, &mut rep);
    for _ in 0..3 {
        req.send(&[b"ping"]).unwrap();
        assert_eq!(req.recv().unwrap(), [b"pong"]);
    }
    assert_eq!(rep.done().out, "ping\nping\nping\n");
}

#[test]
fn each_line_answers_the_next_request() {
    let mut rep = zmtp("rep --bind tcp://127.0.0.1:0");
    let req = libzmq_connected(SocketType::Req, &mut rep);
    // By hand: the request is seen before its answer is typed.
    req.send(&[b"question"]).unwrap();
    assert_eq!(rep.line(), "question");
    rep.write("answer\n");
    assert_eq!(req.recv().unwrap(), [b"answer"]);
    // And ahead of the request.
    rep.write("next\nlast\n");
    for reply in ["next", "last"] {
        req.send(&[b"more"]).unwrap();
        assert_eq!(req.recv().unwrap(), [reply.as_bytes()]);
    }
    rep.end_input();
    assert_eq!(rep.done().out, "more\nmore\n");
}

#[test]
fn lines_that_came_before_the_end_of_the_input_are_still_answers() {
    let mut rep = zmtp("rep --bind tcp://127.0.0.1:0");
    rep.write("one\ntwo").end_input();
    let req = libzmq_connected(SocketType::Req, &mut rep);
    for reply in ["one", "two"] {
        req.send(&[b"?"]).unwrap();
        assert_eq!(req.recv().unwrap(), [reply.as_bytes()]);
    }
    rep.done();
}

#[test]
fn with_messages_on_the_command_line_a_rep_ends_when_each_was_an_answer() {
    let mut rep = zmtp("rep --bind tcp://127.0.0.1:0 --message a --message b --repeat 2");
    let req = libzmq_connected(SocketType::Req, &mut rep);
    for reply in ["a", "b", "a", "b"] {
        req.send(&[b"?"]).unwrap();
        assert_eq!(req.recv().unwrap(), [reply.as_bytes()]);
    }
    rep.done();
}

#[test]
fn with_count_or_timeout_a_rep_goes_on_receiving_when_its_input_has_ended() {
    let mut rep = zmtp("rep --bind tcp://127.0.0.1:0 --count 1");
    rep.end_input();
    let req = libzmq_connected(SocketType::Req, &mut rep);
    req.send(&[b"unanswered"]).unwrap();
    assert_eq!(rep.done().out, "unanswered\n");

    let mut rep = zmtp("rep --bind tcp://127.0.0.1:0 --timeout 1s");
    rep.end_input();
    let req = libzmq_connected(SocketType::Req, &mut rep);
    req.send(&[b"unanswered"]).unwrap();
    let ended = rep.ended();
    assert_eq!((ended.code, &*ended.out), (2, "unanswered\n"), "{ended:?}");

    // Nothing more can be received, so there is nothing to wait for.
    let mut rep = zmtp("rep --bind tcp://127.0.0.1:0 --count 2");
    rep.end_input();
    let req = libzmq_connected(SocketType::Req, &mut rep);
    req.send(&[b"unanswered"]).unwrap();
    let ended = rep.ended();
    assert_eq!((ended.code, &*ended.out), (1, "unanswered\n"), "{ended:?}");
}

#[test]
fn a_rep_without_requests_times_out() {
    let ended = zmtp("rep --bind tcp://127.0.0.1:0 --echo --timeout 200ms").ended();
    assert_eq!((ended.code, ended.out.as_str()), (2, ""));
    assert!(ended.err.contains("timed out: no request for 200ms"), "{ended:?}");
}

#[test]
fn a_rep_that_connects_serves_clients_that_bind() {
    let (req, at) = libzmq_bound(SocketType::Req);
    let _rep = zmtp(&format!("rep --connect {at} --echo"));
    req.send(&[b"hello"]).unwrap();
    assert_eq!(req.recv().unwrap(), [b"hello"]);
}

#[test]
fn requests_of_many_clients_are_answered() {
    let mut rep = zmtp("rep --bind tcp://127.0.0.1:0 --echo");
    let at = rep.bound();
    let clients: Vec<_> =
        (0..10).map(|n| zmtp(&format!("req --connect {at} --message {n} --repeat 20"))).collect();
    for (n, client) in clients.into_iter().enumerate() {
        assert_eq!(client.done().out, format!("{n}\n").repeat(20));
    }
}
