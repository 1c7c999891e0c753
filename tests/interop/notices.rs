//! A ROUTER of ours tells who comes and who goes, when these are libzmq's. libzmq's own ROUTER_NOTIFY is a draft.

use support::{ANY_PORT, Child, Peer, Zmq, frame, greeting, more, ready, within};
use zmtp::{Notify, RouterEvent, RouterSocket};
use zmtp_libzmq::{Opt, SocketType};

use crate::meetings::with_libzmq;
use crate::subject::recv;

fn telling() -> RouterSocket {
    RouterSocket::builder().notify(Notify { joined: true, left: true }).build()
}

#[tokio::test]
async fn case_082_a_router_is_told_of_a_libzmq_peer_that_comes_and_goes() {
    for meeting in with_libzmq() {
        let mut router = telling();
        let dealer = Zmq::new(SocketType::Dealer);
        dealer.set_bytes(Opt::RoutingId, "X").await;
        meeting.join_libzmq(&router, &dealer).await;
        assert_eq!(recv(&mut router).await, ["X", ""]);
        dealer.send("hello").await;
        assert_eq!(recv(&mut router).await, ["X", "hello"]);

        dealer.close().await;

        assert_eq!(recv(&mut router).await, ["X", ""]);
    }
}

/// Also of one that is killed; `recv_event` says it in types.
#[tokio::test]
async fn case_082_a_router_is_told_of_a_libzmq_process_that_dies() {
    let mut router = RouterSocket::new();
    let at = router.bind(ANY_PORT).await.unwrap();
    let mut dealer = Child::zmq(&format!("dealer connect {at} routing-id=X")).await;
    dealer.send("hello");
    let RouterEvent::Joined(joined, info) = within(20, router.recv_event()).await.unwrap() else {
        panic!("not told who has come");
    };
    assert_eq!((joined.as_ref(), info.routing_id.as_ref()), (&b"X"[..], Some(&joined)));
    let RouterEvent::Message(from, message) = within(20, router.recv_event()).await.unwrap() else {
        panic!("no message");
    };
    assert_eq!((&from, &message[0]), (&joined, &b"hello"[..]));

    dealer.kill();

    let RouterEvent::Left(left, _) = within(20, router.recv_event()).await.unwrap() else {
        panic!("not told who has gone");
    };
    assert_eq!(left, joined);
}

/// A message that was cut off is dropped, and a handshake that fails is nobody's coming.
#[tokio::test]
async fn case_082_half_a_message_of_who_has_left_is_dropped() {
    let mut router = telling();
    let at = router.bind(ANY_PORT).await.unwrap();
    let mut failing = Peer::connect(&at).await;
    failing.send([Vec::from(greeting()), ready("PUB").into()].concat()).await;
    failing.rest().await;

    let mut peer = Peer::connect(&at).await;
    peer.shake_with(greeting(), ready("DEALER").property("Identity", "X")).await;
    peer.send([frame("whole"), more("half"), more("of it")].concat()).await;
    assert_eq!(recv(&mut router).await, ["X", ""]);
    assert_eq!(recv(&mut router).await, ["X", "whole"]);

    drop(peer);

    assert_eq!(recv(&mut router).await, ["X", ""]);
    let next = Zmq::connected(SocketType::Req, &at).await;
    next.send("next").await;
    let joined = recv(&mut router).await;
    assert_eq!((joined[0].len(), joined.len()), (5, 2));
    assert_eq!(recv(&mut router).await[1..], [&b""[..], b"next"]);
}
