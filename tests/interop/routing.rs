//! Where a ROUTER's messages go: to unknown ids, full queues, ids that were given, through probes and proxies.

use std::time::Duration;

use support::{ANY_PORT, Peer, Relay, Zmq, frame, greeting, ready, within};
use zmtp::{
    ConnectError, Dealer, DealerSocket, RepSocket, ReqSocket, Router, RouterSocket, RoutingId, SendErrorKind,
};
use zmtp_libzmq::{Error, Opt, SocketType};

use crate::meetings::{MEETINGS, with_libzmq};
use crate::subject::{Subject, message, recv, send};

/// EHOSTUNREACH is what libzmq calls it (R28-ROUTER-17).
#[tokio::test]
async fn case_078_a_mandatory_router_refuses_an_unknown_id() {
    let theirs = Zmq::new(SocketType::Router);
    theirs.set(Opt::RouterMandatory, 1).await;
    assert_eq!(theirs.call(|socket| socket.try_send(&[b"X", b"hi"])).await, Err(Error::EHOSTUNREACH));

    let ours = RouterSocket::builder().mandatory(true).build();
    let refused = ours.try_send(message(["X", "hi"])).unwrap_err();
    assert_eq!((refused.kind(), refused.into_message()), (SendErrorKind::Unroutable, message(["X", "hi"])));
    assert_eq!(
        within(20, ours.send(message(["X", "hi"]))).await.unwrap_err().kind(),
        SendErrorKind::Unroutable
    );
    let refused = ours.send_to(&RoutingId::try_from("X").unwrap(), "hi").unwrap_err();
    assert_eq!(refused.kind(), SendErrorKind::Unroutable);
}

