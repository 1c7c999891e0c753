//! REQ and REP with real partners: round trips and envelopes.

use support::{Zmq, until, within};
use zmtp::{Dealer, DealerSocket, Rep, RepSocket, Req, ReqSocket, Router, RouterSocket};
use zmtp_libzmq::SocketType;

use crate::meetings::{MEETINGS, with_libzmq};
use crate::subject::{message, recv, send};

/// R28-REQ-02, R28-REQ-04, R28-REQ-05.
#[tokio::test]
async fn case_001_a_thousand_requests_of_ours_go_round_in_order() {
    for meeting in MEETINGS {
        let mut req = ReqSocket::new();
        let mut rep = meeting.other::<Rep>(SocketType::Rep);
        meeting.join(&req, &rep).await;

        for n in 0..1000 {
            send(&req, [format!("ask {n}")]).await;
            assert_eq!(rep.recv().await, [format!("ask {n}")]);
            rep.send([format!("answer {n}")]).await;
            assert_eq!(recv(&mut req).await, [format!("answer {n}")]);
        }
    }
}

/// R28-REP-03, R28-REP-13.
#[tokio::test]
async fn case_002_a_thousand_requests_to_ours_are_answered_in_order() {
    for meeting in MEETINGS {
        let mut rep = RepSocket::new();
        let mut req = meeting.other::<Req>(SocketType::Req);
        meeting.join(&rep, &req).await;

        for n in 0..1000 {
            req.send([format!("ask {n}"), String::new()]).await;
            assert_eq!(recv(&mut rep).await, [format!("ask {n}"), String::new()]);
            send(&rep, [format!("answer {n}")]).await;
            assert_eq!(req.recv().await, [format!("answer {n}")]);
        }
    }
}

/// The same through `request`, which is what most programs call.
#[tokio::test]
async fn case_001_request_sends_and_receives_in_one_go() {
    for meeting in MEETINGS {
        let mut req = ReqSocket::new();
        let mut rep = meeting.other::<Rep>(SocketType::Rep);
        meeting.join(&req, &rep).await;

        for n in 0..10 {
            let answering = async {
                let asked = rep.recv().await;
                rep.send([&asked[0][..], b"!"]).await;
            };
            let (reply, ()) = tokio::join!(within(20, req.request(format!("{n}"))), answering);
            let reply = reply.unwrap();
            assert_eq!((&reply[0], &reply[1]), (format!("{n}").as_bytes(), &b"!"[..]));
        }
    }
}

#[tokio::test]
async fn case_003_a_router_sees_id_and_delimiter_before_our_request() {
    for meeting in MEETINGS {
        let mut req = ReqSocket::new();
        let mut router = meeting.other::<Router>(SocketType::Router);
        meeting.join(&req, &router).await;

        send(&req, ["question", "in two frames"]).await;
        let asked = router.recv().await;
        assert_eq!(asked[1..], [&b""[..], b"question", b"in two frames"]);
        router.send([&asked[0][..], b"", b"answer"]).await;

        assert_eq!(recv(&mut req).await, ["answer"]);
    }
}

/// Five octets, of which the first is 0 (R28-ROUTER-09).
#[tokio::test]
async fn case_004_our_router_names_a_nameless_req_and_finds_it_again() {
    for meeting in MEETINGS {
        let mut router = RouterSocket::new();
        let mut req = meeting.other::<Req>(SocketType::Req);
        meeting.join(&router, &req).await;

        req.send(["question"]).await;
        let asked = recv(&mut router).await;
        assert_eq!((asked[0].len(), asked[0][0]), (5, 0));
        assert_eq!(asked[1..], [&b""[..], b"question"]);
        send(&router, [&asked[0][..], b"", b"answer"]).await;
        assert_eq!(req.recv().await, ["answer"]);

        req.send(["again"]).await;
        let (id, asked) = within(20, router.recv_from()).await.unwrap();
        assert_eq!((id.as_ref().len(), &asked[0], &asked[1]), (5, &b""[..], &b"again"[..]));
        router.send_to(&id, message(["", "once more"])).unwrap();
        assert_eq!(req.recv().await, ["once more"]);
    }
}

#[tokio::test]
async fn case_005_our_dealer_speaks_to_a_rep_in_envelopes() {
    for meeting in MEETINGS {
        let mut dealer = DealerSocket::new();
        let mut rep = meeting.other::<Rep>(SocketType::Rep);
        meeting.join(&dealer, &rep).await;

        send(&dealer, ["", "a"]).await;
        assert_eq!(rep.recv().await, ["a"]);
        rep.send(["b"]).await;

        assert_eq!(recv(&mut dealer).await, ["", "b"]);
    }
}

/// R28-REP-05 to R28-REP-12.
#[tokio::test]
async fn case_006_our_rep_gives_a_dealer_its_envelope_back() {
    for meeting in MEETINGS {
        let mut rep = RepSocket::new();
        let mut dealer = meeting.other::<Dealer>(SocketType::Dealer);
        meeting.join(&rep, &dealer).await;

        for envelope in [&[""][..], &["x", "y", ""]] {
            dealer.send([envelope, &["a"]].concat()).await;
            assert_eq!(recv(&mut rep).await, ["a"]);
            send(&rep, ["b"]).await;

            assert_eq!(dealer.recv().await, [envelope, &["b"]].concat());
        }
    }
}

#[tokio::test]
async fn case_071_an_envelope_of_ten_ids_comes_back_as_it_was() {
    let envelope: Vec<Vec<u8>> = (1..=10).map(|n| vec![n; usize::from(n) * 25]).chain([vec![]]).collect();
    for meeting in MEETINGS {
        let mut rep = RepSocket::new();
        let mut dealer = meeting.other::<Dealer>(SocketType::Dealer);
        meeting.join(&rep, &dealer).await;

        dealer.send([&envelope[..], &[b"question".to_vec()]].concat()).await;
        assert_eq!(recv(&mut rep).await, ["question"]);
        send(&rep, ["answer", ""]).await;

        assert_eq!(dealer.recv().await, [&envelope[..], &[b"answer".to_vec(), vec![]]].concat());
    }
}

/// The requester is gone before its reply: that is dropped, and the next request is served (R28-REP-14).
#[tokio::test]
async fn case_073_a_reply_for_who_has_gone_is_dropped_and_the_next_request_served() {
    for transport in with_libzmq().map(|meeting| meeting.transport) {
        let mut rep = RepSocket::new();
        let at = rep.bind(transport.anywhere()).await.unwrap();
        let gone = Zmq::connected(SocketType::Req, &at).await;
        gone.send("who is there").await;
        assert_eq!(recv(&mut rep).await, ["who is there"]);
        gone.close().await;
        until(20, || rep.peer_count() == 0).await;

        send(&rep, ["nobody"]).await;

        let next = Zmq::connected(SocketType::Req, &at).await;
        next.send("next").await;
        assert_eq!(recv(&mut rep).await, ["next"]);
        send(&rep, ["served"]).await;
        assert_eq!(next.recv().await, [b"served"]);
    }
}
