//! XPUB: hears what its subscribers want, and what else they say (RFC 29). How it publishes is in `publishing`.

use std::collections::HashSet;
use std::time::Duration;

use support::{Door, Peer, command, frame, meet, more, settle, until, within};
use tokio::time::timeout;
use zmtp::{Builder, Message, Reconnect, RecvError, Report, SubSocket, Xpub, XpubSocket, XsubSocket};

/// R29-XPUB-02: it receives too. R29-XPUB-18 and R29-XPUB-19: subscriptions in both forms, as `01` or `00` and the
/// topic. R29-XPUB-17: what else comes, as it came.
#[tokio::test(start_paused = true)]
async fn case_091_an_xpub_receives_subscriptions_and_messages_in_order() {
    let mut publisher = XpubSocket::new();
    let mut peer = Peer::attached(&publisher);
    peer.shake("XSUB").await;
    let said = [
        command("SUBSCRIBE", "A"),
        frame("\u{1}Q"),
        frame("usr"),
        [more("\u{2}"), more(""), frame("x")].concat(),
        frame(""),
        command("CANCEL", "A"),
        frame("\0Q"),
        command("SUBSCRIBE", ""),
    ];

    peer.send(said.concat()).await;

    let expected: [Message; 8] = [
        "\u{1}A".into(),
        "\u{1}Q".into(),
        "usr".into(),
        Message::new("\u{2}").with("").with("x"),
        "".into(),
        "\0A".into(),
        "\0Q".into(),
        "\u{1}".into(),
    ];
    for message in expected {
        assert_eq!(within(20, publisher.recv()).await.unwrap(), message);
    }
}

/// What two subscribers do, in `case_101`: who, which command.
const STORY: [(usize, &str); 7] = [
    (0, "SUBSCRIBE"),
    (1, "SUBSCRIBE"),
    (0, "SUBSCRIBE"),
    (0, "CANCEL"),
    (1, "CANCEL"),
    (1, "CANCEL"),
    (1, "SUBSCRIBE"),
];

/// R29-XPUB-20: equal subscriptions are one report, or as configured each its own. R29-XPUB-01: many subscribers.
/// A cancel of what nobody had is told of in any case, as by libzmq (cases 89 and 90).
#[tokio::test(start_paused = true)]
async fn case_101_what_is_reported_of_duplicates_is_as_configured() {
    // Of each step in the story: whether it shows.
    let tables = [
        (Report::Distinct, [true, false, false, false, true, true, true]),
        (Report::Subscriptions, [true, true, true, false, true, true, true]),
        (Report::All, [true; 7]),
    ];
    for (report, table) in tables {
        let mut publisher = XpubSocket::builder().report(report).build();
        let mut peers = [Peer::attached(&publisher), Peer::attached(&publisher)];
        for peer in &mut peers {
            peer.shake("SUB").await;
        }
        for ((who, what), shows) in STORY.into_iter().zip(table) {
            peers[who].send(command(what, "A")).await;
            settle().await;

            let expected = if what == "CANCEL" { "\0A" } else { "\u{1}A" };
            let got = publisher.try_recv().map_err(|error| assert_eq!(error, RecvError::Empty));
            assert_eq!(got, shows.then(|| expected.into()).ok_or(()), "{report:?}: {who} {what}");
        }
    }
}

/// R29-XPUB-21: in the name of a subscriber that drops off, for each topic that nobody else has (case 97).
#[tokio::test(start_paused = true)]
async fn case_097_a_subscriber_that_drops_off_is_unsubscribed() {
    let mut publisher = XpubSocket::new();
    let mut gone = Peer::attached(&publisher);
    gone.shake("SUB").await;
    gone.send(["A", "B", "C"].map(|topic| command("SUBSCRIBE", topic)).concat()).await;
    settle().await;
    let mut other = Peer::attached(&publisher);
    other.shake("SUB").await;
    other.send(command("SUBSCRIBE", "B")).await;
    settle().await;
    for expected in ["\u{1}A", "\u{1}B", "\u{1}C"] {
        assert_eq!(publisher.try_recv().unwrap(), expected);
    }

    drop(gone);
    settle().await;

    let mut got = [publisher.try_recv().unwrap(), publisher.try_recv().unwrap()];
    got.sort_by(|one, other| one.first().cmp(other.first()));
    assert_eq!(got, ["\0A", "\0C"].map(Message::from));
    assert_eq!(publisher.try_recv(), Err(RecvError::Empty));
    drop(other);
    assert_eq!(within(20, publisher.recv()).await.unwrap(), "\0B");
}

