//! When dialling ends for good, and that nothing is left of it.

use std::time::Duration;

use support::{Door, Peer, nobody, until, within};
use zmtp::{Event, Monitor, PushSocket, Reconnect, ReconnectStop};

/// Case 119.
#[tokio::test]
async fn case_119_without_reconnecting_a_refused_attempt_is_the_last() {
    let push = PushSocket::builder().reconnect(Reconnect::never()).build();
    let mut monitor = push.monitor();
    let at = nobody();
    push.connect(&at).unwrap();
    // The pipe is there from the moment of `connect`, and gone with the attempt.
    push.try_send("for nobody").unwrap();

    let discarded = expect(&mut monitor, &["connect-delayed", "connect-failed", "discarded"]).await;

    assert!(matches!(discarded, Event::Discarded { messages: 1, .. }), "{discarded}");
    assert!(push.try_send("x").is_err(), "its pipe is still there");
    assert!(!push.disconnect(&at), "it still counts as connected");
    close_quietly(push, monitor).await;
}

/// Case 119.
#[tokio::test]
async fn case_119_without_reconnecting_a_lost_connection_is_the_last() {
    let door = Door::open().await;
    let push = PushSocket::builder().reconnect(Reconnect::never()).build();
    let mut monitor = push.monitor();
    push.connect(door.endpoint()).unwrap();
    let mut peer = door.accept().await;
    peer.shake("PULL").await;
    expect(&mut monitor, &["connect-delayed", "connected", "handshake-succeeded"]).await;

    drop(peer);

    expect(&mut monitor, &["disconnected"]).await;
    assert!(push.try_send("x").is_err(), "its pipe is still there");
    assert_not_dialled(&door).await;
    close_quietly(push, monitor).await;
}

/// Case 120.
#[tokio::test]
async fn case_120_a_refused_attempt_may_be_the_last() {
    let push = stopping(ReconnectStop { refused: true, ..ReconnectStop::default() });
    let mut monitor = push.monitor();
    push.connect(nobody()).unwrap();
    #[cfg(unix)]
    push.connect("ipc:///nowhere/at/all").unwrap();
    let attempts = if cfg!(unix) { 2 } else { 1 };
    let mut failed = 0;
    while failed < attempts {
        match within(20, monitor.next()).await.unwrap() {
            Event::ConnectDelayed { .. } => {}
            Event::ConnectFailed { .. } => failed += 1,
            other => panic!("{other}"),
        }
    }
    close_quietly(push, monitor).await;

    // A connection that is lost is dialled again: that is something else.
    let door = Door::open().await;
    let push = stopping(ReconnectStop { refused: true, ..ReconnectStop::default() });
    push.connect(door.endpoint()).unwrap();
    drop(door.accept().await);
    let mut peer = door.accept().await;
    peer.shake("PULL").await;
    drop(peer);
    door.accept().await;
}

/// Case 120.
#[tokio::test]
async fn case_120_a_handshake_that_fails_may_be_the_last() {
    let door = Door::open().await;
    let push = stopping(ReconnectStop { handshake_failed: true, ..ReconnectStop::default() });
    let mut monitor = push.monitor();
    push.connect(door.endpoint()).unwrap();
    // What was up is dialled again ...
    let mut peer = door.accept().await;
    peer.shake("PULL").await;
    drop(peer);
    expect(
        &mut monitor,
        &["connect-delayed", "connected", "handshake-succeeded", "disconnected", "connect-retried"],
    )
    .await;

    // ... what never was is not.
    drop(door.accept().await);

    let failed = expect(&mut monitor, &["connect-delayed", "connected", "handshake-failed"]).await;
    assert!(matches!(failed, Event::HandshakeFailed { retry: false, .. }), "{failed}");
    assert_not_dialled(&door).await;
    close_quietly(push, monitor).await;
}

/// Case 120: refused, and the socket was disconnected from somewhere before.
#[tokio::test]
async fn case_120_a_refused_attempt_after_a_disconnect_may_be_the_last() {
    let push = stopping(ReconnectStop { after_disconnect: true, ..ReconnectStop::default() });
    let mut monitor = push.monitor();
    let (here, there) = (nobody(), Door::open().await);
    push.connect(&here).unwrap();
    let before = ["connect-delayed", "connect-failed", "connect-retried"];
    expect(&mut monitor, &before).await;
    push.connect(there.endpoint()).unwrap();
    assert!(push.disconnect(there.endpoint()));

    // Both pipes go: one was disconnected, the other is given up with the next attempt that is refused.
    until(20, || push.try_send("x").is_err()).await;
    assert!(!push.disconnect(&here), "it still counts as connected");
    within(20, push.close()).await.unwrap();
}

/// The pipe of an endpoint that was given up holds nothing that a `close` waits for.
#[tokio::test]
async fn a_thousand_endpoints_that_were_given_up_leave_nothing() {
    let push = PushSocket::builder().reconnect(Reconnect::never()).build();
    let mut monitor = push.monitor();
    let at = nobody();
    for _ in 0..1000 {
        push.connect(&at).unwrap();
    }
    let mut failed = 0;
    while failed < 1000 {
        failed += usize::from(within(20, monitor.next()).await.unwrap().name() == "connect-failed");
    }
    until(20, || push.try_send("x").is_err()).await;
    assert!(!push.disconnect(&at), "it still counts as connected");
    within(20, push.close()).await.unwrap();
}

fn stopping(stop: ReconnectStop) -> PushSocket {
    let (first, longest) = (Duration::from_millis(1), Duration::from_millis(20));
    PushSocket::builder().send_hwm(0).reconnect(Reconnect { first, longest, stop }).build()
}

/// Nothing more happens until the socket is closed.
async fn close_quietly(push: PushSocket, mut monitor: Monitor) {
    within(20, push.close()).await.unwrap();
    let event = within(20, monitor.next()).await;
    assert!(event.is_none(), "{event:?}");
}

async fn assert_not_dialled(door: &Door) {
    let dialled: Result<Peer, _> = tokio::time::timeout(Duration::from_millis(100), door.accept()).await;
    assert!(dialled.is_err());
}

/// The next events; the last of them.
async fn expect(monitor: &mut Monitor, names: &[&str]) -> Event {
    let mut last = None;
    for name in names {
        let event = within(20, monitor.next()).await.unwrap();
        assert_eq!(event.name(), *name, "{event}");
        last = Some(event);
    }
    last.unwrap()
}
