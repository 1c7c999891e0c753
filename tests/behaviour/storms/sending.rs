//! Sending, waiting for room, and the `Sink`.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::{Sink, SinkExt};
use support::{id, meet, meet_by, within};
use zmtp::{
    DealerSocket, Message, PairSocket, PubSocket, PullSocket, PushSocket, RouterSocket, SubSocket,
    XpubSocket, XsubSocket,
};

use super::{DROPS, Dice, END, body, number, polled, receive_all, storm_of_sends};

/// PUSH, DEALER, PAIR: they wait for room.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_send_that_is_dropped_was_not_sent_and_one_that_is_not_was_sent_once() {
    let (push, pull) = (PushSocket::builder().send_hwm(1).build(), PullSocket::builder().recv_hwm(1).build());
    meet_by(100, &push, &pull).await;
    storm_of_sends(push, pull, |n| Message::new("").with(body(n))).await;

    let (one, other) =
        (DealerSocket::builder().send_hwm(1).build(), DealerSocket::builder().recv_hwm(1).build());
    meet_by(100, &one, &other).await;
    storm_of_sends(one, other, |n| Message::new("").with(body(n))).await;

    let (one, other) = (PairSocket::builder().send_hwm(1).build(), PairSocket::builder().recv_hwm(1).build());
    meet_by(100, &one, &other).await;
    storm_of_sends(one, other, |n| Message::new("").with(body(n))).await;
}

/// ROUTER waits with `mandatory`, for the one peer that is meant.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mandatory_send_that_is_dropped_was_not_sent() {
    let router = RouterSocket::builder().mandatory(true).send_hwm(1).build();
    let dealer = DealerSocket::builder().routing_id(id("me")).recv_hwm(1).build();
    meet_by(100, &router, &dealer).await;

    storm_of_sends(router, dealer, |n| Message::new("me").with("").with(body(n))).await;
}

/// XPUB and PUB wait with `nodrop`, until all who match have room: both subscribers get the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_send_with_nodrop_that_is_dropped_was_sent_to_nobody() {
    let publisher = XpubSocket::builder().nodrop(true).send_hwm(1).build();
    let sub = SubSocket::builder().subscribe("").recv_hwm(1).build();
    let mut other = SubSocket::builder().subscribe("").recv_hwm(1).build();
    meet_by(100, &publisher, &sub).await;
    meet_by(100, &publisher, &other).await;
    within(20, publisher.wait_for_subscribers("", 2)).await;
    let second = tokio::spawn(async move {
        let mut got = Vec::new();
        loop {
            let message = within(60, other.recv()).await.unwrap();
            match number(&message[1]) {
                END => return got,
                n => got.push(n),
            }
        }
    });

    let sent = storm_of_sends(publisher, sub, |n| Message::new("").with(body(n))).await;

    assert_eq!(within(60, second).await.unwrap(), sent);
}

/// PUB, XPUB, XSUB, ROUTER, REP: they never wait for a peer, and yield now and then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_send_that_never_waits_was_made_or_not() {
    let publisher = PubSocket::builder().send_hwm(0).build();
    let sub = SubSocket::builder().subscribe("").build();
    meet(&publisher, &sub).await;
    within(20, publisher.wait_for_subscribers("", 1)).await;
    storm_of_sends(publisher, sub, |n| Message::new("").with(body(n))).await;

    let (xsub, xpub) = (XsubSocket::builder().only_first_subscribe(true), XpubSocket::builder());
    let (xsub, xpub) = (xsub.send_hwm(0).build(), xpub.only_first_subscribe(true).build());
    meet(&xsub, &xpub).await;
    storm_of_sends(xsub, xpub, |n| Message::new("").with(body(n))).await;

    let router = RouterSocket::builder().send_hwm(0).build();
    let dealer = DealerSocket::builder().routing_id(id("me")).build();
    meet(&router, &dealer).await;
    storm_of_sends(router, dealer, |n| Message::new("me").with("").with(body(n))).await;
}

/// `Sink`: what `start_send` has accepted goes out once, however often the flush is given up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flush_that_is_dropped_is_made_up_for_by_the_next() {
    let mut push = PushSocket::builder().send_hwm(1).build();
    let pull = PullSocket::builder().recv_hwm(1).build();
    meet_by(100, &push, &pull).await;
    let receiving = tokio::spawn(receive_all(pull));

    let mut dice = Dice::new();
    let (mut drops, mut started) = (0, Vec::new());
    for n in 0.. {
        let ready = polled(poll_fn(|cx| Pin::new(&mut push).poll_ready(cx)), dice.roll(3));
        match ready.await {
            Some(ready) => ready.unwrap(),
            None => {
                drops += 1;
                continue;
            }
        }
        Pin::new(&mut push).start_send(Message::new("").with(body(n))).unwrap();
        started.push(n);
        match polled(SinkExt::flush(&mut push), dice.roll(3)).await {
            Some(flushed) => flushed.unwrap(),
            None => drops += 1,
        }
        if drops >= DROPS {
            break;
        }
    }
    within(20, SinkExt::send(&mut push, Message::new("").with(body(END)))).await.unwrap();

    assert_eq!(within(60, receiving).await.unwrap().0, started);
}

/// `writable`: one that is dropped hands its turn to the next who waits for room.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writable_that_is_dropped_keeps_nobody_from_sending() {
    let push = Arc::new(PushSocket::builder().send_hwm(1).build());
    let pull = PullSocket::builder().recv_hwm(1).build();
    meet_by(100, &push, &pull).await;
    let receiving = tokio::spawn(receive_all(pull));
    let stop = Arc::new(AtomicBool::new(false));
    let sending = tokio::spawn({
        let (push, stop) = (Arc::clone(&push), Arc::clone(&stop));
        async move {
            let mut sent = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let n = sent.len() as u64;
                within(60, push.send(Message::new("").with(body(n)))).await.unwrap();
                sent.push(n);
            }
            push.send(Message::new("").with(body(END))).await.unwrap();
            sent
        }
    });

    let mut dice = Dice::new();
    let mut drops = 0;
    while drops < DROPS {
        match polled(push.writable(), dice.roll(3)).await {
            Some(room) => room.unwrap(),
            None => drops += 1,
        }
    }
    stop.store(true, Ordering::Relaxed);

    let sent = within(60, sending).await.unwrap();
    assert_eq!(within(60, receiving).await.unwrap().0, sent);
}
