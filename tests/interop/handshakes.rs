//! READY and what may go wrong with it.

use support::{ANY_PORT, Peer, Zmq, command, frame, greeting, ready, session, within};
use zmtp::{PullSocket, PushSocket};
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

/// R37-META-08: what begins with `X-` is the application's, and what does not is not.
#[tokio::test]
async fn case_063_our_own_properties_arrive_and_begin_with_x() {
    let long = [b'v'; 300];
    let push =
        PushSocket::builder().property("X-role", "worker").unwrap().property("X-long", long).unwrap().build();
    let pull = PullSocket::new();
    push.connect(pull.bind(ANY_PORT).await.unwrap()).unwrap();
    within(20, pull.wait_for_peers(1)).await;
    let metadata = pull.peers()[0].metadata.clone();
    assert_eq!(metadata.get("X-role").unwrap(), "worker");
    assert_eq!(metadata.get("x-LONG").unwrap()[..], long);

    let theirs = Zmq::new(SocketType::Pull);
    push.connect(theirs.bind(ANY_PORT).await).unwrap();
    within(20, push.wait_for_peers(2)).await;
    for _ in 0..2 {
        within(20, push.send("x")).await.unwrap();
    }
    assert_eq!(theirs.recv().await, [b"x"]);

    for name in ["role", "x-role", "Identity", "", "X-\u{e9}"] {
        assert!(PushSocket::builder().property(name, "worker").is_err(), "{name}");
    }
}

/// R37-RES-03: there is nothing to be found by it here, and no fault in asking.
#[tokio::test]
async fn a_resource_is_accepted_whatever_it_names() {
    for mut pull in Examined::both().await {
        let mut peer = Peer::connect(&pull.at).await;
        peer.shake_with(greeting(), ready("PUSH").property("Resource", "a/b")).await;
        peer.send(frame("x")).await;
        assert_eq!(pull.recv().await, [b"x"]);
    }
}
