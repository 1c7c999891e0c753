//! PUB: a message goes to everybody who has subscribed to how it begins, and waits for nobody (RFC 29).
//!
//! What PUB and XPUB share is shown here with both; what only XPUB has is in `xpub`.

use std::time::Duration;

use support::{ANY_PORT, Door, Peer, command, frame, meet, more, settle, until, within};
use tokio::time::timeout;
use zmtp::{Builder, Message, Pub, PubSocket, Reconnect, SubSocket, XpubSocket, XsubSocket};

/// R29-PUB-13 and R29-PUB-14: to those whose subscription is how frame one begins, octet by octet. R29-PUB-01: many.
#[tokio::test(start_paused = true)]
async fn case_010_each_subscriber_gets_what_begins_with_its_topics() {
    let publisher = PubSocket::new();
    let topics: [&[&[u8]]; 6] = [&[b"A"], &[b"A", b"AB"], &[b""], &[b"\0\xff"], &[b"B", b"C"], &[]];
    let mut peers = Vec::new();
    for topics in topics {
        peers.push(subscriber(&publisher, topics).await);
    }
    let messages: [&[u8]; 8] = [b"A", b"AB", b"ABC", b"a", b"", b"\0\xff\0", b"C!", b"\0"];

    for body in messages {
        publisher.send(body).await.unwrap();
    }
    settle().await;

    for (topics, peer) in topics.iter().zip(&mut peers) {
        for body in messages {
            if topics.iter().any(|topic| body.starts_with(topic)) {
                peer.expect(frame(body)).await;
            }
        }
        peer.expect_silence(Duration::from_secs(1)).await;
    }
}

/// Only the first frame is compared. R29-PUB-11 and R29-XPUB-10: the whole message follows, as it is.
#[tokio::test(start_paused = true)]
async fn the_first_frame_decides_and_the_whole_message_follows() {
    let publisher = PubSocket::new();
    let mut peer = subscriber(&publisher, &[b"A"]).await;
    let large = vec![7; 50_000];
    publisher.send(Message::new("B").with("A")).await.unwrap();
    publisher.send(Message::new("").with("A")).await.unwrap();
    publisher.send(Message::new("A").with("").with(large.clone())).await.unwrap();

    peer.expect([more("A"), more(""), frame(large)].concat()).await;
    peer.expect_silence(Duration::from_secs(1)).await;
}

/// A topic of any length, around the lengths where frames change their form.
#[tokio::test(start_paused = true)]
async fn case_094_topics_of_every_length_match() {
    let publisher = PubSocket::new();
    for len in [0, 1, 245, 246, 254, 255, 256, 10_000, 65_536] {
        let topic = vec![b'x'; len];
        let mut subscriber = SubSocket::builder().subscribe(&topic).build();
        meet(&publisher, &subscriber).await;
        within(20, publisher.wait_for_subscribers(&topic, 1)).await;
        if len > 0 {
            publisher.send(&topic[1..]).await.unwrap();
        }
        publisher.send(Message::new(topic.clone()).with("here")).await.unwrap();

        assert_eq!(within(20, subscriber.recv()).await.unwrap(), Message::new(topic).with("here"));
        drop(subscriber);
        settle().await;
    }
}

/// R29-PUB-02 and R29-PUB-10: what subscribers say besides is read and dropped. R29-PUB-18: nobody sees it.
#[tokio::test(start_paused = true)]
async fn what_a_subscriber_sends_to_a_pub_is_read_and_dropped() {
    let publisher = PubSocket::new();
    let mut peer = subscriber(&publisher, &[b"A"]).await;
    let said = [frame("what is this"), [more("\u{2}"), frame("B")].concat(), frame("")];

    peer.send(said.concat()).await;
    peer.send(command("SUBSCRIBE", "end")).await;
    within(20, publisher.wait_for_subscribers("end", 1)).await;

    assert_eq!(publisher.drops().unwanted, said.len() as u64);
    publisher.send("A").await.unwrap();
    peer.expect(frame("A")).await;
}

