//! REQ with its options set: relaxed, correlated, probing, with a name of its own. What it does by itself is in `req`.

use support::{Peer, frame, id, meet, more, settle, within};
use zmtp::{Message, RecvError, RepSocket, ReqSocket, RouterSocket};

/// `relaxed`: the next request overtakes the reply, and goes to the next peer.
#[tokio::test(start_paused = true)]
async fn a_relaxed_req_asks_the_next_peer_without_having_been_answered() {
    let mut req = ReqSocket::builder().relaxed(true).build();
    let mut first = Peer::attached(&req);
    first.shake("REP").await;
    within(20, req.wait_for_peers(1)).await;
    let mut second = Peer::attached(&req);
    second.shake("REP").await;
    within(20, req.wait_for_peers(2)).await;
    req.send("one").await.unwrap();
    first.expect([more(""), frame("one")].concat()).await;

    req.send("two").await.unwrap();
    second.expect([more(""), frame("two")].concat()).await;
    first.send([more(""), frame("late reply to one")].concat()).await;
    settle().await;
    assert_eq!(req.try_recv(), Err(RecvError::Empty));
    second.send([more(""), frame("reply to two")].concat()).await;

    assert_eq!(within(20, req.recv()).await.unwrap(), "reply to two");
    assert_eq!(req.try_recv(), Err(RecvError::OutOfTurn));
    assert_eq!(req.peer_count(), 2, "nobody was disconnected");
}

/// `relaxed` alone cannot tell a late reply of the same peer from the right one ...
#[tokio::test(start_paused = true)]
async fn relaxed_without_correlate_takes_the_late_reply_of_the_same_peer() {
    let mut req = ReqSocket::builder().relaxed(true).build();
    let mut peer = Peer::attached(&req);
    peer.shake("REP").await;
    within(20, req.send("one")).await.unwrap();
    within(20, req.send("two")).await.unwrap();
    peer.expect([more(""), frame("one"), more(""), frame("two")].concat()).await;

    peer.send([more(""), frame("reply to one")].concat()).await;

    assert_eq!(within(20, req.recv()).await.unwrap(), "reply to one");
}

/// ... and with `correlate` it can.
#[tokio::test(start_paused = true)]
async fn case_068_relaxed_and_correlated_a_late_reply_is_skipped() {
    let mut req = ReqSocket::builder().relaxed(true).correlate(true).build();
    let mut peer = Peer::attached(&req);
    peer.shake("REP").await;
    within(20, req.send("one")).await.unwrap();
    let one = peer.message().await;
    within(20, req.send("two")).await.unwrap();
    let two = peer.message().await;

    for (id, text) in [(&one[0], "reply to one"), (&two[0], "reply to two")] {
        peer.send([more(id), more(""), frame(text)].concat()).await;
    }

    assert_eq!(within(20, req.recv()).await.unwrap(), "reply to two");
    assert_eq!(req.try_recv(), Err(RecvError::OutOfTurn));
}

/// R28-REQ-03, its exception.
#[tokio::test(start_paused = true)]
async fn case_067_a_correlated_request_carries_an_id_and_takes_no_other_for_an_answer() {
    let mut req = ReqSocket::builder().correlate(true).build();
    let mut peer = Peer::attached(&req);
    peer.shake("REP").await;
    let mut ids = Vec::new();
    for n in 0..3 {
        within(20, req.send("a")).await.unwrap();
        let request = peer.message().await;
        let [id, delimiter, body] = &request[..] else { panic!("{request:?}") };
        assert_eq!((id.len(), &delimiter[..], &body[..]), (4, &b""[..], &b"a"[..]));
        assert!(!ids.contains(id), "{id:?} again");
        ids.push(id.clone());

        let other: Vec<u8> = id.iter().map(|octet| !octet).collect();
        peer.send([more(other), more(""), frame("skipped")].concat()).await;
        peer.send([more(""), frame("skipped too")].concat()).await;
        peer.send([more(id), more(""), frame(n.to_string())].concat()).await;
        assert_eq!(within(20, req.recv()).await.unwrap(), *n.to_string());
    }
}

/// The id is a part of the envelope, which REP and ROUTER give back as it came.
#[tokio::test(start_paused = true)]
async fn a_correlated_req_is_answered_by_rep_and_by_router() {
    let mut req = ReqSocket::builder().correlate(true).build();
    let (mut rep, mut router) = (RepSocket::new(), RouterSocket::new());
    meet(&req, &rep).await;
    meet(&req, &router).await;
    for _ in 0..10 {
        let answering = async {
            assert_eq!(rep.recv().await.unwrap(), "ask");
            rep.send("from rep").await.unwrap();
        };
        let (answer, ()) = within(20, async { tokio::join!(req.request("ask"), answering) }).await;
        assert_eq!(answer.unwrap(), "from rep");

        let answering = async {
            let (from, request) = router.recv_from().await.unwrap();
            assert_eq!((request.frame_count(), &request[0].len(), &request[2]), (3, &4, &b"ask"[..]));
            router.send_to(&from, Message::new(&request[0]).with("").with("from router")).unwrap();
        };
        let (answer, ()) = within(20, async { tokio::join!(req.request("ask"), answering) }).await;
        assert_eq!(answer.unwrap(), "from router");
    }
}

#[tokio::test(start_paused = true)]
async fn a_req_announces_the_routing_id_it_was_given() {
    for (name, expected) in [(None, &b"\x08Identity\0\0\0\0"[..]), (Some("me"), b"\x08Identity\0\0\0\x02me")]
    {
        let builder = ReqSocket::builder();
        let req = match name {
            Some(name) => builder.routing_id(id(name)).build(),
            None => builder.build(),
        };
        let mut peer = Peer::attached(&req);
        let ready = peer.shake("ROUTER").await.body;
        assert!(ready.ends_with(expected), "{}", ready.escape_ascii());
    }
}

#[tokio::test(start_paused = true)]
async fn case_080_a_probing_req_says_an_empty_message_to_each_new_peer_first() {
    let mut req = ReqSocket::builder().probe_router(true).build();
    let mut peer = Peer::attached(&req);
    peer.shake("ROUTER").await;
    peer.expect(frame("")).await;

    within(20, req.send("ask")).await.unwrap();
    peer.expect([more(""), frame("ask")].concat()).await;
    peer.send([more(""), frame("answer")].concat()).await;

    assert_eq!(within(20, req.recv()).await.unwrap(), "answer");
}