/// And says EAGAIN for a full queue; what it has taken arrives whole.
#[tokio::test]
async fn case_078_a_mandatory_router_says_that_a_queue_is_full_and_loses_nothing() {
    let theirs = Zmq::new(SocketType::Router);
    theirs.set(Opt::RouterMandatory, 1).await;
    theirs.set(Opt::SndHwm, 10).await;
    let ours = RouterSocket::builder().mandatory(true).send_hwm(10).build();
    for mut router in Subject::both(ours, theirs) {
        let at = router.bind(ANY_PORT).await;
        let mut peer = Peer::connect(&at).await;
        peer.shake_with(greeting(), ready("DEALER").property("Identity", "X")).await;
        peer.send(frame("hello")).await;
        assert_eq!(router.recv().await, ["X", "hello"]);
        let body = vec![b'x'; 100_000];

        let mut sent = 0;
        // Full for a while: until nothing moves any more.
        let mut full = 0;
        while full < 50 {
            let taken = match &router {
                Subject::Ours(router) => match router.try_send(message([b"X", &body[..]])) {
                    Ok(()) => true,
                    Err(error) => {
                        assert_eq!(error.kind(), SendErrorKind::Full);
                        false
                    }
                },
                Subject::Theirs(router) => {
                    let body = body.clone();
                    let result = router.call(move |socket| socket.try_send(&[b"X", &body])).await;
                    assert!(matches!(result, Ok(()) | Err(Error::EAGAIN)), "{result:?}");
                    result.is_ok()
                }
            };
            sent += usize::from(taken);
            full = if taken { 0 } else { full + 1 };
            if !taken {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }

        assert!(sent >= 10);
        for _ in 0..sent {
            let got = peer.frame().await;
            assert!(got.flags == 2 && got.body == body);
        }
        router.send(["X", "goes on"]).await;
        peer.expect(frame("goes on")).await;
    }
}

#[tokio::test]
async fn case_079_a_router_drops_what_is_for_nobody_and_says_nothing() {
    for mut router in Subject::both(RouterSocket::new(), Zmq::new(SocketType::Router)) {
        let at = router.bind(ANY_PORT).await;
        let mut peer = Peer::connect(&at).await;
        peer.shake_with(greeting(), ready("DEALER").property("Identity", "X")).await;
        peer.send(frame("hello")).await;
        assert_eq!(router.recv().await, ["X", "hello"]);

        router.send(["nobody", "lost"]).await;
        router.send(["X", "found"]).await;

        peer.expect(frame("found")).await;
        if let Subject::Ours(router) = &router {
            assert_eq!(router.drops().no_peer, 1);
        }
    }
}

/// An empty message is the first thing on every new connection.
#[tokio::test]
async fn case_080_a_probe_tells_a_router_that_we_are_there() {
    for meeting in MEETINGS {
        let id = RoutingId::try_from("me").unwrap();
        let mut router = meeting.other::<Router>(SocketType::Router);
        let dealer = DealerSocket::builder().routing_id(id.clone()).probe_router(true).build();
        meeting.join(&dealer, &router).await;
        assert_eq!(router.recv().await, ["me", ""]);

        let mut router = meeting.other::<Router>(SocketType::Router);
        let mut req = ReqSocket::builder().routing_id(id).probe_router(true).build();
        meeting.join(&req, &router).await;
        assert_eq!(router.recv().await, ["me", ""]);
        send(&req, ["a"]).await;
        assert_eq!(router.recv().await, ["me", "", "a"]);
        router.send(["me", "", "b"]).await;
        assert_eq!(recv(&mut req).await, ["b"]);
    }
}

/// And libzmq's probe tells ours.
#[tokio::test]
async fn case_080_the_probe_of_a_libzmq_dealer_reaches_our_router() {
    for meeting in with_libzmq() {
        let mut router = RouterSocket::new();
        let dealer = Zmq::new(SocketType::Dealer);
        dealer.set_bytes(Opt::RoutingId, "it").await;
        dealer.set(Opt::ProbeRouter, 1).await;
        let dealer = Subject::<Dealer>::Theirs(dealer);
        meeting.join(&router, &dealer).await;
        // A socket that was connected to takes notice of its peer when it is called.
        assert_eq!(dealer.attend(recv(&mut router)).await, ["it", ""]);
    }
}

/// Who gives a peer its id can speak to it at once: the message waits for the connection.
#[tokio::test]
async fn case_081_a_router_that_connects_with_an_id_can_send_at_once() {
    for transport in with_libzmq().map(|meeting| meeting.transport) {
        let dealer = Zmq::new(SocketType::Dealer);
        let at = dealer.bind(transport.anywhere()).await;
        let mut router = RouterSocket::new();
        let id = RoutingId::try_from("the dealer").unwrap();

        router.connect_as(&at, &id).unwrap();
        send(&router, ["the dealer", "at once"]).await;

        assert_eq!(dealer.recv().await, [b"at once"]);
        dealer.send("back").await;
        assert_eq!(recv(&mut router).await, ["the dealer", "back"]);
        // Nobody else can have the same.
        let again = router.connect_as(&at, &id);
        assert!(matches!(again, Err(ConnectError::RoutingIdTaken(_))), "{again:?}");

        // An ordinary connect goes by the peer's own id.
        let other = Zmq::new(SocketType::Router);
        other.set_bytes(Opt::RoutingId, "its own name").await;
        other.set(Opt::ProbeRouter, 1).await;
        router.connect(other.bind(transport.anywhere()).await).unwrap();
        assert_eq!(other.attend(recv(&mut router)).await, ["its own name", ""]);
        send(&router, ["its own name", "hello"]).await;
        assert_eq!(other.recv().await[1..], [b"hello"]);
    }
}

/// libzmq's CONNECT_ROUTING_ID, towards us.
#[tokio::test]
async fn case_081_a_libzmq_router_that_connects_with_an_id_reaches_ours() {
    for transport in with_libzmq().map(|meeting| meeting.transport) {
        let mut ours = RouterSocket::builder().routing_id(RoutingId::try_from("ignored").unwrap()).build();
        let at = ours.bind(transport.anywhere()).await.unwrap();
        let theirs = Zmq::new(SocketType::Router);
        theirs.set_bytes(Opt::RoutingId, "it").await;
        theirs.set_bytes(Opt::ConnectRoutingId, "us").await;
        theirs.connect(&at).await;

        theirs.send_frames(["us", "at once"]).await;

        assert_eq!(recv(&mut ours).await, ["it", "at once"]);
        send(&ours, ["it", "back"]).await;
        assert_eq!(theirs.recv().await, [&b"us"[..], b"back"]);
    }
}

#[tokio::test]
async fn case_083_requests_go_through_a_proxy_of_libzmq() {
    let relay = Relay::start(SocketType::Router, SocketType::Dealer);
    let mut req = ReqSocket::new();
    req.connect(&relay.front).unwrap();
    let mut rep = RepSocket::new();
    rep.connect(&relay.back).unwrap();

    for n in 0..100 {
        send(&req, [n.to_string(), String::new()]).await;
        assert_eq!(recv(&mut rep).await, [n.to_string(), String::new()]);
        send(&rep, [format!("re {n}")]).await;
        assert_eq!(recv(&mut req).await, [format!("re {n}")]);
    }
}

#[tokio::test]
async fn case_083_two_requesters_through_one_proxy_get_their_own_replies() {
    let relay = Relay::start(SocketType::Router, SocketType::Dealer);
    let mut reqs = [ReqSocket::new(), ReqSocket::new()];
    let mut rep = RepSocket::new();
    rep.connect(&relay.back).unwrap();
    for req in &reqs {
        req.connect(&relay.front).unwrap();
    }

    for round in 0..20 {
        for (n, req) in reqs.iter().enumerate() {
            send(req, [format!("{n} {round}")]).await;
        }
        for _ in 0..2 {
            let asked = recv(&mut rep).await;
            send(&rep, [&asked[0]]).await;
        }
        for (n, req) in reqs.iter_mut().enumerate() {
            assert_eq!(recv(req).await, [format!("{n} {round}")]);
        }
    }
}
