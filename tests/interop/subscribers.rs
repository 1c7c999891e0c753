//! What a publisher makes of its subscribers' requests, told of libzmq's XPUB and ours alike.

use support::{ANY_PORT, Peer, Zmq, cancel, command, frame, greeting, more, ping, ready, subscribe, until};
use zmtp::{Pub, PubSocket, Report, Sub, Xpub, XpubSocket, Xsub};
use zmtp_libzmq::{Opt, SocketType};

use crate::meetings::MEETINGS;
use crate::publishing::Publishes;
use crate::subject::{Subject, recv, send};

fn xpubs() -> [Subject<Xpub>; 2] {
    Subject::both(XpubSocket::new(), Zmq::new(SocketType::Xpub))
}

async fn subscriber(at: &str) -> Peer {
    let mut peer = Peer::connect(at).await;
    peer.shake("SUB").await;
    peer
}

/// Says something and waits until the publisher has taken it. libzmq answers a PING at once, and hands on what came
/// before when it has worked off all it has read; so it has when it answers the next.
async fn say(peer: &mut Peer, octets: Vec<u8>) {
    for octets in [octets, vec![]] {
        peer.send([octets, ping(0, "said")].concat()).await;
        peer.expect(command("PONG", "said")).await;
    }
}

/// A set, not a count: one CANCEL takes back however many SUBSCRIBEs.
#[tokio::test]
async fn case_089_a_publisher_keeps_a_set_and_one_cancel_is_enough() {
    for mut xpub in xpubs() {
        let mut peer = subscriber(&xpub.bind(ANY_PORT).await).await;
        peer.send([subscribe("A"), subscribe("A"), cancel("A"), subscribe("M")].concat()).await;

        assert_eq!(xpub.recv().await, ["\x01A"]);
        assert_eq!(xpub.recv().await, ["\0A"]);
        assert_eq!(xpub.recv().await, ["\x01M"]);
        xpub.send(["A1"]).await;
        xpub.send(["M1"]).await;
        peer.expect(frame("M1")).await;
    }
}

#[tokio::test]
async fn case_090_a_cancel_of_what_nobody_had_is_reported() {
    for mut xpub in xpubs() {
        let mut peer = subscriber(&xpub.bind(ANY_PORT).await).await;
        peer.send([cancel("unknown"), subscribe("M")].concat()).await;
        assert_eq!(xpub.recv().await, ["\0unknown"]);
        assert_eq!(xpub.recv().await, ["\x01M"]);
    }
}

/// libzmq does so even while somebody else has it; behind a proxy that ends his subscription, so nobody should send one
/// too many. Ours does not.
#[tokio::test]
async fn case_090_a_cancel_of_what_only_another_has_is_reported_by_libzmq() {
    for mut xpub in xpubs() {
        let at = xpub.bind(ANY_PORT).await;
        let (mut one, mut two) = (subscriber(&at).await, subscriber(&at).await);
        say(&mut one, subscribe("A")).await;
        assert_eq!(xpub.recv().await, ["\x01A"]);
        say(&mut two, [cancel("A"), subscribe("M")].concat()).await;
        if !xpub.is_ours() {
            assert_eq!(xpub.recv().await, ["\0A"]);
        }
        assert_eq!(xpub.recv().await, ["\x01M"]);
        xpub.send(["A1"]).await;
        one.expect(frame("A1")).await;
    }
}

/// In both forms, on both versions.
#[tokio::test]
async fn case_091_a_subscription_in_message_form_is_accepted() {
    for mut xpub in xpubs() {
        let at = xpub.bind(ANY_PORT).await;
        for minor in [0, 1] {
            let mut peer = Peer::connect(&at).await;
            peer.shake_with(greeting().version(3, minor), ready("SUB")).await;
            peer.send(*b"\0\x02\x01Q").await;
            assert_eq!(xpub.recv().await, ["\x01Q"]);
            xpub.send(["Q1"]).await;
            peer.expect(frame("Q1")).await;
            peer.send(cancel("Q")).await;
            assert_eq!(xpub.recv().await, ["\0Q"]);
            peer.send(subscribe("Q")).await;
            assert_eq!(xpub.recv().await, ["\x01Q"]);
            peer.send(*b"\0\x02\0Q").await;
            assert_eq!(xpub.recv().await, ["\0Q"]);
        }
    }
}