/// R29-PUB-17, R29-XPUB-18: as a command or as a message, on every link; each counts once (hostile input 49).
#[tokio::test(start_paused = true)]
async fn hostile_49_both_forms_of_a_subscription_are_one_subscription() {
    let publisher = PubSocket::new();
    let mut peer = subscriber(&publisher, &[]).await;
    let subscribe = [command("SUBSCRIBE", "A"), frame("\u{1}A")];
    let cancel = [command("CANCEL", "A"), frame("\0A")];
    for (one, other) in [(0, 1), (1, 0), (0, 0), (1, 1)] {
        peer.send([&subscribe[one][..], &subscribe[other], &command("SUBSCRIBE", "mark")].concat()).await;
        within(20, publisher.wait_for_subscribers("mark", 1)).await;
        assert_eq!(publisher.topics_count(), 2);
        publisher.send("A").await.unwrap();
        peer.expect(frame("A")).await;
        peer.expect_silence(Duration::from_secs(1)).await;

        // One is enough to end it.
        peer.send([&cancel[one][..], &command("CANCEL", "mark")].concat()).await;
        settle().await;
        assert_eq!(publisher.topics_count(), 0);
        publisher.send("A").await.unwrap();
        peer.expect_silence(Duration::from_secs(1)).await;
    }
}

/// Hostile input 46: to cancel what was never subscribed does nothing, and nothing counts up.
#[tokio::test(start_paused = true)]
async fn hostile_46_a_topic_is_in_the_set_or_not() {
    let publisher = PubSocket::new();
    let mut peer = subscriber(&publisher, &[b"B"]).await;
    peer.send(command("CANCEL", "A").repeat(1000)).await;
    peer.send(command("SUBSCRIBE", "A").repeat(1000)).await;
    within(20, publisher.wait_for_subscribers("A", 1)).await;
    settle().await;
    assert_eq!(publisher.topics_count(), 2);

    peer.send(command("CANCEL", "A")).await;
    settle().await;

    assert_eq!(publisher.topics_count(), 1);
    publisher.send("A").await.unwrap();
    publisher.send("B").await.unwrap();
    peer.expect(frame("B")).await;
}

/// What one subscriber wants is not the other's business.
#[tokio::test(start_paused = true)]
async fn a_topic_is_counted_once_and_ends_with_its_last_subscriber() {
    let publisher = PubSocket::new();
    let mut one = subscriber(&publisher, &[b"A", b"B"]).await;
    let other = subscriber(&publisher, &[b"A"]).await;
    assert_eq!(publisher.topics_count(), 2);
    within(20, publisher.wait_for_subscribers("A", 2)).await;

    drop(other);
    settle().await;
    assert_eq!(publisher.topics_count(), 2);
    one.send(command("CANCEL", "B")).await;
    settle().await;
    assert_eq!(publisher.topics_count(), 1);
    drop(one);
    settle().await;

    assert_eq!(publisher.topics_count(), 0);
}

/// Without a subscriber a message is dropped; it does not wait for one.
#[tokio::test(start_paused = true)]
async fn case_100_what_nobody_has_subscribed_to_is_dropped() {
    let publisher = PubSocket::new();
    publisher.send("A before").await.unwrap();
    publisher.try_send("A before").unwrap();
    let mut peer = subscriber(&publisher, &[b"A"]).await;

    publisher.send("A after").await.unwrap();

    peer.expect(frame("A after")).await;
}

