//! SUB and XSUB: say what they want to every publisher, and receive from all of them in turn (RFC 29).

use std::collections::HashSet;
use std::time::Duration;

use support::{
    ANY_PORT, Door, Peer, command, frame, greeting, meet, more, ready, session, settle, until, within,
};
use tokio::time::timeout;
use zmtp::{Builder, Message, PubSocket, Reconnect, RecvError, Sub, SubSocket, Xsub, XsubSocket};

/// R29-SUB-15: as commands to a peer of 3.1, and as messages to one of 3.0.
#[tokio::test(start_paused = true)]
async fn case_086_subscriptions_travel_in_the_form_of_the_peers_version() {
    let sub = SubSocket::builder().subscribe("A").build();
    let mut new = Peer::attached(&sub);
    new.shake("PUB").await;
    new.expect(*b"\x04\x0b\x09SUBSCRIBEA").await;
    let mut old = Peer::attached(&sub);
    old.shake_with(greeting().version(3, 0), ready("PUB")).await;
    old.expect(*b"\0\x02\x01A").await;

    sub.subscribe("B");
    new.expect(command("SUBSCRIBE", "B")).await;
    old.expect(frame("\u{1}B")).await;

    assert!(sub.unsubscribe("A"));
    new.expect(command("CANCEL", "A")).await;
    old.expect(frame("\0A")).await;
}

/// As in libzmq: every subscribe is sent, and a cancel only with the last of its topic.
#[tokio::test(start_paused = true)]
async fn case_087_a_topic_that_was_subscribed_twice_is_cancelled_once() {
    let sub = SubSocket::new();
    let mut peer = Peer::attached(&sub);
    peer.shake("PUB").await;
    within(20, sub.wait_for_peers(1)).await;
    sub.subscribe("A");
    sub.subscribe("A");
    peer.expect(command("SUBSCRIBE", "A").repeat(2)).await;
    assert_eq!(sub.topics_count(), 1);

    assert!(sub.unsubscribe("A"));
    peer.expect_silence(Duration::from_secs(60)).await;
    assert!(sub.unsubscribe("A"));
    peer.expect(command("CANCEL", "A")).await;
    assert_eq!(sub.topics_count(), 0);

    // There is nothing left to cancel.
    assert!(!sub.unsubscribe("A"));
    assert!(!sub.unsubscribe("never"));
    peer.expect_silence(Duration::from_secs(60)).await;
}

/// Case 88: and messages flow until then.
#[tokio::test(start_paused = true)]
async fn case_088_messages_flow_until_the_last_unsubscribe() {
    let publisher = PubSocket::new();
    let mut sub = SubSocket::new();
    meet(&publisher, &sub).await;
    sub.subscribe("A");
    sub.subscribe("A");
    within(20, publisher.wait_for_subscribers("A", 1)).await;
    sub.unsubscribe("A");
    settle().await;
    publisher.send("A1").await.unwrap();
    assert_eq!(within(20, sub.recv()).await.unwrap(), "A1");

    sub.unsubscribe("A");
    settle().await;
    publisher.send("A2").await.unwrap();
    settle().await;

    assert_eq!(sub.try_recv(), Err(RecvError::Empty));
}

/// A SUB starts with nothing, and keeps to its topics whatever a publisher says. R29-SUB-13. R29-SUB-14, R29-SUB-12:
/// what matches is received as it came.
#[tokio::test(start_paused = true)]
async fn case_105_a_sub_filters_what_a_publisher_should_not_have_sent() {
    let mut sub = SubSocket::new();
    let mut peer = Peer::attached(&sub);
    peer.shake("PUB").await;
    peer.send(frame("A")).await;
    settle().await;
    assert_eq!(sub.try_recv(), Err(RecvError::Empty));
    sub.subscribe("A");
    sub.subscribe("B\0");

    for body in ["B", "A1", "", "a", "B\0x", "BA"] {
        peer.send([more(body), more(""), frame("A")].concat()).await;
    }
    settle().await;

    for body in ["A1", "B\0x"] {
        assert_eq!(sub.try_recv().unwrap(), Message::new(body).with("").with("A"));
    }
    assert_eq!(sub.try_recv(), Err(RecvError::Empty));
}

