//! Every future may be dropped: what that means, method by method, in the words of the documentation.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use support::{ANY_PORT, Peer, frame, join, pair, settle, within};
use tokio::time::timeout;
use zmtp::{PullSocket, PushSocket};

/// "If you drop the future, the message was not sent, and is dropped with it."
#[tokio::test(start_paused = true)]
async fn a_send_that_is_dropped_while_it_waits_was_not_sent() {
    let push = PushSocket::builder().send_hwm(1).build();
    push.connect("inproc://dropped-send").unwrap();
    push.send("kept").await.unwrap();
    for _ in 0..100 {
        assert!(push.send("dropped").now_or_never().is_none());
        assert!(timeout(Duration::from_millis(1), push.send("dropped")).await.is_err());
    }

    let mut pull = PullSocket::new();
    pull.bind("inproc://dropped-send").await.unwrap();
    within(20, push.send("last")).await.unwrap();

    assert_eq!(within(20, pull.recv()).await.unwrap(), "kept");
    assert_eq!(within(20, pull.recv()).await.unwrap(), "last");
}

/// A task that is woken for room and goes away hands its turn on.
#[tokio::test(start_paused = true)]
async fn a_send_that_is_dropped_when_there_is_room_lets_the_next_one_through() {
    let push = Arc::new(PushSocket::builder().send_hwm(1).build());
    push.connect("inproc://dropped-turn").unwrap();
    push.send("first").await.unwrap();
    let mut impatient = Box::pin(push.send("dropped"));
    assert!(impatient.as_mut().now_or_never().is_none());
    let patient = tokio::spawn({
        let push = Arc::clone(&push);
        async move { push.send("second").await }
    });
    settle().await;

    let mut pull = PullSocket::new();
    pull.bind("inproc://dropped-turn").await.unwrap();
    assert_eq!(within(20, pull.recv()).await.unwrap(), "first");
    settle().await;
    drop(impatient);

    within(20, patient).await.unwrap().unwrap();
    assert_eq!(within(20, pull.recv()).await.unwrap(), "second");
}

/// "If you drop the future, no message was taken."
#[tokio::test(start_paused = true)]
async fn a_recv_that_is_dropped_has_taken_nothing() {
    let (push, mut pull) = pair(PushSocket::builder(), PullSocket::builder());
    for n in 0..100 {
        assert!(pull.recv().now_or_never().is_none());
        assert!(timeout(Duration::from_millis(1), pull.recv()).await.is_err());
        push.send(n.to_string()).await.unwrap();
        settle().await;
        drop(pull.recv());
        assert_eq!(within(20, pull.recv()).await.unwrap(), *n.to_string());
    }
}

/// In a `select!` loop, where the other branch wins most of the time.
#[tokio::test]
async fn a_recv_in_a_select_loop_loses_nothing() {
    let mut pull = PullSocket::new();
    let at = pull.bind(ANY_PORT).await.unwrap();
    let push = PushSocket::new();
    push.connect(at).unwrap();
    tokio::spawn(async move {
        for n in 0..5000_u32 {
            push.send(&n.to_le_bytes()).await.unwrap();
        }
        push.close().await.unwrap();
    });

    let mut next = 0_u32;
    within(20, async {
        while next < 5000 {
            tokio::select! {
                biased;
                () = tokio::task::yield_now() => {}
                message = pull.recv() => {
                    assert_eq!(message.unwrap(), next.to_le_bytes()[..]);
                    next += 1;
                }
            }
        }
    })
    .await;
}

/// "If you drop the future, nothing has happened": `wait_for_peers` and `writable`.
#[tokio::test(start_paused = true)]
async fn waiting_for_peers_or_for_room_can_be_given_up_and_begun_again() {
    let push = PushSocket::new();
    for _ in 0..100 {
        assert!(push.wait_for_peers(1).now_or_never().is_none());
        assert!(push.writable().now_or_never().is_none());
    }
    let pull = PullSocket::new();
    join(&push, &pull);

    within(20, push.wait_for_peers(1)).await;
    within(20, push.writable()).await.unwrap();
    push.try_send("x").unwrap();
}

/// "If you drop the future, nothing is bound."
#[tokio::test]
async fn a_bind_that_is_dropped_has_bound_nothing() {
    let pull = PullSocket::new();
    // Resolving the name mostly takes longer than one look.
    if let Some(bound) = pull.bind("tcp://localhost:*").now_or_never() {
        assert!(pull.unbind(bound.unwrap()));
    }
    drop(pull.bind(ANY_PORT));

    let mut monitor = pull.monitor();
    let at = pull.bind(ANY_PORT).await.unwrap();
    let listening = async {
        loop {
            let event = monitor.next().await.unwrap();
            if event.name() == "listening" {
                return event;
            }
        }
    };
    assert_eq!(within(20, listening).await.endpoint(), &at);
}

/// "If you drop the future, the lingering goes on in the background."
#[tokio::test(start_paused = true)]
async fn a_close_that_is_dropped_goes_on_in_the_background() {
    let push = PushSocket::new();
    let mut peer = Peer::attached_by(64, &push);
    peer.shake("PULL").await;
    within(20, push.wait_for_peers(1)).await;
    for _ in 0..100 {
        push.try_send(&[7; 100]).unwrap();
    }

    assert!(push.close().now_or_never().is_none());

    peer.expect(frame([7; 100]).repeat(100)).await;
    peer.expect_close().await;
}
