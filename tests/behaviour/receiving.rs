//! Receiving: whose message comes next, and how much waits.

use std::collections::HashSet;
use std::time::Duration;

use support::{Door, Peer, frame, join, more, pair, session, settle, within};
use tokio::time::timeout;
use zmtp::{Progress, PullSocket, PushSocket, RecvError};

#[tokio::test(start_paused = true)]
async fn recv_waits_and_try_recv_says_empty() {
    let (push, mut pull) = pair(PushSocket::builder(), PullSocket::builder());
    assert_eq!(pull.try_recv(), Err(RecvError::Empty));
    assert!(timeout(Duration::from_secs(60), pull.recv()).await.is_err());

    push.send("x").await.unwrap();

    assert_eq!(within(20, pull.recv()).await.unwrap(), "x");
    assert_eq!(pull.try_recv(), Err(RecvError::Empty));
}

/// R30-PULL-11: fair-queueing. R30-PULL-01: many peers.
#[tokio::test(start_paused = true)]
async fn three_flooding_senders_are_received_in_turn() {
    let mut pull = PullSocket::new();
    let senders = [(); 3].map(|()| PushSocket::new());
    for (name, push) in ["a", "b", "c"].iter().zip(&senders) {
        join(push, &pull);
        push.wait_for_peers(1).await;
        for _ in 0..1000 {
            push.try_send(*name).unwrap();
        }
    }
    settle().await;

    for turn in 0..900 {
        let round: HashSet<_> = [pull.recv().await, pull.recv().await, pull.recv().await]
            .map(|m| m.unwrap().first().to_vec())
            .into();
        assert_eq!(round.len(), 3, "in turn {turn} somebody came twice");
    }
}

/// R30-PULL-11, for one who comes late and says little.
#[tokio::test(start_paused = true)]
async fn who_sends_one_message_is_heard_while_another_floods() {
    let (flooding, mut pull) = pair(PushSocket::builder(), PullSocket::builder());
    tokio::spawn(async move { while flooding.send("flood").await.is_ok() {} });
    for _ in 0..5000 {
        assert_eq!(pull.recv().await.unwrap(), "flood");
    }

    let modest = PushSocket::new();
    join(&modest, &pull);
    within(20, modest.send("here")).await.unwrap();
    settle().await;

    // What the receiver holds already may come first, and then every peer has its turn.
    let before = [(); 3].map(|()| pull.try_recv().unwrap());
    assert!(before.contains(&"here".into()), "{before:?}");
}

/// R30-PULL-04, R30-PULL-07, R30-PULL-10: a queue for each peer that comes in, bounded by the mark.
#[tokio::test(start_paused = true)]
async fn each_peer_has_a_queue_of_its_own_up_to_the_mark() {
    let pull = PullSocket::builder().recv_hwm(5).build();
    let mut peers = [Peer::attached_by(256, &pull), Peer::attached_by(256, &pull)];
    for peer in &mut peers {
        peer.shake("PUSH").await;
        let flood = peer.send(frame("x").repeat(10_000));
        assert!(timeout(Duration::from_secs(10), flood).await.is_err(), "the mark does not hold it back");
    }

    let received: Vec<_> = pull.peers().iter().map(|peer| peer.received.messages).collect();
    assert_eq!(received, [5, 5]);
}

#[tokio::test(start_paused = true)]
async fn the_mark_in_octets_stops_reading() {
    let pull = PullSocket::builder().recv_hwm_bytes(10_000).build();
    let mut peer = Peer::attached_by(256, &pull);
    peer.shake("PUSH").await;

    let flood = peer.send(frame([0; 1000]).repeat(100));

    assert!(timeout(Duration::from_secs(10), flood).await.is_err(), "the mark does not hold it back");
    let queued = pull.peers()[0].received;
    assert!((10..=20).contains(&queued.messages), "{queued:?}");
}

