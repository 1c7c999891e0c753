//! XSUB: a SUB that does not filter, subscribes by messages too, and may say anything else (RFC 29). What it has in
//! common with SUB is in `subscribing`.

use std::time::Duration;

use support::{Peer, command, frame, greeting, meet, more, ready, session, settle, within};
use zmtp::{Message, PubSocket, XpubSocket, XsubSocket};

/// R29-XSUB-13 is a MAY that libzmq does not use: an XSUB receives all that comes. R29-XSUB-10, R29-XSUB-14.
#[tokio::test(start_paused = true)]
async fn an_xsub_does_not_filter() {
    let mut xsub = XsubSocket::new();
    let mut peer = Peer::attached(&xsub);
    peer.send(session("PUB", [more("A"), more(""), frame("x"), frame("")].concat())).await;

    assert_eq!(within(20, xsub.recv()).await.unwrap(), Message::new("A").with("").with("x"));
    assert_eq!(within(20, xsub.recv()).await.unwrap(), "");
}

/// R29-XSUB-19: what the application says in messages of `01` or `00` and a topic is a subscription or its end.
/// R29-XSUB-20: it goes out in the form of the version that is spoken, where libzmq keeps the message form (case 92).
#[tokio::test(start_paused = true)]
async fn case_092_an_xsub_subscribes_by_messages() {
    let xsub = XsubSocket::new();
    let mut new = Peer::attached(&xsub);
    new.shake("XPUB").await;
    let mut old = Peer::attached(&xsub);
    old.shake_with(greeting().version(3, 0), ready("XPUB")).await;
    within(20, xsub.wait_for_peers(2)).await;
    xsub.send("\u{1}A").await.unwrap();
    xsub.send("\u{1}A").await.unwrap();
    new.expect(command("SUBSCRIBE", "A").repeat(2)).await;
    old.expect(*b"\0\x02\x01A\0\x02\x01A").await;
    assert_eq!(xsub.topics_count(), 1);

    xsub.send("\0A").await.unwrap();
    xsub.send("\0A").await.unwrap();
    new.expect(command("CANCEL", "A")).await;
    old.expect(*b"\0\x02\0A").await;
    assert_eq!(xsub.topics_count(), 0);

    // One that it does not have is swallowed.
    xsub.send("\0never").await.unwrap();
    new.expect_silence(Duration::from_secs(60)).await;
    old.expect_silence(Duration::from_secs(60)).await;
}

#[tokio::test(start_paused = true)]
async fn an_xsub_says_every_unsubscribe_if_so_set() {
    let xsub = XsubSocket::builder().verbose_unsubscribe(true).build();
    let mut peer = Peer::attached(&xsub);
    peer.shake("XPUB").await;
    within(20, xsub.wait_for_peers(1)).await;
    xsub.send("\u{1}A").await.unwrap();
    xsub.send("\u{1}A").await.unwrap();
    for _ in 0..2 {
        xsub.send("\0A").await.unwrap();
    }
    xsub.send("\0never").await.unwrap();

    peer.expect(command("SUBSCRIBE", "A").repeat(2)).await;
    peer.expect(["A", "A", "never"].map(|topic| command("CANCEL", topic)).concat()).await;
}

/// R29-XSUB-02: it sends too. R29-XSUB-16: to every publisher. R29-XSUB-15: unaltered (case 93).
#[tokio::test(start_paused = true)]
async fn case_093_what_an_xsub_sends_reaches_every_publisher() {
    let xsub = XsubSocket::new();
    let mut publishers = [XpubSocket::new(), XpubSocket::new()];
    for publisher in &publishers {
        meet(&xsub, publisher).await;
    }
    let deaf = PubSocket::new();
    meet(&xsub, &deaf).await;
    let messages = [
        Message::new("usr"),
        Message::new("").with("\u{2}not a topic"),
        Message::new("\u{2}A").with(vec![7; 100_000]).with(""),
    ];

    for message in &messages {
        xsub.send(message).await.unwrap();
    }

    for publisher in &mut publishers {
        for message in &messages {
            assert!(within(20, publisher.recv()).await.unwrap() == *message);
        }
    }
    assert_eq!(deaf.peer_count(), 1);
}

/// In a message of many frames only the first can be a subscription, if so set.
#[tokio::test(start_paused = true)]
async fn later_frames_of_an_xsubs_message_are_subscriptions_unless_set_otherwise() {
    for is_first_only in [false, true] {
        let xsub = XsubSocket::builder().only_first_subscribe(is_first_only).build();
        xsub.send(Message::new("user data").with("\u{1}A")).await.unwrap();
        xsub.send("\u{1}B").await.unwrap();

        assert_eq!(xsub.topics_count(), if is_first_only { 1 } else { 2 });
    }
}

/// R29-XSUB-17 and R29-XSUB-18: it never waits, and what finds no room is dropped for that publisher.
#[tokio::test(start_paused = true)]
async fn a_full_publisher_misses_what_an_xsub_sends_and_nobody_else_does() {
    let xsub = XsubSocket::builder().send_hwm(5).build();
    let mut stuck = Peer::attached_by(64, &xsub);
    stuck.shake("XPUB").await;
    let mut fine = Peer::attached(&xsub);
    fine.shake("XPUB").await;
    within(20, xsub.wait_for_peers(2)).await;

    for n in 0..1000 {
        within(20, xsub.send(format!("{n:100}"))).await.unwrap();
        fine.expect(frame(format!("{n:100}"))).await;
    }

    let dropped = xsub.drops().peer_full;
    assert!((985..=995).contains(&dropped), "{dropped}");
    for n in 0..1000 - dropped {
        stuck.expect(frame(format!("{n:100}"))).await;
    }
    settle().await;
    xsub.send("again").await.unwrap();
    stuck.expect(frame("again")).await;
}

/// With nobody there, too.
#[tokio::test(start_paused = true)]
async fn an_xsub_without_a_publisher_drops_what_it_sends_and_keeps_its_topics() {
    let xsub = XsubSocket::new();
    xsub.send("user data").await.unwrap();
    xsub.send("\u{1}A").await.unwrap();

    let mut peer = Peer::attached(&xsub);
    peer.shake("XPUB").await;

    peer.expect(command("SUBSCRIBE", "A")).await;
    peer.expect_silence(Duration::from_secs(60)).await;
}

/// R29-XSUB-21 is a SHOULD that libzmq does not keep: a connection that closes ends its subscriptions by itself.
#[tokio::test(start_paused = true)]
async fn a_closing_subscriber_leaves_the_cancelling_to_the_publisher() {
    let xsub = XsubSocket::new();
    xsub.subscribe("A");
    let mut peer = Peer::attached(&xsub);
    peer.shake("XPUB").await;
    peer.expect(command("SUBSCRIBE", "A")).await;
    let mut publisher = XpubSocket::new();
    meet(&publisher, &xsub).await;
    assert_eq!(within(20, publisher.recv()).await.unwrap(), "\u{1}A");

    within(20, xsub.close()).await.unwrap();

    peer.expect_close().await;
    assert_eq!(within(20, publisher.recv()).await.unwrap(), "\0A");
}
