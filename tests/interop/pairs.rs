//! Many messages, and many peers.

use support::{ANY_PORT, Zmq, within};
use zmtp::{Event, PullSocket, PushSocket};
use zmtp_libzmq::{Event as Theirs, RawMsg, SocketType};

use crate::both::{BOTH_ROLES, join};
use crate::meetings::{Meeting, Transport, with_libzmq};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_012_a_hundred_thousand_messages_each_way_arrive_in_order() {
    for meeting in with_libzmq() {
        push_numbers(meeting, 100_000).await;
        pull_numbers(meeting, 100_000).await;
    }
}

#[tokio::test]
async fn a_million_messages_each_way_with_content_checked() {
    for binder in BOTH_ROLES {
        push_numbers(Meeting { transport: Transport::Tcp, binder }, 1_000_000).await;
        pull_numbers(Meeting { transport: Transport::Tcp, binder }, 1_000_000).await;
    }
}

/// Every message carries its number, at the front of a body of 32 octets.
async fn push_numbers(meeting: Meeting, count: u64) {
    let push = PushSocket::new();
    let pull = Zmq::new(SocketType::Pull);
    meeting.join_libzmq(&push, &pull).await;
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

async fn pull_numbers(meeting: Meeting, count: u64) {
    let mut pull = PullSocket::new();
    let push = Zmq::new(SocketType::Push);
    meeting.join_libzmq(&pull, &push).await;
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
