//! A connection that is dialled outlives its breaks: what is kept, what is sent again, and when it is given up.

use std::time::Duration;

use support::{Door, Peer, command, frame, greeting, nobody, ready, until, within};
use tokio::net::TcpStream;
use zmtp::{Builder, Endpoint, Event, PullSocket, Push, PushSocket, Reconnect};

/// R30-PUSH-06: the queue is kept whether the connection is up or not.
#[tokio::test]
async fn what_is_queued_while_the_peer_is_away_reaches_it_when_it_returns() {
    let at = nobody();
    let mut pull = PullSocket::new();
    pull.bind(&at).await.unwrap();
    let push = quickly().build();
    push.connect(&at).unwrap();
    push.send("before").await.unwrap();
    assert_eq!(within(20, pull.recv()).await.unwrap(), "before");
    within(20, pull.close()).await.unwrap();
    until(20, || push.peer_count() == 0).await;

    for n in 0..100 {
        push.try_send(n.to_string()).unwrap();
    }

    let mut pull = PullSocket::new();
    within(20, async { while pull.bind(&at).await.is_err() {} }).await;
    for n in 0..100 {
        assert_eq!(within(20, pull.recv()).await.unwrap(), *n.to_string());
    }
}

/// What went out whole is not sent again; what was cut is, from its beginning.
#[tokio::test]
async fn a_message_that_was_cut_in_the_middle_is_sent_again_exactly_once() {
    let door = Door::open().await;
    let push = quickly().build();
    push.connect(door.endpoint()).unwrap();
    let large = vec![7; 32 << 20];
    let mut peer = door.accept().await;
    peer.shake("PULL").await;
    push.try_send("small").unwrap();
    push.try_send(&large[..]).unwrap();
    push.try_send("last").unwrap();
    peer.expect(frame("small")).await;
    peer.read(1 << 20).await;
    drop(peer);

    let mut peer = door.accept().await;
    peer.shake("PULL").await;

    assert!(peer.read(large.len() + 9).await == frame(large));
    peer.expect(frame("last")).await;
    within(20, push.close()).await.unwrap();
    peer.expect_close().await;
}

/// A peer of another kind, or one that has refused us, will not change its mind.
#[tokio::test]
async fn a_peer_that_cannot_be_talked_to_is_not_dialled_again() {
    let rude: [&[Vec<u8>]; 4] = [
        &[greeting().into(), ready("PUSH").into()],
        &[greeting().into(), command("ERROR", b"\x07no\nway\xff")],
        &[greeting().mechanism("CURVE").into()],
        &[greeting().version(1, 0).into()],
    ];
    let causes = [
        "incompatible: the peer is a PUSH, which does not go with our PUSH",
        r#"denied: the peer sent ERROR "no\nway\xff""#,
        "incompatible: the peer's mechanism is CURVE, ours is NULL",
        "incompatible: the peer speaks ZMTP 2.0; this side speaks 3.0 and 3.1",
    ];
    for (script, expected) in rude.into_iter().zip(causes) {
        let door = Door::open().await;
        let push = quickly().build();
        let mut monitor = push.monitor();
        push.connect(door.endpoint()).unwrap();
        let mut peer = door.accept().await;
        for octets in script {
            peer.send(&octets[..]).await;
        }
        for begins in ["connect-delayed", "connected"] {
            assert_eq!(within(20, monitor.next()).await.unwrap().name(), begins);
        }
        let Some(Event::HandshakeFailed { cause, retry, .. }) = within(20, monitor.next()).await else {
            panic!("{expected}")
        };
        assert_eq!((cause.to_string().as_str(), retry, cause.is_final()), (expected, false, true));
        peer.rest().await;

        // Nothing more comes, neither events nor a connection, and nothing is left to close.
        let nothing = tokio::time::timeout(Duration::from_millis(100), door.accept()).await;
        assert!(nothing.is_err(), "it was dialled again: {expected}");
        within(20, push.close()).await.unwrap();
        assert!(within(20, monitor.next()).await.is_none());
    }
}

/// ... and what was queued for it is reported.
#[tokio::test]
async fn messages_for_a_peer_that_cannot_be_talked_to_are_counted() {
    let door = Door::open().await;
    let push = quickly().build();
    let mut monitor = push.monitor();
    push.connect(door.endpoint()).unwrap();
    push.try_send("one").unwrap();
    push.try_send("two").unwrap();
    let mut peer = door.accept().await;
    peer.shake("PUSH").await;

    let discarded = loop {
        if let Event::Discarded { messages, .. } = within(20, monitor.next()).await.unwrap() {
            break messages;
        }
    };

    assert_eq!(discarded, 2);
}

