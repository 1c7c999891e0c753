//! Who gets the next message: the peers that are there and have room, in turn.

use support::{Peer, frame, greeting, join, ready, settle, within};
use zmtp::{PullSocket, PushSocket, SendErrorKind};

/// R30-PUSH-12, and R30-PUSH-01: many peers.
#[tokio::test(start_paused = true)]
async fn three_peers_get_every_third_message() {
    let push = PushSocket::new();
    let mut pulls = [(); 3].map(|()| PullSocket::new());
    for (n, pull) in pulls.iter().enumerate() {
        join(&push, pull);
        within(20, push.wait_for_peers(n + 1)).await;
    }

    for n in 0..300 {
        push.send(n.to_string()).await.unwrap();
    }

    for (first, pull) in pulls.iter_mut().enumerate() {
        for n in 0..100 {
            assert_eq!(within(20, pull.recv()).await.unwrap(), *(first + 3 * n).to_string());
        }
    }
}

/// R30-PUSH-11: a peer is available only while its queue has room.
#[tokio::test(start_paused = true)]
async fn a_full_peer_is_passed_over_and_comes_back_when_it_has_room() {
    let push = PushSocket::builder().send_hwm(10).build();
    let mut stuck = Peer::attached_by(64, &push);
    stuck.shake("PULL").await;
    let mut pull = PullSocket::new();
    join(&push, &pull);
    within(20, push.wait_for_peers(2)).await;

    for n in 0..1000 {
        within(20, push.send(format!("{n:100}"))).await.unwrap();
        if n % 10 == 0 {
            settle().await;
        }
    }
    settle().await;

    let got = std::iter::from_fn(|| pull.try_recv().ok()).count();
    assert!((980..1000).contains(&got), "{got}");
    // The one that was stuck has lost nothing, and takes part again.
    for _ in 0..1000 - got {
        assert_eq!(stuck.frame().await.body.len(), 100);
    }
    settle().await;
    for _ in 0..10 {
        push.send("again").await.unwrap();
    }
    settle().await;
    stuck.expect(frame("again").repeat(5)).await;
}

/// Its queue fills, and then it is passed over.
#[tokio::test(start_paused = true)]
async fn a_peer_that_never_reads_does_not_slow_another() {
    let push = PushSocket::new();
    let mut stuck = Peer::attached_by(64, &push);
    stuck.shake("PULL").await;
    let mut pull = PullSocket::new();
    join(&push, &pull);
    within(20, push.wait_for_peers(2)).await;
    tokio::spawn(async move { while push.send("work").await.is_ok() {} });

    for _ in 0..50_000 {
        assert_eq!(within(20, pull.recv()).await.unwrap(), "work");
    }
}

/// R30-PUSH-07: a queue for a peer that comes in; it is nobody before its handshake is done.
#[tokio::test(start_paused = true)]
async fn a_peer_is_nobody_before_its_handshake_is_done() {
    let push = PushSocket::new();
    let mut peer = Peer::attached(&push);
    for part in [&Vec::from(greeting())[..], &Vec::from(ready("PULL"))[..5]] {
        peer.send(part).await;
        settle().await;
        assert_eq!(push.peer_count(), 0);
        assert_eq!(push.try_send("x").unwrap_err().kind(), SendErrorKind::Full);
    }

    peer.send(&Vec::from(ready("PULL"))[5..]).await;

    within(20, push.wait_for_peers(1)).await;
    push.try_send("x").unwrap();
}

/// R30-PUSH-08 and R30-PUSH-09: the queue of a peer that came in dies with its connection. (The queue of one that
/// was dialled does not: see `reconnecting`.)
#[tokio::test(start_paused = true)]
async fn what_was_queued_for_a_peer_that_came_in_goes_with_it_and_the_next_gets_only_what_is_new() {
    let push = PushSocket::new();
    let mut monitor = push.monitor();
    let mut first = Peer::attached_by(64, &push);
    first.shake("PULL").await;
    within(20, push.wait_for_peers(1)).await;
    for _ in 0..100 {
        push.try_send(&[0; 100]).unwrap();
    }
    settle().await;

    drop(first);
    settle().await;
    assert_eq!(push.try_send("nobody is there").unwrap_err().kind(), SendErrorKind::Full);
    let mut second = Peer::attached(&push);
    second.shake("PULL").await;
    within(20, push.send("new")).await.unwrap();

    second.expect(frame("new")).await;
    monitor.next().await;
    let gone = monitor.next().await.unwrap().to_string();
    assert_eq!(
        gone,
        "disconnected inproc://scripted: the peer closed the connection; 100 queued messages discarded"
    );
}
