//! What theirs does not do, where it meets ours: each of these is a line in `docs/interop-zeromq-rs.md`.

use std::time::Duration;

use support::{ANY_PORT, within};
use zeromq::{Socket as _, SocketRecv as _, SocketSend as _};
use zmtp::wire::Version;
use zmtp::{Event, Heartbeat, PullSocket, PushSocket, SocketType};

use crate::both::{Binder, join};

#[tokio::test]
async fn theirs_speaks_zmtp_3_0() {
    let pull = PullSocket::new();
    let mut push = zeromq::PushSocket::new();

    join(&pull, &mut push, Binder::Ours).await;

    let peer = pull.peers().remove(0);
    assert_eq!(peer.socket_type, Some(SocketType::Push));
    assert_eq!(peer.version, Version::V3_0);
}

#[tokio::test]
async fn case_017_a_pair_that_cannot_talk_is_refused_and_others_are_served() {
    let mut pull = PullSocket::new();
    let mut monitor = pull.monitor();
    let at = pull.bind(ANY_PORT).await.unwrap().to_string();

    let refused = within(20, zeromq::DealerSocket::new().connect(&at)).await;

    assert!(refused.is_err());
    let cause = loop {
        if let Some(Event::HandshakeFailed { cause, .. }) = within(20, monitor.next()).await {
            break cause;
        }
    };
    assert!(cause.is_incompatible(), "{cause}");
    let mut push = zeromq::PushSocket::new();
    within(20, push.connect(&at)).await.unwrap();
    push.send("served".into()).await.unwrap();
    assert_eq!(within(20, pull.recv()).await.unwrap(), "served");
}

#[tokio::test]
async fn their_push_fails_while_it_has_no_peer_where_ours_waits() {
    let mut push = zeromq::PushSocket::new();
    let sent = push.send("early".into()).await;
    assert!(matches!(sent, Err(zeromq::ZmqError::ReturnToSender { .. })), "{sent:?}");
}

/// Of its sockets only SUB and XSUB dial again.
#[tokio::test]
async fn their_push_does_not_come_back_where_ours_does() {
    let mut pull = PullSocket::new();
    let at = pull.bind(ANY_PORT).await.unwrap();
    let mut their_push = zeromq::PushSocket::new();
    within(20, their_push.connect(&at.to_string())).await.unwrap();
    let our_push = PushSocket::new();
    our_push.connect(&at).unwrap();
    within(20, pull.wait_for_peers(2)).await;

    pull.close().await.unwrap();
    let lost = async { while their_push.send("lost".into()).await.is_ok() {} };
    within(20, lost).await;
    pull = PullSocket::new();
    pull.bind(&at).await.unwrap();

    within(20, pull.wait_for_peers(1)).await;
    our_push.send("here").await.unwrap();
    assert_eq!(within(20, pull.recv()).await.unwrap(), "here");
    assert!(their_push.send("there".into()).await.is_err());
}

/// It ends a connection on which a command comes, as PING is one. It speaks ZMTP 3.0, to which we send none.
#[tokio::test]
async fn heartbeats_of_ours_leave_the_connection_with_theirs_alone() {
    let every = Duration::from_millis(20);
    let push = PushSocket::builder().heartbeat(Heartbeat::every(every)).build();
    let mut monitor = push.monitor();
    let mut pull = zeromq::PullSocket::new();
    join(&push, &mut pull, Binder::Theirs).await;

    for number in 0..10 {
        // There is nothing to wait for but the time in which a PING would be due.
        tokio::time::sleep(2 * every).await;
        push.send(number.to_string()).await.unwrap();
        let message = within(20, pull.recv()).await.unwrap();
        assert_eq!(message.get(0).unwrap(), number.to_string().as_bytes());
    }

    assert_eq!(push.peer_count(), 1);
    push.close().await.unwrap();
    while let Some(event) = within(20, monitor.next()).await {
        let ours = matches!(event, Event::Disconnected { cause: zmtp::Cause::Closed, .. });
        assert!(ours || !matches!(event, Event::Disconnected { .. }), "{event}");
    }
}
