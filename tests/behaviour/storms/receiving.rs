//! Receiving in all its forms, by whole sockets, halves and monitors.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::StreamExt;
use support::{id, meet_by, within};
use zmtp::{
    DealerSocket, Message, PairSocket, PubSocket, PullSocket, PushSocket, RouterEvent, RouterSocket,
    SubSocket, XpubSocket, XsubSocket,
};

use super::{DROPS, Dice, END, body, number, polled, send_until, storm_of_recvs};

/// `recv` of every kind that receives without being asked, and `Stream::next`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recv_that_is_dropped_has_taken_nothing_of_any_kind_of_socket() {
    let (push, pull) = (PushSocket::new(), PullSocket::new());
    meet_by(1000, &push, &pull).await;
    storm_of_recvs(push, pull).await;

    let (one, other) = (DealerSocket::new(), DealerSocket::new());
    meet_by(1000, &one, &other).await;
    storm_of_recvs(one, other).await;

    let (one, other) = (PairSocket::new(), PairSocket::new());
    meet_by(1000, &one, &other).await;
    storm_of_recvs(one, other).await;

    let publisher = PubSocket::builder().nodrop(true).build();
    let sub = SubSocket::builder().subscribe("").build();
    meet_by(1000, &publisher, &sub).await;
    within(20, publisher.wait_for_subscribers("", 1)).await;
    storm_of_recvs(publisher, sub).await;

    let publisher = XpubSocket::builder().nodrop(true).build();
    let xsub = XsubSocket::new();
    xsub.subscribe("");
    meet_by(1000, &publisher, &xsub).await;
    within(20, publisher.wait_for_subscribers("", 1)).await;
    storm_of_recvs(publisher, xsub).await;

    let (xsub, xpub) = (XsubSocket::builder().only_first_subscribe(true), XpubSocket::builder());
    let (xsub, xpub) = (xsub.send_hwm(0).build(), xpub.only_first_subscribe(true).build());
    meet_by(1000, &xsub, &xpub).await;
    storm_of_recvs(xsub, xpub).await;

    let (dealer, router) = (DealerSocket::new(), RouterSocket::new());
    meet_by(1000, &dealer, &router).await;
    storm_of_recvs(dealer, router).await;
}

/// The three ways in which a ROUTER receives, by turns.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recv_from_or_recv_event_that_is_dropped_has_taken_nothing() {
    let dealer = DealerSocket::builder().routing_id(id("me")).build();
    let mut router = RouterSocket::new();
    meet_by(1000, &dealer, &router).await;
    let stop = Arc::new(AtomicBool::new(false));
    let sending = tokio::spawn(send_until(dealer, Arc::clone(&stop)));

    let mut dice = Dice::new();
    let (mut drops, mut next, mut joined) = (0, 0, 0);
    loop {
        let polls = dice.roll(3);
        let message = match dice.roll(2) {
            0 => polled(router.recv(), polls).await.map(|message| message.unwrap()[2].to_vec()),
            1 => polled(router.recv_from(), polls).await.map(|message| message.unwrap().1[1].to_vec()),
            _ => match polled(router.recv_event(), polls).await.map(Result::unwrap) {
                Some(RouterEvent::Message(_, message)) => Some(message[1].to_vec()),
                Some(RouterEvent::Joined(..)) => {
                    joined += 1;
                    continue;
                }
                Some(other) => panic!("{other:?}"),
                None => None,
            },
        };
        let Some(message) = message else {
            drops += 1;
            stop.store(drops >= DROPS, Ordering::Relaxed);
            continue;
        };
        match number(&message) {
            END => break,
            n => assert_eq!(n, next),
        }
        next += 1;
    }

    assert_eq!(within(20, sending).await.unwrap(), next);
    assert!(joined <= 1);
}

