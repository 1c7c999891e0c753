//! `conflate`: a queue holds the newest message and no other.

use std::time::Duration;

use support::{Peer, command, frame, meet, more, session, settle, within};
use zmtp::{DealerSocket, Message, PubSocket, PullSocket, PushSocket, RecvError, SubSocket};

/// Outgoing, of the sockets that wait for room: with this there always is some.
#[tokio::test(start_paused = true)]
async fn case_108_of_what_waits_to_be_sent_only_the_newest_is() {
    let push = PushSocket::builder().conflate(true).send_hwm(1).build();
    let dealer = DealerSocket::builder().conflate(true).send_hwm(1).build();
    push.connect("inproc://conflating-push").unwrap();
    dealer.connect("inproc://conflating-dealer").unwrap();
    for n in 0..100 {
        push.try_send(n.to_string()).unwrap();
        within(20, dealer.send(n.to_string())).await.unwrap();
    }

    let mut pull = PullSocket::new();
    pull.bind("inproc://conflating-push").await.unwrap();
    let mut other = DealerSocket::new();
    other.bind("inproc://conflating-dealer").await.unwrap();

    assert_eq!(within(20, pull.recv()).await.unwrap(), "99");
    assert_eq!(within(20, other.recv()).await.unwrap(), "99");
    settle().await;
    assert_eq!((pull.try_recv(), other.try_recv()), (Err(RecvError::Empty), Err(RecvError::Empty)));
}

/// Incoming: a sender is never held back, and what is received is the newest.
#[tokio::test(start_paused = true)]
async fn case_108_of_what_waits_to_be_received_only_the_newest_is() {
    let mut pull = PullSocket::builder().conflate(true).recv_hwm(1).build();
    let mut dealer = DealerSocket::builder().conflate(true).recv_hwm(1).build();
    let mut sub = SubSocket::builder().conflate(true).subscribe("1").recv_hwm(1).build();
    let mut peers = [Peer::attached(&pull), Peer::attached(&dealer), Peer::attached(&sub)];
    for (peer, kind) in peers.iter_mut().zip(["PUSH", "DEALER", "PUB"]) {
        peer.shake(kind).await;
        for n in 0..2000 {
            peer.send(frame(n.to_string())).await;
        }
    }
    settle().await;

    assert_eq!(pull.try_recv().unwrap(), "1999");
    assert_eq!(dealer.try_recv().unwrap(), "1999");
    assert_eq!(sub.try_recv().unwrap(), "1999");
    assert_eq!([pull.try_recv(), dealer.try_recv(), sub.try_recv()], [const { Err(RecvError::Empty) }; 3]);

    // And again, as often as there is something new.
    for peer in &mut peers {
        peer.send([frame("1a"), frame("1b")].concat()).await;
    }
    settle().await;
    assert_eq!(pull.try_recv().unwrap(), "1b");
    assert_eq!(dealer.try_recv().unwrap(), "1b");
    assert_eq!(sub.try_recv().unwrap(), "1b");
}

/// A PUB keeps the newest for each subscriber, of what that one wants.
#[tokio::test(start_paused = true)]
async fn a_conflating_pub_keeps_the_newest_for_each_subscriber() {
    let publisher = PubSocket::builder().conflate(true).send_hwm(1).build();
    let mut peers = Vec::new();
    for topic in ["A", "B"] {
        let mut peer = Peer::attached_by(64, &publisher);
        peer.shake("SUB").await;
        peer.send(command("SUBSCRIBE", topic)).await;
        within(20, publisher.wait_for_subscribers(topic, 1)).await;
        peers.push((topic, peer));
    }
    // These fill the way to each, and the queue then has only the newest.
    for n in 0..100 {
        for topic in ["A", "B"] {
            publisher.send(format!("{topic}{n:200}")).await.unwrap();
        }
        settle().await;
    }

    assert_eq!(publisher.drops().peer_full, 0);
    for (topic, peer) in &mut peers {
        peer.expect(frame(format!("{topic}{:200}", 0))).await;
        let last = peer.message().await;
        assert_eq!(last, [format!("{topic}{:200}", 99).into_bytes()]);
        peer.expect_silence(Duration::from_secs(1)).await;
    }
}

/// Each peer has a newest message of its own.
#[tokio::test(start_paused = true)]
async fn the_newest_of_each_peer_is_received() {
    let mut pull = PullSocket::builder().conflate(true).build();
    let mut peers = [Peer::attached(&pull), Peer::attached(&pull), Peer::attached(&pull)];
    for (peer, name) in peers.iter_mut().zip(["a", "b", "c"]) {
        peer.send(session("PUSH", [frame("old"), frame(name)].concat())).await;
    }
    settle().await;

    let mut got: Vec<_> = std::iter::from_fn(|| pull.try_recv().ok()).map(|m| m.first().to_vec()).collect();
    got.sort();
    assert_eq!(got, [b"a", b"b", b"c"]);
}

/// Where libzmq tears messages of many frames apart, the newest message is kept whole.
#[tokio::test(start_paused = true)]
async fn a_message_of_many_frames_is_conflated_whole() {
    let push = PushSocket::builder().conflate(true).build();
    let mut pull = PullSocket::builder().conflate(true).build();
    let mut raw = Peer::attached(&pull);
    raw.shake("PUSH").await;
    for n in 0..10 {
        raw.send([more(n.to_string()), more(""), frame(n.to_string())].concat()).await;
    }
    settle().await;
    assert_eq!(pull.try_recv().unwrap(), Message::new("9").with("").with("9"));
    assert_eq!(pull.try_recv(), Err(RecvError::Empty));

    meet(&push, &pull).await;
    for n in 0..10 {
        push.send(Message::new(n.to_string()).with(vec![n; 100_000])).await.unwrap();
    }
    settle().await;

    let newest = within(20, pull.recv()).await.unwrap();
    assert!(newest == Message::new("9").with(vec![9; 100_000]), "{newest:?}");
    assert_eq!(pull.try_recv(), Err(RecvError::Empty));
}
