//! DEALER: sends to its peers in turn, receives from all of them in turn, and adds nothing (RFC 28).

use std::collections::HashSet;
use std::time::Duration;

use support::{ANY_PORT, Door, Peer, frame, id, meet, more, nobody, session, settle, until, within};
use tokio::time::timeout;
use zmtp::{Builder, Dealer, DealerSocket, Message, Reconnect, RecvError, SendErrorKind};

/// R28-DEALER-02: both directions. R28-DEALER-03 and R28-DEALER-17: nothing is filtered or altered.
#[tokio::test]
async fn messages_go_both_ways_as_they_were_sent() {
    let body = |len: usize| (0..len).map(|i| (i * 31) as u8).collect::<Vec<_>>();
    let mut sent: Vec<Message> = [0, 1, 64, 65, 255, 256, 8193, 1 << 20].map(|len| body(len).into()).into();
    sent.push(Message::new("").with("middle").with(""));
    sent.push(Message::new(body(3000)).with("").with(body(100_000)));
    for at in ["a stream in memory", "inproc://dealers-both-ways", ANY_PORT] {
        let (mut one, mut other) = (DealerSocket::new(), DealerSocket::new());
        match one.bind(at).await {
            Ok(at) => other.connect(at).unwrap(),
            Err(_) => meet(&one, &other).await,
        }
        within(20, one.wait_for_peers(1)).await;

        for message in &sent {
            one.send(message).await.unwrap();
            other.send(message).await.unwrap();
            assert!(within(20, one.recv()).await.unwrap() == *message, "{at}: {}", message.byte_len());
            assert!(within(20, other.recv()).await.unwrap() == *message, "{at}: {}", message.byte_len());
        }
    }
}

/// R28-DEALER-12, and R28-DEALER-01: many peers.
#[tokio::test(start_paused = true)]
async fn three_peers_get_every_third_message_of_a_dealer() {
    let dealer = DealerSocket::new();
    let mut peers = [(); 3].map(|()| DealerSocket::new());
    for peer in &peers {
        meet(&dealer, peer).await;
    }

    for n in 0..300 {
        dealer.send(n.to_string()).await.unwrap();
    }

    for (first, peer) in peers.iter_mut().enumerate() {
        for n in 0..100 {
            assert_eq!(within(20, peer.recv()).await.unwrap(), *(first + 3 * n).to_string());
        }
    }
}

/// R28-DEALER-16.
#[tokio::test(start_paused = true)]
async fn a_dealer_receives_from_three_flooding_peers_in_turn() {
    let mut dealer = DealerSocket::new();
    let peers = [(); 3].map(|()| DealerSocket::new());
    for (name, peer) in ["a", "b", "c"].iter().zip(&peers) {
        meet(&dealer, peer).await;
        for _ in 0..1000 {
            peer.try_send(*name).unwrap();
        }
    }
    settle().await;

    for turn in 0..900 {
        let mut round = HashSet::new();
        for _ in 0..3 {
            round.insert(within(20, dealer.recv()).await.unwrap().first().to_vec());
        }
        assert_eq!(round.len(), 3, "in turn {turn} somebody came twice");
    }
}

/// R28-DEALER-04 and R28-DEALER-10: two queues for each peer, each bounded by its mark, and neither in the other's way.
#[tokio::test(start_paused = true)]
async fn each_peer_has_two_queues_of_its_own_up_to_their_marks() {
    let dealer = DealerSocket::builder().send_hwm(3).recv_hwm(5).build();
    let mut peers = Vec::new();
    for n in 1..=2 {
        let mut peer = Peer::attached_by(64, &dealer);
        peer.shake("DEALER").await;
        within(20, dealer.wait_for_peers(n)).await;
        let flood = peer.send(frame("x").repeat(10_000));
        assert!(timeout(Duration::from_secs(10), flood).await.is_err(), "the mark does not hold it back");
        peers.push(peer);
    }

    while dealer.try_send(&[7; 1000]).is_ok() {
        settle().await;
    }

    // One message of each is being written.
    for peer in dealer.peers() {
        assert_eq!(peer.received.messages, 5, "{peer:?}");
        assert!((3..=4).contains(&peer.queued.messages), "{peer:?}");
    }
}

