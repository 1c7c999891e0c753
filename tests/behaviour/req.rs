//! REQ: asks one peer after another, and hears nobody but the one that was asked (RFC 28).

use std::time::Duration;

use futures::FutureExt;
use support::{ANY_PORT, Door, Peer, frame, meet, more, settle, until, within};
use tokio::time::timeout;
use zmtp::{Message, RecvError, RepSocket, ReqSocket, RequestError, SendErrorKind};

/// R28-REQ-03, R28-REQ-04, R28-REQ-06: an empty delimiter in front, on the way out and on the way back.
/// R28-REQ-05: the application sees what comes after it.
#[tokio::test(start_paused = true)]
async fn case_066_request_and_reply_travel_behind_an_empty_delimiter() {
    let mut req = ReqSocket::new();
    let mut peer = Peer::attached(&req);
    peer.shake("REP").await;

    within(20, req.send(Message::new("a").with("b"))).await.unwrap();

    peer.expect(*b"\x01\0\x01\x01a\0\x01b").await;
    peer.send([more(""), more("c"), frame("")].concat()).await;
    assert_eq!(within(20, req.recv()).await.unwrap(), Message::new("c").with(""));
}

/// R28-REQ-02.
#[tokio::test(start_paused = true)]
async fn case_074_a_req_sends_and_receives_in_turn() {
    let mut req = ReqSocket::new();
    let mut peer = Peer::attached(&req);
    peer.shake("REP").await;
    for round in 0..3 {
        assert_eq!(within(20, req.recv()).await, Err(RecvError::OutOfTurn));
        assert_eq!(req.try_recv(), Err(RecvError::OutOfTurn));

        within(20, req.send("ask")).await.unwrap();
        let refused = within(20, req.send("ask again")).await.unwrap_err();
        assert_eq!(refused.kind(), SendErrorKind::OutOfTurn);
        assert_eq!(refused.into_message(), "ask again");
        assert_eq!(req.try_send("and again").unwrap_err().kind(), SendErrorKind::OutOfTurn);
        assert_eq!(req.try_recv(), Err(RecvError::Empty));

        peer.expect(*b"\x01\0\0\x03ask").await;
        peer.send([more(""), frame(round.to_string())].concat()).await;
        assert_eq!(within(20, req.recv()).await.unwrap(), *round.to_string());
    }
}

/// R28-REQ-01 and R28-REQ-07.
#[tokio::test(start_paused = true)]
async fn three_peers_are_asked_in_turn() {
    let mut req = ReqSocket::new();
    let mut reps = [(); 3].map(|()| RepSocket::new());
    for rep in &reps {
        meet(&req, rep).await;
    }

    for n in 0..30 {
        within(20, req.send(n.to_string())).await.unwrap();
        let asked = &mut reps[n % 3];
        assert_eq!(within(20, asked.recv()).await.unwrap(), *n.to_string());
        asked.send("answer").await.unwrap();
        assert_eq!(within(20, req.recv()).await.unwrap(), "answer");
    }
}

/// R28-REQ-08: it blocks, or says so. R28-REQ-09: the message is not lost.
#[tokio::test(start_paused = true)]
async fn without_a_peer_a_request_waits_until_one_comes() {
    let mut req = ReqSocket::new();
    let refused = req.try_send("ask").unwrap_err();
    assert_eq!(refused.kind(), SendErrorKind::Full);
    assert_eq!(refused.into_message(), "ask");
    assert!(timeout(Duration::from_secs(60), req.send("dropped")).await.is_err());

    let mut peer = Peer::attached(&req);
    let asking = req.request("at last");
    let answering = async {
        settle().await;
        peer.shake("REP").await;
        peer.expect([more(""), frame("at last")].concat()).await;
        peer.send([more(""), frame("answer")].concat()).await;
    };
    let (answer, ()) = within(20, async { tokio::join!(asking, answering) }).await;

    assert_eq!(answer.unwrap(), "answer");
}

