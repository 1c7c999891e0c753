//! Connections that break, and peers that come back.

use std::time::Duration;

use support::{ANY_PORT, Door, Peer, Zmq, frame, more, nobody, until, within};
use zmtp::{Message, PushSocket, Reconnect};
use zmtp_libzmq::{Event, SocketType};

use crate::both::Examined;

#[tokio::test]
async fn case_115_what_is_queued_for_a_dialled_peer_that_is_away_reaches_it_when_it_returns() {
    for is_ours in [true, false] {
        let door = Door::open().await;
        let (ours, theirs) = (PushSocket::new(), Zmq::new(SocketType::Push));
        let mut monitor = theirs.monitor().await;
        let send = async |text: &str| {
            if is_ours { ours.send(text).await.unwrap() } else { theirs.send(text).await }
        };
        if is_ours {
            ours.connect(door.endpoint()).unwrap()
        } else {
            theirs.connect(door.endpoint()).await
        }
        let mut peer = door.accept().await;
        peer.shake("PULL").await;
        send("before").await;
        peer.expect(frame("before")).await;
        drop(peer);
        if is_ours {
            until(20, || ours.peer_count() == 0).await;
        } else {
            monitor.wait_for(Event::DISCONNECTED).await;
        }

        for text in ["a", "b", "c"] {
            send(text).await;
        }

        let mut peer = door.accept().await;
        peer.shake("PULL").await;
        for text in ["a", "b", "c"] {
            peer.expect(frame(text)).await;
        }
    }
}

/// The same with a real libzmq PULL that goes and comes back at its old port.
#[tokio::test]
async fn a_connecting_push_survives_the_restart_of_a_libzmq_pull_with_its_queue() {
    let at = nobody();
    let quickly = Reconnect::between(Duration::from_millis(5), Duration::from_millis(50));
    let push = PushSocket::builder().reconnect(quickly).build();
    push.connect(&at).unwrap();
    for round in 0..3 {
        for n in 0..100 {
            push.try_send(format!("{round} {n}")).unwrap();
        }
        let pull = Zmq::new(SocketType::Pull);
        pull.bind(&at).await;
        for n in 0..100 {
            assert_eq!(pull.recv().await, [format!("{round} {n}").into_bytes()]);
        }
        pull.close().await;
        until(20, || push.peer_count() == 0).await;
    }
}

#[tokio::test]
async fn case_116_what_was_queued_for_a_libzmq_pull_that_came_in_and_left_is_gone() {
    let push = PushSocket::new();
    let at = push.bind(ANY_PORT).await.unwrap();
    let first = Zmq::connected(SocketType::Pull, &at).await;
    within(20, push.wait_for_peers(1)).await;
    // More than the connection takes, so that some are queued.
    while push.peers()[0].queued.messages < 100 {
        push.try_send(&[0; 100_000]).unwrap();
        tokio::task::yield_now().await;
    }

    first.close().await;
    until(20, || push.peer_count() == 0).await;
    let second = Zmq::connected(SocketType::Pull, &at).await;
    within(20, push.send("new")).await.unwrap();

    assert_eq!(second.recv().await, [b"new"]);
}

/// The receiving side: a message that was cut off is never seen, not even in part.
#[tokio::test]
async fn case_117_a_message_whose_sender_dies_in_the_middle_is_never_seen() {
    for mut pull in Examined::both().await {
        let half = [more("first"), more(vec![1; 5_000_000]), frame([2; 1000])[..500].to_vec()].concat();
        let mut dying = Peer::connect(&pull.at).await;
        dying.shake("PUSH").await;
        dying.send([frame("whole"), half].concat()).await;
        assert_eq!(pull.recv().await, [b"whole"]);
        drop(dying);

        let mut next = Peer::connect(&pull.at).await;
        next.shake("PUSH").await;
        next.send(frame("clean")).await;

        assert_eq!(pull.recv().await, [b"clean"]);
        pull.expect_silence().await;
    }
}

/// The sending side: it goes on with the next peer, and that one gets whole messages only.
#[tokio::test]
async fn case_117_a_push_whose_peer_dies_in_the_middle_of_a_message_goes_on() {
    let push = PushSocket::new();
    let at = push.bind(ANY_PORT).await.unwrap();
    let mut dying = Peer::connect(&at).await;
    dying.shake("PULL").await;
    within(20, push.send(Message::new(vec![1; 20 << 20]).with(vec![2; 20 << 20]))).await.unwrap();
    dying.read(1 << 20).await;

    drop(dying);
    until(20, || push.peer_count() == 0).await;
    let pull = Zmq::connected(SocketType::Pull, &at).await;
    within(20, push.send(Message::new("whole").with("message"))).await.unwrap();

    assert_eq!(pull.recv().await, [&b"whole"[..], b"message"]);
}

/// What was cut is sent again and what was whole is not: so numbers may be missing after a break, but none comes
/// twice or out of order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_121_restarts_under_load_repeat_nothing_and_keep_the_order() {
    let at = nobody();
    let quickly = Reconnect::between(Duration::from_millis(1), Duration::from_millis(5));
    let push = PushSocket::builder().reconnect(quickly).send_hwm(100).build();
    push.connect(&at).unwrap();
    let sending = tokio::spawn(async move {
        for n in 0.. {
            let body = [&u64::to_le_bytes(n)[..], &vec![n as u8; (n % 50_000) as usize]].concat();
            push.send(body).await.unwrap();
        }
    });

    let mut next = 0;
    for _ in 0..10 {
        let pull = Zmq::new(SocketType::Pull);
        pull.bind(&at).await;
        let last = pull.call(move |socket| {
            for _ in 0..500 {
                let body = socket.recv().expect("a message").remove(0);
                let n = u64::from_le_bytes(body[..8].try_into().expect("eight octets"));
                assert!(n >= next, "{n} comes after {}", next - 1);
                assert!(
                    body.len() as u64 == 8 + n % 50_000 && body[8..].iter().all(|octet| *octet == n as u8)
                );
                next = n + 1;
            }
            next
        });
        next = last.await;
        pull.close().await;
    }

    sending.abort();
}
