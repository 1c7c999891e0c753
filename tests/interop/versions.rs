//! Greetings in steps, and peers of other versions. libzmq steps down to ZMTP 2.0 and 1.0. We close such peers: there
//! is no libzmq 3 or 2 to be met any more, and what looks like one is something else (decision 5).

use std::time::Duration;

use support::{ANY_PORT, Peer, Zmq, failure, frame, greeting, ready};
use zmtp::wire::{Error, Incompatible, Malformed};
use zmtp::{Builder, Cause, DealerSocket, Pattern, PubSocket, PullSocket, RouterSocket};
use zmtp_libzmq::{Opt, SocketType};

use crate::both::Examined;

/// Nothing more comes for a while.
const WHILE: Duration = Duration::from_millis(50);

/// libzmq sends ten octets, with the length of its routing id for peers of version 1.0; we all of our greeting, since
/// we step down to nobody (R37-VER-06).
#[tokio::test]
async fn case_035_a_silent_peer_gets_ten_octets_of_libzmq_and_our_whole_greeting() {
    let (_theirs, at) = router_abc().await;
    let mut peer = Peer::connect(at).await;
    peer.expect(*b"\xff\0\0\0\0\0\0\0\x04\x7f").await;
    peer.expect_silence(WHILE).await;

    let ours = RouterSocket::builder().routing_id("ABC".try_into().unwrap()).build();
    let mut peer = Peer::connect(ours.bind(ANY_PORT).await.unwrap()).await;
    peer.expect(greeting()).await;
    peer.expect_silence(WHILE).await;
}

#[tokio::test]
async fn case_036_each_step_of_a_greeting_is_answered_by_the_next() {
    let whole = Vec::from(greeting());
    let ready_abc = ready("ROUTER").property("Identity", "ABC");

    let (_theirs, at) = router_abc().await;
    let mut peer = Peer::connect(at).await;
    peer.read(10).await;
    peer.send(&whole[..10]).await;
    peer.expect([3]).await;
    peer.expect_silence(WHILE).await;
    peer.send(&whole[10..11]).await;
    peer.expect(&whole[11..]).await;
    peer.expect_silence(WHILE).await;
    peer.send(&whole[11..]).await;
    peer.expect(ready_abc.clone()).await;

    // Ours has been said already; READY waits for the mechanism.
    let ours = RouterSocket::builder().routing_id("ABC".try_into().unwrap()).build();
    let mut peer = Peer::connect(ours.bind(ANY_PORT).await.unwrap()).await;
    peer.expect(greeting()).await;
    for step in [0..10, 10..11, 11..63] {
        peer.send(&whole[step]).await;
        peer.expect_silence(WHILE).await;
    }
    peer.send(&whole[63..]).await;
    peer.expect(ready_abc).await;
}

/// R37-BACK-04 would have it that this is ZMTP 2.0; no peer of that version ever said so.
#[tokio::test]
async fn case_040_revision_octet_2_is_answered_as_3_1_by_both() {
    for mut pull in Examined::both().await {
        let mut peer = Peer::connect(&pull.at).await;
        peer.shake_with(greeting().version(2, 0), ready("PUSH")).await;
        peer.send(frame("x")).await;
        assert_eq!(pull.recv().await, [b"x"]);
    }
}

#[tokio::test]
async fn case_041_libzmq_steps_down_to_zmtp_2_0_and_we_close() {
    let theirs = Zmq::new(SocketType::Dealer);
    theirs.call(|socket| socket.set_bytes(Opt::RoutingId, b"ID").expect("an id")).await;
    let mut peer = Peer::connect(theirs.bind(ANY_PORT).await).await;
    peer.send([&SIGNATURE[..], &[1, ROUTER], b"\0\0"].concat()).await;
    peer.read(10).await;
    peer.expect([3, DEALER]).await;
    peer.expect(frame("ID")).await;
    theirs.send("hi").await;
    peer.expect(frame("hi")).await;

    let cause = refusal(DealerSocket::builder(), &[&SIGNATURE[..], &[1, ROUTER], b"\0\0"].concat()).await;
    assert_eq!(cause, Incompatible::Version("2.0").into());
}