/// Joined and Left are not lost either, nor told twice.
#[tokio::test]
async fn a_recv_event_that_is_dropped_has_taken_no_event() {
    let mut router = RouterSocket::new();
    router.bind("inproc://storm-of-events").await.unwrap();
    let mut dice = Dice::new();
    let (mut drops, mut round) = (0, 0);
    while drops < DROPS {
        let dealer = DealerSocket::builder().routing_id(id(&round.to_string())).build();
        dealer.connect("inproc://storm-of-events").unwrap();
        dealer.send(body(round)).await.unwrap();
        let closing = tokio::spawn(dealer.close());
        for expected in ["joined", "message", "left"] {
            let event = loop {
                match polled(router.recv_event(), dice.roll(3)).await {
                    Some(event) => break event.unwrap(),
                    None => drops += 1,
                }
                // Far more drops than events, or this takes long.
                for _ in 0..10 {
                    drop(router.recv_event());
                    drops += 1;
                }
            };
            let (kind, from) = match event {
                RouterEvent::Joined(from, _) => ("joined", from),
                RouterEvent::Message(from, message) => {
                    assert_eq!(message, body(round)[..]);
                    ("message", from)
                }
                RouterEvent::Left(from, _) => ("left", from),
                other => panic!("{other:?}"),
            };
            assert_eq!((kind, from), (expected, id(&round.to_string())));
        }
        within(20, closing).await.unwrap().unwrap();
        round += 1;
    }
}

/// `Stream::next`, the combinator.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_next_that_is_dropped_has_taken_nothing() {
    let (push, mut pull) = (PushSocket::new(), PullSocket::new());
    meet_by(1000, &push, &pull).await;
    let stop = Arc::new(AtomicBool::new(false));
    let sending = tokio::spawn(send_until(push, Arc::clone(&stop)));

    let mut dice = Dice::new();
    let (mut drops, mut next) = (0, 0);
    loop {
        let Some(message) = polled(pull.next(), dice.roll(3)).await else {
            drops += 1;
            stop.store(drops >= DROPS, Ordering::Relaxed);
            continue;
        };
        match number(&message.unwrap().unwrap()[1]) {
            END => break,
            n => assert_eq!(n, next),
        }
        next += 1;
    }

    assert_eq!(within(20, sending).await.unwrap(), next);
}

/// The halves of a socket: both directions at once, and every future dropped now and then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_dropped_of_one_half_does_not_disturb_the_other() {
    let (one, other) = (DealerSocket::builder().send_hwm(1).recv_hwm(1), DealerSocket::builder().send_hwm(1));
    let (one, other) = (one.build(), other.build());
    meet_by(100, &one, &other).await;
    let echoing = tokio::spawn(async move {
        let (answer, mut asked) = other.split();
        loop {
            let message = within(60, asked.recv()).await.unwrap();
            let is_last = number(&message[1]) == END;
            within(60, answer.send(message)).await.unwrap();
            if is_last {
                within(60, answer.close()).await.unwrap();
                return;
            }
        }
    });

    let (sender, mut receiver) = one.split();
    let sending = tokio::spawn(async move {
        let mut dice = Dice::new();
        let (mut drops, mut sent) = (0, Vec::new());
        for n in 0.. {
            match polled(sender.send(Message::new("").with(body(n))), dice.roll(3)).await {
                Some(result) => {
                    result.unwrap();
                    sent.push(n);
                }
                None => drops += 1,
            }
            if drops >= DROPS {
                within(60, sender.send(Message::new("").with(body(END)))).await.unwrap();
                return sent;
            }
        }
        unreachable!("numbers do not end")
    });
    let mut dice = Dice::new();
    let mut got = Vec::new();
    loop {
        let Some(message) = polled(receiver.recv(), dice.roll(3)).await else { continue };
        match number(&message.unwrap()[1]) {
            END => break,
            n => got.push(n),
        }
    }

    assert_eq!(got, within(60, sending).await.unwrap());
    within(60, echoing).await.unwrap();
}

/// A monitor forgets no event that nobody has taken.
#[tokio::test]
async fn an_event_that_nobody_took_is_told_to_the_next_who_asks() {
    let pull = PullSocket::new();
    let mut monitor = pull.monitor();
    let mut dice = Dice::new();
    let (mut drops, mut round) = (0, 0);
    while drops < DROPS {
        let at = pull.bind(format!("inproc://storm-of-monitoring-{round}")).await.unwrap();
        assert!(pull.unbind(&at));
        for expected in ["listening", "closed"] {
            let event = loop {
                for _ in 0..10 {
                    drop(monitor.next());
                    drops += 1;
                }
                match polled(monitor.next(), dice.roll(3)).await {
                    Some(event) => break event.unwrap(),
                    None => drops += 1,
                }
            };
            assert_eq!((event.name(), event.endpoint()), (expected, &at));
        }
        round += 1;
    }
}
