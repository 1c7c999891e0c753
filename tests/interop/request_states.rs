//! The rules of asking and answering, told of libzmq's socket and ours alike: what is on the wire, whose turn it is,
//! which reply counts, and what a peer that breaks them gets.

use std::time::Duration;

use support::{ANY_PORT, Door, Peer, Zmq, frame, more, until, within};
use tokio::time::timeout;
use zmtp::{Event, RecvError, RepSocket, ReqSocket, SendErrorKind};
use zmtp_libzmq::{Error, Opt, SocketType};

use crate::both::quickly;
use crate::subject::{Subject, recv, send};

/// R28-REQ-06.
#[tokio::test]
async fn case_066_a_request_is_a_delimiter_and_its_frames() {
    for req in Subject::both(ReqSocket::new(), Zmq::new(SocketType::Req)) {
        let door = Door::open().await;
        req.connect(door.endpoint()).await;
        let mut peer = door.accept().await;
        peer.shake("REP").await;

        req.send(["a", "b"]).await;

        peer.expect(*b"\x01\0\x01\x01a\0\x01b").await;
    }
}

#[tokio::test]
async fn case_067_a_correlated_request_carries_an_id_and_takes_no_reply_with_another() {
    let theirs = Zmq::new(SocketType::Req);
    theirs.set(Opt::ReqCorrelate, 1).await;
    for mut req in Subject::both(ReqSocket::builder().correlate(true).build(), theirs) {
        let door = Door::open().await;
        req.connect(door.endpoint()).await;
        let mut peer = door.accept().await;
        peer.shake("REP").await;

        let mut ids = Vec::new();
        for _ in 0..2 {
            req.send(["a"]).await;
            let id = peer.frame().await;
            assert_eq!((id.flags, id.body.len()), (1, 4));
            peer.expect([more(""), frame("a")].concat()).await;
            let wrong = id.body.iter().map(|octet| !octet).collect::<Vec<_>>();
            peer.send([more(wrong), more(""), frame("wrong")].concat()).await;
            peer.send([more(&id.body), more(""), frame("right")].concat()).await;
            assert_eq!(req.recv().await, ["right"]);
            ids.push(id.body);
        }

        assert_ne!(ids[0], ids[1]);
    }
}

/// A reply to the request that was given up comes late, and is dropped.
#[tokio::test]
async fn case_068_a_relaxed_and_correlated_req_drops_the_late_reply_to_an_earlier_request() {
    let theirs = Zmq::new(SocketType::Req);
    theirs.set(Opt::ReqRelaxed, 1).await;
    theirs.set(Opt::ReqCorrelate, 1).await;
    let ours = ReqSocket::builder().relaxed(true).correlate(true).build();
    for mut req in Subject::both(ours, theirs) {
        let mut peers = Vec::new();
        for _ in 0..3 {
            let door = Door::open().await;
            req.connect(door.endpoint()).await;
            let mut peer = door.accept().await;
            peer.shake("REP").await;
            peers.push((door, peer));
        }

        // Each peer gets one in turn; only the last is still wanted.
        let mut ids = Vec::new();
        for (n, (_, peer)) in peers.iter_mut().enumerate() {
            req.send([n.to_string()]).await;
            ids.push(peer.frame().await.body);
            peer.expect([more(""), frame(n.to_string())].concat()).await;
        }
        for (n, (_, peer)) in peers.iter_mut().enumerate() {
            peer.send([more(&ids[n]), more(""), frame(n.to_string())].concat()).await;
            // Not even with the right id: from the wrong peer, or a second time.
            peer.send([more(&ids[2]), more(""), frame("wrong")].concat()).await;
        }

        assert_eq!(req.recv().await, ["2"]);
        req.send(["next"]).await;
        let next = peers[0].1.frame().await.body;
        peers[0].1.expect([more(""), frame("next")].concat()).await;
        peers[0].1.send([more(next), more(""), frame("reply")].concat()).await;
        assert_eq!(req.recv().await, ["reply"]);
    }
}