/// Case 50: also a peer that hangs up in the middle of the handshake.
#[tokio::test]
async fn a_peer_that_hangs_up_is_dialled_again_at_any_step_of_the_handshake() {
    let door = Door::open().await;
    let push = quickly().build();
    push.connect(door.endpoint()).unwrap();
    push.try_send("in the end").unwrap();
    let (greeting, ready) = (Vec::from(greeting()), Vec::from(ready("PULL")));
    for step in [
        &greeting[..0],
        &greeting[..10],
        &greeting[..11],
        &greeting[..],
        &[&greeting[..], &ready[..9]].concat(),
    ] {
        let mut peer = door.accept().await;
        peer.send(step).await;
        peer.shut().await;
        peer.rest().await;
    }

    let mut peer = door.accept().await;
    peer.shake("PULL").await;
    peer.expect(frame("in the end")).await;
}

/// "After a random time of at most `first`, and with each failure in a row at most twice as long, up to `longest`."
#[tokio::test]
async fn the_waits_between_attempts_grow_and_begin_anew_after_a_handshake() {
    let (first, longest) = (Duration::from_millis(8), Duration::from_millis(32));
    let at = nobody();
    let push = PushSocket::builder().reconnect(Reconnect::between(first, longest)).build();
    let mut monitor = push.monitor();
    push.connect(&at).unwrap();
    for failures in 0..6 {
        for begins in ["connect-delayed", "connect-failed"] {
            assert_eq!(within(20, monitor.next()).await.unwrap().name(), begins);
        }
        let Some(Event::ConnectRetried { after, error, .. }) = within(20, monitor.next()).await else {
            panic!()
        };
        assert!(after <= longest.min(first * 2_u32.pow(failures)), "{failures}: {after:?}");
        assert_eq!(error.unwrap().kind(), std::io::ErrorKind::ConnectionRefused);
    }

    let pull = PullSocket::new();
    pull.bind(&at).await.unwrap();
    within(20, push.wait_for_peers(1)).await;
    drop(pull);

    loop {
        match within(20, monitor.next()).await.unwrap() {
            Event::ConnectRetried { after, error: None, .. } => {
                assert!(after <= first, "{after:?}");
                break;
            }
            Event::ConnectDelayed { .. }
            | Event::ConnectFailed { .. }
            | Event::ConnectRetried { .. }
            | Event::Connected { .. }
            | Event::HandshakeSucceeded { .. } => {}
            Event::Disconnected { cause, .. } => {
                assert_eq!(cause.to_string(), "the peer closed the connection")
            }
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn endpoints_may_be_names() {
    let mut pull = PullSocket::new();
    let Endpoint::Tcp { port, .. } = pull.bind("tcp://localhost:*").await.unwrap() else { panic!() };
    let push = PushSocket::new();
    push.connect(format!("tcp://localhost:{port}")).unwrap();
    push.send("found").await.unwrap();

    assert_eq!(within(20, pull.recv()).await.unwrap(), "found");
}

/// Case 184. TCP can connect a port to itself: when nobody listens at a port of the ephemeral range, and the system
/// picks just that one for the dialling side. It happens once in some 14,000 attempts, is no peer, and must not end
/// the dialling.
#[tokio::test]
async fn a_socket_that_reaches_itself_goes_on_dialling() {
    let push = PushSocket::builder().reconnect(Reconnect::between(Duration::ZERO, Duration::ZERO)).build();
    let mut monitor = push.monitor();
    // The system gives even ports to those who dial and odd ones to those who bind, or the other way round.
    let door = Door::open().await;
    let dialling = TcpStream::connect(door.endpoint().strip_prefix("tcp://").unwrap()).await.unwrap();
    let first = dialling.local_addr().unwrap().port();
    for n in 1..=100 {
        push.connect(format!("tcp://127.0.0.1:{}", first.wrapping_add(2 * n).max(2000))).unwrap();
    }

    for _ in 0..180_000 {
        let event = within(20, monitor.next()).await.unwrap();
        assert!(!matches!(event, Event::HandshakeFailed { retry: false, .. }), "{event}");
    }
}

/// A peer that is dialled keeps its id, one that comes in is a new one each time.
#[tokio::test]
async fn a_peer_that_is_dialled_keeps_its_id_and_one_that_comes_in_gets_a_new_one() {
    let pull = PullSocket::new();
    let at = pull.bind(support::ANY_PORT).await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let mut peer = Peer::connect(&at).await;
        peer.shake("PUSH").await;
        within(20, pull.wait_for_peers(1)).await;
        ids.push(pull.peers()[0].id);
        drop(peer);
        until(20, || pull.peer_count() == 0).await;
    }
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2], "{ids:?}");
}

fn quickly() -> Builder<Push> {
    let (first, longest) = (Duration::from_millis(1), Duration::from_millis(20));
    PushSocket::builder().reconnect(Reconnect::between(first, longest))
}
