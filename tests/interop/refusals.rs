//! ERROR: what becomes of who gets one.

use std::time::Duration;

use support::{Door, Peer, Zmq, command, event, greeting, ready};
use tokio::time::timeout;
use zmtp::wire::Denied;
use zmtp::{Cause, Event, PushSocket, Reconnect};
use zmtp_libzmq::{Event as Theirs, Opt, SocketType};

/// libzmq reads the three codes of ZAP out of the reason, and has an event for them; to us it is a text (R37-NULL-19).
#[tokio::test]
async fn case_059_who_gets_error_400_does_not_dial_again() {
    let door = Door::open().await;
    let zmq = Zmq::new(SocketType::Push);
    let mut monitor = zmq.monitor().await;
    zmq.connect(door.endpoint()).await;
    let mut peer = shaken(&door).await;
    peer.send(command("ERROR", b"\x03400")).await;
    peer.expect_close().await;
    assert_eq!(monitor.wait_for(Theirs::HANDSHAKE_FAILED_AUTH).await.value, 400);
    expect_nobody(&door).await;

    ours_stays_away("400").await;
}

#[tokio::test]
async fn case_060_who_gets_another_error_does_not_dial_again() {
    let door = Door::open().await;
    let zmq = Zmq::new(SocketType::Push);
    let mut monitor = zmq.monitor().await;
    zmq.connect(door.endpoint()).await;
    let mut peer = shaken(&door).await;
    peer.send(command("ERROR", b"\x02no")).await;
    peer.expect_close().await;
    loop {
        match monitor.next().await.number {
            Theirs::HANDSHAKE_FAILED_AUTH => panic!("it took it for a ZAP status"),
            Theirs::DISCONNECTED => break,
            _ => {}
        }
    }
    expect_nobody(&door).await;

    ours_stays_away("no").await;
}

/// libzmq overlooks an ERROR that comes before its own READY is out, stays until the handshake limit, and comes
/// back. We take it as the refusal that it is.
#[tokio::test]
async fn case_061_an_error_with_the_greeting_is_overlooked_by_libzmq_and_final_to_us() {
    let early = [Vec::from(greeting()), command("ERROR", b"\x03400")].concat();

    let door = Door::open().await;
    let zmq = Zmq::new(SocketType::Push);
    zmq.set(Opt::HandshakeIvl, 300).await;
    zmq.connect(door.endpoint()).await;
    let mut peer = door.accept().await;
    peer.send(&early[..]).await;
    peer.rest().await;
    door.accept().await;

    let door = Door::open().await;
    let push = PushSocket::builder().reconnect(at_once()).build();
    push.connect(door.endpoint()).unwrap();
    let mut peer = door.accept().await;
    peer.send(&early[..]).await;
    peer.expect_greeting().await;
    peer.expect(ready("PUSH")).await;
    peer.expect_close().await;
    expect_nobody(&door).await;
}

/// What the peer said is in the event, and in its text; that we do not come back too.
#[tokio::test]
async fn case_062_a_refusal_is_reported_with_its_reason() {
    let door = Door::open().await;
    let push = PushSocket::builder().reconnect(at_once()).build();
    let mut monitor = push.monitor();
    push.connect(door.endpoint()).unwrap();
    push.send("queued").await.unwrap();
    let mut peer = shaken(&door).await;
    peer.send(command("ERROR", b"\x0cnot\x1b welcome")).await;

    let failed = event(&mut monitor, |event| match &event {
        Event::HandshakeFailed { cause, retry, .. } => Some((event.to_string(), cause.clone(), *retry)),
        _ => None,
    });
    let (text, cause, retry) = failed.await;

    let Cause::Wire(error) = &cause else { panic!("it failed because {cause}") };
    assert_eq!(*error, Denied { reason: r"not\x1b welcome".into() }.into());
    assert!(cause.is_final() && !retry);
    assert!(text.contains(r"not\x1b welcome"), "{text}");
    // Nobody will come to fetch what was queued.
    let discarded = event(&mut monitor, |event| match event {
        Event::Discarded { messages, .. } => Some(messages),
        _ => None,
    });
    assert_eq!(discarded.await, 1);
}

/// A PUSH of ours that is refused with this reason does not come back.
async fn ours_stays_away(reason: &str) {
    let door = Door::open().await;
    let push = PushSocket::builder().reconnect(at_once()).build();
    push.connect(door.endpoint()).unwrap();
    let mut peer = shaken(&door).await;
    peer.send(command("ERROR", [&[reason.len() as u8], reason.as_bytes()].concat())).await;
    peer.expect_close().await;
    expect_nobody(&door).await;
}

/// A PUSH that has come and sent its READY.
async fn shaken(door: &Door) -> Peer {
    let mut peer = door.accept().await;
    peer.send(greeting()).await;
    peer.expect_greeting().await;
    peer.expect(ready("PUSH")).await;
    peer
}

/// libzmq would come back after 100 to 200 ms.
async fn expect_nobody(door: &Door) {
    assert!(timeout(Duration::from_millis(400), door.accept()).await.is_err(), "it came back");
}

fn at_once() -> Reconnect {
    let wait = Duration::from_millis(1);
    Reconnect { first: wait, longest: wait, ..Reconnect::default() }
}
