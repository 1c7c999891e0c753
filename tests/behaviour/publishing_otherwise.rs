//! PUB with its options set, and with subscribers that go to its limits. What it does by itself is in `publishing`.

use std::time::Duration;

use support::{Peer, command, frame, meet, more, settle, within};
use tokio::time::timeout;
use zmtp::{Message, PubSocket, SendErrorKind, SubSocket};

use crate::publishing::subscriber;

/// `nodrop`: send waits until all who match have room, and nobody gets what another cannot.
#[tokio::test(start_paused = true)]
async fn case_099_with_nodrop_send_waits_and_nothing_is_lost() {
    let publisher = PubSocket::builder().nodrop(true).send_hwm(5).build();
    let mut stuck = Peer::attached_by(64, &publisher);
    stuck.shake("SUB").await;
    stuck.send(command("SUBSCRIBE", "A")).await;
    within(20, publisher.wait_for_subscribers("A", 1)).await;
    let mut fine = subscriber(&publisher, &[b"A", b"B"]).await;
    let message = |n: usize| format!("A{n:100}");
    let mut n = 0;
    while publisher.try_send(message(n)).is_ok() {
        fine.expect(frame(message(n))).await;
        settle().await;
        n += 1;
    }

    let refused = publisher.try_send(message(n)).unwrap_err();
    assert_eq!((refused.kind(), refused.into_message()), (SendErrorKind::Full, message(n).into()));
    assert!(timeout(Duration::from_secs(60), publisher.send(message(n))).await.is_err());
    fine.expect_silence(Duration::from_secs(1)).await;
    publisher.try_send("B is not for the one that is stuck").unwrap();
    fine.expect(frame("B is not for the one that is stuck")).await;

    let sending = async {
        for n in n..50 {
            publisher.send(message(n)).await.unwrap();
        }
    };
    let reading = async {
        for n in 0..50 {
            stuck.expect(frame(message(n))).await;
        }
    };
    within(20, async { tokio::join!(sending, reading) }).await;
    for n in n..50 {
        fine.expect(frame(message(n))).await;
    }
    assert_eq!(publisher.drops().peer_full, 0);
}

/// `welcome`: to every new peer, whether it has subscribed or not.
#[tokio::test(start_paused = true)]
async fn case_103_a_welcome_is_the_first_message_on_every_connection() {
    let publisher = PubSocket::builder().welcome(Message::new("welcome").with("!")).build();
    for _ in 0..3 {
        let mut peer = Peer::attached(&publisher);
        peer.shake("SUB").await;
        peer.expect([more("welcome"), frame("!")].concat()).await;
        drop(peer);
        settle().await;
    }
    for (topic, expected) in [("wel", Some("welcome")), ("else", None)] {
        let mut subscriber = SubSocket::builder().subscribe(topic).build();
        meet(&publisher, &subscriber).await;
        settle().await;

        assert_eq!(subscriber.try_recv().ok().as_ref().map(|m| m.first()), expected.map(str::as_bytes));
        drop(subscriber);
        settle().await;
    }
}

/// `invert_matching`: to those whose subscriptions do not match.
#[tokio::test(start_paused = true)]
async fn case_104_inverted_a_message_goes_to_those_who_do_not_match() {
    let publisher = PubSocket::builder().invert_matching(true).build();
    let mut peer = subscriber(&publisher, &[b"A"]).await;
    let ours = SubSocket::builder().invert_matching(true).subscribe("A").build();
    meet(&publisher, &ours).await;
    within(20, async {
        while publisher.topics_count() < 1 {
            settle().await
        }
    })
    .await;
    settle().await;
    let mut ours = ours;

    for body in ["A", "B", "AB", "", "C"] {
        publisher.send(body).await.unwrap();
    }

    for body in ["B", "", "C"] {
        peer.expect(frame(body)).await;
        assert_eq!(within(20, ours.recv()).await.unwrap(), body);
    }
    peer.expect_silence(Duration::from_secs(1)).await;
}

/// `only_first_subscribe`: later frames of a message are no subscriptions.
#[tokio::test(start_paused = true)]
async fn only_the_first_frame_of_a_message_is_a_subscription_if_so_set() {
    for is_first_only in [false, true] {
        let publisher = PubSocket::builder().only_first_subscribe(is_first_only).build();
        let mut peer = subscriber(&publisher, &[]).await;

        peer.send([more("user data"), frame("\u{1}A")].concat()).await;
        peer.send(frame("\u{1}B")).await;
        within(20, publisher.wait_for_subscribers("B", 1)).await;

        assert_eq!(publisher.topics_count(), if is_first_only { 1 } else { 2 });
    }
}

/// Hostile inputs 44 and 45: a topic has at most 64 KiB ...
#[tokio::test(start_paused = true)]
async fn hostile_45_a_topic_over_64_kib_closes_the_connection() {
    let publisher = PubSocket::new();
    let mut peer = subscriber(&publisher, &[&vec![1; 65_536]]).await;
    let mut other = subscriber(&publisher, &[b"A"]).await;

    let _ = peer.try_send(command("SUBSCRIBE", vec![1; 65_537])).await;

    peer.rest().await;
    settle().await;
    assert_eq!((publisher.peer_count(), publisher.topics_count()), (1, 1));
    publisher.send("A").await.unwrap();
    other.expect(frame("A")).await;
}

/// ... a peer at most 100,000 of them ...
#[tokio::test(start_paused = true)]
async fn hostile_44_the_subscription_after_100_000_closes_the_connection() {
    let publisher = PubSocket::new();
    let mut peer = subscriber(&publisher, &[]).await;
    for n in 0..100 {
        let thousand: Vec<u8> = (0..1000).flat_map(|i| command("SUBSCRIBE", format!("{n}/{i}"))).collect();
        peer.send(thousand).await;
    }
    settle().await;
    assert_eq!((publisher.peer_count(), publisher.topics_count()), (1, 100_000));
    // One that is there already is no more.
    peer.send(command("SUBSCRIBE", "0/0")).await;
    settle().await;
    assert_eq!(publisher.peer_count(), 1);

    let _ = peer.try_send(command("SUBSCRIBE", "one more")).await;

    peer.rest().await;
    settle().await;
    assert_eq!((publisher.peer_count(), publisher.topics_count()), (0, 0));
}

/// ... and at most 8 MiB of them.
#[tokio::test(start_paused = true)]
async fn hostile_44_topics_of_more_than_8_mib_close_the_connection() {
    let publisher = PubSocket::new();
    let mut peer = subscriber(&publisher, &[]).await;
    let topic = |n: u8| [vec![n], vec![0; 65_535]].concat();
    for n in 0..128 {
        peer.send(command("SUBSCRIBE", topic(n))).await;
    }
    within(20, publisher.wait_for_subscribers(topic(127), 1)).await;
    assert_eq!(publisher.peer_count(), 1);

    let _ = peer.try_send(command("SUBSCRIBE", topic(128))).await;

    peer.rest().await;
    settle().await;
    assert_eq!((publisher.peer_count(), publisher.topics_count()), (0, 0));
}