/// R28-DEALER-10: the marks can be changed while peers are there.
#[tokio::test(start_paused = true)]
async fn a_mark_that_is_set_later_counts_for_the_peers_that_are_there() {
    let dealer = DealerSocket::builder().send_hwm(3).build();
    dealer.connect("inproc://a-mark-set-later").unwrap();
    assert_eq!((0..100).take_while(|_| dealer.try_send("x").is_ok()).count(), 3);

    dealer.set_send_hwm(10);

    assert_eq!((0..100).take_while(|_| dealer.try_send("x").is_ok()).count(), 7);
}

/// R28-DEALER-05: the queues are there from the moment of `connect`.
#[tokio::test]
async fn a_dealer_queues_from_the_moment_of_connect() {
    let at = nobody();
    let dealer = DealerSocket::new();
    dealer.connect(&at).unwrap();
    for text in ["a", "b", "c"] {
        dealer.try_send(text).unwrap();
    }

    let mut peer = DealerSocket::new();
    peer.bind(&at).await.unwrap();

    for text in ["a", "b", "c"] {
        assert_eq!(within(20, peer.recv()).await.unwrap(), text);
    }
}

/// R28-DEALER-06: both are kept while the connection is down.
#[tokio::test]
async fn a_dealer_keeps_what_is_queued_and_what_has_come_over_reconnections() {
    let door = Door::open().await;
    let mut dealer = quickly().build();
    dealer.connect(door.endpoint()).unwrap();
    let mut peer = door.accept().await;
    peer.shake("DEALER").await;
    peer.send([frame("before"), more("cut")].concat()).await;
    within(20, dealer.wait_for_peers(1)).await;
    drop(peer);
    until(20, || dealer.peer_count() == 0).await;

    dealer.try_send("while it was away").unwrap();
    let mut peer = door.accept().await;
    peer.shake("DEALER").await;
    peer.expect(frame("while it was away")).await;
    peer.send(frame("after")).await;

    assert_eq!(within(20, dealer.recv()).await.unwrap(), "before");
    assert_eq!(within(20, dealer.recv()).await.unwrap(), "after");
}

/// With `immediate` only a connection that is up has queues, and they go with it.
#[tokio::test]
async fn an_immediate_dealer_sends_only_to_who_is_there() {
    let door = Door::open().await;
    let dealer = quickly().immediate(true).build();
    dealer.connect(door.endpoint()).unwrap();
    let mut peer = door.accept().await;
    assert_eq!(dealer.try_send("too early").unwrap_err().kind(), SendErrorKind::Full);
    peer.shake("DEALER").await;
    within(20, dealer.send("one")).await.unwrap();
    peer.expect(frame("one")).await;

    drop(peer);
    until(20, || dealer.peer_count() == 0).await;
    assert_eq!(dealer.try_send("it is away").unwrap_err().kind(), SendErrorKind::Full);

    let mut peer = door.accept().await;
    peer.shake("DEALER").await;
    within(20, dealer.send("two")).await.unwrap();
    peer.expect(frame("two")).await;
}

/// R28-DEALER-07: queues for a peer that comes in, from its READY on. R28-DEALER-08 and R28-DEALER-09: they go when it
/// goes, and what waits for it with them; what had arrived whole is still received, as from libzmq.
#[tokio::test(start_paused = true)]
async fn the_queues_of_a_peer_that_came_in_go_with_it() {
    let mut dealer = DealerSocket::new();
    let mut monitor = dealer.monitor();
    let mut gone = Peer::attached_by(64, &dealer);
    settle().await;
    assert_eq!(dealer.try_send("too early").unwrap_err().kind(), SendErrorKind::Full);
    gone.shake("DEALER").await;
    within(20, dealer.wait_for_peers(1)).await;
    gone.send([frame("whole"), more("cut")].concat()).await;
    for _ in 0..100 {
        dealer.try_send(&[0; 100]).unwrap();
    }
    settle().await;

    drop(gone);
    settle().await;

    assert_eq!(dealer.try_send("nobody is there").unwrap_err().kind(), SendErrorKind::Full);
    assert_eq!(dealer.try_recv().unwrap(), "whole");
    assert_eq!(dealer.try_recv(), Err(RecvError::Empty));
    let mut next = Peer::attached(&dealer);
    next.shake("DEALER").await;
    within(20, dealer.send("new")).await.unwrap();
    next.expect(frame("new")).await;
    monitor.next().await;
    let event = monitor.next().await.unwrap().to_string();
    assert!(event.ends_with("100 queued messages discarded"), "{event}");
}

