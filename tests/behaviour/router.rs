//! ROUTER: sends to the peer that the first frame names, and says of each message who it is from (RFC 28).
//!
//! Where the names come from is in `identities`.

use std::collections::HashSet;
use std::time::Duration;

use support::{Door, Peer, frame, greeting, id, meet, more, ready, session, settle, until, within};
use tokio::time::timeout;
use zmtp::{
    Builder, DealerSocket, Message, Reconnect, RecvError, ReqSocket, Router, RouterSocket, SendErrorKind,
};

/// R28-ROUTER-02: both directions. R28-ROUTER-13 and R28-ROUTER-14: the sender's id stands in front of what it sends.
/// R28-ROUTER-15 and R28-ROUTER-16: and in front of what is sent to it.
#[tokio::test(start_paused = true)]
async fn an_id_stands_in_front_of_every_message_in_both_directions() {
    let mut router = RouterSocket::new();
    let mut peer = named(&router, "me").await;
    let messages: [&[&str]; 4] = [&["a"], &["", "a"], &[""], &["a", "", "b"]];
    for frames in messages {
        let wire: Vec<u8> = frames[..frames.len() - 1].iter().flat_map(more).collect();
        let wire = [wire, frame(frames[frames.len() - 1])].concat();
        let enveloped = frames.iter().fold(Message::new("me"), |message, body| message.with(*body));

        peer.send(&wire[..]).await;

        assert_eq!(within(20, router.recv()).await.unwrap(), enveloped);
        within(20, router.send(enveloped)).await.unwrap();
        peer.expect(wire).await;
    }
}

/// The same two with the id beside the message.
#[tokio::test(start_paused = true)]
async fn recv_from_and_send_to_keep_the_id_beside_the_message() {
    let mut router = RouterSocket::new();
    let mut peer = named(&router, "me").await;
    peer.send([more("a"), frame("b"), frame("c")].concat()).await;

    let (from, message) = within(20, router.recv_from()).await.unwrap();
    assert_eq!((&from, message), (&id("me"), Message::new("a").with("b")));
    assert_eq!(within(20, router.recv_from()).await.unwrap(), (id("me"), "c".into()));
    router.send_to(&from, Message::new("d").with("e")).unwrap();

    peer.expect([more("d"), frame("e")].concat()).await;
}

/// R28-ROUTER-01: many peers, of three kinds. R28-ROUTER-16: each gets its own.
#[tokio::test(start_paused = true)]
async fn each_peer_gets_what_is_addressed_to_it() {
    let mut router = RouterSocket::new();
    let mut dealers = ["a", "b", "c"].map(|name| DealerSocket::builder().routing_id(id(name)).build());
    for dealer in &dealers {
        meet(&router, dealer).await;
    }
    let mut req = ReqSocket::builder().routing_id(id("req")).build();
    meet(&router, &req).await;
    let mut other = RouterSocket::builder().routing_id(id("router")).build();
    meet(&router, &other).await;

    for n in 0..100 {
        for name in ["a", "b", "c", "router"] {
            router.send(Message::new(name).with(format!("{n} for {name}"))).await.unwrap();
        }
    }

    for n in 0..100 {
        for (name, dealer) in ["a", "b", "c"].iter().zip(&mut dealers) {
            assert_eq!(within(20, dealer.recv()).await.unwrap(), *format!("{n} for {name}"));
        }
        let (_, message) = within(20, other.recv_from()).await.unwrap();
        assert_eq!(message, *format!("{n} for router"));
    }
    req.send("ask").await.unwrap();
    assert_eq!(within(20, router.recv()).await.unwrap(), Message::new("req").with("").with("ask"));
    router.send(Message::new("req").with("").with("answer")).await.unwrap();
    assert_eq!(within(20, req.recv()).await.unwrap(), "answer");
}

/// R28-ROUTER-12.
#[tokio::test(start_paused = true)]
async fn a_router_receives_from_three_flooding_peers_in_turn() {
    let mut router = RouterSocket::new();
    let mut peers = Vec::new();
    for name in ["a", "b", "c"] {
        let mut peer = named(&router, name).await;
        peer.send(frame("flood").repeat(900)).await;
        peers.push(peer);
    }
    settle().await;

    for turn in 0..900 {
        let mut round = HashSet::new();
        for _ in 0..3 {
            round.insert(within(20, router.recv_from()).await.unwrap().0);
        }
        assert_eq!(round.len(), 3, "in turn {turn} somebody came twice");
    }
}