/// R29-XPUB-16: fair-queueing, where libzmq hands over what has come in the order of its arrival.
#[tokio::test(start_paused = true)]
async fn three_flooding_subscribers_are_heard_in_turn() {
    let mut publisher = XpubSocket::new();
    let mut peers = Vec::new();
    for name in ["a", "b", "c"] {
        let mut peer = Peer::attached(&publisher);
        peer.shake("XSUB").await;
        peer.send(frame(name).repeat(900)).await;
        peers.push(peer);
    }
    settle().await;

    for turn in 0..900 {
        let mut round = HashSet::new();
        for _ in 0..3 {
            round.insert(within(20, publisher.recv()).await.unwrap().first().to_vec());
        }
        assert_eq!(round.len(), 3, "in turn {turn} somebody came twice");
    }
}

/// R29-XPUB-03: two queues for each subscriber. R29-XPUB-09: up to their marks. R29-XPUB-14: what does not fit is
/// dropped. R29-XPUB-15: it does not wait.
#[tokio::test(start_paused = true)]
async fn an_xpub_keeps_two_queues_for_each_subscriber_up_to_their_marks() {
    let publisher = XpubSocket::builder().send_hwm(3).recv_hwm(5).build();
    let mut peers = [Peer::attached_by(64, &publisher), Peer::attached_by(64, &publisher)];
    for peer in &mut peers {
        peer.shake("XSUB").await;
        peer.send(command("SUBSCRIBE", "A")).await;
    }
    within(20, publisher.wait_for_subscribers("A", 2)).await;
    // A batch of three is on its way to each, and three more are queued.
    for _ in 0..100 {
        within(20, publisher.send(&[b'A'; 1000])).await.unwrap();
        settle().await;
    }
    for peer in publisher.peers() {
        assert!((3..=4).contains(&peer.queued.messages), "{peer:?}");
        assert!((96..=97).contains(&peer.dropped), "{peer:?}");
    }

    for peer in &mut peers {
        let flood = peer.send(frame("x").repeat(10_000));
        assert!(timeout(Duration::from_secs(10), flood).await.is_err(), "the mark does not hold it back");
    }
}

/// R29-XPUB-04 and R29-XPUB-05: the queues of a subscriber that was dialled are kept while the connection is down.
#[tokio::test]
async fn an_xpub_keeps_the_queues_of_a_dialled_subscriber_over_reconnections() {
    let door = Door::open().await;
    let mut publisher = quickly().build();
    publisher.connect(door.endpoint()).unwrap();
    let mut peer = door.accept().await;
    peer.shake("XSUB").await;
    peer.send([command("SUBSCRIBE", "A"), frame("usr"), more("cut")].concat()).await;
    within(20, publisher.wait_for_subscribers("A", 1)).await;
    drop(peer);
    until(20, || publisher.peer_count() == 0).await;

    publisher.send("A while it was away").await.unwrap();
    let mut peer = door.accept().await;
    peer.shake("XSUB").await;
    peer.expect(frame("A while it was away")).await;
    peer.send(frame("back")).await;

    for expected in ["\u{1}A", "usr", "back"] {
        assert_eq!(within(20, publisher.recv()).await.unwrap(), expected);
    }
}