#[tokio::test]
async fn case_093_a_message_of_an_xsubs_user_reaches_the_xpubs() {
    for mut xpub in xpubs() {
        let mut peer = subscriber(&xpub.bind(ANY_PORT).await).await;
        peer.send([frame("usr"), frame(""), more("two"), frame("frames")].concat()).await;
        assert_eq!(xpub.recv().await, ["usr"]);
        assert_eq!(xpub.recv().await, [""]);
        assert_eq!(xpub.recv().await, ["two", "frames"]);
    }
}

/// A PUB passes over it (R29-PUB-10).
#[tokio::test]
async fn case_093_a_pub_ignores_the_messages_of_its_subscribers() {
    for publisher in Subject::<Pub>::both(PubSocket::new(), Zmq::new(SocketType::Pub)) {
        let mut peer = subscriber(&publisher.bind(ANY_PORT).await).await;
        say(&mut peer, [frame("usr"), more("two"), frame("frames"), subscribe("A")].concat()).await;
        match &publisher {
            Subject::Ours(publisher) => Pub::subscribed(publisher, "A", 1).await,
            Subject::Theirs(publisher) => drop(publisher.is_silent(std::time::Duration::ZERO).await),
        }
        publisher.send(["A1"]).await;
        peer.expect(frame("A1")).await;
    }
}

#[tokio::test]
async fn case_097_a_topic_is_reported_gone_with_its_last_subscriber_and_again_with_the_next() {
    for mut xpub in xpubs() {
        let at = xpub.bind(ANY_PORT).await;
        for _ in 0..2 {
            let mut first = subscriber(&at).await;
            first.send([subscribe("A"), subscribe("only mine")].concat()).await;
            assert_eq!(xpub.recv().await, ["\x01A"]);
            assert_eq!(xpub.recv().await, ["\x01only mine"]);
            let mut second = subscriber(&at).await;
            second.send([subscribe("A"), subscribe("M")].concat()).await;
            assert_eq!(xpub.recv().await, ["\x01M"]);

            drop(first);
            assert_eq!(xpub.recv().await, ["\0only mine"]);
            drop(second);
            let mut last = [xpub.recv().await.0, xpub.recv().await.0];
            last.sort();
            assert_eq!(last, [[b"\0A"], [b"\0M"]]);
        }
    }
}

/// What the application hears of duplicates, of two subscribers to one topic.
#[tokio::test]
async fn case_101_what_is_reported_is_a_setting() {
    let distinct = ["\x01A", "\0A"];
    let verbose = ["\x01A", "\x01A", "\x01A", "\0A"];
    let verboser = ["\x01A", "\x01A", "\x01A", "\0A", "\0A"];
    reports(None, Report::Distinct, &distinct).await;
    reports(Some(Opt::XpubVerbose), Report::Subscriptions, &verbose).await;
    reports(Some(Opt::XpubVerboser), Report::All, &verboser).await;
}

async fn reports(option: Option<Opt>, report: Report, expected: &[&str]) {
    let theirs = Zmq::new(SocketType::Xpub);
    if let Some(option) = option {
        theirs.set(option, 1).await;
    }
    for mut xpub in Subject::both(XpubSocket::builder().report(report).build(), theirs) {
        let at = xpub.bind(ANY_PORT).await;
        let (mut one, mut two) = (subscriber(&at).await, subscriber(&at).await);
        for (by_two, request) in [
            (false, subscribe("A")),
            (true, subscribe("A")),
            (false, subscribe("A")),
            (false, cancel("A")),
            (true, cancel("A")),
            (false, subscribe("end")),
        ] {
            say(if by_two { &mut two } else { &mut one }, request).await;
            // libzmq reads peer by peer, all that there is, when it is called.
            xpub.attend(std::future::ready(())).await;
        }

        for report in expected {
            assert_eq!(xpub.recv().await, [report], "{option:?}, ours: {}", xpub.is_ours());
        }
        assert_eq!(xpub.recv().await, ["\x01end"], "{option:?}, ours: {}", xpub.is_ours());
    }
}

