//! Publishers and subscribers in every mix: what reaches whom.

use support::{Relay, Zmq, until};
use zmtp::{Pub, PubSocket, Socket, Sub, SubSocket, Xpub, Xsub};
use zmtp_libzmq::{Opt, SocketType};

use crate::both::Binder;
use crate::meetings::{MEETINGS, Meeting, with_libzmq};
use crate::publishing::{Publishes, Subscribes, until_heard};
use crate::subject::{Subject, recv, send};

/// R29-PUB-14, R29-XPUB-13.
#[tokio::test]
async fn case_010_of_what_we_publish_only_what_was_subscribed_arrives() {
    for meeting in MEETINGS {
        publish::<Pub, Sub>(meeting).await;
        publish::<Xpub, Sub>(meeting).await;
        publish::<Pub, Xsub>(meeting).await;
        publish::<Xpub, Xsub>(meeting).await;
    }
}

async fn publish<P: Publishes, S: Subscribes>(meeting: Meeting) {
    let publisher = Socket::<P>::new();
    let mut subscriber = meeting.other::<S>(S::THEIRS);
    meeting.join(&publisher, &subscriber).await;
    subscriber.subscribe("A").await;
    subscriber.attend(P::subscribed(&publisher, "A", 1)).await;

    send(&publisher, ["A1", "second frame"]).await;
    send(&publisher, ["B1", "A"]).await;
    send(&publisher, ["A2"]).await;

    assert_eq!(subscriber.recv().await, ["A1", "second frame"]);
    assert_eq!(subscriber.recv().await, ["A2"]);
}

#[tokio::test]
async fn case_011_of_what_libzmq_publishes_only_what_we_subscribed_arrives() {
    for meeting in MEETINGS {
        subscribe::<Sub, Pub>(meeting).await;
        subscribe::<Sub, Xpub>(meeting).await;
        subscribe::<Xsub, Pub>(meeting).await;
        subscribe::<Xsub, Xpub>(meeting).await;
    }
}

async fn subscribe<S: Subscribes, P: Publishes>(meeting: Meeting) {
    let mut subscriber = Socket::<S>::new();
    let publisher = meeting.other::<P>(P::THEIRS);
    meeting.join(&subscriber, &publisher).await;
    S::subscribe(&subscriber, b"A");
    until_heard(&publisher, "A", &mut subscriber).await;

    publisher.send(["A1", "second frame"]).await;
    publisher.send(["B1", "A"]).await;
    publisher.send(["A2"]).await;

    assert_eq!(recv(&mut subscriber).await, ["A1", "second frame"]);
    assert_eq!(recv(&mut subscriber).await, ["A2"]);
}

/// What is published before a subscription has arrived is lost, and nobody calls that an error.
#[tokio::test]
async fn case_100_what_is_published_right_after_connecting_is_lost() {
    for meeting in MEETINGS {
        let publisher = PubSocket::new();
        let mut subscriber = meeting.other::<Sub>(SocketType::Sub);
        subscriber.subscribe("A").await;
        match meeting.binder {
            Binder::Ours => {
                let at = publisher.bind(meeting.transport.anywhere()).await.unwrap();
                subscriber.connect(at).await;
            }
            Binder::Theirs => {
                publisher.connect(subscriber.bind(meeting.transport.anywhere()).await).unwrap();
            }
        }

        for _ in 0..10 {
            publisher.try_send("A early").unwrap();
        }

        subscriber.attend(Pub::subscribed(&publisher, "A", 1)).await;
        send(&publisher, ["A late"]).await;
        assert_eq!(subscriber.recv().await, ["A late"]);
    }
}

/// A SUB of ours subscribes to several bound PUBs, and a PUB connects to several bound SUBs.
#[tokio::test]
async fn case_107_a_publisher_may_connect_and_a_subscriber_bind() {
    for transport in with_libzmq().map(|meeting| meeting.transport) {
        let publisher = PubSocket::new();
        let subscribers = [(); 3].map(|()| Zmq::new(SocketType::Sub));
        for (n, subscriber) in subscribers.iter().enumerate() {
            subscriber.set_bytes(Opt::Subscribe, "A").await;
            publisher.connect(subscriber.bind(transport.anywhere()).await).unwrap();
            subscriber.attend(Pub::subscribed(&publisher, "A", n + 1)).await;
        }
        send(&publisher, ["A to all"]).await;
        for subscriber in &subscribers {
            assert_eq!(subscriber.recv().await, [b"A to all"]);
        }

        let mut subscriber = SubSocket::new();
        subscriber.subscribe("A");
        let at = subscriber.bind(transport.anywhere()).await.unwrap();
        for _ in 0..3 {
            let publisher = Subject::<Pub>::Theirs(Zmq::connected(SocketType::Pub, &at).await);
            until_heard(&publisher, "A", &mut subscriber).await;
            publisher.send(["A from each"]).await;
            assert_eq!(recv(&mut subscriber).await, ["A from each"]);
        }
    }
}