/// R28-DEALER-11: a peer is available only while its queue has room.
#[tokio::test(start_paused = true)]
async fn a_dealer_passes_a_full_peer_over_until_it_has_room() {
    let dealer = DealerSocket::builder().send_hwm(10).build();
    let mut stuck = Peer::attached_by(64, &dealer);
    stuck.shake("DEALER").await;
    let mut peer = DealerSocket::new();
    meet(&dealer, &peer).await;
    for _ in 0..200 {
        within(20, dealer.send(&[7; 100])).await.unwrap();
        settle().await;
    }

    let got = std::iter::from_fn(|| peer.try_recv().ok()).count();
    assert!((185..200).contains(&got), "{got}");
    for _ in 0..200 - got {
        stuck.expect(frame([7; 100])).await;
    }
    settle().await;
    for _ in 0..10 {
        dealer.send("again").await.unwrap();
    }
    settle().await;
    stuck.expect(frame("again").repeat(5)).await;
}

/// R28-DEALER-13: it blocks, or says so. R28-DEALER-14 and R28-DEALER-15: nothing is accepted, nothing is lost.
#[tokio::test(start_paused = true)]
async fn a_dealer_without_an_available_peer_waits_and_keeps_the_message() {
    let dealer = DealerSocket::builder().send_hwm(2).build();
    let message = Message::new("a").with(vec![7; 100_000]);
    let refused = dealer.try_send(&message).unwrap_err();
    assert_eq!(refused.kind(), SendErrorKind::Full);
    assert_eq!(refused.into_message(), message);
    assert!(timeout(Duration::from_secs(60), dealer.send("dropped")).await.is_err());

    let mut peer = Peer::attached_by(64, &dealer);
    let reading = async {
        settle().await;
        peer.shake("DEALER").await;
        settle().await;
        for n in 0..10 {
            peer.expect([more(n.to_string()), frame([7; 300])].concat()).await;
        }
    };
    let sending = async {
        for n in 0..10 {
            dealer.send(Message::new(n.to_string()).with(&[7; 300])).await.unwrap();
        }
    };
    within(20, async { tokio::join!(reading, sending) }).await;
}

/// `hello` is the first message on every connection, also on the next one.
#[tokio::test]
async fn a_dealer_says_hello_on_every_new_connection() {
    let door = Door::open().await;
    let dealer = quickly().hello(Message::new("hello").with("there")).build();
    dealer.connect(door.endpoint()).unwrap();
    dealer.try_send("work").unwrap();
    let hello = [more("hello"), frame("there")].concat();

    let mut peer = door.accept().await;
    peer.shake("ROUTER").await;
    peer.expect([hello.clone(), frame("work")].concat()).await;
    drop(peer);
    let mut peer = door.accept().await;
    peer.shake("ROUTER").await;
    peer.expect(hello.clone()).await;

    let mut came_in = Peer::attached(&dealer);
    came_in.shake("ROUTER").await;
    came_in.expect(hello).await;
}

