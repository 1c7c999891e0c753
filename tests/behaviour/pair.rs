//! PAIR: one peer, both directions (RFC 31).

use std::time::Duration;

use support::{ANY_PORT, Door, Peer, frame, meet, more, nobody, session, settle, until, within};
use tokio::time::timeout;
use zmtp::{Builder, Message, Pair, PairSocket, Reconnect, RecvError, SendErrorKind};

/// R31-PAIR-02: both directions. R31-PAIR-03 and R31-PAIR-16: nothing is filtered or altered. R31-PAIR-15: it comes
/// from the one peer there is.
#[tokio::test]
async fn a_pair_talks_both_ways_over_every_transport() {
    let body = |len: usize| (0..len).map(|i| (i * 31) as u8).collect::<Vec<_>>();
    let mut sent: Vec<Message> = [0, 1, 64, 65, 255, 256, 8193, 1 << 20].map(|len| body(len).into()).into();
    sent.push(Message::new("").with("middle").with(""));
    sent.push(Message::new(body(3000)).with("").with(body(100_000)));
    for at in ["a stream in memory", "inproc://pairs-both-ways", ANY_PORT] {
        let (mut one, mut other) = (PairSocket::new(), PairSocket::new());
        match one.bind(at).await {
            Ok(at) => other.connect(at).unwrap(),
            Err(_) => meet(&one, &other).await,
        }
        within(20, one.wait_for_peers(1)).await;

        for message in &sent {
            one.send(message).await.unwrap();
            other.send(message).await.unwrap();
            assert!(within(20, one.recv()).await.unwrap() == *message, "{at}: {}", message.byte_len());
            assert!(within(20, other.recv()).await.unwrap() == *message, "{at}: {}", message.byte_len());
        }
    }
}

/// R31-PAIR-01: one peer and no more. A second one is closed, where libzmq leaves it hanging, and the first notices
/// nothing. R31-PAIR-07: when the first has gone a new one may come.
#[tokio::test(start_paused = true)]
async fn the_second_peer_of_a_pair_is_closed_and_after_the_first_has_gone_a_new_one_is_taken() {
    let mut pair = PairSocket::new();
    let mut first = Peer::attached(&pair);
    first.shake("PAIR").await;
    within(20, pair.wait_for_peers(1)).await;
    for _ in 0..3 {
        let mut second = Peer::attached(&pair);
        second.send(session("PAIR", frame("from the second"))).await;
        second.rest().await;
    }

    pair.send("to the first").await.unwrap();
    first.expect(frame("to the first")).await;
    first.send(frame("from the first")).await;
    assert_eq!(within(20, pair.recv()).await.unwrap(), "from the first");
    settle().await;
    assert_eq!((pair.try_recv(), pair.peer_count()), (Err(RecvError::Empty), 1));

    drop(first);
    settle().await;
    let mut third = Peer::attached(&pair);
    third.shake("PAIR").await;
    within(20, pair.send("to the third")).await.unwrap();
    third.expect(frame("to the third")).await;
    third.send(frame("from the third")).await;
    assert_eq!(within(20, pair.recv()).await.unwrap(), "from the third");
}

/// The same over a network, and with sockets.
#[tokio::test]
async fn a_bound_pair_serves_one_after_the_other() {
    let mut bound = PairSocket::new();
    let at = bound.bind(ANY_PORT).await.unwrap();
    for n in 0..3 {
        let mut pair = PairSocket::new();
        pair.connect(&at).unwrap();
        pair.send(n.to_string()).await.unwrap();
        assert_eq!(within(20, bound.recv()).await.unwrap(), *n.to_string());
        let mut second = Peer::connect(&at).await;
        second.send(session("PAIR", frame("let me in"))).await;
        second.rest().await;

        bound.send("answer").await.unwrap();

        assert_eq!(within(20, pair.recv()).await.unwrap(), "answer");
        within(20, pair.close()).await.unwrap();
        until(20, || bound.peer_count() == 0).await;
    }
}

/// R31-PAIR-04 and R31-PAIR-10: two queues, each bounded by its mark, and neither in the other's way.
#[tokio::test(start_paused = true)]
async fn a_pair_has_two_queues_up_to_their_marks() {
    let pair = PairSocket::builder().send_hwm(3).recv_hwm(5).build();
    let mut peer = Peer::attached_by(64, &pair);
    peer.shake("PAIR").await;
    let flood = peer.send(frame("x").repeat(10_000));
    assert!(timeout(Duration::from_secs(10), flood).await.is_err(), "the mark does not hold it back");

    while pair.try_send(&[7; 1000]).is_ok() {
        settle().await;
    }

    // One message is being written.
    let info = &pair.peers()[0];
    assert_eq!(info.received.messages, 5, "{info:?}");
    assert!((3..=4).contains(&info.queued.messages), "{info:?}");
}

