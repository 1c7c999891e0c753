//! What a ROUTER calls its peers, what happens when two have one name, and how it hears of their coming and going.

use support::{
    Door, Peer, command, failure, frame, greeting, id, meet, more, ready, session, settle, within,
};
use zmtp::{
    Authenticator, Cause, ConnectError, DealerSocket, Message, Notify, Plain, RecvError, Refusal,
    RouterEvent, RouterSocket, RoutingId, SendErrorKind,
};

/// R28-ROUTER-09: a name for each, made here when the peer has none. Five octets: `00` and a counter.
#[tokio::test(start_paused = true)]
async fn a_peer_without_an_identity_gets_a_name_of_five_octets() {
    let mut router = RouterSocket::new();
    let mut names = Vec::new();
    for ready in [ready("DEALER"), ready("DEALER").property("Identity", ""), ready("REQ")] {
        let mut peer = Peer::attached(&router);
        peer.shake_with(greeting(), ready).await;
        peer.send(frame("hello")).await;

        let (name, _) = within(20, router.recv_from()).await.unwrap();

        let octets: [u8; 5] = name.as_ref().try_into().unwrap();
        assert_eq!(octets[0], 0);
        names.push(u32::from_be_bytes(octets[1..].try_into().unwrap()));
        router.send_to(&name, "hello back").unwrap();
        peer.expect(frame("hello back")).await;
    }
    assert_eq!(names[1], names[0].wrapping_add(1));
    assert_eq!(names[2], names[1].wrapping_add(1));
}

/// R28-ROUTER-10: the peer chooses its name by its Identity property.
#[tokio::test]
async fn case_008_a_peer_chooses_its_name_over_every_transport() {
    for at in ["a stream in memory", "inproc://chosen-names", support::ANY_PORT] {
        let mut router = RouterSocket::new();
        let dealer = DealerSocket::builder().routing_id(id("chosen")).build();
        match router.bind(at).await {
            Ok(at) => dealer.connect(at).unwrap(),
            Err(_) => meet(&router, &dealer).await,
        }
        dealer.send("x").await.unwrap();

        assert_eq!(within(20, router.recv_from()).await.unwrap(), (id("chosen"), "x".into()));

        let peer = router.peer(&id("chosen")).unwrap();
        assert_eq!(peer.routing_id, Some(id("chosen")));
        assert!(router.peer(&id("other")).is_none());
    }
}

/// The widest name there is, and octets that are no text.
#[tokio::test(start_paused = true)]
async fn case_064_names_have_up_to_255_octets_of_any_value() {
    let mut router = RouterSocket::new();
    for octets in [vec![0xff; 255], vec![1], vec![9, 0, 0xc3, 0x28]] {
        let name = RoutingId::try_from(octets.clone()).unwrap();
        let dealer = DealerSocket::builder().routing_id(name.clone()).build();
        meet(&router, &dealer).await;
        dealer.send("x").await.unwrap();

        let message = within(20, router.recv()).await.unwrap();

        assert_eq!((message.first(), name.as_ref()), (&octets[..], &octets[..]));
        drop(dealer);
        settle().await;
    }
    for wrong in [vec![], vec![1; 256], vec![0, 1]] {
        assert!(RoutingId::try_from(wrong).is_err());
    }
}

/// R28-ROUTER-09: unique. The first of a name keeps it, and the second is refused where libzmq leaves it hanging.
#[tokio::test(start_paused = true)]
async fn case_075_the_second_of_a_name_is_refused() {
    let mut router = RouterSocket::new();
    let named = || ready("DEALER").property("Identity", "X");
    let mut first = Peer::attached(&router);
    first.shake_with(greeting(), named()).await;
    settle().await;
    let mut second = Peer::attached(&router);
    second.send([Vec::from(greeting()), named().into(), frame("from the second")].concat()).await;
    second.rest().await;

    first.send(frame("from the first")).await;

    assert_eq!(within(20, router.recv_from()).await.unwrap(), (id("X"), "from the first".into()));
    router.send_to(&id("X"), "to the first").unwrap();
    first.expect(frame("to the first")).await;
    settle().await;
    assert_eq!(router.try_recv(), Err(RecvError::Empty));
    assert_eq!(router.peer_count(), 1);
    // Once it has gone the name is free.
    drop(first);
    settle().await;
    let mut third = Peer::attached(&router);
    third.shake_with(greeting(), named()).await;
    third.send(frame("from the third")).await;
    assert_eq!(within(20, router.recv_from()).await.unwrap(), (id("X"), "from the third".into()));
}