/// R28-ROUTER-17, unless set otherwise: what cannot be routed is dropped silently, and counted.
#[tokio::test(start_paused = true)]
async fn case_079_a_message_for_nobody_is_dropped() {
    let router = RouterSocket::new();
    let mut peer = named(&router, "me").await;
    within(20, router.send(Message::new("nobody").with("x"))).await.unwrap();
    router.try_send(Message::new("").with("x")).unwrap();
    router.try_send(Message::new(vec![7; 300]).with("x")).unwrap();
    assert_eq!(router.drops().no_peer, 3);

    // An address and nothing after it: there is nothing to send.
    router.try_send("me").unwrap();

    router.try_send(Message::new("me").with("x")).unwrap();
    peer.expect(frame("x")).await;
}

/// R28-ROUTER-17, `mandatory`: an error, and the message comes back.
#[tokio::test(start_paused = true)]
async fn case_078_a_mandatory_router_says_that_a_message_is_unroutable() {
    let router = RouterSocket::builder().mandatory(true).build();
    let mut peer = named(&router, "me").await;
    let message = Message::new("nobody").with("x").with(vec![7; 1000]);

    let refused = within(20, router.send(&message)).await.unwrap_err();

    assert_eq!(refused.kind(), SendErrorKind::Unroutable);
    assert_eq!(refused.into_message(), message);
    let refused = router.try_send(&message).unwrap_err();
    assert_eq!((refused.kind(), refused.into_message()), (SendErrorKind::Unroutable, message));
    within(20, router.send(Message::new("me").with("x"))).await.unwrap();
    peer.expect(frame("x")).await;
}

/// `send_to` names a peer, and so always says when it is not there.
#[tokio::test(start_paused = true)]
async fn send_to_says_unroutable_and_full_whatever_is_set() {
    for is_mandatory in [false, true] {
        let router = RouterSocket::builder().mandatory(is_mandatory).send_hwm(3).build();
        let refused = router.send_to(&id("nobody"), Message::new("a").with("b")).unwrap_err();
        assert_eq!(refused.kind(), SendErrorKind::Unroutable);
        assert_eq!(refused.into_message(), Message::new("a").with("b"));

        let mut peer = Peer::attached_by(64, &router);
        peer.shake_with(greeting(), ready("DEALER").property("Identity", "me")).await;
        within(20, router.wait_for_peers(1)).await;
        let accepted = (0..100).take_while(|_| router.send_to(&id("me"), &[7; 100]).is_ok()).count();
        assert_eq!(accepted, 3);
        let refused = router.send_to(&id("me"), "x").unwrap_err();
        assert_eq!((refused.kind(), refused.into_message()), (SendErrorKind::Full, "x".into()));
    }
}

/// R28-ROUTER-18: it never blocks. R28-ROUTER-17: what finds no room is dropped, and counted.
#[tokio::test(start_paused = true)]
async fn a_message_for_a_full_peer_is_dropped_and_send_does_not_wait() {
    let router = RouterSocket::builder().send_hwm(5).build();
    let mut peer = Peer::attached_by(64, &router);
    peer.shake_with(greeting(), ready("DEALER").property("Identity", "me")).await;
    within(20, router.wait_for_peers(1)).await;

    for n in 0..100 {
        within(20, router.send(Message::new("me").with(format!("{n:100}")))).await.unwrap();
    }

    // Five may be on their way, and five are queued.
    let dropped = router.drops().peer_full;
    assert!((90..=95).contains(&dropped), "{dropped}");
    assert_eq!(router.peers()[0].dropped, dropped);
    let mut kept = Vec::new();
    for _ in dropped..100 {
        kept.push(peer.message().await.concat());
    }
    assert!(kept.is_sorted() && kept.iter().all(|body| body.len() == 100), "{kept:?}");
    settle().await;
    router.try_send(Message::new("me").with("again")).unwrap();
    peer.expect(frame("again")).await;
}

/// R28-ROUTER-18, its exception: a `mandatory` one waits for room, since it may not drop.
#[tokio::test(start_paused = true)]
async fn case_078_a_mandatory_router_waits_for_a_full_peer() {
    let router = RouterSocket::builder().mandatory(true).send_hwm(5).build();
    let mut peer = Peer::attached_by(64, &router);
    peer.shake_with(greeting(), ready("DEALER").property("Identity", "me")).await;
    within(20, router.wait_for_peers(1)).await;
    let message = |n: usize| Message::new("me").with(format!("{n:100}"));
    let mut accepted = 0;
    while router.try_send(message(accepted)).is_ok() {
        accepted += 1;
        settle().await;
    }
    assert!((5..=10).contains(&accepted), "{accepted}");
    let refused = router.try_send(message(accepted)).unwrap_err();
    assert_eq!((refused.kind(), refused.into_message()), (SendErrorKind::Full, message(accepted)));
    assert!(timeout(Duration::from_secs(60), router.send(message(accepted))).await.is_err());

    let sending = async {
        for n in accepted..50 {
            router.send(message(n)).await.unwrap();
        }
    };
    let reading = async {
        for n in 0..50 {
            peer.expect(frame(format!("{n:100}"))).await;
        }
    };
    within(20, async { tokio::join!(sending, reading) }).await;
    assert_eq!(router.drops().peer_full, 0);
}

