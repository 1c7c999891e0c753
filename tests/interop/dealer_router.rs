//! DEALER and ROUTER with each other and among themselves: bursts, ids, and who may speak first.

use support::{Zmq, within};
use zmtp::{Builder, Dealer, DealerSocket, Router, RouterSocket, RoutingId};
use zmtp_libzmq::{Opt, SocketType};

use crate::both::Binder;
use crate::meetings::MEETINGS;
use crate::subject::{Subject, message, recv, send};

/// Each side sends ten thousand and receives as many, at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_007_ten_thousand_messages_in_both_directions_keep_their_order() {
    const BURST: u32 = 10_000;
    for meeting in MEETINGS {
        let ours = DealerSocket::new();
        let other = meeting.other::<Dealer>(SocketType::Dealer);
        meeting.join(&ours, &other).await;

        let theirs = tokio::spawn(async move {
            match other {
                Subject::Ours(dealer) => burst(dealer).await,
                Subject::Theirs(dealer) => {
                    let sent = |socket: &zmtp_libzmq::Socket| {
                        (0..BURST).for_each(|n| socket.send_one(&n.to_le_bytes()).expect("room"));
                        (0..BURST).all(|n| socket.recv().expect("a message") == [n.to_le_bytes()])
                    };
                    assert!(dealer.call(sent).await, "libzmq got something else");
                }
            }
        });
        within(60, burst(ours)).await;
        within(60, theirs).await.unwrap();

        async fn burst(dealer: DealerSocket) {
            let (sender, mut receiver) = dealer.split();
            let sending = async {
                for n in 0..BURST {
                    sender.send(&n.to_le_bytes()).await.unwrap();
                }
            };
            let receiving = async {
                for n in 0..BURST {
                    assert_eq!(receiver.recv().await.unwrap(), n.to_le_bytes()[..], "number {n}");
                }
            };
            tokio::join!(sending, receiving);
            // What is queued goes out before the halves go.
            sender.close().await.unwrap();
        }
    }
}

/// R28-ROUTER-10: the id that was set, or five octets of the ROUTER's own.
#[tokio::test]
async fn case_008_our_dealer_is_known_by_its_id_or_gets_one() {
    for meeting in MEETINGS {
        for id in [None, Some("dealer 1")] {
            let builder = DealerSocket::builder();
            let mut dealer = named(builder, id);
            let mut router = meeting.other::<Router>(SocketType::Router);
            meeting.join(&dealer, &router).await;

            send(&dealer, ["hello", ""]).await;
            let got = router.recv().await;
            match id {
                Some(id) => assert_eq!(got, [id, "hello", ""]),
                None => assert_eq!((got.len(), got[0].len(), got[0][0]), (3, 5, 0)),
            }
            router.send([&got[0][..], b"", b"welcome"]).await;

            assert_eq!(recv(&mut dealer).await, ["", "welcome"]);
        }
    }
}

fn named(builder: Builder<Dealer>, id: Option<&str>) -> DealerSocket {
    match id {
        Some(id) => builder.routing_id(RoutingId::try_from(id).unwrap()).build(),
        None => builder.build(),
    }
}

#[tokio::test]
async fn case_008_our_router_knows_a_dealer_by_its_id_or_gives_it_one() {
    for meeting in MEETINGS {
        for id in [None, Some("dealer 2")] {
            let mut router = RouterSocket::new();
            let theirs = Zmq::new(SocketType::Dealer);
            if let Some(id) = id {
                theirs.set_bytes(Opt::RoutingId, id).await;
            }
            let mut dealer = meeting.either(named(DealerSocket::builder(), id), theirs);
            meeting.join(&router, &dealer).await;

            dealer.send(["hello", ""]).await;
            let got = recv(&mut router).await;
            match id {
                Some(id) => assert_eq!(got, [id, "hello", ""]),
                None => assert_eq!((got.len(), got[0].len(), got[0][0]), (3, 5, 0)),
            }
            send(&router, [&got[0][..], b"", b"welcome"]).await;
            assert_eq!(dealer.recv().await, ["", "welcome"]);

            dealer.send(["again"]).await;
            let (from, body) = within(20, router.recv_from()).await.unwrap();
            assert_eq!((from.as_ref(), &body[0]), (&got[0][..], &b"again"[..]));
            assert_eq!(router.peer(&from).unwrap().routing_id.as_ref(), Some(&from));
            router.send_to(&from, message(["typed"])).unwrap();
            assert_eq!(dealer.recv().await, ["typed"]);
        }
    }
}

/// The one who is connected to learns of the other by its probe, and can speak first.
#[tokio::test]
async fn case_009_a_probe_lets_the_bound_router_speak_first() {
    for meeting in MEETINGS {
        let id = || RoutingId::try_from("caller").unwrap();
        let caller = || RouterSocket::builder().routing_id(id()).probe_router(true).build();
        match meeting.binder {
            Binder::Theirs => {
                let mut ours = caller();
                let mut binder = meeting.other::<Router>(SocketType::Router);
                meeting.join(&ours, &binder).await;
                assert_eq!(binder.recv().await, ["caller", ""]);
                binder.send(["caller", "first"]).await;
                let got = recv(&mut ours).await;
                assert_eq!(got[1..], [b"first"]);
                send(&ours, [&got[0][..], b"second"]).await;
                assert_eq!(binder.recv().await, ["caller", "second"]);
            }
            Binder::Ours => {
                let mut ours = RouterSocket::new();
                let theirs = Zmq::new(SocketType::Router);
                theirs.set_bytes(Opt::RoutingId, "caller").await;
                theirs.set(Opt::ProbeRouter, 1).await;
                let mut other = meeting.either(caller(), theirs);
                meeting.join(&ours, &other).await;
                assert_eq!(recv(&mut ours).await, ["caller", ""]);
                send(&ours, ["caller", "first"]).await;
                let got = other.recv().await;
                assert_eq!(got[1..], [b"first"]);
                other.send([&got[0][..], b"second"]).await;
                assert_eq!(recv(&mut ours).await, ["caller", "second"]);
            }
        }
    }
}