/// R29-XPUB-06: queues for a subscriber that comes in. R29-XPUB-07 and R29-XPUB-08: they go when it goes; what had
/// arrived whole is still received, as from libzmq.
#[tokio::test(start_paused = true)]
async fn what_a_subscriber_said_whole_before_it_went_is_received() {
    let mut publisher = XpubSocket::new();
    let mut gone = Peer::attached_by(64, &publisher);
    gone.shake("XSUB").await;
    gone.send([command("SUBSCRIBE", "A"), frame("usr"), more("cut")].concat()).await;
    within(20, publisher.wait_for_subscribers("A", 1)).await;
    publisher.send(&[b'A'; 1000]).await.unwrap();
    drop(gone);
    settle().await;

    assert_eq!((publisher.peer_count(), publisher.topics_count()), (0, 0));
    for expected in ["\u{1}A", "usr", "\0A"] {
        assert_eq!(publisher.try_recv().unwrap(), expected);
    }
    assert_eq!(publisher.try_recv(), Err(RecvError::Empty));
    let mut next = Peer::attached(&publisher);
    next.shake("SUB").await;
    publisher.send("A").await.unwrap();
    next.expect_silence(Duration::from_secs(60)).await;
}

/// `manual`: requests are reported, and do nothing until the application says what they mean (case 102).
#[tokio::test(start_paused = true)]
async fn case_102_a_manual_xpub_subscribes_the_peer_that_asked_to_what_it_likes() {
    let mut publisher = XpubSocket::builder().manual(true).build();
    let mut one = Peer::attached(&publisher);
    one.shake("SUB").await;
    one.send(command("SUBSCRIBE", "A")).await;
    assert_eq!(within(20, publisher.recv()).await.unwrap(), "\u{1}A");
    assert!(publisher.subscribe("B"));
    let mut other = Peer::attached(&publisher);
    other.shake("SUB").await;
    other.send(command("SUBSCRIBE", "A")).await;
    assert_eq!(within(20, publisher.recv()).await.unwrap(), "\u{1}A");
    assert!(publisher.subscribe("C"));

    for body in ["A", "B", "C"] {
        publisher.send(body).await.unwrap();
    }
    one.expect(frame("B")).await;
    other.expect(frame("C")).await;

    one.send(command("CANCEL", "A")).await;
    assert_eq!(within(20, publisher.recv()).await.unwrap(), "\0A");
    assert!(publisher.unsubscribe("B"));
    for body in ["A", "B", "C"] {
        publisher.send(body).await.unwrap();
    }
    other.expect(frame("C")).await;
    one.expect_silence(Duration::from_secs(60)).await;
}

/// ... and every duplicate is reported; when a peer goes, what the application had given it is taken back.
#[tokio::test(start_paused = true)]
async fn a_manual_xpub_reports_every_request_and_the_end_of_each_peer() {
    let mut publisher = XpubSocket::builder().manual(true).build();
    let mut peers = [Peer::attached(&publisher), Peer::attached(&publisher)];
    for peer in &mut peers {
        peer.shake("SUB").await;
        peer.send(command("SUBSCRIBE", "A").repeat(2)).await;
        settle().await;
        for _ in 0..2 {
            assert_eq!(publisher.try_recv().unwrap(), "\u{1}A");
            publisher.subscribe("A");
        }
    }
    let [one, other] = peers;

    for peer in [one, other] {
        drop(peer);
        settle().await;
        assert_eq!(publisher.try_recv().unwrap(), "\0A");
        assert_eq!(publisher.try_recv(), Err(RecvError::Empty));
    }
    assert_eq!(publisher.topics_count(), 0);
}

/// With nobody who has asked there is nobody to subscribe.
#[tokio::test(start_paused = true)]
async fn a_manual_xpub_has_nobody_to_subscribe_before_a_request_and_after_its_peer_has_gone() {
    let mut publisher = XpubSocket::builder().manual(true).build();
    assert!(!publisher.subscribe("A"));
    assert!(!publisher.unsubscribe("A"));
    let mut peer = Peer::attached(&publisher);
    peer.shake("SUB").await;
    peer.send(command("SUBSCRIBE", "A")).await;
    assert_eq!(within(20, publisher.recv()).await.unwrap(), "\u{1}A");
    drop(peer);
    settle().await;

    assert!(!publisher.subscribe("A"));
    assert_eq!(publisher.topics_count(), 0);
}