/// The application decides what a request means, and every one is reported.
#[tokio::test]
async fn case_102_a_manual_xpub_maps_a_subscription_to_another() {
    let theirs = Zmq::new(SocketType::Xpub);
    theirs.set(Opt::XpubManual, 1).await;
    for mut xpub in Subject::both(XpubSocket::builder().manual(true).build(), theirs) {
        let at = xpub.bind(ANY_PORT).await;
        let (mut one, mut two) = (subscriber(&at).await, subscriber(&at).await);
        say(&mut one, subscribe("A")).await;
        assert_eq!(xpub.recv().await, ["\x01A"]);
        map(&xpub, true, "B").await;
        say(&mut two, subscribe("A")).await;
        assert_eq!(xpub.recv().await, ["\x01A"]);
        map(&xpub, true, "C").await;

        for topic in ["A1", "B1", "C1"] {
            xpub.send([topic]).await;
        }
        one.expect(frame("B1")).await;
        two.expect(frame("C1")).await;

        say(&mut one, cancel("A")).await;
        assert_eq!(xpub.recv().await, ["\0A"]);
        map(&xpub, false, "B").await;
        map(&xpub, true, "D").await;
        for topic in ["B2", "C2", "D2"] {
            xpub.send([topic]).await;
        }
        one.expect(frame("D2")).await;
        two.expect(frame("C2")).await;
    }
}

async fn map(xpub: &Subject<Xpub>, subscribed: bool, topic: &'static str) {
    match xpub {
        Subject::Ours(xpub) if subscribed => assert!(xpub.subscribe(topic)),
        Subject::Ours(xpub) => assert!(xpub.unsubscribe(topic)),
        Subject::Theirs(xpub) => {
            let option = if subscribed { Opt::Subscribe } else { Opt::Unsubscribe };
            xpub.set_bytes(option, topic).await;
        }
    }
}

/// The same with an XSUB of libzmq, which does not filter once more.
#[tokio::test]
async fn case_102_an_xsub_gets_what_a_manual_xpub_of_ours_has_decided() {
    for meeting in MEETINGS {
        let mut xpub = XpubSocket::builder().manual(true).build();
        let mut xsub = meeting.other::<Xsub>(SocketType::Xsub);
        meeting.join(&xpub, &xsub).await;
        xsub.subscribe("A").await;
        assert_eq!(xsub.attend(recv(&mut xpub)).await, ["\x01A"]);
        assert!(xpub.subscribe("B"));

        send(&xpub, ["A1"]).await;
        send(&xpub, ["B1"]).await;

        assert_eq!(xsub.recv().await, ["B1"]);
    }
}

/// R37-SUB: the last cancel stops the flow, not one before.
#[tokio::test]
async fn case_088_messages_flow_until_the_second_unsubscribe() {
    for meeting in MEETINGS {
        let publisher = PubSocket::new();
        let mut subscriber = meeting.other::<Sub>(SocketType::Sub);
        meeting.join(&publisher, &subscriber).await;
        subscriber.subscribe("A").await;
        subscriber.subscribe("A").await;
        subscriber.unsubscribe("A").await;
        // Whatever comes first has come when this has.
        subscriber.subscribe("M").await;
        subscriber.attend(Pub::subscribed(&publisher, "M", 1)).await;
        send(&publisher, ["A flows"]).await;
        assert_eq!(subscriber.recv().await, ["A flows"]);

        subscriber.unsubscribe("A").await;
        subscriber.attend(until(20, || publisher.topics_count() == 1)).await;
        send(&publisher, ["A is over"]).await;
        send(&publisher, ["M flows"]).await;
        assert_eq!(subscriber.recv().await, ["M flows"]);
    }
}
