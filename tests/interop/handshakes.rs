//! READY and what may go wrong with it.

use std::time::Duration;

use support::{Door, Peer, Zmq, command, frame, greeting, ready, session};
use zmtp::{PushSocket, Reconnect};
use zmtp_libzmq::SocketType;

use crate::both::Examined;

#[tokio::test]
async fn case_052_ready_comes_without_waiting_for_the_other_one() {
    for pull in Examined::both().await {
        let mut peer = Peer::connect(&pull.at).await;
        peer.send(greeting()).await;
        peer.expect_greeting().await;
        peer.expect(ready("PULL")).await;
    }
}

#[tokio::test]
async fn case_053_a_ready_without_socket_type_is_accepted() {
    for mut pull in Examined::both().await {
        let mut peer = Peer::connect(&pull.at).await;
        peer.shake("").await;
        peer.send(frame("x")).await;
        assert_eq!(pull.recv().await, [b"x"]);
    }
}

/// libzmq compares names with upper and lower case, and so takes it for a property it does not know; we see a PUB
/// (R37-META-02).
#[tokio::test]
async fn case_054_a_socket_type_in_lower_case_is_unknown_to_libzmq_and_known_to_us() {
    for mut pull in Examined::both().await {
        let mut peer = Peer::connect(&pull.at).await;
        let odd = ready("").property("socket-type", "PUB");
        peer.shake_with(greeting(), odd).await;
        if pull.is_ours() {
            peer.expect(command("ERROR", b"\x18incompatible socket type")).await;
            peer.expect_close().await;
        } else {
            peer.send(frame("x")).await;
            assert_eq!(pull.recv().await, [b"x"]);
        }
    }
}

/// libzmq says nothing; we say why, as R37-TYPE-12 wants it.
#[tokio::test]
async fn case_055_a_wrong_socket_type_is_closed() {
    for mut pull in Examined::both().await {
        let mut peer = Peer::connect(&pull.at).await;
        peer.send(greeting()).await;
        peer.expect_greeting().await;
        peer.expect(ready("PULL")).await;
        peer.send(ready("PUB")).await;
        if pull.is_ours() {
            peer.expect(command("ERROR", b"\x18incompatible socket type")).await;
        }
        peer.expect_close().await;
        pull.expect_silence().await;
    }
}

#[tokio::test]
async fn case_056_metadata_that_is_cut_off_is_closed() {
    let typed = ready("PUSH");
    let cut_off = [
        typed.clone().then(b"\x05na"),
        typed.clone().then(b"\x04name\0\0"),
        typed.clone().property_that_claims("name", 9, "short"),
        typed.property_that_claims("name", u32::MAX, "short"),
    ];
    for mut pull in Examined::both().await {
        for odd in cut_off.clone() {
            let mut peer = Peer::connect(&pull.at).await;
            peer.send([greeting().into(), Vec::from(odd), frame("x")].concat()).await;
            peer.rest().await;
        }
        pull.expect_silence().await;
    }
}

#[tokio::test]
async fn case_057_ready_twice_is_closed() {
    for pull in Examined::both().await {
        let mut peer = Peer::connect(&pull.at).await;
        peer.send(session("PUSH", Vec::from(ready("PUSH")))).await;
        peer.rest().await;
    }
}

#[tokio::test]
async fn case_058_a_message_before_ready_is_closed_and_not_delivered() {
    for mut pull in Examined::both().await {
        let mut peer = Peer::connect(&pull.at).await;
        peer.send([Vec::from(greeting()), frame("early"), ready("PUSH").into()].concat()).await;
        peer.rest().await;
        pull.expect_silence().await;
    }
}

/// Cases 59, 60 and 62: neither libzmq nor we come back to who has refused us.
#[tokio::test]
async fn case_060_who_gets_an_error_does_not_dial_again() {
    for ours in [true, false] {
        let door = Door::open().await;
        let at_once = Reconnect { first: Duration::from_millis(1), longest: Duration::from_millis(1) };
        let push = PushSocket::builder().reconnect(at_once).build();
        let zmq = Zmq::new(SocketType::Push);
        if ours {
            push.connect(door.endpoint()).unwrap()
        } else {
            zmq.connect(door.endpoint()).await
        }
        let mut peer = door.accept().await;
        peer.send(greeting()).await;
        peer.expect_greeting().await;
        peer.expect(ready("PUSH")).await;
        peer.send(command("ERROR", b"\x02no")).await;
        peer.expect_close().await;

        // libzmq would come back after 100 ms.
        let again = tokio::time::timeout(Duration::from_millis(300), door.accept()).await;
        assert!(again.is_err(), "ours: {ours}");
    }
}

#[tokio::test]
async fn case_063_properties_of_the_application_are_accepted() {
    let many = (0..50).fold(ready("PUSH"), |ready, n| ready.property(format!("X-{n}"), [b'v'; 30]));
    let long = ready("PUSH").property("X-foo", [b'v'; 300]);
    for mut pull in Examined::both().await {
        for odd in [many.clone(), long.clone()] {
            let mut peer = Peer::connect(&pull.at).await;
            peer.shake_with(greeting(), odd).await;
            peer.send(frame("x")).await;
            assert_eq!(pull.recv().await, [b"x"]);
        }
    }
}
