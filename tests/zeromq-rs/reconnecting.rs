//! Their side goes and comes back.

use support::{ANY_PORT, until, within};
use zeromq::{Socket as _, SocketOptions, SocketRecv as _, SocketSend as _};
use zmtp::{DealerSocket, Event, Monitor, PubSocket, PullSocket, PushSocket, RouterSocket, SubSocket};

use crate::process::Process;
use crate::story::of_theirs;

/// What is queued while the peer is away goes out when it is back.
#[tokio::test]
async fn our_push_finds_their_pull_again_at_the_same_port() {
    let (process, mut pull, at) = bound(zeromq::PullSocket::new(), "tcp://127.0.0.1:0").await;
    let push = PushSocket::new();
    let mut monitor = push.monitor();
    push.connect(at.as_str()).unwrap();
    push.send("before").await.unwrap();
    assert_eq!(of_theirs(within(20, pull.recv()).await.unwrap()), [b"before"]);

    process.end(pull);
    wait_for(&mut monitor, |event| matches!(event, Event::Disconnected { .. })).await;
    for n in 0..100_u8 {
        push.send(&[n]).await.unwrap();
    }
    let (process, mut pull, _) = bound(zeromq::PullSocket::new(), &at).await;

    for n in 0..100_u8 {
        assert_eq!(of_theirs(within(20, pull.recv()).await.unwrap()), [[n]]);
    }
    process.end(pull);
}

/// A bound socket of ours takes the next one in, and the one after that.
#[tokio::test]
async fn their_push_comes_anew_again_and_again() {
    let mut pull = PullSocket::new();
    let at = pull.bind(ANY_PORT).await.unwrap().to_string();

    for n in 0..20_u8 {
        let mut push = zeromq::PushSocket::new();
        within(20, push.connect(&at)).await.unwrap();
        push.send(vec![n].into()).await.unwrap();
        drop(push);
        assert_eq!(within(20, pull.recv()).await.unwrap(), &[n][..]);
    }

    until(20, || pull.peer_count() == 0).await;
}

/// Subscriptions are said again, both ways: by ours when their PUB is back, by theirs when ours is.
#[tokio::test]
async fn our_sub_subscribes_again_when_their_xpub_is_back() {
    let (process, mut publisher, at) = bound(zeromq::XPubSocket::new(), "tcp://127.0.0.1:0").await;
    let mut sub = SubSocket::new();
    let mut monitor = sub.monitor();
    sub.subscribe("A");
    sub.connect(at.as_str()).unwrap();
    assert_eq!(of_theirs(within(20, publisher.recv()).await.unwrap()), [b"\x01A"]);

    process.end(publisher);
    wait_for(&mut monitor, |event| matches!(event, Event::Disconnected { .. })).await;
    sub.subscribe("B");
    let (process, mut publisher, _) = bound(zeromq::XPubSocket::new(), &at).await;

    let mut topics = Vec::new();
    for _ in 0..2 {
        topics.extend(of_theirs(within(20, publisher.recv()).await.unwrap()));
    }
    topics.sort();
    assert_eq!(topics, [b"\x01A", b"\x01B"]);
    publisher.send("B1".into()).await.unwrap();
    assert_eq!(within(20, sub.recv()).await.unwrap(), "B1");
    process.end(publisher);
}

#[tokio::test]
async fn their_sub_subscribes_again_when_our_pub_is_back() {
    let publisher = PubSocket::new();
    let at = publisher.bind(ANY_PORT).await.unwrap();
    let mut sub = zeromq::SubSocket::new();
    sub.subscribe("A").await.unwrap();
    within(20, sub.connect(&at.to_string())).await.unwrap();
    within(20, publisher.wait_for_subscribers("A", 1)).await;

    publisher.close().await.unwrap();
    let publisher = PubSocket::new();
    publisher.bind(&at).await.unwrap();
    // It notices when it receives.
    let receiving = tokio::spawn(async move { sub.recv().await });
    within(20, publisher.wait_for_subscribers("A", 1)).await;

    publisher.send("A1").await.unwrap();
    assert_eq!(of_theirs(within(20, receiving).await.unwrap().unwrap()), [b"A1"]);
}

/// A DEALER keeps what is queued; the ROUTER knows it by the same id as before.
#[tokio::test]
async fn our_dealer_finds_their_router_again_and_is_known_there() {
    let (process, mut router, at) = bound(zeromq::RouterSocket::new(), "tcp://127.0.0.1:0").await;
    let mut dealer = DealerSocket::builder().routing_id("alice".try_into().unwrap()).build();
    let mut monitor = dealer.monitor();
    dealer.connect(at.as_str()).unwrap();
    dealer.send("one").await.unwrap();
    assert_eq!(of_theirs(within(20, router.recv()).await.unwrap()), [&b"alice"[..], b"one"]);

    process.end(router);
    wait_for(&mut monitor, |event| matches!(event, Event::Disconnected { .. })).await;
    dealer.send("two").await.unwrap();
    let (process, mut router, _) = bound(zeromq::RouterSocket::new(), &at).await;

    let got = within(20, router.recv()).await.unwrap();
    assert_eq!(of_theirs(got.clone()), [&b"alice"[..], b"two"]);
    router.send(got).await.unwrap();
    assert_eq!(within(20, dealer.recv()).await.unwrap(), "two");
    process.end(router);
}

/// The id is free again as soon as the connection has ended.
#[tokio::test]
async fn their_dealer_comes_back_under_its_id_and_our_router_reaches_it() {
    let mut router = RouterSocket::new();
    let mut monitor = router.monitor();
    let at = router.bind(ANY_PORT).await.unwrap().to_string();

    for n in 0..20_u8 {
        let (process, at) = (Process::start(), at.clone());
        let mut dealer = process
            .run(async move {
                let mut options = SocketOptions::default();
                options.peer_identity("alice".parse().unwrap());
                let mut dealer = zeromq::DealerSocket::with_options(options);
                within(20, dealer.connect(&at)).await.unwrap();
                dealer.send(vec![n].into()).await.unwrap();
                dealer
            })
            .await;
        let (id, got) = within(20, router.recv_from()).await.unwrap();
        assert_eq!((id.as_ref(), got.first()), (&b"alice"[..], &[n][..]));
        router.send_to(&id, got).unwrap();
        assert_eq!(of_theirs(within(20, dealer.recv()).await.unwrap()), [[n]]);
        process.end(dealer);
        wait_for(&mut monitor, |event| matches!(event, Event::Disconnected { .. })).await;
    }
}

/// One of theirs in a process of its own, bound.
async fn bound<S: zeromq::Socket + 'static>(mut socket: S, at: &str) -> (Process, S, String) {
    let (process, at) = (Process::start(), at.to_owned());
    let (socket, at) = process
        .run(async move {
            let at = within(20, socket.bind(&at)).await.unwrap().to_string();
            (socket, at)
        })
        .await;
    (process, socket, at)
}

/// The next event of this kind.
async fn wait_for(monitor: &mut Monitor, kind: impl Fn(&Event) -> bool) -> Event {
    loop {
        let event = within(20, monitor.next()).await.expect("the socket is open");
        if kind(&event) {
            return event;
        }
    }
}
