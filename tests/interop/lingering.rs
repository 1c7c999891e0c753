//! What a socket does with its queue when it is closed: without end, not at all, for half a second.

use std::time::{Duration, Instant};

use support::{ANY_PORT, Zmq, nobody, within};
use tokio::time::timeout;
use zmtp::{Builder, PullSocket, Push, PushSocket};
use zmtp_libzmq::{Opt, SocketType};

/// Enough that a connection does not swallow it.
const MESSAGES: usize = 200;
const SIZE: usize = 100_000;
const HALF_A_SECOND: Duration = Duration::from_millis(500);

#[tokio::test]
async fn case_122_with_a_live_peer_everything_goes_out_with_any_linger_but_none() {
    for linger in [Duration::MAX, Duration::from_secs(20)] {
        let (pull, at) = Zmq::bound(SocketType::Pull).await;
        let push = full(PushSocket::builder().linger(linger), &at).await;
        let all =
            pull.call(|pull| (0..MESSAGES).all(|_| pull.recv().is_ok_and(|frames| frames[0].len() == SIZE)));

        within(20, push.close()).await.unwrap();

        assert!(all.await);
    }

    for linger in [-1, 20_000] {
        let mut pull = PullSocket::new();
        let push = their_full(linger, pull.bind(ANY_PORT).await.unwrap()).await;
        let closing = tokio::spawn(push.close());
        for _ in 0..MESSAGES {
            assert_eq!(within(20, pull.recv()).await.unwrap().byte_len(), SIZE);
        }
        within(20, closing).await.unwrap();
    }
}

#[tokio::test]
async fn case_122_without_linger_the_queue_is_dropped_at_once() {
    let (slow, at) = slow().await;
    for at in [nobody(), at] {
        let push = full(PushSocket::builder().linger(Duration::ZERO), &at).await;
        let start = Instant::now();
        assert!(within(20, push.close()).await.unwrap_err().messages > 0);
        assert!(start.elapsed() < HALF_A_SECOND);

        let push = their_full(0, &at).await;
        let start = Instant::now();
        push.close().await;
        assert!(start.elapsed() < HALF_A_SECOND);
    }
    drop(slow);
}

#[tokio::test]
async fn case_122_a_linger_of_half_a_second_ends_after_that() {
    let (slow, at) = slow().await;
    for at in [nobody(), at] {
        let push = full(PushSocket::builder().linger(HALF_A_SECOND), &at).await;
        let start = Instant::now();
        assert!(within(20, push.close()).await.unwrap_err().messages > 0);
        took_half_a_second(start);

        let push = their_full(500, &at).await;
        let start = Instant::now();
        push.close().await;
        took_half_a_second(start);
    }
    drop(slow);
}

/// Until the peer comes, whenever that is.
#[tokio::test]
async fn case_122_a_linger_without_end_waits_for_a_peer() {
    let at = nobody();
    let push = full(PushSocket::builder().linger(Duration::MAX), &at).await;
    let mut closing = tokio::spawn(push.close());
    assert!(timeout(HALF_A_SECOND, &mut closing).await.is_err());
    let pull = Zmq::new(SocketType::Pull);
    pull.bind(&at).await;
    pull.call(|pull| (0..MESSAGES).for_each(|_| drop(pull.recv().expect("a message")))).await;
    within(20, closing).await.unwrap().unwrap();

    let at = nobody();
    let push = their_full(-1, &at).await;
    let mut closing = tokio::spawn(push.close());
    assert!(timeout(HALF_A_SECOND, &mut closing).await.is_err());
    let mut pull = PullSocket::new();
    pull.bind(&at).await.unwrap();
    for _ in 0..MESSAGES {
        within(20, pull.recv()).await.unwrap();
    }
    within(20, closing).await.unwrap();
}

fn took_half_a_second(start: Instant) {
    let took = start.elapsed();
    assert!((Duration::from_millis(450)..Duration::from_secs(2)).contains(&took), "{took:?}");
}

/// A PUSH of ours with its queue full of messages to there.
async fn full(builder: Builder<Push>, at: &str) -> PushSocket {
    let push = builder.build();
    push.connect(at).unwrap();
    for _ in 0..MESSAGES {
        push.try_send(&[0; SIZE]).unwrap();
    }
    push
}

async fn their_full(linger: i32, at: impl ToString) -> Zmq {
    let push = Zmq::connected(SocketType::Push, at).await;
    push.set(Opt::Linger, linger).await;
    push.call(|push| (0..MESSAGES).for_each(|_| push.send_one(&[0; SIZE]).expect("room"))).await;
    push
}

/// A PULL of libzmq's that takes one message and no more.
async fn slow() -> (Zmq, String) {
    let pull = Zmq::new(SocketType::Pull);
    pull.set(Opt::RcvHwm, 1).await;
    let at = pull.bind(ANY_PORT).await;
    (pull, at)
}
