//! Connecting before anybody is bound: the connection comes to be when the binder does.

use support::{Zmq, within};
use zmtp::{
    Dealer, DealerSocket, Event, Monitor, Pair, PairSocket, Pattern, Pub, PubSocket, Pull, PullSocket, Push,
    PushSocket, Rep, RepSocket, Req, ReqSocket, Router, RouterSocket, Socket, Sub, SubSocket,
};
use zmtp_libzmq::{Event as Theirs, SocketType};

use crate::meetings::{Transport, with_libzmq};
use crate::publishing::{Publishes, until_heard};
use crate::subject::{Subject, recv, send};

/// Connects ours, sees it fail, and binds theirs; or the other way round.
async fn meet<P: Pattern, Q: Pattern>(
    ours: &Socket<P>,
    theirs: &Subject<Q>,
    transport: Transport,
    we_come_first: bool,
) {
    let Subject::Theirs(theirs) = theirs else { unreachable!("only libzmq's") };
    let at = transport.nobody();
    if we_come_first {
        let mut monitor = ours.monitor();
        ours.connect(&at).unwrap();
        retried(&mut monitor).await;
        theirs.bind(&at).await;
    } else {
        let mut monitor = theirs.monitor().await;
        theirs.connect(&at).await;
        monitor.wait_for(Theirs::CONNECT_RETRIED).await;
        ours.bind(&at).await.unwrap();
    }
    within(20, ours.wait_for_peers(1)).await;
}

async fn retried(monitor: &mut Monitor) {
    while !matches!(within(20, monitor.next()).await, Some(Event::ConnectRetried { .. })) {}
}

fn theirs<Q: Pattern>(kind: SocketType) -> Subject<Q> {
    Subject::Theirs(Zmq::new(kind))
}

fn ways() -> impl Iterator<Item = (Transport, bool)> {
    with_libzmq().map(|meeting| (meeting.transport, matches!(meeting.binder, crate::both::Binder::Theirs)))
}

#[tokio::test]
async fn case_020_req_and_rep_connect_before_the_bind() {
    for (transport, we_come_first) in ways() {
        let (mut req, mut rep) = (ReqSocket::new(), theirs::<Rep>(SocketType::Rep));
        meet(&req, &rep, transport, we_come_first).await;
        send(&req, ["a"]).await;
        assert_eq!(rep.recv().await, ["a"]);
        rep.send(["b"]).await;
        assert_eq!(recv(&mut req).await, ["b"]);

        let (mut rep, mut req) = (RepSocket::new(), theirs::<Req>(SocketType::Req));
        meet(&rep, &req, transport, we_come_first).await;
        req.send(["a"]).await;
        assert_eq!(recv(&mut rep).await, ["a"]);
        send(&rep, ["b"]).await;
        assert_eq!(req.recv().await, ["b"]);
    }
}

#[tokio::test]
async fn case_020_dealer_and_router_connect_before_the_bind() {
    for (transport, we_come_first) in ways() {
        let (mut dealer, mut router) = (DealerSocket::new(), theirs::<Router>(SocketType::Router));
        meet(&dealer, &router, transport, we_come_first).await;
        send(&dealer, ["a"]).await;
        let got = router.recv().await;
        router.send([&got[0][..], b"b"]).await;
        assert_eq!(recv(&mut dealer).await, ["b"]);

        let (mut router, mut dealer) = (RouterSocket::new(), theirs::<Dealer>(SocketType::Dealer));
        meet(&router, &dealer, transport, we_come_first).await;
        dealer.send(["a"]).await;
        let got = recv(&mut router).await;
        send(&router, [&got[0][..], b"b"]).await;
        assert_eq!(dealer.recv().await, ["b"]);
    }
}

#[tokio::test]
async fn case_020_pub_and_sub_connect_before_the_bind() {
    for (transport, we_come_first) in ways() {
        let (publisher, mut subscriber) = (PubSocket::new(), theirs::<Sub>(SocketType::Sub));
        subscriber.subscribe("A").await;
        meet(&publisher, &subscriber, transport, we_come_first).await;
        subscriber.attend(Pub::subscribed(&publisher, "A", 1)).await;
        send(&publisher, ["A1"]).await;
        assert_eq!(subscriber.recv().await, ["A1"]);

        let (mut subscriber, publisher) = (SubSocket::new(), theirs::<Pub>(SocketType::Pub));
        subscriber.subscribe("A");
        meet(&subscriber, &publisher, transport, we_come_first).await;
        until_heard(&publisher, "A", &mut subscriber).await;
        publisher.send(["A1"]).await;
        assert_eq!(recv(&mut subscriber).await, ["A1"]);
    }
}

#[tokio::test]
async fn case_020_pairs_connect_before_the_bind() {
    for (transport, we_come_first) in ways() {
        let (mut ours, mut theirs) = (PairSocket::new(), theirs::<Pair>(SocketType::Pair));
        meet(&ours, &theirs, transport, we_come_first).await;
        send(&ours, ["a"]).await;
        assert_eq!(theirs.recv().await, ["a"]);
        theirs.send(["b"]).await;
        assert_eq!(recv(&mut ours).await, ["b"]);
    }
}

#[tokio::test]
async fn case_020_push_and_pull_connect_before_the_bind() {
    for (transport, we_come_first) in ways() {
        let (push, mut pull) = (PushSocket::new(), theirs::<Pull>(SocketType::Pull));
        meet(&push, &pull, transport, we_come_first).await;
        send(&push, ["a"]).await;
        assert_eq!(pull.recv().await, ["a"]);

        let (mut pull, push) = (PullSocket::new(), theirs::<Push>(SocketType::Push));
        meet(&pull, &push, transport, we_come_first).await;
        push.send(["a"]).await;
        assert_eq!(recv(&mut pull).await, ["a"]);
    }
}
