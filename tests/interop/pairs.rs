//! Many messages, and many peers.

use std::collections::HashMap;

use support::{ANY_PORT, Zmq, nobody, until, within};
use zmtp::{Event, PullSocket, PushSocket};
use zmtp_libzmq::{Event as Theirs, RawMsg, SocketType};

use crate::both::{BOTH_ROLES, Binder, join};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_012_a_hundred_thousand_messages_each_way_arrive_in_order() {
    for binder in BOTH_ROLES {
        push_numbers(binder, 100_000).await;
        pull_numbers(binder, 100_000).await;
    }
}

#[tokio::test]
async fn a_million_messages_each_way_with_content_checked() {
    for binder in BOTH_ROLES {
        push_numbers(binder, 1_000_000).await;
        pull_numbers(binder, 1_000_000).await;
    }
}

/// Every message carries its number, at the front of a body of 32 octets.
async fn push_numbers(binder: Binder, count: u64) {
    let push = PushSocket::new();
    let pull = Zmq::new(SocketType::Pull);
    join(&push, &pull, binder).await;
    let received = pull.call(move |socket| {
        let mut frame = RawMsg::new();
        (0..count).find(|n| {
            socket.recv_into(&mut frame).expect("a message");
            frame.data() != body(*n) || frame.more()
        })
    });

    for n in 0..count {
        push.send(&body(n)).await.unwrap();
    }

    assert_eq!(received.await, None, "the first number that is wrong");
}

async fn pull_numbers(binder: Binder, count: u64) {
    let mut pull = PullSocket::new();
    let push = Zmq::new(SocketType::Push);
    join(&pull, &push, binder).await;
    let sent = push.call(move |socket| {
        (0..count).for_each(|n| socket.send_one(&body(n)).expect("room"));
    });

    let all = async {
        for n in 0..count {
            let message = pull.recv().await.unwrap();
            assert!(message.frame_count() == 1 && message.first() == body(n), "number {n} is wrong");
        }
    };

    within(60, all).await;
    sent.await;
}

fn body(n: u64) -> [u8; 32] {
    let mut body = [n as u8; 32];
    body[..8].copy_from_slice(&n.to_le_bytes());
    body
}

#[tokio::test]
async fn case_018_three_libzmq_peers_get_a_hundred_each_of_three_hundred() {
    for binder in BOTH_ROLES {
        let push = PushSocket::new();
        let pulls = [(); 3].map(|()| Zmq::new(SocketType::Pull));
        for (n, pull) in pulls.iter().enumerate() {
            join(&push, pull, binder).await;
            within(20, push.wait_for_peers(n + 1)).await;
        }

        for n in 0..300_u64 {
            push.send(&n.to_le_bytes()).await.unwrap();
        }

        let mut all = Vec::new();
        for pull in &pulls {
            let some =
                pull.call(|socket| [(); 100].map(|()| socket.recv().expect("one of a hundred").remove(0)));
            all.extend(some.await.map(|body| u64::from_le_bytes(body.try_into().unwrap())));
        }
        all.sort_unstable();
        assert!(all.into_iter().eq(0..300));
    }
}

#[tokio::test]
async fn case_019_three_libzmq_senders_are_received_in_turn() {
    for binder in BOTH_ROLES {
        let mut pull = PullSocket::new();
        let pushes = [b"a", b"b", b"c"].map(|name| (name, Zmq::new(SocketType::Push)));
        for (name, push) in &pushes {
            join(&pull, push, binder).await;
            let name = *name;
            push.call(move |socket| (0..1000).for_each(|_| socket.send_one(name).expect("room"))).await;
        }
        until(20, || pull.peers().iter().filter(|peer| peer.received.messages >= 200).count() == 3).await;

        let mut first = HashMap::<Vec<u8>, u32>::new();
        for n in 0..3000 {
            let message = within(20, pull.recv()).await.unwrap();
            if n < 300 {
                *first.entry(message.first().to_vec()).or_default() += 1;
            }
        }

        assert_eq!(first.into_values().collect::<Vec<_>>(), [100; 3]);
    }
}

#[tokio::test]
async fn case_020_a_connect_may_come_before_the_bind() {
    // We come first.
    let at = nobody();
    let push = PushSocket::new();
    let mut monitor = push.monitor();
    push.connect(&at).unwrap();
    push.send("early").await.unwrap();
    assert!(matches!(within(20, monitor.next()).await, Some(Event::ConnectRetried { .. })));
    let pull = Zmq::new(SocketType::Pull);
    pull.bind(&at).await;
    assert_eq!(pull.recv().await, [b"early"]);

    // libzmq comes first.
    let at = nobody();
    let push = Zmq::new(SocketType::Push);
    let mut monitor = push.monitor().await;
    push.connect(&at).await;
    push.send("early").await;
    monitor.wait_for(Theirs::CONNECT_RETRIED).await;
    let mut pull = PullSocket::new();
    pull.bind(&at).await.unwrap();
    assert_eq!(within(20, pull.recv()).await.unwrap(), "early");
}

#[tokio::test]
async fn libzmqs_monitor_and_ours_see_the_same_handshake_succeed() {
    for binder in BOTH_ROLES {
        let push = PushSocket::new();
        let mut ours = push.monitor();
        let pull = Zmq::new(SocketType::Pull);
        let mut theirs = pull.monitor().await;

        join(&push, &pull, binder).await;

        theirs.wait_for(Theirs::HANDSHAKE_SUCCEEDED).await;
        let peer = loop {
            if let Some(Event::HandshakeSucceeded { peer, .. }) = within(20, ours.next()).await {
                break peer;
            }
        };
        assert_eq!(peer.socket_type, Some(zmtp::SocketType::Pull));
        assert_eq!(peer.version, zmtp::wire::Version::V3_1);
        drop(push);
        theirs.wait_for(Theirs::DISCONNECTED).await;
    }
}

/// One PULL, libzmq and ours at once.
#[tokio::test]
async fn peers_of_both_kinds_share_one_socket() {
    let mut pull = PullSocket::new();
    let at = pull.bind(ANY_PORT).await.unwrap();
    let theirs = Zmq::connected(SocketType::Push, &at).await;
    let ours = PushSocket::new();
    ours.connect(&at).unwrap();
    theirs.send("theirs").await;
    ours.send("ours").await.unwrap();

    let mut got = Vec::new();
    for _ in 0..2 {
        got.push(within(20, pull.recv()).await.unwrap().first().to_vec());
    }

    got.sort();
    assert_eq!(got, [&b"ours"[..], b"theirs"]);
}
