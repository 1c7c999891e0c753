//! What a subscriber says on the wire, told of libzmq's sockets and ours alike.

use std::time::Duration;

use support::{Door, Peer, Zmq, cancel, frame, greeting, ready, subscribe};
use zmtp::{Sub, SubSocket, Xsub, XsubSocket};
use zmtp_libzmq::{Opt, SocketType};

use crate::both::quickly;
use crate::publishing::Subscribes;
use crate::subject::Subject;

/// A subscriber that has dialled, and the publisher that the test plays. ZMTP 3.0 is spoken when `minor` is 0.
async fn joined<S: Subscribes>(subscriber: &Subject<S>, minor: u8) -> (Door, Peer) {
    let door = Door::open().await;
    subscriber.connect(door.endpoint()).await;
    let peer = accepted(&door, minor).await;
    (door, peer)
}

async fn accepted(door: &Door, minor: u8) -> Peer {
    let mut peer = door.accept().await;
    peer.shake_with(greeting().version(3, minor), ready("PUB")).await;
    peer
}

fn subs() -> [Subject<Sub>; 2] {
    Subject::both(SubSocket::new(), Zmq::new(SocketType::Sub))
}

fn xsubs() -> [Subject<Xsub>; 2] {
    Subject::both(XsubSocket::new(), Zmq::new(SocketType::Xsub))
}

/// R37-SUB: a command, whether the peer is there before the subscription or after it.
#[tokio::test]
async fn case_084_a_subscription_is_a_command_in_zmtp_3_1() {
    for sub in subs() {
        sub.subscribe("A").await;
        let (_door, mut peer) = joined(&sub, 1).await;
        peer.expect(*b"\x04\x0b\x09SUBSCRIBEA").await;
        sub.subscribe("B").await;
        peer.expect(*b"\x04\x0b\x09SUBSCRIBEB").await;
        sub.unsubscribe("A").await;
        peer.expect(*b"\x04\x08\x06CANCELA").await;
        // A topic may be empty.
        sub.subscribe("").await;
        peer.expect(*b"\x04\x0a\x09SUBSCRIBE").await;
        sub.unsubscribe("").await;
        peer.expect(*b"\x04\x07\x06CANCEL").await;
    }
}

#[tokio::test]
async fn case_085_a_subscription_is_a_message_in_zmtp_3_0() {
    for sub in subs() {
        sub.subscribe("A").await;
        let (_door, mut peer) = joined(&sub, 0).await;
        peer.expect(*b"\0\x02\x01A").await;
        sub.subscribe("B").await;
        peer.expect(*b"\0\x02\x01B").await;
        sub.unsubscribe("A").await;
        peer.expect(*b"\0\x02\0A").await;
        sub.subscribe("").await;
        peer.expect(*b"\0\x01\x01").await;
    }
}

/// The octets of both, side by side: what libzmq says to a publisher, and what we say.
#[tokio::test]
async fn case_086_our_octets_are_libzmqs() {
    for minor in [0, 1] {
        let mut said = Vec::new();
        for sub in subs() {
            let (_door, mut peer) = joined(&sub, minor).await;
            for topic in ["A", "", "a long topic", "A"] {
                sub.subscribe(topic).await;
            }
            for topic in ["A", "", "A", "a long topic"] {
                sub.unsubscribe(topic).await;
            }
            sub.subscribe("end").await;
            let mut octets = Vec::new();
            while !octets.ends_with(b"end") {
                octets.extend(peer.read_some().await);
            }
            said.push(octets.escape_ascii().to_string());
        }
        assert_eq!(said[0], said[1]);
    }
}

/// Each subscribe is sent; a cancel only when nobody here wants the topic any more.
#[tokio::test]
async fn case_087_two_subscribes_are_both_sent_and_the_second_cancel_is() {
    for sub in subs() {
        let (_door, mut peer) = joined(&sub, 1).await;
        sub.subscribe("A").await;
        sub.subscribe("A").await;
        sub.unsubscribe("A").await;
        sub.subscribe("nothing in between").await;
        sub.unsubscribe("A").await;
        sub.unsubscribe("A").await;
        sub.unsubscribe("never had").await;
        sub.subscribe("end").await;

        peer.expect([subscribe("A"), subscribe("A")].concat()).await;
        peer.expect([subscribe("nothing in between"), cancel("A"), subscribe("end")].concat()).await;
    }
}

