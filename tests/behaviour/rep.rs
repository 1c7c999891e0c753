//! REP: answers each request before it takes the next, to whom it came from (RFC 28).

use std::collections::HashSet;

use support::{Peer, frame, greeting, meet, more, ready, session, settle, within};
use zmtp::{DealerSocket, Message, RecvError, RepSocket, ReqSocket, SendErrorKind};

/// R28-REP-04 to R28-REP-07, R28-REP-09, R28-REP-10, R28-REP-12 and R28-REP-13: envelope and delimiter are taken off,
/// kept, and put in front of the reply.
#[tokio::test(start_paused = true)]
async fn a_reply_travels_in_the_envelope_of_its_request() {
    let mut rep = RepSocket::new();
    let mut peer = Peer::attached(&rep);
    peer.shake("DEALER").await;
    let envelopes: [&[&str]; 4] = [&[""], &["x", ""], &["x", "y", ""], &["one", "two", "three", ""]];
    for envelope in envelopes {
        let envelope: Vec<u8> = envelope.iter().flat_map(more).collect();
        peer.send([envelope.clone(), more("question"), more(""), frame("?")].concat()).await;

        let question = within(20, rep.recv()).await.unwrap();
        assert_eq!(question, Message::new("question").with("").with("?"));
        rep.send(Message::new("").with("answer")).await.unwrap();

        peer.expect([envelope, more(""), frame("answer")].concat()).await;
    }
}

/// R28-REP-03 and R28-REP-11: one request, then exactly one reply.
#[tokio::test(start_paused = true)]
async fn case_074_a_rep_receives_and_sends_in_turn() {
    let mut rep = RepSocket::new();
    let mut peer = Peer::attached(&rep);
    peer.shake("REQ").await;
    peer.send([more(""), frame("question")].concat().repeat(3)).await;
    for _ in 0..3 {
        let refused = within(20, rep.send("too early")).await.unwrap_err();
        assert_eq!(refused.kind(), SendErrorKind::OutOfTurn);
        assert_eq!(refused.into_message(), "too early");
        assert_eq!(rep.try_send("too early").unwrap_err().kind(), SendErrorKind::OutOfTurn);

        assert_eq!(within(20, rep.recv()).await.unwrap(), "question");
        settle().await;
        assert_eq!(within(20, rep.recv()).await, Err(RecvError::OutOfTurn));
        assert_eq!(rep.try_recv(), Err(RecvError::OutOfTurn));

        rep.send("answer").await.unwrap();
        peer.expect([more(""), frame("answer")].concat()).await;
    }
}

/// R28-REP-08: fair-queueing. R28-REP-01: many peers. R28-REP-13: each gets its own answers.
#[tokio::test(start_paused = true)]
async fn three_flooding_askers_are_answered_in_turn() {
    let mut rep = RepSocket::new();
    let mut peers = Vec::new();
    for name in ["a", "b", "c"] {
        let mut peer = Peer::attached(&rep);
        peer.shake("DEALER").await;
        peer.send([more(""), frame(name)].concat().repeat(300)).await;
        peers.push((name, peer));
    }
    settle().await;

    for turn in 0..300 {
        let mut round = HashSet::new();
        for _ in 0..3 {
            let question = within(20, rep.recv()).await.unwrap();
            rep.send(&question).await.unwrap();
            round.insert(question.first().to_vec());
        }
        assert_eq!(round.len(), 3, "in turn {turn} somebody came twice");
    }
    for (name, peer) in &mut peers {
        peer.expect([more(""), frame(name)].concat().repeat(300)).await;
    }
}

/// R28-REP-02, but as from libzmq: what has no delimiter is no request, and is dropped.
#[tokio::test(start_paused = true)]
async fn case_070_a_request_without_a_delimiter_is_dropped_and_the_next_is_answered() {
    let mut rep = RepSocket::new();
    let mut peer = Peer::attached(&rep);
    peer.shake("DEALER").await;
    let malformed = [
        frame("x"),
        [more("a"), more("b"), frame("c")].concat(),
        // Nothing but a delimiter, and one at the end: no data.
        frame(""),
        [more("a"), frame("")].concat(),
    ];

    peer.send(malformed.concat()).await;
    peer.send([more(""), frame("q")].concat()).await;

    assert_eq!(within(20, rep.recv()).await.unwrap(), "q");
    rep.send("a").await.unwrap();
    peer.expect([more(""), frame("a")].concat()).await;
    assert_eq!(rep.drops().malformed, malformed.len() as u64);
}

/// R28-REP-02: besides that, nothing is filtered or altered.
#[tokio::test(start_paused = true)]
async fn requests_and_replies_arrive_as_they_were_sent() {
    let (mut req, mut rep) = (ReqSocket::new(), RepSocket::new());
    meet(&req, &rep).await;
    let body = |len: usize| (0..len).map(|i| (i * 31) as u8).collect::<Vec<_>>();
    let mut messages: Vec<Message> =
        [0, 1, 64, 65, 255, 256, 8193, 1 << 20].map(|len| body(len).into()).into();
    messages.push(Message::new("").with("middle").with(""));
    messages.push(Message::new(body(3000)).with("").with(body(100_000)));

    for message in messages {
        req.send(&message).await.unwrap();
        assert!(within(20, rep.recv()).await.unwrap() == message, "{} octets", message.byte_len());
        rep.send(&message).await.unwrap();
        assert!(within(20, req.recv()).await.unwrap() == message, "{} octets", message.byte_len());
    }
}