/// ... unless what it wants is what does not match.
#[tokio::test(start_paused = true)]
async fn an_inverted_sub_receives_what_does_not_match() {
    let mut sub = SubSocket::builder().invert_matching(true).subscribe("A").build();
    let mut peer = Peer::attached(&sub);
    peer.send(session("PUB", ["A", "B", "AB", ""].map(frame).concat())).await;
    settle().await;

    assert_eq!(sub.try_recv().unwrap(), "B");
    assert_eq!(sub.try_recv().unwrap(), "");
    assert_eq!(sub.try_recv(), Err(RecvError::Empty));
}

/// R29-SUB-02.
#[tokio::test(start_paused = true)]
async fn a_sub_says_nothing_but_its_subscriptions() {
    let mut sub = SubSocket::builder().subscribe("").build();
    let mut peer = Peer::attached(&sub);
    peer.shake("PUB").await;
    peer.expect(command("SUBSCRIBE", "")).await;
    peer.send(frame("x")).await;

    assert_eq!(within(20, sub.recv()).await.unwrap(), "x");

    peer.expect_silence(Duration::from_secs(60)).await;
}

/// R29-SUB-11, R29-XSUB-12: fair-queueing. R29-SUB-01, R29-XSUB-01: many publishers.
#[tokio::test(start_paused = true)]
async fn three_flooding_publishers_are_received_in_turn() {
    let mut sub = SubSocket::builder().subscribe("").build();
    let mut xsub = XsubSocket::new();
    xsub.subscribe("");
    let mut publishers = Vec::new();
    for name in ["a", "b", "c"] {
        let publisher = PubSocket::new();
        meet(&publisher, &sub).await;
        meet(&publisher, &xsub).await;
        within(20, publisher.wait_for_subscribers("", 2)).await;
        for _ in 0..900 {
            publisher.send(name).await.unwrap();
        }
        publishers.push(publisher);
    }
    settle().await;

    for turn in 0..900 {
        let (mut round, mut other) = (HashSet::new(), HashSet::new());
        for _ in 0..3 {
            round.insert(within(20, sub.recv()).await.unwrap().first().to_vec());
            other.insert(within(20, xsub.recv()).await.unwrap().first().to_vec());
        }
        assert_eq!((round.len(), other.len()), (3, 3), "in turn {turn} somebody came twice");
    }
}

/// R29-SUB-03, R29-XSUB-03: a queue for each publisher. R29-SUB-09, R29-XSUB-09: up to the mark. R29-SUB-10,
/// R29-XSUB-11: what is beyond is not discarded here but held back, as by libzmq, and the publisher drops.
#[tokio::test(start_paused = true)]
async fn a_subscriber_that_does_not_receive_holds_its_publishers_back() {
    let sub = SubSocket::builder().subscribe("").recv_hwm(5).build();
    let xsub = XsubSocket::builder().recv_hwm(5).build();
    let mut peers = Vec::new();
    for n in 0..4 {
        let mut peer = if n < 2 { Peer::attached_by(256, &sub) } else { Peer::attached_by(256, &xsub) };
        peer.shake("PUB").await;
        let flood = peer.send(frame("x").repeat(10_000));
        assert!(timeout(Duration::from_secs(10), flood).await.is_err(), "the mark does not hold it back");
        peers.push(peer);
    }
    let received =
        |peers: Vec<zmtp::PeerInfo>| peers.iter().map(|peer| peer.received.messages).collect::<Vec<_>>();
    assert_eq!((received(sub.peers()), received(xsub.peers())), (vec![5, 5], vec![5, 5]));
}