/// `wait_for_subscribers` counts the peers that would get some message which begins like this.
#[tokio::test(start_paused = true)]
async fn wait_for_subscribers_waits_for_those_who_would_get_something() {
    let publisher = PubSocket::new();
    let _a = subscriber(&publisher, &[b"A"]).await;
    let _ab = subscriber(&publisher, &[b"AB", b"X"]).await;
    let mut everything = subscriber(&publisher, &[b""]).await;
    let _nothing = subscriber(&publisher, &[]).await;
    for (topic, n) in [("ABC", 3), ("A", 3), ("AX", 2), ("X", 2), ("Y", 1), ("", 3)] {
        within(20, publisher.wait_for_subscribers(topic, n)).await;
        assert!(
            timeout(Duration::from_secs(60), publisher.wait_for_subscribers(topic, n + 1)).await.is_err()
        );
    }

    everything.send(command("CANCEL", "")).await;
    settle().await;

    for (topic, n) in [("ABC", 2), ("A", 2), ("AX", 1), ("X", 1), ("Y", 0), ("", 2)] {
        within(20, publisher.wait_for_subscribers(topic, n)).await;
        assert!(
            timeout(Duration::from_secs(60), publisher.wait_for_subscribers(topic, n + 1)).await.is_err()
        );
    }
}

/// R29-PUB-03: one queue per subscriber. R29-PUB-09: up to the mark. R29-PUB-15: beyond it this one misses messages,
/// each of them whole. R29-PUB-16: nobody waits.
#[tokio::test(start_paused = true)]
async fn case_098_a_full_subscriber_misses_messages_and_nobody_else_does() {
    let publisher = PubSocket::builder().send_hwm(10).build();
    let mut stuck = Peer::attached_by(64, &publisher);
    stuck.shake("SUB").await;
    stuck.send(command("SUBSCRIBE", "A")).await;
    within(20, publisher.wait_for_subscribers("A", 1)).await;
    let mut fine = subscriber(&publisher, &[b"A"]).await;

    for n in 0..10_000 {
        within(20, publisher.send(Message::new(format!("A{n}")).with([7; 100].as_slice()))).await.unwrap();
        fine.expect([more(format!("A{n}")), frame([7; 100])].concat()).await;
    }

    let dropped = publisher.drops().peer_full;
    assert!((9980..=9990).contains(&dropped), "{dropped}");
    let of_each: Vec<_> = publisher.peers().iter().map(|peer| peer.dropped).collect();
    assert_eq!(of_each, [dropped, 0]);
    // The oldest are kept, and once there is room it is served again.
    for n in 0..10_000 - dropped {
        stuck.expect([more(format!("A{n}")), frame([7; 100])].concat()).await;
    }
    settle().await;
    publisher.send("A again").await.unwrap();
    stuck.expect(frame("A again")).await;
}

/// R29-PUB-04: a PUB that connects keeps a queue for who is there. R29-PUB-05: also while the connection is down, with
/// the subscriptions that came over it.
#[tokio::test]
async fn a_dialled_subscriber_misses_nothing_while_it_is_away() {
    let door = Door::open().await;
    let publisher = quickly().build();
    publisher.connect(door.endpoint()).unwrap();
    let mut peer = door.accept().await;
    peer.shake("SUB").await;
    peer.send(command("SUBSCRIBE", "A")).await;
    within(20, publisher.wait_for_subscribers("A", 1)).await;
    publisher.send("A before").await.unwrap();
    peer.expect(frame("A before")).await;
    drop(peer);
    until(20, || publisher.peer_count() == 0).await;

    publisher.send("A while it was away").await.unwrap();
    publisher.send("B").await.unwrap();
    let mut peer = door.accept().await;
    peer.shake("SUB").await;

    peer.expect(frame("A while it was away")).await;
}

/// R29-PUB-06: a queue for a subscriber that comes in. R29-PUB-07 and R29-PUB-08: it goes with it, and what it holds.
#[tokio::test(start_paused = true)]
async fn the_queue_and_the_topics_of_a_subscriber_that_came_in_go_with_it() {
    let publisher = PubSocket::new();
    let mut monitor = publisher.monitor();
    let mut gone = Peer::attached_by(64, &publisher);
    gone.shake("SUB").await;
    gone.send(command("SUBSCRIBE", "A")).await;
    within(20, publisher.wait_for_subscribers("A", 1)).await;
    for _ in 0..100 {
        publisher.send(&[b'A'; 100]).await.unwrap();
    }
    settle().await;

    drop(gone);
    settle().await;

    assert_eq!((publisher.peer_count(), publisher.topics_count()), (0, 0));
    monitor.next().await;
    let event = monitor.next().await.unwrap().to_string();
    assert!(event.ends_with("100 queued messages discarded"), "{event}");
    let mut next = Peer::attached(&publisher);
    next.shake("SUB").await;
    publisher.send("A").await.unwrap();
    next.expect_silence(Duration::from_secs(60)).await;
}

