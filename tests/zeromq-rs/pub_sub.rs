//! PUB and XPUB on one side, SUB and XSUB on the other. Each message is told under a topic; only A's are heard.
//!
//! Theirs speaks ZMTP 3.0, so that subscriptions travel as messages here, and not as commands.

use std::time::Duration;

use support::{until, within};
use tokio::time::timeout;
use zeromq::{Socket as _, SocketRecv, SocketSend};
use zmtp::{Hwm, PubSocket, Receives, Sends, Socket, SubSocket, XpubSocket, XsubSocket};

use crate::both::{BOTH_ROLES, Binder, join};
use crate::story::{COUNT, Frames, expect, message, of_ours, of_theirs, ours, theirs};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_010_their_sub_hears_what_it_subscribed_to_from_our_pub() {
    for binder in BOTH_ROLES {
        let publisher = PubSocket::builder().send_hwm(Hwm::Unlimited).send_hwm_bytes(Hwm::Unlimited).build();
        let mut sub = zeromq::SubSocket::new();
        sub.subscribe("A").await.unwrap();
        join(&publisher, &mut sub, binder).await;
        within(20, publisher.wait_for_subscribers("A", 1)).await;

        let publisher = tell_theirs(publisher, &mut sub).await;

        sub.unsubscribe("A").await.unwrap();
        until(20, || publisher.topics_count() == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_010_their_xsub_hears_what_it_subscribed_to_from_our_pub() {
    for binder in BOTH_ROLES {
        let publisher = PubSocket::builder().send_hwm(Hwm::Unlimited).send_hwm_bytes(Hwm::Unlimited).build();
        let mut sub = zeromq::XSubSocket::new();
        join(&publisher, &mut sub, binder).await;
        sub.send(theirs(vec![b"\x01A".to_vec()])).await.unwrap();
        within(20, publisher.wait_for_subscribers("A", 1)).await;

        tell_theirs(publisher, &mut sub).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_010_our_xpub_sees_their_sub_come_and_go() {
    for binder in BOTH_ROLES {
        let mut publisher =
            XpubSocket::builder().send_hwm(Hwm::Unlimited).send_hwm_bytes(Hwm::Unlimited).build();
        let mut sub = zeromq::SubSocket::new();
        join(&publisher, &mut sub, binder).await;
        sub.subscribe("A").await.unwrap();
        assert_eq!(within(20, publisher.recv()).await.unwrap(), "\x01A");

        let mut publisher = tell_theirs(publisher, &mut sub).await;

        sub.unsubscribe("A").await.unwrap();
        assert_eq!(within(20, publisher.recv()).await.unwrap(), "\0A");
        sub.subscribe("B").await.unwrap();
        assert_eq!(within(20, publisher.recv()).await.unwrap(), "\x01B");
        drop(sub);
        until(20, || publisher.peer_count() == 0).await;
        // One that was dialled keeps its place and its subscriptions while it is away, as with libzmq.
        if matches!(binder, Binder::Ours) {
            assert_eq!(within(20, publisher.recv()).await.unwrap(), "\0B");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_010_our_xpub_gets_what_their_xsub_says_upstream() {
    for binder in BOTH_ROLES {
        let mut publisher =
            XpubSocket::builder().send_hwm(Hwm::Unlimited).send_hwm_bytes(Hwm::Unlimited).build();
        let mut sub = zeromq::XSubSocket::new();
        join(&publisher, &mut sub, binder).await;
        sub.send(theirs(vec![b"\x01A".to_vec()])).await.unwrap();
        sub.send(theirs(vec![b"hello".to_vec(), Vec::new()])).await.unwrap();
        assert_eq!(within(20, publisher.recv()).await.unwrap(), "\x01A");
        assert_eq!(of_ours(within(20, publisher.recv()).await.unwrap()), [&b"hello"[..], b""]);

        tell_theirs(publisher, &mut sub).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_011_our_sub_hears_what_it_subscribed_to_from_their_pub() {
    for binder in BOTH_ROLES {
        let sub = SubSocket::new();
        sub.subscribe("A");
        let mut publisher = zeromq::PubSocket::new();
        join(&sub, &mut publisher, binder).await;

        tell_ours(publisher, sub).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_011_our_xsub_hears_what_it_subscribed_to_from_their_pub() {
    for binder in BOTH_ROLES {
        let sub = XsubSocket::new();
        let mut publisher = zeromq::PubSocket::new();
        join(&sub, &mut publisher, binder).await;
        sub.send("\x01A").await.unwrap();

        tell_ours(publisher, sub).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_011_their_xpub_sees_our_sub_come_and_go() {
    for binder in BOTH_ROLES {
        let sub = SubSocket::new();
        let mut publisher = zeromq::XPubSocket::new();
        join(&sub, &mut publisher, binder).await;
        sub.subscribe("B");
        assert_eq!(of_theirs(within(20, publisher.recv()).await.unwrap()), [b"\x01B"]);
        assert!(sub.unsubscribe("B"));
        assert_eq!(of_theirs(within(20, publisher.recv()).await.unwrap()), [b"\0B"]);
        sub.subscribe("A");
        assert_eq!(of_theirs(within(20, publisher.recv()).await.unwrap()), [b"\x01A"]);

        tell_ours(publisher, sub).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_011_their_xpub_gets_what_our_xsub_says_upstream() {
    for binder in BOTH_ROLES {
        let sub = XsubSocket::new();
        let mut publisher = zeromq::XPubSocket::new();
        join(&sub, &mut publisher, binder).await;
        sub.subscribe("A");
        sub.send(ours(vec![b"hello".to_vec(), Vec::new()])).await.unwrap();
        assert_eq!(of_theirs(within(20, publisher.recv()).await.unwrap()), [b"\x01A"]);
        assert_eq!(of_theirs(within(20, publisher.recv()).await.unwrap()), [&b"hello"[..], b""]);

        tell_ours(publisher, sub).await;
    }
}

/// Our publisher tells the story twice, under A and under B; their subscriber, who is there, hears A's.
async fn tell_theirs<P: Sends>(publisher: Socket<P>, sub: &mut impl SocketRecv) -> Socket<P> {
    let telling = tokio::spawn(async move {
        for n in 0..COUNT {
            publisher.send(ours(under("B", n))).await.unwrap();
            publisher.send(ours(under("A", n))).await.unwrap();
        }
        publisher
    });
    for n in 0..COUNT {
        let got = within(20, sub.recv()).await.unwrap();
        expect(n, &of_theirs(got), &under("A", n));
    }
    within(20, telling).await.unwrap()
}

/// Their publisher tells the story twice; our subscriber hears A's. Nothing says when it is there, so that it is
/// called until it answers.
async fn tell_ours<P: Receives>(mut publisher: impl SocketSend + Send + 'static, mut sub: Socket<P>) {
    const BETWEEN_CALLS: Duration = Duration::from_millis(10);
    let there = async {
        loop {
            publisher.send("A?".into()).await.unwrap();
            if let Ok(heard) = timeout(BETWEEN_CALLS, sub.recv()).await {
                assert_eq!(heard.unwrap(), "A?");
                break;
            }
        }
    };
    within(20, there).await;

    let telling = tokio::spawn(async move {
        for n in 0..COUNT {
            publisher.send(theirs(under("B", n))).await.unwrap();
            publisher.send(theirs(under("A", n))).await.unwrap();
        }
        publisher
    });
    let mut n = 0;
    while n < COUNT {
        let got = within(20, sub.recv()).await.unwrap();
        if got != "A?" {
            expect(n, &of_ours(got), &under("A", n));
            n += 1;
        }
    }
    within(20, telling).await.unwrap();
}

/// Message number `n` under a topic.
fn under(topic: &str, n: u64) -> Frames {
    [vec![topic.into()], message(n)].concat()
}