/// `handover`: the new one takes the name, and the connection of the old one is closed.
#[tokio::test(start_paused = true)]
async fn case_076_with_handover_the_second_takes_the_name() {
    let mut router = RouterSocket::builder().handover(true).build();
    let named = || ready("DEALER").property("Identity", "X");
    let mut first = Peer::attached(&router);
    first.send([Vec::from(greeting()), named().into(), frame("from the first")].concat()).await;
    settle().await;

    let mut second = Peer::attached(&router);
    second.shake_with(greeting(), named()).await;

    // Greeting and READY; then it is over.
    first.rest().await;
    second.send(frame("from the second")).await;
    assert_eq!(within(20, router.recv_from()).await.unwrap(), (id("X"), "from the first".into()));
    assert_eq!(within(20, router.recv_from()).await.unwrap(), (id("X"), "from the second".into()));
    router.send_to(&id("X"), "to the second").unwrap();
    second.expect(frame("to the second")).await;
    assert_eq!(router.peer_count(), 1);
}

/// `handover` compares users: where the authenticator has named them, only the same one takes the name.
#[tokio::test(start_paused = true)]
async fn with_handover_only_the_same_user_takes_the_name() {
    let security = Plain::server(Authenticator::anybody());
    let mut router = RouterSocket::builder().handover(true).security(security).build();
    let mut monitor = router.monitor();
    let come = async |user: &str, router: &RouterSocket| {
        let mut peer = Peer::attached(router);
        let named = Vec::from(ready("DEALER").property("Identity", "X")).split_off(8);
        let hello = [&[user.len() as u8], user.as_bytes(), b"\x00"].concat();
        peer.send([greeting().mechanism("PLAIN").into(), command("HELLO", hello)].concat()).await;
        peer.read(64).await;
        peer.expect(command("WELCOME", "")).await;
        peer.send(command("INITIATE", named)).await;
        peer.frame().await;
        peer
    };
    let mut first = come("alice", &router).await;

    let mut stranger = come("bob", &router).await;
    stranger.expect_close().await;
    let cause = failure(&mut monitor).await;
    assert!(matches!(cause, Cause::Refused(Refusal::RoutingIdOfAnotherUser)), "{cause}");
    first.send(frame("still alice")).await;
    assert_eq!(within(20, router.recv_from()).await.unwrap(), (id("X"), "still alice".into()));

    let mut second = come("alice", &router).await;
    first.expect_close().await;
    second.send(frame("alice again")).await;
    assert_eq!(within(20, router.recv_from()).await.unwrap(), (id("X"), "alice again".into()));
    router.send_to(&id("X"), "to the second").unwrap();
    second.expect(frame("to the second")).await;
    assert_eq!(router.peer_count(), 1);
}

/// `connect_as` names the peer before it has said a word, and whatever it says.
#[tokio::test]
async fn case_081_connect_as_names_a_peer_and_reaches_it_at_once() {
    let door = Door::open().await;
    let mut router = RouterSocket::builder().mandatory(true).build();
    router.connect_as(door.endpoint(), &id("it")).unwrap();
    router.send(Message::new("it").with("at once")).await.unwrap();
    let mut peer = door.accept().await;
    peer.shake_with(greeting(), ready("DEALER").property("Identity", "I have another")).await;
    peer.expect(frame("at once")).await;
    peer.send(frame("yes")).await;

    assert_eq!(within(20, router.recv_from()).await.unwrap(), (id("it"), "yes".into()));
    assert!(router.peer(&id("I have another")).is_none());

    // Only that one: the next connection has the name its peer chooses.
    let other = Door::open().await;
    router.connect(other.endpoint()).unwrap();
    let mut peer = other.accept().await;
    peer.shake_with(greeting(), ready("DEALER").property("Identity", "mine")).await;
    peer.send(frame("hello")).await;
    assert_eq!(within(20, router.recv_from()).await.unwrap(), (id("mine"), "hello".into()));
}

/// Where libzmq aborts the process.
#[tokio::test]
async fn connect_as_with_a_name_that_is_taken_is_an_error() {
    let (one, other) = (Door::open().await, Door::open().await);
    let router = RouterSocket::new();
    router.connect_as(one.endpoint(), &id("it")).unwrap();

    let refused = router.connect_as(other.endpoint(), &id("it"));

    assert!(matches!(refused, Err(ConnectError::RoutingIdTaken { .. })), "{refused:?}");
    let mut peer = one.accept().await;
    peer.shake("DEALER").await;
    router.send_to(&id("it"), "x").unwrap();
    peer.expect(frame("x")).await;
}