#[tokio::test]
async fn case_042_a_subscriber_of_zmtp_2_0_is_closed_and_nothing_is_published_to_it() {
    let hello = [&SIGNATURE[..], &[1, SUB], b"\0\0"].concat();
    let theirs = Zmq::new(SocketType::Pub);
    let mut peer = Peer::connect(theirs.bind(ANY_PORT).await).await;
    peer.send(&hello[..]).await;
    peer.read(12).await;
    peer.expect(frame("")).await;
    peer.send(frame("\u{1}t")).await;
    publish_until_heard(&theirs, &mut peer, frame("topic")).await;

    assert_eq!(refusal(PubSocket::builder(), &hello).await, Incompatible::Version("2.0").into());
}

/// A peer of version 1.0 begins with the length of its identity. To us that is no greeting at all.
#[tokio::test]
async fn case_043_libzmq_steps_down_to_zmtp_1_0_and_we_close() {
    let theirs = Zmq::new(SocketType::Dealer);
    theirs.call(|socket| socket.set_bytes(Opt::RoutingId, b"ID").expect("an id")).await;
    let mut peer = Peer::connect(theirs.bind(ANY_PORT).await).await;
    peer.send(*b"\x01\0\x03\0xy").await;
    peer.expect(*b"\xff\0\0\0\0\0\0\0\x03\x7fID").await;
    assert_eq!(theirs.recv().await, [b"xy"]);
    theirs.send("hello").await;
    peer.expect(*b"\x06\0hello").await;

    let cause = refusal(DealerSocket::builder(), b"\x01\0\x03\0xy").await;
    assert_eq!(cause, Malformed::Signature { looks_like: Some("ZMTP 1.0") }.into());
}

/// A subscriber of version 1.0 filters for itself, so libzmq sends it everything.
#[tokio::test]
async fn case_044_a_subscriber_of_zmtp_1_0_gets_everything_of_libzmq_and_is_closed_by_us() {
    let theirs = Zmq::new(SocketType::Pub);
    let mut peer = Peer::connect(theirs.bind(ANY_PORT).await).await;
    peer.send(*b"\x01\0").await;
    peer.read(10).await;
    publish_until_heard(&theirs, &mut peer, b"\x06\0topic".to_vec()).await;

    let cause = refusal(PubSocket::builder(), b"\x01\0").await;
    assert_eq!(cause, Malformed::Signature { looks_like: Some("ZMTP 1.0") }.into());
}

/// libzmq's ROUTER with the routing id `ABC`, and where it is.
async fn router_abc() -> (Zmq, String) {
    let router = Zmq::new(SocketType::Router);
    router.call(|socket| socket.set_bytes(Opt::RoutingId, b"ABC").expect("an id")).await;
    let at = router.bind(ANY_PORT).await;
    (router, at)
}

/// Publishes "topic" until the peer reads this.
async fn publish_until_heard(publisher: &Zmq, peer: &mut Peer, expected: Vec<u8>) {
    let publishing = async {
        loop {
            publisher.send("topic").await;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::select! {
        () = peer.expect(expected) => {}
        () = publishing => {}
    }
}

/// A peer says this to a socket of ours and gets our greeting, nothing else, and the end. Why it was refused.
async fn refusal<P: Pattern>(builder: Builder<P>, hello: &[u8]) -> Error {
    let ours = builder.build();
    let mut monitor = ours.monitor();
    let mut peer = Peer::connect(ours.bind(ANY_PORT).await.unwrap()).await;
    peer.expect(greeting()).await;
    peer.send(hello).await;
    peer.expect_close().await;
    assert_eq!(ours.peer_count(), 0);
    match failure(&mut monitor).await {
        Cause::Wire(error) => error,
        other => panic!("it failed because {other}"),
    }
}

/// An old peer that comes in is closed; one that we dial is not dialled again, since it will not grow younger.
#[tokio::test]
async fn case_041_a_peer_of_zmtp_2_0_is_not_dialled_again() {
    let door = support::Door::open().await;
    let pull = PullSocket::new();
    let mut monitor = pull.monitor();
    pull.connect(door.endpoint()).unwrap();
    let mut peer = door.accept().await;
    peer.expect(greeting()).await;

    peer.send([&SIGNATURE[..], &[1, 8], b"\0\0"].concat()).await;

    peer.expect_close().await;
    assert!(failure(&mut monitor).await.is_final());
}

/// The signature of an anonymous peer.
const SIGNATURE: [u8; 10] = *b"\xff\0\0\0\0\0\0\0\x01\x7f";

/// Types of sockets as ZMTP 2.0 writes them.
const SUB: u8 = 2;
const DEALER: u8 = 5;
const ROUTER: u8 = 6;
