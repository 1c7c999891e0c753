//! No peer, a stopped peer, and what is done with what is queued.

use std::time::Duration;

use support::{ANY_PORT, Zmq, nobody, within};
use tokio::time::timeout;
use zmtp::{PullSocket, PushSocket, SendErrorKind};
use zmtp_libzmq::{Error, Opt, SocketType};

use crate::both::{BOTH_ROLES, join};

#[tokio::test]
async fn case_112_a_push_without_peers_blocks_and_does_not_drop() {
    let theirs = Zmq::new(SocketType::Push);
    theirs.set(Opt::SndTimeo, 20).await;
    assert_eq!(theirs.call(|socket| socket.try_send(&[b"x"])).await, Err(Error::EAGAIN));
    assert_eq!(theirs.call(|socket| socket.send(&[b"x"])).await, Err(Error::EAGAIN));

    let ours = PushSocket::new();
    assert_eq!(ours.try_send("x").unwrap_err().kind(), SendErrorKind::Full);
    assert!(timeout(Duration::from_millis(20), ours.send("x")).await.is_err());
}

/// A process that is stopped does not read; a libzmq socket whose queue is full does not either.
#[tokio::test]
async fn case_113_a_libzmq_pull_that_stops_and_goes_on_loses_nothing() {
    for binder in BOTH_ROLES {
        let push = PushSocket::builder().send_hwm(50).build();
        let pull = Zmq::new(SocketType::Pull);
        pull.set(Opt::RcvHwm, 10).await;
        join(&push, &pull, binder).await;
        let mut sent = 0_u64;
        // Until nothing moves for a while, and the queue is full.
        while timeout(Duration::from_millis(100), push.send(body(sent))).await.is_ok()
            || push.try_send(body(sent)).is_ok()
        {
            sent += 1;
        }

        let all = pull.call(move |socket| (0..sent).all(|n| socket.recv().expect("a message")[0] == body(n)));

        assert!(all.await);
        within(20, push.send("goes on")).await.unwrap();
        assert_eq!(pull.recv().await, [b"goes on"]);
    }
}

/// The other way round: our PULL stops, libzmq's PUSH blocks at its mark.
#[tokio::test]
async fn a_pull_of_ours_that_stops_holds_libzmq_back_and_loses_nothing() {
    for binder in BOTH_ROLES {
        let mut pull = PullSocket::builder().recv_hwm(10).build();
        let push = Zmq::new(SocketType::Push);
        push.set(Opt::SndHwm, 50).await;
        push.set(Opt::SndTimeo, 100).await;
        join(&pull, &push, binder).await;

        let sent =
            push.call(|socket| (0..).take_while(|n| socket.send_one(&body(*n)).is_ok()).count() as u64).await;

        assert!(pull.peers()[0].received.messages <= 10);
        for n in 0..sent {
            assert!(within(20, pull.recv()).await.unwrap() == body(n)[..], "{n} of {sent}");
        }
        push.send("goes on").await;
        assert_eq!(within(20, pull.recv()).await.unwrap(), "goes on");
    }
}

fn body(n: u64) -> Vec<u8> {
    let mut body = vec![n as u8; 20_000];
    body[..8].copy_from_slice(&n.to_le_bytes());
    body
}

#[tokio::test]
async fn case_123_connect_send_and_close_at_once_delivers_to_a_libzmq_pull_that_starts_later() {
    let at = nobody();
    let push = PushSocket::new();
    push.connect(&at).unwrap();
    push.send("delivered").await.unwrap();
    let closing = tokio::spawn(push.close());
    tokio::task::yield_now().await;

    let pull = Zmq::new(SocketType::Pull);
    pull.bind(&at).await;

    assert_eq!(pull.recv().await, [b"delivered"]);
    within(20, closing).await.unwrap().unwrap();
}

/// A dropped socket does the same as long as the runtime lives.
#[tokio::test]
async fn a_socket_that_is_dropped_at_once_delivers_too() {
    let (pull, at) = Zmq::bound(SocketType::Pull).await;
    let push = PushSocket::new();
    push.connect(at).unwrap();
    for n in 0..1000 {
        push.try_send(n.to_string()).unwrap();
    }

    drop(push);

    for n in 0..1000 {
        assert_eq!(pull.recv().await, [n.to_string().into_bytes()]);
    }
}

/// And what libzmq lingers with reaches us.
#[tokio::test]
async fn a_libzmq_push_that_closes_at_once_is_received_whole() {
    let mut pull = PullSocket::builder().recv_hwm(10).build();
    let at = pull.bind(ANY_PORT).await.unwrap();
    let push = Zmq::connected(SocketType::Push, &at).await;
    push.set(Opt::Linger, 20_000).await;
    push.call(|socket| (0..500).for_each(|n| socket.send_one(&body(n)).expect("room"))).await;
    let closing = tokio::spawn(push.close());

    for n in 0..500 {
        assert!(within(20, pull.recv()).await.unwrap() == body(n)[..]);
    }
    within(20, closing).await.unwrap();
}