#[tokio::test(start_paused = true)]
async fn case_071_an_envelope_of_64_ids_is_kept_and_a_longer_one_is_dropped() {
    let mut rep = RepSocket::new();
    let mut peer = Peer::attached(&rep);
    peer.shake("DEALER").await;
    let envelope = |ids: usize| [(0..ids).flat_map(|n| more(format!("id {n}"))).collect(), more("")].concat();
    for ids in [65, 2000] {
        peer.send([envelope(ids), frame("too far")].concat()).await;
    }
    for ids in [10, 64] {
        peer.send([envelope(ids), frame(ids.to_string())].concat()).await;

        assert_eq!(within(20, rep.recv()).await.unwrap(), *ids.to_string());
        rep.send("answer").await.unwrap();
        peer.expect([envelope(ids), frame("answer")].concat()).await;
    }
    assert_eq!(rep.drops().malformed, 2);
    assert_eq!(rep.peer_count(), 1);
}

/// R28-REP-14: it is dropped silently.
#[tokio::test(start_paused = true)]
async fn case_073_a_reply_to_an_asker_that_has_gone_is_dropped_and_the_next_is_answered() {
    let mut rep = RepSocket::new();
    let mut gone = Peer::attached(&rep);
    gone.send(session("REQ", [more(""), frame("and goodbye")].concat())).await;
    assert_eq!(within(20, rep.recv()).await.unwrap(), "and goodbye");
    drop(gone);
    settle().await;
    let mut next = Peer::attached(&rep);
    next.shake("REQ").await;
    next.send([more(""), frame("question")].concat()).await;
    settle().await;

    rep.send("to nobody").await.unwrap();

    assert_eq!(rep.drops().no_peer, 1);
    assert_eq!(within(20, rep.recv()).await.unwrap(), "question");
    rep.send("answer").await.unwrap();
    next.expect([more(""), frame("answer")].concat()).await;
}

/// What had arrived whole from a peer that has gone is a request still; its answer goes nowhere.
#[tokio::test(start_paused = true)]
async fn a_request_outlives_its_asker_and_one_that_was_cut_does_not() {
    let mut rep = RepSocket::new();
    let mut gone = Peer::attached(&rep);
    let cut = [more(""), frame("question")[..4].to_vec()].concat();
    gone.send(session("REQ", [more(""), frame("whole"), cut].concat())).await;
    settle().await;
    drop(gone);
    settle().await;

    assert_eq!(within(20, rep.recv()).await.unwrap(), "whole");
    rep.send("to nobody").await.unwrap();
    assert_eq!(rep.try_recv(), Err(RecvError::Empty));
}

/// R28-REP-15: it never blocks; what finds no room is dropped.
#[tokio::test(start_paused = true)]
async fn a_reply_to_an_asker_that_never_reads_is_dropped_and_send_does_not_wait() {
    let mut rep = RepSocket::builder().send_hwm(5).build();
    let mut peer = Peer::attached_by(256, &rep);
    peer.shake("DEALER").await;
    for n in 0..100 {
        peer.send([more(""), frame(n.to_string())].concat()).await;
        assert_eq!(within(20, rep.recv()).await.unwrap(), *n.to_string());
        rep.try_send(&[7; 100]).unwrap();
    }

    let dropped = rep.drops().peer_full;
    assert!((80..=95).contains(&dropped), "{dropped}");
    assert_eq!(rep.peers()[0].dropped, dropped);

    // What was kept is whole, and the asker is served again once it reads.
    for _ in 0..100 - dropped {
        peer.expect([more(""), frame([7; 100])].concat()).await;
    }
    settle().await;
    peer.send([more(""), frame("again")].concat()).await;
    assert_eq!(within(20, rep.recv()).await.unwrap(), "again");
    rep.send("here").await.unwrap();
    peer.expect([more(""), frame("here")].concat()).await;
}

/// A REP shows no ids and so needs none: two askers of one name are both answered, where libzmq hears only the first.
#[tokio::test(start_paused = true)]
async fn two_askers_of_one_name_are_both_answered() {
    let mut rep = RepSocket::new();
    let mut peers = Vec::new();
    for text in ["from the first", "from the second"] {
        let mut peer = Peer::attached(&rep);
        peer.shake_with(greeting(), ready("REQ").property("Identity", "same")).await;
        peer.send([more(""), frame(text)].concat()).await;
        settle().await;
        peers.push((text, peer));
    }

    for _ in 0..2 {
        let question = within(20, rep.recv()).await.unwrap();
        rep.send(question).await.unwrap();
    }

    for (text, peer) in &mut peers {
        peer.expect([more(""), frame(text)].concat()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_rep_announces_no_identity() {
    let rep = RepSocket::new();
    let mut peer = Peer::attached(&rep);

    let ready = peer.shake("REQ").await.body;

    assert_eq!(ready.escape_ascii().to_string(), r"\x05READY\x0bSocket-Type\x00\x00\x00\x03REP");
}

/// A DEALER that talks to a REP makes the delimiter itself.
#[tokio::test(start_paused = true)]
async fn a_dealer_asks_a_rep_with_a_delimiter_of_its_own() {
    let (mut dealer, mut rep) = (DealerSocket::new(), RepSocket::new());
    meet(&dealer, &rep).await;
    for n in 0..10 {
        dealer.send(Message::new("").with(n.to_string())).await.unwrap();
    }
    for n in 0..10 {
        assert_eq!(within(20, rep.recv()).await.unwrap(), *n.to_string());
        rep.send("answer").await.unwrap();
    }
    for _ in 0..10 {
        assert_eq!(within(20, dealer.recv()).await.unwrap(), Message::new("").with("answer"));
    }
}