/// R30-PULL-08: the queue goes with the peer. R30-PULL-09: what had arrived whole is still received, as from libzmq;
/// a message that was cut is not.
#[tokio::test(start_paused = true)]
async fn what_arrived_whole_from_a_peer_that_has_gone_is_received_and_nothing_else() {
    let mut pull = PullSocket::new();
    let mut peer = Peer::attached(&pull);
    let cut = [more("half"), frame("a message")[..4].to_vec()].concat();
    peer.send(session("PUSH", [frame("one"), frame("two"), cut].concat())).await;
    settle().await;
    drop(peer);
    settle().await;

    assert_eq!(pull.peer_count(), 0);
    assert_eq!(pull.try_recv().unwrap(), "one");
    assert_eq!(pull.try_recv().unwrap(), "two");
    assert_eq!(pull.try_recv(), Err(RecvError::Empty));
}

/// R30-PULL-05, R30-PULL-06: the queue of a peer that is dialled is there from `connect` and over reconnections.
#[tokio::test]
async fn a_connecting_pull_keeps_its_peer_and_what_it_has_sent_over_reconnections() {
    let door = Door::open().await;
    let mut pull = PullSocket::new();
    pull.connect(door.endpoint()).unwrap();
    let mut ids = HashSet::new();
    for n in 0..3 {
        let mut peer = door.accept().await;
        peer.shake("PUSH").await;
        within(20, pull.wait_for_peers(1)).await;
        ids.insert(pull.peers()[0].id);
        peer.send(frame(n.to_string())).await;
        peer.shut().await;
        peer.expect_close().await;
    }

    for n in 0..3 {
        assert_eq!(within(20, pull.recv()).await.unwrap(), *n.to_string());
    }
    assert_eq!(ids.len(), 1, "one peer, dialled three times");
}

/// "Time in which we do not read, since our own queue is full, does not count."
#[tokio::test(start_paused = true)]
async fn a_sender_that_waits_for_us_is_not_too_slow() {
    let every = Duration::from_secs(1);
    let mut pull = PullSocket::builder().recv_hwm(1).progress(Progress { bytes: 1000, every }).build();
    let mut peer = Peer::attached(&pull);
    let begun = frame("third")[..4].to_vec();
    peer.send(session("PUSH", [frame("first"), frame("second"), begun].concat())).await;
    tokio::time::sleep(every * 60).await;

    assert_eq!(within(20, pull.recv()).await.unwrap(), "first");
    tokio::time::sleep(every * 60).await;
    assert_eq!(within(20, pull.recv()).await.unwrap(), "second");
    peer.send(&frame("third")[4..]).await;

    assert_eq!(within(20, pull.recv()).await.unwrap(), "third");
}

/// ... and one that has begun a message and lets us wait is.
#[tokio::test(start_paused = true)]
async fn a_sender_that_lets_us_wait_in_the_middle_of_a_message_is_too_slow_but_silence_between_is_not() {
    let pull =
        PullSocket::builder().progress(Progress { bytes: 1000, every: Duration::from_secs(1) }).build();
    let mut peer = Peer::attached(&pull);
    peer.send(session("PUSH", frame("x"))).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(pull.peer_count(), 1);

    peer.send(more("begun")).await;
    tokio::time::sleep(Duration::from_secs(3)).await;

    assert_eq!(pull.peer_count(), 0);
}

/// R30-PULL-02.
#[tokio::test(start_paused = true)]
async fn a_pull_says_nothing_to_its_peer_after_the_handshake() {
    let mut pull = PullSocket::new();
    let mut peer = Peer::attached(&pull);
    peer.shake("PUSH").await;
    peer.send(frame("x")).await;

    assert_eq!(within(20, pull.recv()).await.unwrap(), "x");

    peer.expect_silence(Duration::from_secs(60)).await;
}

/// R30-PUSH-02.
#[tokio::test(start_paused = true)]
async fn what_a_peer_sends_to_a_push_is_read_and_dropped() {
    let push = PushSocket::new();
    let mut peer = Peer::attached_by(256, &push);
    peer.shake("PULL").await;

    peer.send(frame("what is this").repeat(10_000)).await;

    within(20, push.send("work")).await.unwrap();
    peer.expect(frame("work")).await;
}
