//! Two peers with one routing id: who is heard, and when the id is free again.

use std::time::Duration;

use support::{ANY_PORT, Peer, Zmq, frame, greeting, ready};
use zmtp::{Heartbeat, RouterSocket};
use zmtp_libzmq::{Event, Opt, SocketType};

use crate::subject::Subject;

/// A DEALER of libzmq that calls itself X and does not come back when its connection ends.
async fn dealer_x(to: &str) -> Zmq {
    let dealer = Zmq::new(SocketType::Dealer);
    dealer.set_bytes(Opt::RoutingId, "X").await;
    dealer.set(Opt::ReconnectIvl, -1).await;
    dealer.connect(to).await;
    dealer
}

/// Without handover the first keeps the id, and of the second nothing is ever delivered.
#[tokio::test]
async fn case_075_a_second_peer_with_the_same_id_is_not_heard_and_the_first_still_is() {
    for mut router in Subject::both(RouterSocket::new(), Zmq::new(SocketType::Router)) {
        let at = router.bind(ANY_PORT).await;
        let first = dealer_x(&at).await;
        first.send("first").await;
        assert_eq!(router.recv().await, ["X", "first"]);

        let second = Zmq::new(SocketType::Dealer);
        let mut monitor = second.monitor().await;
        second.set_bytes(Opt::RoutingId, "X").await;
        second.connect(&at).await;
        second.send("second").await;
        monitor.wait_for(Event::HANDSHAKE_SUCCEEDED).await;

        router.expect_silence().await;
        first.send("still here").await;
        assert_eq!(router.recv().await, ["X", "still here"]);
        router.send(["X", "to the first"]).await;
        assert_eq!(first.recv().await, [b"to the first"]);
        assert!(second.is_silent(Duration::from_millis(20)).await);
    }
}

#[tokio::test]
async fn case_076_with_handover_the_second_takes_the_id() {
    let theirs = Zmq::new(SocketType::Router);
    theirs.set(Opt::RouterHandover, 1).await;
    for mut router in Subject::both(RouterSocket::builder().handover(true).build(), theirs) {
        let at = router.bind(ANY_PORT).await;
        let first = dealer_x(&at).await;
        first.send("first").await;
        assert_eq!(router.recv().await, ["X", "first"]);

        let second = dealer_x(&at).await;
        second.send("second").await;
        assert_eq!(router.recv().await, ["X", "second"]);

        router.send(["X", "to X"]).await;
        assert_eq!(second.recv().await, [b"to X"]);
        assert!(first.is_silent(Duration::from_millis(20)).await);
    }
}

#[tokio::test]
async fn case_077_the_id_of_who_has_left_is_free() {
    for mut router in Subject::both(RouterSocket::new(), Zmq::new(SocketType::Router)) {
        let at = router.bind(ANY_PORT).await;
        for round in ["one", "two", "three"] {
            let mut peer = Peer::connect(&at).await;
            peer.shake_with(greeting(), ready("DEALER").property("Identity", "X")).await;
            peer.send(frame(round)).await;
            assert_eq!(router.recv().await, ["X", round]);
            router.send(["X", round]).await;
            peer.expect(frame(round)).await;
            // In good order, and the router has seen it.
            peer.shut().await;
            router.attend(peer.expect_close()).await;
            router.expect_silence().await;
        }
    }
}

/// A peer that is dead without having said so keeps its id: only handover or a heartbeat frees it.
#[tokio::test]
async fn case_077_the_id_of_a_dead_connection_needs_handover_or_a_heartbeat() {
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum With {
        Nothing,
        Handover,
        Heartbeat,
    }
    let timeout = Duration::from_millis(500);
    for with in [With::Nothing, With::Handover, With::Heartbeat] {
        let theirs = Zmq::new(SocketType::Router);
        let mut ours = RouterSocket::builder();
        match with {
            With::Nothing => {}
            With::Handover => {
                theirs.set(Opt::RouterHandover, 1).await;
                ours = ours.handover(true);
            }
            With::Heartbeat => {
                theirs.set(Opt::HeartbeatIvl, 50).await;
                theirs.set(Opt::HeartbeatTimeout, timeout.as_millis() as i32).await;
                ours = ours.heartbeat(Heartbeat { timeout, ..Heartbeat::every(Duration::from_millis(50)) });
            }
        }
        for mut router in Subject::both(ours.build(), theirs) {
            let at = router.bind(ANY_PORT).await;
            let mut dead = Peer::connect(&at).await;
            dead.shake_with(greeting(), ready("DEALER").property("Identity", "X")).await;
            dead.send(frame("last words")).await;
            assert_eq!(router.recv().await, ["X", "last words"]);
            if with == With::Heartbeat {
                router.attend(dead.rest()).await;
                router.expect_silence().await;
            }

            // It dials again if it is turned away, so that its message waits and is not refused.
            let alive = Zmq::new(SocketType::Dealer);
            alive.set_bytes(Opt::RoutingId, "X").await;
            alive.connect(&at).await;
            alive.send("alive").await;

            match with {
                With::Nothing => router.expect_silence().await,
                With::Handover | With::Heartbeat => assert_eq!(router.recv().await, ["X", "alive"]),
            }
        }
    }
}