/// Our call tells whether there was something to take back.
#[tokio::test]
async fn case_087_unsubscribe_says_whether_the_topic_was_subscribed() {
    let sub = SubSocket::new();
    sub.subscribe("A");
    sub.subscribe("A");
    assert!(sub.unsubscribe("A"));
    assert!(sub.unsubscribe("A"));
    assert!(!sub.unsubscribe("A"));
}

/// R29-XSUB-20: what an XSUB's application asks for as a message travels as one from libzmq, and as a command from us,
/// the form of ZMTP 3.1; a publisher understands both. Either way a cancel goes out with the last one only, and a
/// user's message stays one.
#[tokio::test]
async fn case_092_the_subscription_messages_of_an_xsub_are_messages_from_libzmq_and_commands_from_us() {
    for xsub in xsubs() {
        let (_door, mut peer) = joined(&xsub, 1).await;
        xsub.send(["\x01A"]).await;
        xsub.send(["\x01A"]).await;
        xsub.send(["\0A"]).await;
        xsub.send(["\0A"]).await;
        xsub.send(["\0never had"]).await;
        xsub.send(["user", "message"]).await;

        let [asked, cancelled] = match xsub.is_ours() {
            true => [subscribe("A"), cancel("A")],
            false => [frame("\x01A"), frame("\0A")],
        };
        peer.expect([&asked[..], &asked, &cancelled].concat()).await;
        peer.expect(*b"\x01\x04user\0\x07message").await;
    }
}

/// Towards 3.0 there is one form only.
#[tokio::test]
async fn case_092_towards_3_0_the_subscriptions_of_an_xsub_are_messages() {
    for xsub in xsubs() {
        let (_door, mut peer) = joined(&xsub, 0).await;
        xsub.send(["\x01A"]).await;
        xsub.send(["\0A"]).await;
        peer.expect([frame("\x01A"), frame("\0A")].concat()).await;
    }
}

/// What a subscriber has subscribed to is told again to a publisher that comes back: each topic once.
#[tokio::test]
async fn case_096_after_a_reconnect_each_topic_is_sent_once() {
    let theirs = Zmq::new(SocketType::Sub);
    theirs.set(Opt::ReconnectIvl, 10).await;
    for sub in Subject::both(SubSocket::builder().reconnect(quickly()).build(), theirs) {
        resubscribes(sub).await;
    }
    let theirs = Zmq::new(SocketType::Xsub);
    theirs.set(Opt::ReconnectIvl, 10).await;
    for xsub in Subject::both(XsubSocket::builder().reconnect(quickly()).build(), theirs) {
        resubscribes(xsub).await;
    }
}

async fn resubscribes<S: Subscribes>(subscriber: Subject<S>) {
    let (door, mut peer) = joined(&subscriber, 1).await;
    for topic in ["A", "gone", "B", "A"] {
        subscriber.subscribe(topic).await;
        let said = peer.frame().await.body;
        assert!(said.ends_with(topic.as_bytes()), "{}", said.escape_ascii());
    }
    subscriber.unsubscribe("gone").await;
    peer.frame().await;
    for _ in 0..3 {
        drop(peer);
        peer = accepted(&door, 1).await;
        // libzmq's socket says it again when it is called.
        let mut again = subscriber.attend(async { [peer.frame().await, peer.frame().await] }).await;
        again.sort_by(|one, other| one.body.cmp(&other.body));
        let again = again.map(|command| (command.flags, command.body));
        assert_eq!(again, [(4, b"\x09SUBSCRIBEA".to_vec()), (4, b"\x09SUBSCRIBEB".to_vec())]);
        subscriber.attend(peer.expect_silence(Duration::from_millis(30))).await;
    }
}

/// A publisher that sends what was not asked for is not believed (R29-SUB-13).
#[tokio::test]
async fn case_105_a_sub_filters_what_a_publisher_should_not_have_sent() {
    for mut sub in subs() {
        sub.subscribe("A").await;
        let (_door, mut peer) = joined(&sub, 1).await;
        let unwanted = [frame("B"), frame(""), support::more("B"), frame("A in the second")].concat();
        peer.send([unwanted, frame("A1")].concat()).await;
        assert_eq!(sub.recv().await, ["A1"]);
    }
}

/// An XSUB does not.
#[tokio::test]
async fn case_105_an_xsub_takes_what_comes() {
    for mut xsub in xsubs() {
        let (_door, mut peer) = joined(&xsub, 1).await;
        peer.send([frame("B"), frame("A1")].concat()).await;
        assert_eq!(xsub.recv().await, ["B"]);
        assert_eq!(xsub.recv().await, ["A1"]);
    }
}