/// With a publisher of ours: the oldest are kept, and the rest is the publisher's loss.
#[tokio::test(start_paused = true)]
async fn what_a_full_subscriber_misses_is_dropped_by_the_publisher() {
    let mut sub = SubSocket::builder().subscribe("").recv_hwm(5).build();
    let publisher = PubSocket::builder().send_hwm(10).build();
    support::meet_by(64, &publisher, &sub).await;
    within(20, publisher.wait_for_subscribers("", 1)).await;
    for n in 0..1000 {
        publisher.send(format!("{n:100}")).await.unwrap();
        settle().await;
    }

    let dropped = publisher.drops().peer_full;
    assert!((950..=990).contains(&dropped), "{dropped}");
    for n in 0..1000 - dropped {
        assert_eq!(within(20, sub.recv()).await.unwrap(), *format!("{n:100}"));
    }
    settle().await;
    assert_eq!(sub.try_recv(), Err(RecvError::Empty));
}

/// R29-SUB-04, R29-SUB-05, R29-XSUB-04, R29-XSUB-05: what a dialled publisher has said is kept over reconnections, and
/// each topic is said again, once (case 96).
#[tokio::test]
async fn case_096_topics_are_said_again_to_a_publisher_that_comes_back() {
    let door = Door::open().await;
    let mut sub = quickly().subscribe("A").build();
    sub.subscribe("A");
    sub.subscribe("B");
    sub.subscribe("C");
    sub.unsubscribe("C");
    sub.connect(door.endpoint()).unwrap();
    for round in 0..3 {
        let mut peer = door.accept().await;
        peer.shake("PUB").await;
        let mut topics = [peer.frame().await.body, peer.frame().await.body];
        topics.sort();
        assert_eq!(topics, [b"\x09SUBSCRIBEA", b"\x09SUBSCRIBEB"]);
        peer.expect_silence(Duration::from_millis(20)).await;
        peer.send([frame(format!("A{round}")), more("A cut")].concat()).await;
        within(20, sub.wait_for_peers(1)).await;
        drop(peer);
        until(20, || sub.peer_count() == 0).await;
    }
    for round in 0..3 {
        assert_eq!(within(20, sub.recv()).await.unwrap(), *format!("A{round}"));
    }

    let door = Door::open().await;
    let mut xsub = quickly_x().build();
    xsub.connect(door.endpoint()).unwrap();
    xsub.send("\u{1}A").await.unwrap();
    let mut peer = door.accept().await;
    peer.shake("PUB").await;
    peer.expect(command("SUBSCRIBE", "A")).await;
    peer.send(frame("A")).await;
    within(20, xsub.wait_for_peers(1)).await;
    drop(peer);
    let mut peer = door.accept().await;
    peer.shake("PUB").await;
    peer.expect(command("SUBSCRIBE", "A")).await;
    assert_eq!(within(20, xsub.recv()).await.unwrap(), "A");
}

/// R29-SUB-06, R29-XSUB-06: a queue for a publisher that comes in, which is told all topics. R29-SUB-07, R29-SUB-08,
/// R29-XSUB-07, R29-XSUB-08: it goes when the publisher goes; what had arrived whole is still received, as from libzmq.
#[tokio::test(start_paused = true)]
async fn what_arrived_whole_from_a_publisher_that_has_gone_is_received() {
    let mut sub = SubSocket::builder().subscribe("A").build();
    let mut xsub = XsubSocket::new();
    xsub.subscribe("A");
    let mut peers = [Peer::attached(&sub), Peer::attached(&xsub)];
    for peer in &mut peers {
        peer.shake("PUB").await;
        peer.expect(command("SUBSCRIBE", "A")).await;
        peer.send([frame("A1"), frame("A2"), more("A cut")].concat()).await;
    }
    settle().await;
    drop(peers);
    settle().await;

    assert_eq!((sub.peer_count(), xsub.peer_count()), (0, 0));
    for expected in [Ok("A1"), Ok("A2"), Err(RecvError::Empty)] {
        assert_eq!(sub.try_recv(), expected.map(Message::from));
        assert_eq!(xsub.try_recv(), expected.map(Message::from));
    }
}