/// The same with three REPs of libzmq.
#[tokio::test]
async fn case_068_the_late_reply_of_a_libzmq_rep_is_dropped() {
    let mut req = ReqSocket::builder().relaxed(true).correlate(true).build();
    let reps = [(); 3].map(|()| Zmq::new(SocketType::Rep));
    for (n, rep) in reps.iter().enumerate() {
        req.connect(rep.bind(ANY_PORT).await).unwrap();
        within(20, req.wait_for_peers(n + 1)).await;
    }
    for round in 0..20 {
        let (late, in_time) = (&reps[(2 * round) % 3], &reps[(2 * round + 1) % 3]);
        send(&req, ["first"]).await;
        assert_eq!(late.recv().await, [b"first"]);
        send(&req, ["second"]).await;
        assert_eq!(in_time.recv().await, [b"second"]);

        late.send("late").await;
        in_time.send("in time").await;

        assert_eq!(recv(&mut req).await, ["in time"], "round {round}");
    }
}

/// A reply must begin with a delimiter. Who sends another is closed. libzmq never dials him again; we do, after a
/// pause, as for every fault that may pass (R37-ERR-04).
#[tokio::test]
async fn case_069_a_reply_without_delimiter_closes_for_libzmq_for_good() {
    let theirs = Zmq::new(SocketType::Req);
    theirs.set(Opt::ReconnectIvl, 10).await;
    let quickly = quickly();
    for req in Subject::both(ReqSocket::builder().reconnect(quickly).build(), theirs) {
        let door = Door::open().await;
        req.connect(door.endpoint()).await;
        let mut peer = door.accept().await;
        peer.shake("REP").await;
        req.send(["a"]).await;
        peer.expect([more(""), frame("a")].concat()).await;

        peer.send(frame("hi")).await;

        peer.expect_close().await;
        let again = timeout(Duration::from_millis(150), door.accept()).await;
        assert_eq!(again.is_ok(), req.is_ours());
    }
}

/// R28-REP-02 in libzmq's way: a request without an empty frame is dropped whole.
#[tokio::test]
async fn case_070_a_request_without_delimiter_is_discarded_and_the_next_is_answered() {
    for mut rep in Subject::both(RepSocket::new(), Zmq::new(SocketType::Rep)) {
        let mut peer = Peer::connect(rep.bind(ANY_PORT).await).await;
        peer.shake("DEALER").await;

        peer.send([frame("x"), more("x"), frame("y"), more(""), frame("q")].concat()).await;

        assert_eq!(rep.recv().await, ["q"]);
        rep.send(["a"]).await;
        peer.expect([more(""), frame("a")].concat()).await;
    }
}

/// To a REP that dials, a peer is an endpoint: who comes back there gets the reply to what its predecessor asked. A REQ
/// that wants to know uses `correlate`.
#[tokio::test]
async fn case_073_a_reply_for_a_dialled_requester_goes_to_its_next_connection() {
    let theirs = Zmq::new(SocketType::Rep);
    theirs.set(Opt::ReconnectIvl, 10).await;
    for mut rep in Subject::both(RepSocket::builder().reconnect(quickly()).build(), theirs) {
        let door = Door::open().await;
        rep.connect(door.endpoint()).await;
        let mut asker = door.accept().await;
        asker.shake("REQ").await;
        asker.send([more(""), frame("first")].concat()).await;
        assert_eq!(rep.recv().await, ["first"]);

        drop(asker);
        let mut next = door.accept().await;
        next.shake("REQ").await;
        next.send([more(""), frame("second")].concat()).await;
        rep.send(["to the first"]).await;

        assert_eq!(rep.recv().await, ["second"]);
        rep.send(["to the second"]).await;
        for reply in ["to the first", "to the second"] {
            next.expect([more(""), frame(reply)].concat()).await;
        }
    }
}