/// R28-REQ-10: it takes a message from the peer that was asked. R28-REQ-11: it discards those of all others.
#[tokio::test(start_paused = true)]
async fn only_the_peer_that_was_asked_is_heard() {
    let mut req = ReqSocket::new();
    let mut asked = Peer::attached(&req);
    asked.shake("REP").await;
    within(20, req.wait_for_peers(1)).await;
    let mut other = Peer::attached(&req);
    other.shake("REP").await;
    within(20, req.wait_for_peers(2)).await;
    req.send("one").await.unwrap();
    asked.expect([more(""), frame("one")].concat()).await;

    other.send([more(""), frame("I know")].concat()).await;
    settle().await;
    assert_eq!(req.try_recv(), Err(RecvError::Empty));
    asked.send([more(""), frame("reply to one")].concat()).await;
    assert_eq!(within(20, req.recv()).await.unwrap(), "reply to one");

    req.send("two").await.unwrap();
    other.expect([more(""), frame("two")].concat()).await;
    other.send([more(""), frame("reply to two")].concat()).await;
    assert_eq!(within(20, req.recv()).await.unwrap(), "reply to two");
}

/// What comes before the question is no answer to it.
#[tokio::test(start_paused = true)]
async fn what_came_before_the_request_is_thrown_away() {
    let mut req = ReqSocket::new();
    let mut peer = Peer::attached(&req);
    peer.shake("REP").await;
    for n in 0..3 {
        peer.send([more(""), frame("too early")].concat().repeat(3)).await;
        settle().await;

        req.send("ask").await.unwrap();
        settle().await;
        assert_eq!(req.try_recv(), Err(RecvError::Empty));

        peer.expect([more(""), frame("ask")].concat()).await;
        peer.send([more(""), frame(n.to_string())].concat()).await;
        assert_eq!(within(20, req.recv()).await.unwrap(), *n.to_string());
    }
}

/// R28-REQ-10, where libzmq goes further: once the pipe of the peer that was asked has ended, anybody may answer.
#[tokio::test(start_paused = true)]
async fn when_the_peer_that_was_asked_has_gone_anybody_may_answer() {
    let mut req = ReqSocket::new();
    let mut asked = Peer::attached(&req);
    asked.shake("REP").await;
    within(20, req.wait_for_peers(1)).await;
    let mut other = Peer::attached(&req);
    other.shake("REP").await;
    within(20, req.wait_for_peers(2)).await;
    req.send("ask").await.unwrap();
    asked.expect([more(""), frame("ask")].concat()).await;

    drop(asked);
    settle().await;
    assert_eq!(req.try_recv(), Err(RecvError::Empty));
    other.send([more(""), frame("for the one that died")].concat()).await;

    assert_eq!(within(20, req.recv()).await.unwrap(), "for the one that died");
}

/// A request that has left is lost with the connection, and no error says so: the answer is awaited still, from the
/// same peer over its next connection.
#[tokio::test]
async fn case_072_a_request_that_was_lost_is_awaited_until_the_peer_says_something() {
    let door = Door::open().await;
    let mut req = ReqSocket::new();
    req.connect(door.endpoint()).unwrap();
    let mut peer = door.accept().await;
    peer.shake("REP").await;
    req.send("ask").await.unwrap();
    peer.expect([more(""), frame("ask")].concat()).await;
    drop(peer);

    let mut peer = door.accept().await;
    peer.shake("REP").await;
    assert!(timeout(Duration::from_millis(100), req.recv()).await.is_err());
    peer.send([more(""), frame("what was the question?")].concat()).await;

    assert_eq!(within(20, req.recv()).await.unwrap(), "what was the question?");
}

/// R28-REQ-09: a request that no peer has been given yet waits for one.
#[tokio::test]
async fn a_request_to_a_peer_that_is_not_there_yet_waits_for_it() {
    let at = support::nobody();
    let mut req = ReqSocket::new();
    req.connect(&at).unwrap();
    req.try_send("ask").unwrap();

    let mut rep = RepSocket::new();
    rep.bind(&at).await.unwrap();

    assert_eq!(within(20, rep.recv()).await.unwrap(), "ask");
    rep.send("answer").await.unwrap();
    assert_eq!(within(20, req.recv()).await.unwrap(), "answer");
}