/// Case 95: any order of comings and goings leaves the same topics on both sides as in a plain list.
#[tokio::test(start_paused = true)]
async fn case_095_a_churn_of_binary_topics_ends_like_a_list_of_them() {
    let (publisher, mut sub) = (PubSocket::new(), SubSocket::new());
    meet(&publisher, &sub).await;
    let topics: Vec<Vec<u8>> = (0..64_u8)
        .map(|n| [0, 0xff, b'a', 1][..usize::from(n % 5).min(4)].iter().copied().chain([n / 5]).collect())
        .collect();
    let mut model: Vec<usize> = Vec::new();
    let mut random = 42_u64;
    for _ in 0..10_000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let n = (random >> 33) as usize % topics.len();
        if random >> 63 == 0 {
            sub.subscribe(&topics[n]);
            model.push(n);
        } else {
            let known = model.iter().position(|&one| one == n);
            assert_eq!(sub.unsubscribe(&topics[n]), known.is_some());
            known.map(|at| model.swap_remove(at));
        }
    }
    sub.subscribe("the end");
    within(20, publisher.wait_for_subscribers("the end", 1)).await;
    let distinct: HashSet<_> = model.iter().map(|&n| &topics[n]).collect();
    assert_eq!((sub.topics_count(), publisher.topics_count()), (distinct.len() + 1, distinct.len() + 1));

    for topic in &topics {
        publisher.send(&topic[..]).await.unwrap();
        let is_wanted = distinct.iter().any(|known| topic.starts_with(known));
        settle().await;
        assert_eq!(sub.try_recv().is_ok(), is_wanted, "{}", topic.escape_ascii());
    }
}

/// Case 96 with sockets of ours: nothing has to be done when a publisher is restarted.
#[tokio::test]
async fn a_subscriber_hears_a_publisher_that_was_restarted() {
    let at = support::nobody();
    let mut sub = quickly().subscribe("A").build();
    sub.connect(&at).unwrap();
    for round in 0..3 {
        let publisher = PubSocket::new();
        within(20, async { while publisher.bind(&at).await.is_err() {} }).await;
        within(20, publisher.wait_for_subscribers("A", 1)).await;

        publisher.send(format!("A{round}")).await.unwrap();

        assert_eq!(within(20, sub.recv()).await.unwrap(), *format!("A{round}"));
        within(20, publisher.close()).await.unwrap();
    }
}

/// Topics may be set at any time, over every transport, before and after the connection.
#[tokio::test]
async fn a_subscription_counts_before_and_after_connecting() {
    for at in ["inproc://before-and-after-connecting", ANY_PORT] {
        let publisher = PubSocket::new();
        let at = publisher.bind(at).await.unwrap();
        let mut sub = SubSocket::builder().subscribe("A").build();
        sub.subscribe("B");
        sub.connect(&at).unwrap();
        sub.subscribe("C");
        within(20, sub.wait_for_peers(1)).await;
        sub.subscribe("D");
        for topic in ["A", "B", "C", "D"] {
            within(20, publisher.wait_for_subscribers(topic, 1)).await;
            publisher.send(topic).await.unwrap();
            assert_eq!(within(20, sub.recv()).await.unwrap(), topic);
        }
    }
}

#[tokio::test]
async fn case_126_the_second_connect_of_a_sub_to_one_endpoint_does_nothing() {
    let door = Door::open().await;
    let sub = quickly().build();
    sub.connect(door.endpoint()).unwrap();
    sub.connect(door.endpoint()).unwrap();
    let mut peer = door.accept().await;
    peer.shake("PUB").await;

    assert!(timeout(Duration::from_millis(100), door.accept()).await.is_err());
}

fn quickly() -> Builder<Sub> {
    let (first, longest) = (Duration::from_millis(1), Duration::from_millis(20));
    SubSocket::builder().reconnect(Reconnect { first, longest, ..Reconnect::default() })
}

fn quickly_x() -> Builder<Xsub> {
    let (first, longest) = (Duration::from_millis(1), Duration::from_millis(20));
    XsubSocket::builder().reconnect(Reconnect { first, longest, ..Reconnect::default() })
}
