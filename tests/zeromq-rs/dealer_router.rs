//! DEALER and ROUTER.

use support::within;
use zeromq::{Socket as _, SocketOptions, SocketRecv as _, SocketSend as _};
use zmtp::{DealerSocket, RouterSocket, RoutingId};

use crate::both::{BOTH_ROLES, join};
use crate::story::{COUNT, expect, message, of_ours, of_theirs, ours, theirs};

/// Both talk at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_007_two_dealers_burst_at_each_other_and_nothing_is_lost() {
    for binder in BOTH_ROLES {
        let our_dealer = DealerSocket::new();
        let mut their_dealer = zeromq::DealerSocket::new();
        join(&our_dealer, &mut their_dealer, binder).await;
        let (our_send, mut our_recv) = our_dealer.split();
        let (mut their_send, mut their_recv) = their_dealer.split();

        let we_send = tokio::spawn(async move {
            for n in 0..COUNT {
                our_send.send(ours(message(n))).await.unwrap();
            }
            our_send
        });
        let they_send = tokio::spawn(async move {
            for n in 0..COUNT {
                their_send.send(theirs(message(n))).await.unwrap();
            }
            their_send
        });
        let they_receive = tokio::spawn(async move {
            for n in 0..COUNT {
                let got = within(20, their_recv.recv()).await.unwrap();
                expect(n, &of_theirs(got), &message(n));
            }
        });

        for n in 0..COUNT {
            let got = within(20, our_recv.recv()).await.unwrap();
            expect(n, &of_ours(got), &message(n));
        }
        within(20, they_receive).await.unwrap();
        within(20, we_send).await.unwrap();
        within(20, they_send).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_008_our_router_and_their_dealer_know_each_other_by_its_id() {
    for binder in BOTH_ROLES {
        let mut router = RouterSocket::new();
        let mut dealer = zeromq::DealerSocket::with_options(named("alice"));
        join(&router, &mut dealer, binder).await;
        let alice: RoutingId = "alice".try_into().unwrap();
        assert!(router.peer(&alice).is_some());

        for n in 0..COUNT {
            dealer.send(theirs(message(n))).await.unwrap();
            let (id, got) = within(20, router.recv_from()).await.unwrap();
            assert_eq!(id, alice);
            expect(n, &of_ours(got.clone()), &message(n));
            router.send_to(&id, got).unwrap();
            let back = within(20, dealer.recv()).await.unwrap();
            expect(n, &of_theirs(back), &message(n));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_008_their_router_and_our_dealer_know_each_other_by_its_id() {
    for binder in BOTH_ROLES {
        let mut dealer = DealerSocket::builder().routing_id("alice".try_into().unwrap()).build();
        let mut router = zeromq::RouterSocket::new();
        join(&dealer, &mut router, binder).await;

        for n in 0..COUNT {
            dealer.send(ours(message(n))).await.unwrap();
            let got = within(20, router.recv()).await.unwrap();
            let addressed = [vec![b"alice".to_vec()], message(n)].concat();
            expect(n, &of_theirs(got.clone()), &addressed);
            router.send(got).await.unwrap();
            let back = within(20, dealer.recv()).await.unwrap();
            expect(n, &of_ours(back), &message(n));
        }
    }
}

/// A dealer without an id gets one: five octets from us, sixteen from them.
#[tokio::test]
async fn case_008_a_dealer_without_an_id_gets_one() {
    for binder in BOTH_ROLES {
        let mut our_router = RouterSocket::new();
        let mut their_dealer = zeromq::DealerSocket::new();
        join(&our_router, &mut their_dealer, binder).await;
        their_dealer.send("to you".into()).await.unwrap();
        let (id, got) = within(20, our_router.recv_from()).await.unwrap();
        assert_eq!((id.as_ref().len(), id.as_ref()[0]), (5, 0));
        assert_eq!(got, "to you");

        let our_dealer = DealerSocket::new();
        let mut their_router = zeromq::RouterSocket::new();
        join(&our_dealer, &mut their_router, binder).await;
        our_dealer.send("to you").await.unwrap();
        let got = of_theirs(within(20, their_router.recv()).await.unwrap());
        assert_eq!((got[0].len(), &*got[1]), (16, &b"to you"[..]));
    }
}

#[tokio::test]
async fn case_009_two_routers_talk_when_both_have_names() {
    for binder in BOTH_ROLES {
        let mut ours = RouterSocket::builder().routing_id("ours".try_into().unwrap()).build();
        let mut theirs_router = zeromq::RouterSocket::with_options(named("theirs"));
        join(&ours, &mut theirs_router, binder).await;
        let their_id: RoutingId = "theirs".try_into().unwrap();

        ours.send_to(&their_id, "one").unwrap();
        let got = of_theirs(within(20, theirs_router.recv()).await.unwrap());
        assert_eq!(got, [&b"ours"[..], b"one"]);

        theirs_router.send(theirs(vec![b"ours".to_vec(), b"two".to_vec()])).await.unwrap();
        let (id, got) = within(20, ours.recv_from()).await.unwrap();
        assert_eq!((id, got), (their_id, "two".into()));
    }
}

/// Options with this Identity.
fn named(id: &str) -> SocketOptions {
    let mut options = SocketOptions::default();
    options.peer_identity(id.parse().expect("an id"));
    options
}