#[tokio::test]
async fn case_106_publications_go_through_a_proxy_of_libzmq() {
    let relay = Relay::start(SocketType::Xsub, SocketType::Xpub);
    let publisher = Socket::<Xpub>::new();
    publisher.connect(&relay.front).unwrap();
    let mut subscriber = SubSocket::new();
    subscriber.connect(&relay.back).unwrap();
    subscriber.subscribe("A");
    Xpub::subscribed(&publisher, "A", 1).await;

    for n in 0..100 {
        send(&publisher, [format!("A{n}"), String::new()]).await;
        send(&publisher, [format!("B{n}")]).await;
    }

    for n in 0..100 {
        assert_eq!(recv(&mut subscriber).await, [format!("A{n}"), String::new()]);
    }
    subscriber.unsubscribe("A");
    until(20, || publisher.topics_count() == 0).await;
}

/// The publisher sends everything but what was subscribed, and a SUB that does the same lets that through.
#[tokio::test]
async fn case_104_inverted_matching_gives_the_complement() {
    for meeting in MEETINGS {
        let publisher = PubSocket::builder().invert_matching(true).build();
        let theirs = Zmq::new(SocketType::Sub);
        theirs.set(Opt::InvertMatching, 1).await;
        let mut subscriber = meeting.either(SubSocket::builder().invert_matching(true).build(), theirs);
        meeting.join(&publisher, &subscriber).await;
        subscriber.subscribe("A").await;
        subscriber.attend(until(20, || publisher.topics_count() == 1)).await;
        for topic in ["A1", "B1", "A2", "", "B2"] {
            send(&publisher, [topic]).await;
        }
        for topic in ["B1", "", "B2"] {
            assert_eq!(subscriber.recv().await, [topic]);
        }

        let mut subscriber = SubSocket::builder().invert_matching(true).build();
        let theirs = Zmq::new(SocketType::Pub);
        theirs.set(Opt::InvertMatching, 1).await;
        let publisher = meeting.either(PubSocket::builder().invert_matching(true).build(), theirs);
        meeting.join(&subscriber, &publisher).await;
        subscriber.subscribe("A");
        until_heard(&publisher, "B", &mut subscriber).await;
        for topic in ["A1", "B1", "A2", "", "B2"] {
            publisher.send([topic]).await;
        }
        for topic in ["B1", "", "B2"] {
            assert_eq!(recv(&mut subscriber).await, [topic]);
        }
    }
}

/// The welcome goes to everybody, but a SUB filters it like anything else.
#[tokio::test]
async fn case_103_a_welcome_reaches_who_has_subscribed_to_it() {
    let topics = [("W", &["Welcome", "W2"][..]), ("A", &["A2"])];
    for (meeting, (topic, expected)) in MEETINGS.into_iter().flat_map(|m| topics.map(|t| (m, t))) {
        let theirs = Zmq::new(SocketType::Xpub);
        theirs.set_bytes(Opt::XpubWelcomeMsg, "Welcome").await;
        let mut publisher = meeting.either(Socket::<Xpub>::builder().welcome("Welcome").build(), theirs);
        let mut subscriber = SubSocket::builder().subscribe(topic).build();
        meeting.join(&subscriber, &publisher).await;
        assert_eq!(publisher.recv().await, [format!("\x01{topic}")]);
        publisher.send([format!("{topic}2")]).await;
        for message in expected {
            assert_eq!(recv(&mut subscriber).await, [message]);
        }

        let publisher = PubSocket::builder().welcome("Welcome").build();
        let mut subscriber = meeting.other::<Sub>(SocketType::Sub);
        subscriber.subscribe(topic).await;
        meeting.join(&publisher, &subscriber).await;
        subscriber.attend(Pub::subscribed(&publisher, topic, 1)).await;
        send(&publisher, [format!("{topic}2")]).await;
        for message in expected {
            assert_eq!(subscriber.recv().await, [message]);
        }
    }
}