/// R31-PAIR-05: the queues are there from the moment of `connect`.
#[tokio::test]
async fn a_pair_queues_from_the_moment_of_connect() {
    let at = nobody();
    let pair = PairSocket::new();
    pair.connect(&at).unwrap();
    for text in ["a", "b", "c"] {
        pair.try_send(text).unwrap();
    }

    let mut peer = PairSocket::new();
    peer.bind(&at).await.unwrap();

    for text in ["a", "b", "c"] {
        assert_eq!(within(20, peer.recv()).await.unwrap(), text);
    }
}

/// R31-PAIR-06: both are kept while the connection is down.
#[tokio::test]
async fn a_pair_keeps_what_is_queued_and_what_has_come_over_reconnections() {
    let door = Door::open().await;
    let mut pair = quickly().build();
    pair.connect(door.endpoint()).unwrap();
    let mut peer = door.accept().await;
    peer.shake("PAIR").await;
    peer.send([frame("before"), more("cut")].concat()).await;
    within(20, pair.wait_for_peers(1)).await;
    drop(peer);
    until(20, || pair.peer_count() == 0).await;

    pair.try_send("while it was away").unwrap();
    let mut peer = door.accept().await;
    peer.shake("PAIR").await;
    peer.expect(frame("while it was away")).await;
    peer.send(frame("after")).await;

    assert_eq!(within(20, pair.recv()).await.unwrap(), "before");
    assert_eq!(within(20, pair.recv()).await.unwrap(), "after");
}

/// R31-PAIR-07: queues for a peer that comes in, from its READY on. R31-PAIR-08 and R31-PAIR-09: they go when it goes,
/// and what waits for it with them; what had arrived whole is still received, as from libzmq.
#[tokio::test(start_paused = true)]
async fn the_queues_of_a_pairs_peer_go_with_it() {
    let mut pair = PairSocket::new();
    let mut gone = Peer::attached_by(64, &pair);
    settle().await;
    assert_eq!(pair.try_send("too early").unwrap_err().kind(), SendErrorKind::Full);
    gone.shake("PAIR").await;
    within(20, pair.wait_for_peers(1)).await;
    gone.send([frame("whole"), more("cut")].concat()).await;
    for _ in 0..100 {
        pair.try_send(&[0; 100]).unwrap();
    }
    settle().await;

    drop(gone);
    settle().await;

    assert_eq!(pair.try_send("nobody is there").unwrap_err().kind(), SendErrorKind::Full);
    assert_eq!(pair.try_recv().unwrap(), "whole");
    assert_eq!(pair.try_recv(), Err(RecvError::Empty));
    let mut next = Peer::attached(&pair);
    next.shake("PAIR").await;
    within(20, pair.send("new")).await.unwrap();
    next.expect(frame("new")).await;
}

/// R31-PAIR-11: available while the queue has room. R31-PAIR-12: otherwise it blocks, or says so. R31-PAIR-13 and
/// R31-PAIR-14: nothing is accepted, and nothing lost.
#[tokio::test(start_paused = true)]
async fn a_pair_without_room_or_peer_waits_and_keeps_the_message() {
    let pair = PairSocket::builder().send_hwm(2).build();
    let message = Message::new("a").with(vec![7; 100_000]);
    let refused = pair.try_send(&message).unwrap_err();
    assert_eq!(refused.kind(), SendErrorKind::Full);
    assert_eq!(refused.into_message(), message);
    assert!(timeout(Duration::from_secs(60), pair.send("dropped")).await.is_err());

    let mut peer = Peer::attached_by(64, &pair);
    peer.shake("PAIR").await;
    within(20, pair.wait_for_peers(1)).await;
    pair.try_send(&[0; 300]).unwrap();
    pair.try_send(&[1; 300]).unwrap();
    settle().await;
    let mut accepted = 2;
    while pair.try_send(&[accepted; 300]).is_ok() {
        accepted += 1;
        settle().await;
    }
    // Two are being written, and two are queued.
    assert!(accepted <= 4, "{accepted}");
    assert!(timeout(Duration::from_secs(60), pair.send("dropped")).await.is_err());

    let (sent, ()) = within(20, async {
        tokio::join!(pair.send("last"), async {
            for n in 0..accepted {
                peer.expect(frame([n; 300])).await;
            }
            peer.expect(frame("last")).await;
        })
    })
    .await;
    sent.unwrap();
}

fn quickly() -> Builder<Pair> {
    let (first, longest) = (Duration::from_millis(1), Duration::from_millis(20));
    PairSocket::builder().reconnect(Reconnect { first, longest, ..Reconnect::default() })
}