#[tokio::test(start_paused = true)]
async fn case_069_a_reply_without_a_delimiter_closes_the_connection() {
    let mut req = ReqSocket::new();
    let mut peer = Peer::attached(&req);
    peer.shake("REP").await;
    within(20, req.send("ask")).await.unwrap();
    peer.expect([more(""), frame("ask")].concat()).await;

    peer.send(frame("hi")).await;

    peer.expect_close().await;
    settle().await;
    assert_eq!(req.peer_count(), 0);
    assert_eq!(req.try_recv(), Err(RecvError::Empty));
}

/// A first frame of four octets is what a correlated reply would have.
#[tokio::test(start_paused = true)]
async fn a_reply_with_an_id_that_was_not_asked_for_is_skipped() {
    let mut req = ReqSocket::new();
    let mut peer = Peer::attached(&req);
    peer.shake("REP").await;
    within(20, req.send("ask")).await.unwrap();
    peer.expect([more(""), frame("ask")].concat()).await;

    peer.send([more("1234"), more(""), frame("skipped")].concat()).await;
    peer.send([more(""), frame("taken")].concat()).await;

    assert_eq!(within(20, req.recv()).await.unwrap(), "taken");
}

/// `request` is `send` and `recv` in one; out of turn it gives the message back.
#[tokio::test(start_paused = true)]
async fn request_sends_and_waits_for_the_answer() {
    let mut req = ReqSocket::new();
    let mut rep = RepSocket::new();
    meet(&req, &rep).await;
    tokio::spawn(async move {
        while let Ok(question) = rep.recv().await {
            rep.send(Message::new("re:").with(question.first())).await.unwrap();
        }
    });
    for n in 0..100 {
        let answer = within(20, req.request(n.to_string())).await.unwrap();
        assert_eq!(answer, Message::new("re:").with(n.to_string()));
    }

    req.send("outstanding").await.unwrap();
    match within(20, req.request("another")).await {
        Err(RequestError::Send(refused)) => {
            assert_eq!(refused.kind(), SendErrorKind::OutOfTurn);
            assert_eq!(refused.into_message(), "another");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(within(20, req.recv()).await.unwrap(), Message::new("re:").with("outstanding"));
}

/// "An abandoned request leaves the answer outstanding: `recv` still gets it."
#[tokio::test(start_paused = true)]
async fn the_answer_to_a_request_that_was_given_up_is_still_received() {
    let mut req = ReqSocket::new();
    let mut rep = RepSocket::new();
    meet(&req, &rep).await;
    assert!(req.request("given up").now_or_never().is_none());
    assert_eq!(within(20, rep.recv()).await.unwrap(), "given up");
    assert_eq!(req.try_send("another").unwrap_err().kind(), SendErrorKind::OutOfTurn);

    rep.send("the answer").await.unwrap();

    assert_eq!(within(20, req.recv()).await.unwrap(), "the answer");
}

/// R28-GOAL-01: REQ and REP over every transport, whoever binds.
#[tokio::test]
async fn a_thousand_round_trips_over_every_transport() {
    for at in ["inproc://round-trips", ANY_PORT] {
        for is_req_bound in [false, true] {
            let (mut req, mut rep) = (ReqSocket::new(), RepSocket::new());
            if is_req_bound {
                rep.connect(req.bind(at).await.unwrap()).unwrap();
            } else {
                req.connect(rep.bind(at).await.unwrap()).unwrap();
            }
            let answering = tokio::spawn(async move {
                for _ in 0..1000 {
                    let question = rep.recv().await.unwrap();
                    rep.send(question).await.unwrap();
                }
                rep.close().await.unwrap();
            });
            for n in 0..1000 {
                let text = n.to_string();
                assert_eq!(within(20, req.request(&text)).await.unwrap(), *text);
            }
            within(20, answering).await.unwrap();
            until(20, || req.peer_count() == 0).await;
            within(20, req.close()).await.unwrap();
        }
    }
}
