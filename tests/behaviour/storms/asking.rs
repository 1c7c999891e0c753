//! Questions, answers, and the proxies between them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use support::{meet, meet_by, within};
use zmtp::{DealerSocket, PullSocket, PushSocket, RecvError, RepSocket, ReqSocket, RouterSocket, proxy};

use super::{DROPS, Dice, END, body, number, polled, receive_all, send_until};

/// REP: while the reply was not sent it is still our turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_that_is_dropped_can_be_sent_again_and_no_request_is_lost() {
    let (mut req, mut rep) = (ReqSocket::new(), RepSocket::new());
    meet(&req, &rep).await;
    let stop = Arc::new(AtomicBool::new(false));
    let asking = tokio::spawn({
        let stop = Arc::clone(&stop);
        async move {
            let mut asked = 0;
            while !stop.load(Ordering::Relaxed) {
                assert_eq!(within(20, req.request(body(asked))).await.unwrap(), body(asked)[..]);
                asked += 1;
            }
            req.send(body(END)).await.unwrap();
            req.close().await.unwrap();
            asked
        }
    });

    let mut dice = Dice::new();
    let (mut drops, mut answered) = (0, 0);
    loop {
        let question = match polled(rep.recv(), dice.roll(3)).await {
            Some(question) => question.unwrap(),
            None => {
                drops += 1;
                continue;
            }
        };
        if number(question.first()) == END {
            break;
        }
        assert_eq!(number(question.first()), answered);
        while polled(rep.send(&question), dice.roll(2)).await.is_none() {
            drops += 1;
        }
        answered += 1;
        stop.store(drops >= DROPS, Ordering::Relaxed);
    }

    assert_eq!(within(20, asking).await.unwrap(), answered);
}

/// REQ: a request that found no peer was not sent, and it is still our turn.
#[tokio::test]
async fn a_request_that_is_dropped_before_it_found_a_peer_was_not_sent() {
    let mut dice = Dice::new();
    let mut drops = 0;
    let mut round = 0;
    while drops < DROPS {
        let (mut req, mut rep) = (ReqSocket::new(), RepSocket::new());
        let at = format!("inproc://storm-of-requests-{round}");
        rep.bind(&at).await.unwrap();
        for _ in 0..100 {
            assert!(polled(req.send("dropped"), dice.roll(4)).await.is_none());
            drops += 1;
        }
        req.connect(&at).unwrap();
        let mut n = 0;
        while polled(req.send(body(n)), dice.roll(2)).await.is_none() {
            (drops, n) = (drops + 1, n + 1);
        }

        assert_eq!(within(20, rep.recv()).await.unwrap(), body(n)[..]);
        rep.send("answer").await.unwrap();
        assert_eq!(within(20, req.recv()).await.unwrap(), "answer");
        round += 1;
    }
}

/// `request`: before the question left it is as `send`; after that the answer waits for `recv`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_dropped_was_not_asked_or_its_answer_waits_for_recv() {
    let (mut req, mut rep) = (ReqSocket::new(), RepSocket::new());
    meet(&req, &rep).await;
    let answering = tokio::spawn(async move {
        let mut asked = Vec::new();
        loop {
            let question = within(60, rep.recv()).await.unwrap();
            rep.send(&question).await.unwrap();
            match number(question.first()) {
                END => return (rep, asked),
                n => asked.push(n),
            }
        }
    });

    let mut dice = Dice::new();
    let (mut drops, mut asked) = (0, Vec::new());
    for n in 0.. {
        let answer = match polled(req.request(body(n)), dice.roll(4)).await {
            Some(answer) => answer.unwrap(),
            None => {
                drops += 1;
                match within(20, req.recv()).await {
                    Err(RecvError::OutOfTurn) => continue,
                    answer => answer.unwrap(),
                }
            }
        };
        assert_eq!(answer, body(n)[..]);
        asked.push(n);
        if drops >= DROPS {
            break;
        }
    }
    within(20, req.request(body(END))).await.unwrap();

    let (_rep, heard) = within(20, answering).await.unwrap();
    assert_eq!(heard, asked);
}

/// `proxy`: the sockets are ours again, and no message was on its way between them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_is_dropped_has_passed_a_message_on_or_not_taken_it() {
    let (source, mut front) = (PushSocket::new(), PullSocket::new());
    meet_by(1000, &source, &front).await;
    let (mut back, sink) =
        (PushSocket::builder().send_hwm(1).build(), PullSocket::builder().recv_hwm(1).build());
    meet_by(100, &back, &sink).await;
    let stop = Arc::new(AtomicBool::new(false));
    let sending = tokio::spawn(send_until(source, Arc::clone(&stop)));
    let receiving = tokio::spawn(receive_all(sink));

    let mut dice = Dice::new();
    let mut drops = 0;
    while !receiving.is_finished() {
        match polled(proxy(&mut front, &mut back), dice.roll(3)).await {
            Some(ended) => panic!("{ended:?}"),
            None => drops += 1,
        }
        stop.store(drops >= DROPS, Ordering::Relaxed);
    }

    let sent = within(20, sending).await.unwrap();
    let (got, _sink) = within(20, receiving).await.unwrap();
    assert!(got.into_iter().eq(0..sent));
}

/// ... in both directions, between a ROUTER and a DEALER.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_of_questions_and_answers_that_is_dropped_loses_neither() {
    let (mut front, mut back) = (RouterSocket::new(), DealerSocket::new());
    let (mut req, mut rep) = (ReqSocket::new(), RepSocket::new());
    meet_by(1000, &req, &front).await;
    meet_by(1000, &back, &rep).await;
    tokio::spawn(async move {
        while let Ok(question) = rep.recv().await {
            rep.send(question).await.unwrap();
        }
    });
    let stop = Arc::new(AtomicBool::new(false));
    let asking = tokio::spawn({
        let stop = Arc::clone(&stop);
        async move {
            for n in 0.. {
                assert_eq!(within(60, req.request(body(n))).await.unwrap(), body(n)[..]);
                if n >= 100 && stop.load(Ordering::Relaxed) {
                    return n;
                }
            }
            unreachable!("numbers do not end")
        }
    });

    let mut dice = Dice::new();
    let mut drops = 0;
    while !asking.is_finished() {
        match polled(proxy(&mut front, &mut back), dice.roll(3)).await {
            Some(ended) => panic!("{ended:?}"),
            None => drops += 1,
        }
        stop.store(drops >= DROPS, Ordering::Relaxed);
    }

    assert!(within(20, asking).await.unwrap() >= 100);
}