/// `manual_last_value`: what is sent after `subscribe` goes to that peer alone, once.
#[tokio::test(start_paused = true)]
async fn a_last_value_goes_to_the_peer_that_has_just_subscribed_and_to_nobody_else() {
    let mut publisher = XpubSocket::builder().manual_last_value(true).build();
    let mut peers = [Peer::attached(&publisher), Peer::attached(&publisher)];
    for peer in &mut peers {
        peer.shake("SUB").await;
        peer.send(command("SUBSCRIBE", "A")).await;
        assert_eq!(within(20, publisher.recv()).await.unwrap(), "\u{1}A");
        assert!(publisher.subscribe("A"));

        publisher.send("A is what it was").await.unwrap();

        peer.expect(frame("A is what it was")).await;
    }
    publisher.send("A is new").await.unwrap();
    for peer in &mut peers {
        peer.expect(frame("A is new")).await;
        peer.expect_silence(Duration::from_secs(1)).await;
    }
}

/// `welcome`, `nodrop` and `invert_matching` are as with PUB.
#[tokio::test(start_paused = true)]
async fn an_xpub_welcomes_does_not_drop_and_inverts_like_a_pub() {
    let publisher =
        XpubSocket::builder().welcome("welcome").nodrop(true).invert_matching(true).send_hwm(3).build();
    let mut peer = Peer::attached_by(64, &publisher);
    peer.shake("SUB").await;
    peer.expect(frame("welcome")).await;
    peer.send(command("SUBSCRIBE", "A")).await;
    within(20, async {
        while publisher.topics_count() == 0 {
            settle().await
        }
    })
    .await;

    publisher.send("A").await.unwrap();
    let mut accepted = 0;
    while publisher.try_send(&[b'B'; 100]).is_ok() {
        accepted += 1;
        settle().await;
    }

    assert!((3..=5).contains(&accepted), "{accepted}");
    assert!(timeout(Duration::from_secs(60), publisher.send(&[b'B'; 100])).await.is_err());
    peer.expect(frame([b'B'; 100]).repeat(accepted)).await;
    peer.expect_silence(Duration::from_secs(1)).await;
}

/// `only_first_subscribe`: what is no subscription then is user data.
#[tokio::test(start_paused = true)]
async fn an_xpub_hands_on_later_frames_that_look_like_topics_if_so_set() {
    let mut publisher = XpubSocket::builder().only_first_subscribe(true).build();
    let mut peer = Peer::attached(&publisher);
    peer.shake("XSUB").await;

    peer.send([more("user data"), frame("\u{1}A")].concat()).await;

    assert_eq!(within(20, publisher.recv()).await.unwrap(), Message::new("user data").with("\u{1}A"));
    assert_eq!(publisher.topics_count(), 0);
}

/// XSUB to XPUB and back: what a forwarder is made of (case 106).
#[tokio::test(start_paused = true)]
async fn case_106_a_subscription_travels_through_an_xpub_and_an_xsub() {
    let source = XpubSocket::new();
    let (mut front, mut back) = (XsubSocket::new(), XpubSocket::new());
    let mut sub = SubSocket::new();
    meet(&source, &front).await;
    meet(&back, &sub).await;
    sub.subscribe("A");

    let topic = within(20, back.recv()).await.unwrap();
    front.send(topic).await.unwrap();
    within(20, source.wait_for_subscribers("A", 1)).await;
    source.send("A1").await.unwrap();
    back.send(within(20, front.recv()).await.unwrap()).await.unwrap();
    assert_eq!(within(20, sub.recv()).await.unwrap(), "A1");

    sub.unsubscribe("A");
    let topic = within(20, back.recv()).await.unwrap();
    assert_eq!(topic, "\0A");
    front.send(topic).await.unwrap();
    settle().await;
    assert_eq!(source.topics_count(), 0);
}

fn quickly() -> Builder<Xpub> {
    let (first, longest) = (Duration::from_millis(1), Duration::from_millis(20));
    XpubSocket::builder().reconnect(Reconnect { first, longest, ..Reconnect::default() })
}