/// One that waits for a peer that goes away is told.
#[tokio::test(start_paused = true)]
async fn a_mandatory_send_that_waits_for_a_peer_that_goes_is_unroutable() {
    let router = RouterSocket::builder().mandatory(true).send_hwm(1).build();
    let mut peer = Peer::attached_by(64, &router);
    peer.shake_with(greeting(), ready("DEALER").property("Identity", "me")).await;
    within(20, router.wait_for_peers(1)).await;
    while router.try_send(Message::new("me").with(&[7; 100])).is_ok() {
        settle().await;
    }

    let sending = router.send(Message::new("me").with("x"));
    let leaving = async {
        settle().await;
        drop(peer);
    };
    let (sent, ()) = within(20, async { tokio::join!(sending, leaving) }).await;

    assert_eq!(sent.unwrap_err().kind(), SendErrorKind::Unroutable);
}

/// R28-ROUTER-03 and R28-ROUTER-11: two queues for each peer, each bounded by its mark.
#[tokio::test(start_paused = true)]
async fn a_router_keeps_two_queues_for_each_peer_up_to_their_marks() {
    let router = RouterSocket::builder().send_hwm(3).recv_hwm(5).build();
    let mut peers = Vec::new();
    for name in ["a", "b"] {
        let mut peer = Peer::attached_by(64, &router);
        peer.shake_with(greeting(), ready("DEALER").property("Identity", name)).await;
        let flood = peer.send(frame("x").repeat(10_000));
        assert!(timeout(Duration::from_secs(10), flood).await.is_err(), "the mark does not hold it back");
        while router.send_to(&id(name), &[7; 1000]).is_ok() {
            settle().await;
        }
        peers.push(peer);
    }

    // One message of each is being written.
    for peer in router.peers() {
        assert_eq!(peer.received.messages, 5, "{peer:?}");
        assert!((3..=4).contains(&peer.queued.messages), "{peer:?}");
    }
}

/// R28-ROUTER-04 and R28-ROUTER-05: one that was dialled keeps its queues, and its name, while it is away.
#[tokio::test]
async fn a_router_keeps_the_queues_of_a_dialled_peer_over_reconnections() {
    let door = Door::open().await;
    let mut router = quickly().mandatory(true).build();
    router.connect_as(door.endpoint(), &id("it")).unwrap();
    router.send_to(&id("it"), "from the moment of connect").unwrap();
    let mut peer = door.accept().await;
    peer.shake("DEALER").await;
    peer.expect(frame("from the moment of connect")).await;
    peer.send([frame("before"), more("cut")].concat()).await;
    within(20, router.wait_for_peers(1)).await;
    drop(peer);
    until(20, || router.peer_count() == 0).await;

    router.send_to(&id("it"), "while it was away").unwrap();
    let mut peer = door.accept().await;
    peer.shake("DEALER").await;
    peer.expect(frame("while it was away")).await;
    peer.send(frame("after")).await;

    assert_eq!(within(20, router.recv_from()).await.unwrap(), (id("it"), "before".into()));
    assert_eq!(within(20, router.recv_from()).await.unwrap(), (id("it"), "after".into()));
}

/// R28-ROUTER-06: queues for a peer that comes in, from its READY on. R28-ROUTER-07 and R28-ROUTER-08: they go when
/// it goes, and what waits for it with them; what had arrived whole is still received, as from libzmq.
#[tokio::test(start_paused = true)]
async fn the_queues_of_a_routers_peer_go_with_it() {
    let mut router = RouterSocket::new();
    let mut gone = Peer::attached_by(64, &router);
    gone.send(greeting()).await;
    settle().await;
    assert_eq!(router.send_to(&id("me"), "too early").unwrap_err().kind(), SendErrorKind::Unroutable);
    gone.expect_greeting().await;
    gone.send(ready("DEALER").property("Identity", "me")).await;
    gone.send([frame("whole"), more("cut")].concat()).await;
    within(20, router.wait_for_peers(1)).await;
    for _ in 0..100 {
        router.send_to(&id("me"), &[0; 100]).unwrap();
    }

    drop(gone);
    settle().await;

    assert_eq!(router.send_to(&id("me"), "gone").unwrap_err().kind(), SendErrorKind::Unroutable);
    assert_eq!(router.try_recv().unwrap(), Message::new("me").with("whole"));
    assert_eq!(router.try_recv(), Err(RecvError::Empty));
    let mut next = named(&router, "me").await;
    router.send_to(&id("me"), "new").unwrap();
    next.expect(frame("new")).await;
}

