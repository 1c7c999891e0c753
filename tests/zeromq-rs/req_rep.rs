//! REQ and REP, with each other and with DEALER and ROUTER of the other side.

use support::within;
use zeromq::{Socket as _, SocketRecv as _, SocketSend as _};
use zmtp::{DealerSocket, RepSocket, ReqSocket, RouterSocket};

use crate::both::{BOTH_ROLES, join};
use crate::story::{COUNT, Frames, expect, message, of_ours, of_theirs, ours, theirs};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_001_their_rep_answers_our_req() {
    for binder in BOTH_ROLES {
        let mut req = ReqSocket::new();
        let mut rep = zeromq::RepSocket::new();
        join(&req, &mut rep, binder).await;
        let echo = tokio::spawn(async move {
            loop {
                let request = rep.recv().await.unwrap();
                rep.send(request).await.unwrap();
            }
        });

        for n in 0..COUNT {
            let reply = within(20, req.request(ours(message(n)))).await.unwrap();
            expect(n, &of_ours(reply), &message(n));
        }
        echo.abort();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_002_our_rep_answers_their_req() {
    for binder in BOTH_ROLES {
        let mut rep = RepSocket::new();
        let mut req = zeromq::ReqSocket::new();
        join(&rep, &mut req, binder).await;
        let echo = tokio::spawn(async move {
            while let Ok(request) = rep.recv().await {
                rep.send(request).await.unwrap();
            }
        });

        for n in 0..COUNT {
            req.send(theirs(message(n))).await.unwrap();
            let reply = within(20, req.recv()).await.unwrap();
            expect(n, &of_theirs(reply), &message(n));
        }
        echo.abort();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_003_their_router_sees_the_envelope_of_our_req() {
    for binder in BOTH_ROLES {
        let mut req = ReqSocket::builder().routing_id("alice".try_into().unwrap()).build();
        let mut router = zeromq::RouterSocket::new();
        join(&req, &mut router, binder).await;

        for n in 0..1000_u64 {
            let (reply, ()) = tokio::join!(within(20, req.request(ours(message(n)))), async {
                let request = within(20, router.recv()).await.unwrap();
                let enveloped = [vec![b"alice".to_vec(), Vec::new()], message(n)].concat();
                expect(n, &of_theirs(request.clone()), &enveloped);
                router.send(request).await.unwrap();
            });
            expect(n, &of_ours(reply.unwrap()), &message(n));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_004_our_router_sees_the_envelope_of_their_req() {
    for binder in BOTH_ROLES {
        let mut router = RouterSocket::new();
        let mut req = zeromq::ReqSocket::new();
        join(&router, &mut req, binder).await;

        for n in 0..1000_u64 {
            req.send(theirs(message(n))).await.unwrap();
            let (id, request) = within(20, router.recv_from()).await.unwrap();
            assert_eq!((id.as_ref().len(), id.as_ref()[0]), (5, 0), "an id that we made");
            expect(n, &of_ours(request.clone()), &[vec![Vec::new()], message(n)].concat());
            router.send_to(&id, request).unwrap();
            let reply = within(20, req.recv()).await.unwrap();
            expect(n, &of_theirs(reply), &message(n));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_005_their_rep_keeps_the_envelope_of_our_dealer() {
    for binder in BOTH_ROLES {
        let mut dealer = DealerSocket::new();
        let mut rep = zeromq::RepSocket::new();
        join(&dealer, &mut rep, binder).await;

        for envelope in envelopes() {
            dealer.send(ours([envelope.clone(), vec![b"a".to_vec()]].concat())).await.unwrap();
            assert_eq!(of_theirs(within(20, rep.recv()).await.unwrap()), [b"a"]);
            rep.send("b".into()).await.unwrap();
            let reply = within(20, dealer.recv()).await.unwrap();
            assert_eq!(of_ours(reply), [envelope, vec![b"b".to_vec()]].concat());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_006_our_rep_keeps_the_envelope_of_their_dealer() {
    for binder in BOTH_ROLES {
        let mut rep = RepSocket::new();
        let mut dealer = zeromq::DealerSocket::new();
        join(&rep, &mut dealer, binder).await;

        for envelope in envelopes() {
            dealer.send(theirs([envelope.clone(), vec![b"a".to_vec()]].concat())).await.unwrap();
            assert_eq!(within(20, rep.recv()).await.unwrap(), "a");
            rep.send("b").await.unwrap();
            let reply = within(20, dealer.recv()).await.unwrap();
            assert_eq!(of_theirs(reply), [envelope, vec![b"b".to_vec()]].concat());
        }
    }
}

/// What may stand before a request: at least the empty frame that ends it.
fn envelopes() -> [Frames; 3] {
    let ten = (0..10).map(|hop| vec![hop; 5]).chain([Vec::new()]).collect();
    [vec![Vec::new()], vec![b"x".to_vec(), b"y".to_vec(), Vec::new()], ten]
}
