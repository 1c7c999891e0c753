//! `unbind` and `disconnect`: leaving one endpoint while the socket lives on.

use std::time::Duration;

use support::{ANY_PORT, Door, Peer, frame, nobody, until, within};
use zmtp::{Event, PullSocket, PushSocket, SendErrorKind};

/// "Stops accepting at an endpoint, and closes what was accepted there; what is queued for those peers goes out first."
#[tokio::test]
async fn unbind_closes_what_was_accepted_there_after_what_is_queued_for_it() {
    let push = PushSocket::new();
    let here = push.bind(ANY_PORT).await.unwrap();
    let there = push.bind(ANY_PORT).await.unwrap();
    let mut peer = Peer::connect(&here).await;
    peer.shake("PULL").await;
    within(20, push.wait_for_peers(1)).await;
    for _ in 0..100 {
        push.try_send("x").unwrap();
    }

    assert!(push.unbind(&here));

    peer.expect(frame("x").repeat(100)).await;
    peer.expect_close().await;
    drop(peer);
    until(20, || push.peer_count() == 0).await;
    assert!(!push.unbind(&here), "it is not bound there any more");
    // The other endpoint is not touched, this one is free.
    let mut other = Peer::connect(&there).await;
    other.shake("PULL").await;
    within(20, push.send("y")).await.unwrap();
    other.expect(frame("y")).await;
    within(20, async { while PullSocket::new().bind(&here).await.is_err() {} }).await;
}

/// A handshake that has begun at an endpoint ends with it.
#[tokio::test]
async fn unbind_ends_the_handshakes_that_began_there() {
    let pull = PullSocket::new();
    let at = pull.bind(ANY_PORT).await.unwrap();
    let mut peer = Peer::connect(&at).await;
    peer.read(64).await;

    pull.unbind(&at);

    peer.expect_close().await;
}

/// "A wildcard goes by the endpoint that `bind` returned."
#[tokio::test]
async fn unbind_wants_the_endpoint_that_bind_returned() {
    let pull = PullSocket::new();
    let at = pull.bind(ANY_PORT).await.unwrap();
    assert!(!pull.unbind(ANY_PORT));
    assert!(pull.unbind(&at));
}

/// Case 125: the traffic moves to the other.
#[tokio::test]
async fn disconnect_from_one_of_two_endpoints_moves_the_traffic_to_the_other() {
    let (one, other) = (Door::open().await, Door::open().await);
    let push = PushSocket::new();
    push.connect(one.endpoint()).unwrap();
    push.connect(other.endpoint()).unwrap();
    let (mut leaving, mut staying) = (one.accept().await, other.accept().await);
    leaving.shake("PULL").await;
    staying.shake("PULL").await;
    within(20, push.wait_for_peers(2)).await;
    for _ in 0..100 {
        push.try_send("both").unwrap();
    }

    assert!(push.disconnect(one.endpoint()));
    for _ in 0..100 {
        push.try_send("one").unwrap();
    }

    leaving.expect(frame("both").repeat(50)).await;
    leaving.expect_close().await;
    staying.expect(frame("both").repeat(50)).await;
    staying.expect(frame("one").repeat(100)).await;
    assert!(!push.disconnect(one.endpoint()), "it is not connected there any more");
}

/// "What is queued for that peer goes out first, within the linger time."
#[tokio::test(start_paused = true)]
async fn disconnect_discards_what_nobody_takes_within_the_linger_time() {
    let push = PushSocket::builder().linger(Duration::from_secs(5)).build();
    let mut monitor = push.monitor();
    push.connect("inproc://disconnect-lingers").unwrap();
    push.send("late").await.unwrap();

    assert!(push.disconnect("inproc://disconnect-lingers"));
    assert_eq!(push.try_send("x").unwrap_err().kind(), SendErrorKind::Full);

    tokio::time::sleep(Duration::from_secs(6)).await;
    let Some(Event::Discarded { messages: 1, .. }) = within(20, monitor.next()).await else { panic!() };
    let mut pull = PullSocket::new();
    pull.bind("inproc://disconnect-lingers").await.unwrap();
    assert!(tokio::time::timeout(Duration::from_secs(60), pull.recv()).await.is_err());
}

/// Case 126: a PUSH or PULL that connects twice has two connections; one `disconnect` ends both.
#[tokio::test]
async fn connecting_twice_to_one_endpoint_makes_two_connections() {
    let pull = PullSocket::new();
    let at = pull.bind(ANY_PORT).await.unwrap();
    let push = PushSocket::new();
    push.connect(&at).unwrap();
    push.connect(&at).unwrap();
    within(20, pull.wait_for_peers(2)).await;

    assert!(push.disconnect(&at));

    until(20, || pull.peer_count() == 0).await;
}

#[tokio::test]
async fn a_wildcard_can_be_bound_and_not_connected_to() {
    let push = PushSocket::new();
    for wildcard in [ANY_PORT, "tcp://*:5555"] {
        let said = push.connect(wildcard).unwrap_err().to_string();
        assert!(said.contains("can be bound, not connected to"), "{said}");
    }
}

#[tokio::test]
async fn disconnect_stops_dialling() {
    let at = nobody();
    let push = PushSocket::new();
    let mut monitor = push.monitor();
    push.connect(&at).unwrap();
    within(20, monitor.next()).await.unwrap();

    assert!(push.disconnect(&at));

    within(20, push.close()).await.unwrap();
}