/// `recv_event`: Joined, then the peer's messages, then Left with the reason; each peer's in this order.
#[tokio::test(start_paused = true)]
async fn events_come_in_order_with_the_messages() {
    let mut router = RouterSocket::new();
    for name in ["a", "b"] {
        let mut peer = Peer::attached(&router);
        peer.shake_with(greeting(), ready("DEALER").property("Identity", name)).await;
        peer.send([frame("one"), frame("two"), more("cut")].concat()).await;
        settle().await;
        drop(peer);
        settle().await;

        match within(20, router.recv_event()).await.unwrap() {
            RouterEvent::Joined(joined, info) => {
                assert_eq!((joined, info.routing_id), (id(name), Some(id(name))));
            }
            other => panic!("{other:?}"),
        }
        for expected in ["one", "two"] {
            match within(20, router.recv_event()).await.unwrap() {
                RouterEvent::Message(from, message) => {
                    assert_eq!((from, message), (id(name), expected.into()))
                }
                other => panic!("{other:?}"),
            }
        }
        match within(20, router.recv_event()).await.unwrap() {
            RouterEvent::Left(left, cause) => {
                assert_eq!((left, cause.to_string().as_str()), (id(name), "the peer closed the connection"));
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Who comes and goes without having said a word is told of too, and who does not shake hands is not.
#[tokio::test(start_paused = true)]
async fn events_tell_of_silent_peers_and_not_of_those_that_never_were() {
    let mut router = RouterSocket::new();
    let mut never = Peer::attached(&router);
    never.send(greeting()).await;
    drop(never);
    let dealer = DealerSocket::builder().routing_id(id("silent")).build();
    meet(&router, &dealer).await;
    dealer.close().await.unwrap();

    let joined = within(20, router.recv_event()).await.unwrap();
    assert!(matches!(&joined, RouterEvent::Joined(name, _) if *name == id("silent")), "{joined:?}");
    let left = within(20, router.recv_event()).await.unwrap();
    assert!(matches!(&left, RouterEvent::Left(name, _) if *name == id("silent")), "{left:?}");
}

/// Joined and Left are skipped by `recv` and `recv_from`.
#[tokio::test(start_paused = true)]
async fn recv_does_not_tell_of_coming_and_going_unless_it_is_asked_to() {
    let mut router = RouterSocket::new();
    for _ in 0..3 {
        let mut peer = Peer::attached(&router);
        peer.send(session("DEALER", frame("x"))).await;
        settle().await;
        drop(peer);
        settle().await;
    }

    assert_eq!(router.try_recv().unwrap()[1], *b"x");
    assert_eq!(within(20, router.recv_from()).await.unwrap().1, "x");
    assert_eq!(router.try_recv().unwrap()[1], *b"x");
    assert_eq!(router.try_recv(), Err(RecvError::Empty));
}

/// `notify`: an empty message in the name of a peer that comes, or goes, or both.
#[tokio::test(start_paused = true)]
async fn case_082_notify_tells_of_coming_and_going_by_empty_messages() {
    for (joined, left) in [(true, false), (false, true), (true, true)] {
        let mut router = RouterSocket::builder().notify(Notify { joined, left }).build();
        let mut never = Peer::attached(&router);
        never.send(greeting()).await;
        drop(never);
        let mut peer = Peer::attached(&router);
        peer.shake_with(greeting(), ready("DEALER").property("Identity", "me")).await;
        peer.send([frame("x"), more("half")].concat()).await;
        settle().await;
        drop(peer);
        settle().await;

        let mut got = Vec::new();
        while let Ok(message) = router.try_recv() {
            assert_eq!((message.first(), message.frame_count()), (&b"me"[..], 2));
            got.push(message[1].to_vec());
        }
        let expected = [joined.then_some(""), Some("x"), left.then_some("")];
        let expected: Vec<_> = expected.into_iter().flatten().map(|text| text.as_bytes().to_vec()).collect();
        assert_eq!(got, expected, "joined {joined}, left {left}");
    }
}

/// Its own name is what a ROUTER announces.
#[tokio::test(start_paused = true)]
async fn a_router_announces_the_routing_id_it_was_given() {
    let router = RouterSocket::builder().routing_id(id("me")).build();
    let mut peer = Peer::attached(&router);

    let ready = peer.shake("DEALER").await.body;

    assert!(ready.ends_with(b"\x08Identity\0\0\0\x02me"), "{}", ready.escape_ascii());
}

/// The peer with this name is shown the door.
#[tokio::test(start_paused = true)]
async fn a_peer_is_disconnected_by_its_name() {
    let mut router = RouterSocket::new();
    let mut peer = Peer::attached(&router);
    peer.shake_with(greeting(), ready("DEALER").property("Identity", "rude")).await;
    peer.send(frame("x")).await;
    let (from, _) = within(20, router.recv_from()).await.unwrap();

    assert!(router.disconnect_peer(router.peer(&from).unwrap().id));

    peer.expect_close().await;
    settle().await;
    assert_eq!(router.send_to(&from, "x").unwrap_err().kind(), SendErrorKind::Unroutable);
}
