//! Messages of every size and shape, in both directions and roles.

use support::{Peer, Zmq, event, frame, within};
use zmtp::{Frame, Message, PullSocket, PushSocket};
use zmtp_libzmq::{Event, Opt, SocketType};

use crate::both::{BOTH_ROLES, Binder, join};

/// Sends these messages to libzmq and back again, each way through both roles, and compares them.
async fn both_ways(messages: &[Vec<Vec<u8>>]) {
    for binder in BOTH_ROLES {
        to_libzmq(binder, messages).await;
        from_libzmq(binder, messages).await;
    }
}

async fn to_libzmq(binder: Binder, messages: &[Vec<Vec<u8>>]) {
    let push = PushSocket::new();
    let pull = Zmq::new(SocketType::Pull);
    join(&push, &pull, binder).await;
    let expected = messages.to_vec();
    let same =
        pull.call(move |socket| expected.iter().all(|frames| socket.recv().expect("a message") == *frames));

    for frames in messages {
        let frames: Vec<Frame> = frames.iter().map(|frame| Frame::from(&frame[..])).collect();
        within(20, push.send(Message::try_from(frames).unwrap())).await.unwrap();
    }

    assert!(same.await, "libzmq received something else ({binder:?} bound)");
}

async fn from_libzmq(binder: Binder, messages: &[Vec<Vec<u8>>]) {
    let mut pull = PullSocket::builder().max_message_size(200 << 20).build();
    let push = Zmq::new(SocketType::Push);
    join(&pull, &push, binder).await;
    let sent = messages.to_vec();
    let sending = push.call(move |socket| {
        for frames in &sent {
            socket.send(&frames.iter().map(|frame| &frame[..]).collect::<Vec<_>>()).expect("room");
        }
    });

    for frames in messages {
        let message = within(20, pull.recv()).await.unwrap();
        let same = message.frame_count() == frames.len()
            && message.frames().zip(frames).all(|(got, expected)| got[..] == expected[..]);
        assert!(same, "we received something else ({binder:?} bound)");
    }

    sending.await;
}

fn body(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + len) as u8).collect()
}

/// On the wire it is `00 00`.
#[tokio::test]
async fn case_021_an_empty_message() {
    both_ways(&[vec![vec![]], vec![b"after".into()]]).await;

    let push = PushSocket::new();
    let mut peer = Peer::attached(&push);
    peer.shake("PULL").await;
    within(20, push.send("")).await.unwrap();
    peer.expect(*b"\0\0").await;
}

/// 255 octets have a short header, 256 a long one.
#[tokio::test]
async fn case_022_bodies_around_every_boundary() {
    let sizes = [1, 254, 255, 256, 257, 8191, 8192, 8193, 65_535, 65_536];
    both_ways(&sizes.map(|len| vec![body(len)])).await;

    let push = PushSocket::new();
    let mut peer = Peer::attached(&push);
    peer.shake("PULL").await;
    within(20, push.send(body(255))).await.unwrap();
    within(20, push.send(body(256))).await.unwrap();
    peer.expect([&[0, 0xff][..], &body(255)].concat()).await;
    peer.expect([&[2, 0, 0, 0, 0, 0, 0, 1, 0][..], &body(256)].concat()).await;
    assert_eq!(frame(body(256))[..9], [2, 0, 0, 0, 0, 0, 0, 1, 0]);
}

#[tokio::test]
async fn case_023_three_frames_of_which_any_may_be_empty() {
    let [a, b, none] = [b"a".to_vec(), body(300), vec![]];
    both_ways(&[
        vec![none.clone(), a.clone(), b.clone()],
        vec![a.clone(), none.clone(), b.clone()],
        vec![a, b, none.clone()],
        vec![none.clone(), none.clone(), none],
    ])
    .await;
}

#[tokio::test]
async fn case_024_a_thousand_frames_are_one_message() {
    let frames = |len: usize| (0..1000).map(|n| body(n % len)).collect();
    both_ways(&[frames(10), frames(1000)]).await;
}

#[tokio::test]
async fn case_025_one_frame_of_a_hundred_megabytes() {
    let messages = [vec![body(100_000_000)], vec![b"after".to_vec(), b"wards".to_vec()]];
    to_libzmq(Binder::Ours, &messages).await;
    from_libzmq(Binder::Theirs, &messages).await;
}

/// libzmq counts each frame by itself; we count the message.
#[tokio::test]
async fn case_128_a_message_at_the_limit_passes_and_one_above_it_closes() {
    for (octets, passes) in [(100, true), (101, false)] {
        let push = PushSocket::new();
        let pull = Zmq::new(SocketType::Pull);
        pull.call(|socket| socket.set_i64(Opt::MaxMsgSize, 100).expect("a size")).await;
        let mut monitor = pull.monitor().await;
        join(&push, &pull, Binder::Theirs).await;
        push.send(body(octets)).await.unwrap();
        if passes {
            assert_eq!(pull.recv().await, [body(octets)])
        } else {
            monitor.wait_for(Event::DISCONNECTED).await;
        }

        let mut pull = PullSocket::builder().max_message_size(100).build();
        let mut monitor = pull.monitor();
        let push = Zmq::new(SocketType::Push);
        join(&pull, &push, Binder::Ours).await;
        push.send(body(octets)).await;
        if passes {
            assert_eq!(within(20, pull.recv()).await.unwrap(), body(octets)[..]);
        } else {
            let said = loop {
                if let zmtp::Event::Disconnected { cause, .. } = within(20, monitor.next()).await.unwrap() {
                    break cause.to_string();
                }
            };
            assert_eq!(said, "peer misbehaved: a message of 101 octets or more, limit 100");
        }
    }
}

/// A libzmq PUSH that dials comes back after that, and what it sends next arrives.
#[tokio::test]
async fn a_libzmq_push_that_was_closed_for_its_size_can_send_again() {
    let mut pull = PullSocket::builder().max_message_size(100).build();
    let push = Zmq::new(SocketType::Push);
    join(&pull, &push, Binder::Ours).await;
    push.send(body(101)).await;
    support::until(20, || pull.peer_count() == 0).await;
    within(20, pull.wait_for_peers(1)).await;

    push.send(body(100)).await;

    assert_eq!(within(20, pull.recv()).await.unwrap(), body(100)[..]);
}

/// libzmq's limit is for each frame, ours for all of a message: it is there to bound memory.
#[tokio::test]
async fn case_129_three_frames_below_the_limit_pass_libzmq_and_count_together_here() {
    let message = || Message::new(body(60)).with(body(60)).with(body(60));
    let push = PushSocket::new();
    let pull = Zmq::new(SocketType::Pull);
    pull.call(|socket| socket.set_i64(Opt::MaxMsgSize, 100).expect("a size")).await;
    join(&push, &pull, Binder::Theirs).await;
    push.send(message()).await.unwrap();
    assert_eq!(pull.recv().await, [body(60), body(60), body(60)]);

    for (limit, passes) in [(180, true), (179, false)] {
        let mut pull = PullSocket::builder().max_message_size(limit).build();
        let mut monitor = pull.monitor();
        let push = Zmq::new(SocketType::Push);
        join(&pull, &push, Binder::Ours).await;
        push.call(|socket| socket.send(&[&body(60), &body(60), &body(60)]).expect("room")).await;
        if passes {
            assert_eq!(within(20, pull.recv()).await.unwrap(), message());
        } else {
            event(&mut monitor, |event| matches!(event, zmtp::Event::Disconnected { .. }).then_some(()))
                .await;
        }
    }
}