/// Case 107: whoever binds, over every transport, with SUB and with XSUB.
#[tokio::test]
async fn case_107_publishers_and_subscribers_may_bind_or_connect() {
    for at in ["inproc://publishers-bind-or-connect", ANY_PORT] {
        for is_publisher_bound in [true, false] {
            let publisher = PubSocket::new();
            let mut sub = SubSocket::builder().subscribe("A").build();
            let mut xsub = XsubSocket::new();
            xsub.subscribe("A");
            if is_publisher_bound {
                let at = publisher.bind(at).await.unwrap();
                sub.connect(&at).unwrap();
                xsub.connect(&at).unwrap();
            } else {
                publisher.connect(sub.bind(at).await.unwrap()).unwrap();
                let other = if at == ANY_PORT { at.to_string() } else { format!("{at}-2") };
                publisher.connect(xsub.bind(other).await.unwrap()).unwrap();
            }
            within(20, publisher.wait_for_subscribers("A", 2)).await;

            for n in 0..100 {
                publisher.send("not for you").await.unwrap();
                publisher.send(Message::new("A").with(n.to_string())).await.unwrap();
            }

            for n in 0..100 {
                let expected = Message::new("A").with(n.to_string());
                assert_eq!(within(20, sub.recv()).await.unwrap(), expected);
                assert_eq!(within(20, xsub.recv()).await.unwrap(), expected);
            }
        }
    }
}

/// Two publishers of one kind, one door.
#[tokio::test]
async fn case_126_the_second_connect_of_a_pub_to_one_endpoint_does_nothing() {
    let door = Door::open().await;
    let publisher = quickly().build();
    publisher.connect(door.endpoint()).unwrap();
    publisher.connect(door.endpoint()).unwrap();
    let mut peer = door.accept().await;
    peer.shake("SUB").await;

    assert!(timeout(Duration::from_millis(100), door.accept()).await.is_err());
}

/// XPUB is a PUB that listens: the same rules for what goes out (R29-XPUB-10, R29-XPUB-12, R29-XPUB-13).
#[tokio::test(start_paused = true)]
async fn an_xpub_publishes_like_a_pub() {
    let publisher = XpubSocket::new();
    let mut subscriber = SubSocket::builder().subscribe("A").build();
    let mut everything = XsubSocket::new();
    everything.subscribe("");
    meet(&publisher, &subscriber).await;
    meet(&publisher, &everything).await;
    within(20, publisher.wait_for_subscribers("A", 2)).await;

    for body in ["A", "B", "AB"] {
        publisher.send(Message::new(body).with("").with("x")).await.unwrap();
    }

    for body in ["A", "AB"] {
        assert_eq!(within(20, subscriber.recv()).await.unwrap(), Message::new(body).with("").with("x"));
    }
    for body in ["A", "B", "AB"] {
        assert_eq!(within(20, everything.recv()).await.unwrap(), Message::new(body).with("").with("x"));
    }
}

/// A scripted SUB with these topics.
pub(crate) async fn subscriber(publisher: &PubSocket, topics: &[&[u8]]) -> Peer {
    let before = publisher.peer_count();
    let mut peer = Peer::attached(publisher);
    peer.shake("SUB").await;
    within(20, publisher.wait_for_peers(before + 1)).await;
    for topic in topics {
        peer.send(command("SUBSCRIBE", topic)).await;
    }
    settle().await;
    peer
}

fn quickly() -> Builder<Pub> {
    let (first, longest) = (Duration::from_millis(1), Duration::from_millis(20));
    PubSocket::builder().reconnect(Reconnect { first, longest, ..Reconnect::default() })
}