/// `hiccup` tells the application that a peer it had dialled was lost, after all that this peer had said.
#[tokio::test]
async fn a_dealer_receives_its_hiccup_when_a_dialled_peer_is_lost() {
    let door = Door::open().await;
    let mut dealer = quickly().hiccup("hiccup").build();
    dealer.connect(door.endpoint()).unwrap();
    for round in 0..3 {
        let mut peer = door.accept().await;
        // One that was never there cannot be lost.
        drop(peer);
        peer = door.accept().await;
        peer.shake("ROUTER").await;
        peer.send([frame(round.to_string()), frame("last"), more("cut")].concat()).await;
        drop(peer);

        assert_eq!(within(20, dealer.recv()).await.unwrap(), *round.to_string());
        assert_eq!(within(20, dealer.recv()).await.unwrap(), "last");
        assert_eq!(within(20, dealer.recv()).await.unwrap(), "hiccup");
        assert_eq!(dealer.try_recv(), Err(RecvError::Empty));
    }
}

/// ... and nothing of one that had come in.
#[tokio::test(start_paused = true)]
async fn there_is_no_hiccup_for_a_peer_that_came_in() {
    let mut dealer = DealerSocket::builder().hiccup("hiccup").build();
    let mut peer = Peer::attached(&dealer);
    peer.send(session("DEALER", frame("said"))).await;
    settle().await;
    drop(peer);
    settle().await;

    assert_eq!(dealer.try_recv().unwrap(), "said");
    assert_eq!(dealer.try_recv(), Err(RecvError::Empty));
}

#[tokio::test(start_paused = true)]
async fn case_080_a_probing_dealer_says_an_empty_message_before_anything_else() {
    let dealer = DealerSocket::builder().probe_router(true).build();
    dealer.connect("inproc://a-probing-dealer").unwrap();
    dealer.try_send("queued").unwrap();
    let mut peer = Peer::attached(&dealer);
    peer.shake("ROUTER").await;
    peer.expect(*b"\0\0").await;

    let mut bound = DealerSocket::new();
    bound.bind("inproc://a-probing-dealer").await.unwrap();

    assert_eq!(within(20, bound.recv()).await.unwrap(), "");
    assert_eq!(within(20, bound.recv()).await.unwrap(), "queued");
}

#[tokio::test(start_paused = true)]
async fn a_dealer_announces_the_routing_id_it_was_given() {
    let dealer = DealerSocket::builder().routing_id(id("me")).build();
    let mut peer = Peer::attached(&dealer);

    let ready = peer.shake("ROUTER").await.body;

    assert!(ready.ends_with(b"\x08Identity\0\0\0\x02me"), "{}", ready.escape_ascii());
}

/// Like libzmq's DEALER, SUB, PUB and REQ.
#[tokio::test]
async fn case_126_the_second_connect_of_a_dealer_to_one_endpoint_does_nothing() {
    let door = Door::open().await;
    let dealer = quickly().build();
    dealer.connect(door.endpoint()).unwrap();
    dealer.connect(door.endpoint()).unwrap();
    let mut peer = door.accept().await;
    peer.shake("DEALER").await;

    for _ in 0..10 {
        within(20, dealer.send("x")).await.unwrap();
    }

    peer.expect(frame("x").repeat(10)).await;
    assert!(timeout(Duration::from_millis(100), door.accept()).await.is_err());
}

/// `disconnect_peer` ends that peer's pipe; a dialled one is not dialled again.
#[tokio::test]
async fn a_peer_that_is_disconnected_is_gone_for_good() {
    let door = Door::open().await;
    let dealer = quickly().build();
    dealer.connect(door.endpoint()).unwrap();
    let mut peer = door.accept().await;
    peer.shake("DEALER").await;
    within(20, dealer.wait_for_peers(1)).await;
    let peer_id = dealer.peers()[0].id;

    assert!(dealer.disconnect_peer(peer_id));

    peer.expect_close().await;
    until(20, || dealer.peer_count() == 0).await;
    assert!(!dealer.disconnect_peer(peer_id));
    assert!(timeout(Duration::from_millis(100), door.accept()).await.is_err());
    assert_eq!(dealer.try_send("x").unwrap_err().kind(), SendErrorKind::Full);
}

fn quickly() -> Builder<Dealer> {
    let (first, longest) = (Duration::from_millis(1), Duration::from_millis(20));
    DealerSocket::builder().reconnect(Reconnect { first, longest, ..Reconnect::default() })
}