/// A request is lost with its peer, and nobody says so: `recv` waits. With `relaxed` the next request goes to the
/// next peer.
#[tokio::test]
async fn case_072_a_relaxed_req_asks_the_next_peer_when_the_first_has_died() {
    let mut req = ReqSocket::builder().relaxed(true).correlate(true).build();
    let at = req.bind(ANY_PORT).await.unwrap();
    let dying = Zmq::connected(SocketType::Rep, &at).await;
    within(20, req.wait_for_peers(1)).await;
    send(&req, ["to the first"]).await;
    assert_eq!(dying.recv().await, [b"to the first"]);
    dying.close().await;
    until(20, || req.peer_count() == 0).await;
    assert!(timeout(Duration::from_millis(100), req.recv()).await.is_err());

    let next = Zmq::connected(SocketType::Rep, &at).await;
    send(&req, ["to the second"]).await;

    assert_eq!(next.recv().await, [b"to the second"]);
    next.send("here").await;
    assert_eq!(recv(&mut req).await, ["here"]);
}

/// The strict one as well waits for its reply in vain; that is what `relaxed` is for.
#[tokio::test]
async fn case_072_a_strict_req_waits_for_a_reply_that_died_with_its_peer() {
    let mut req = ReqSocket::new();
    let rep = Zmq::new(SocketType::Rep);
    req.connect(rep.bind(ANY_PORT).await).unwrap();
    send(&req, ["a"]).await;
    assert_eq!(rep.recv().await, [b"a"]);
    rep.close().await;
    until(20, || req.peer_count() == 0).await;

    assert!(timeout(Duration::from_millis(100), req.recv()).await.is_err());
    assert_eq!(req.try_send("b").unwrap_err().kind(), SendErrorKind::OutOfTurn);
}

/// EFSM is what libzmq calls it (R28-REQ-02, R28-REP-03).
#[tokio::test]
async fn case_074_out_of_turn_is_an_error() {
    let (req, rep) = (Zmq::new(SocketType::Req), Zmq::new(SocketType::Rep));
    rep.connect(req.bind(ANY_PORT).await).await;
    assert_eq!(req.call(|socket| socket.try_recv()).await, Err(Error::EFSM));
    assert_eq!(rep.call(|socket| socket.try_send(&[b"x"])).await, Err(Error::EFSM));
    req.send("a").await;
    assert_eq!(req.call(|socket| socket.try_send(&[b"b"])).await, Err(Error::EFSM));
    assert_eq!(rep.recv().await, [b"a"]);
    assert_eq!(rep.call(|socket| socket.try_recv()).await, Err(Error::EFSM));

    let (mut req, mut rep) = (ReqSocket::new(), RepSocket::new());
    rep.connect(req.bind(ANY_PORT).await.unwrap()).unwrap();
    within(20, req.wait_for_peers(1)).await;
    assert_eq!(within(20, req.recv()).await, Err(RecvError::OutOfTurn));
    assert_eq!(req.try_recv(), Err(RecvError::OutOfTurn));
    let early = within(20, rep.send("x")).await.unwrap_err();
    assert_eq!((early.kind(), early.into_message()), (SendErrorKind::OutOfTurn, "x".into()));
    send(&req, ["a"]).await;
    assert_eq!(within(20, req.send("b")).await.unwrap_err().kind(), SendErrorKind::OutOfTurn);
    assert_eq!(recv(&mut rep).await, ["a"]);
    assert_eq!(within(20, rep.recv()).await, Err(RecvError::OutOfTurn));
    // And nothing of that has done harm.
    send(&rep, ["fine"]).await;
    assert_eq!(recv(&mut req).await, ["fine"]);
}

/// Our side says why it has closed.
#[tokio::test]
async fn case_069_our_monitor_names_the_missing_delimiter() {
    let door = Door::open().await;
    let req = ReqSocket::new();
    let mut monitor = req.monitor();
    req.connect(door.endpoint()).unwrap();
    let mut peer = door.accept().await;
    peer.shake("REP").await;
    send(&req, ["a"]).await;
    peer.expect([more(""), frame("a")].concat()).await;

    peer.send([more("no delimiter"), frame("hi")].concat()).await;

    let cause = loop {
        if let Event::Disconnected { cause, .. } = within(20, monitor.next()).await.unwrap() {
            break cause;
        }
    };
    assert_eq!(cause.to_string(), "peer misbehaved: an answer without the empty delimiter frame");
}