/// A name that comes back does not get what was meant for the one before.
#[tokio::test(start_paused = true)]
async fn an_answer_to_a_peer_that_came_back_reaches_its_new_connection() {
    let mut router = RouterSocket::new();
    let mut peer = Peer::attached(&router);
    peer.send(
        [Vec::from(greeting()), ready("DEALER").property("Identity", "me").into(), frame("question")]
            .concat(),
    )
    .await;
    let (from, _) = within(20, router.recv_from()).await.unwrap();
    drop(peer);
    settle().await;
    let mut peer = named(&router, "me").await;

    router.send_to(&from, "answer").unwrap();

    peer.expect(frame("answer")).await;
}

#[tokio::test(start_paused = true)]
async fn a_router_says_hello_to_every_new_peer() {
    let router = RouterSocket::builder().hello(Message::new("hello").with("there")).build();
    for _ in 0..3 {
        let mut peer = Peer::attached(&router);
        peer.shake("DEALER").await;
        peer.expect([more("hello"), frame("there")].concat()).await;
    }
}

/// `disconnect_message`: to the application, as if the peer had said it last.
#[tokio::test(start_paused = true)]
async fn a_router_receives_its_disconnect_message_when_a_peer_is_lost() {
    let mut router = RouterSocket::builder().disconnect_message(Message::new("bye").with("!")).build();
    let mut never = Peer::attached(&router);
    never.send(greeting()).await;
    drop(never);
    let mut peer = named(&router, "me").await;
    peer.send([frame("last"), more("cut")].concat()).await;
    settle().await;
    drop(peer);
    settle().await;

    assert_eq!(router.try_recv().unwrap(), Message::new("me").with("last"));
    assert_eq!(router.try_recv().unwrap(), Message::new("me").with("bye").with("!"));
    assert_eq!(router.try_recv(), Err(RecvError::Empty));
}

/// ROUTER to ROUTER: the one that binds learns who is there from the probe, and can speak first.
#[tokio::test(start_paused = true)]
async fn case_009_a_probing_router_makes_itself_known() {
    let mut bound = RouterSocket::new();
    let mut probing = RouterSocket::builder().routing_id(id("me")).probe_router(true).build();
    bound.bind("inproc://a-probing-router").await.unwrap();
    probing.connect("inproc://a-probing-router").unwrap();

    assert_eq!(within(20, bound.recv()).await.unwrap(), Message::new("me").with(""));
    bound.send(Message::new("me").with("hello")).await.unwrap();

    let (_, message) = within(20, probing.recv_from()).await.unwrap();
    assert_eq!(message, "hello");
}

/// A peer that floods a ROUTER and goes leaves whole messages behind, under its name.
#[tokio::test(start_paused = true)]
async fn what_peers_without_a_name_left_behind_is_told_apart() {
    let mut router = RouterSocket::new();
    for n in 0..3 {
        let mut peer = Peer::attached(&router);
        peer.send(session("DEALER", frame(n.to_string()).repeat(2))).await;
        settle().await;
        drop(peer);
        settle().await;
    }

    let mut left = Vec::new();
    while let Ok(message) = router.try_recv() {
        left.push((message[1].to_vec(), message.first().to_vec()));
    }
    left.sort();
    assert_eq!(left.len(), 6);
    let names: HashSet<_> = left.iter().map(|(_, id)| id).collect();
    assert_eq!(names.len(), 3);
    assert!(left.chunks(2).all(|two| two[0] == two[1]), "{left:?}");
}

/// A DEALER of this name, scripted.
async fn named(router: &RouterSocket, name: &str) -> Peer {
    let before = router.peer_count();
    let mut peer = Peer::attached(router);
    peer.shake_with(greeting(), ready("DEALER").property("Identity", name)).await;
    within(20, router.wait_for_peers(before + 1)).await;
    peer
}

fn quickly() -> Builder<Router> {
    let (first, longest) = (Duration::from_millis(1), Duration::from_millis(20));
    RouterSocket::builder().reconnect(Reconnect { first, longest, ..Reconnect::default() })
}
