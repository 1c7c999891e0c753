//! The first 64 octets: what is accepted, what is refused, and when.

use std::time::Duration;

use support::{Door, Peer, Zmq, frame, greeting, ready, session, within};
use zmtp::{Cause, Event, Monitor, PullSocket, PushSocket, Reconnect};
use zmtp_libzmq::{Event as Theirs, Opt, SocketType};

use crate::both::Examined;

#[tokio::test]
async fn case_037_a_greeting_may_come_whole_or_in_two_steps() {
    let whole = Vec::from(greeting());
    for mut pull in Examined::both().await {
        for cut in [64, 11] {
            let mut peer = Peer::connect(&pull.at).await;
            peer.send(&whole[..cut]).await;
            // Our signature and version come without waiting for the rest.
            let signature = peer.read(11).await;
            assert_eq!((signature[0], &signature[9..]), (0xff, &b"\x7f\x03"[..]));
            peer.send(&whole[cut..]).await;
            peer.expect(&whole[11..]).await;
            peer.expect(ready("PULL")).await;
            peer.send(ready("PUSH")).await;
            peer.send(frame("x")).await;
            assert_eq!(pull.recv().await, [b"x"]);
        }
    }
}

#[tokio::test]
async fn case_038_padding_filler_and_as_server_mean_nothing() {
    for mut pull in Examined::both().await {
        let odd = greeting().padding(0x5a).filler(0xa5).octet(32, 1);
        let mut peer = Peer::connect(&pull.at).await;
        peer.shake_with(odd, ready("PUSH")).await;
        peer.send(frame("x")).await;
        assert_eq!(pull.recv().await, [b"x"]);
    }
}

#[tokio::test]
async fn case_039_a_peer_of_version_4_is_answered_in_3_1() {
    for mut pull in Examined::both().await {
        let mut peer = Peer::connect(&pull.at).await;
        peer.shake_with(greeting().version(4, 0), ready("PUSH")).await;
        peer.send(frame("x")).await;
        assert_eq!(pull.recv().await, [b"x"]);
    }
}

/// libzmq can keep some of them open for ever; we do not.
#[tokio::test]
async fn case_047_other_protocols_and_noise_are_closed_within_the_handshake_limit() {
    let noise: Vec<u8> = (0..1_u32 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let hello = [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], &[7; 507]].concat();
    for octets in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], &noise, &hello, b"SSH-2.0-OpenSSH_9.6\r\n", b""]
    {
        let pull = PullSocket::builder().handshake_timeout(Duration::from_secs(5)).build();
        let mut monitor = pull.monitor();
        let at = pull.bind(support::ANY_PORT).await.unwrap();
        let mut peer = Peer::connect(&at).await;
        // It may be closed before it has said all.
        let _ = peer.try_send(octets).await;
        if octets.is_empty() {
            peer.shut().await;
        }
        peer.rest().await;
        let cause = failed(&mut monitor).await;
        let is_noise = !octets.is_empty() && octets[0] != 0xff;
        assert_eq!(matches!(cause, Cause::Wire(_)), is_noise, "{cause}");
    }
}

/// The limit is HANDSHAKE_IVL there and `handshake_timeout` here.
#[tokio::test]
async fn case_048_a_peer_that_stops_in_its_greeting_is_closed_at_the_limit() {
    const LIMIT: Duration = Duration::from_millis(300);
    let ours = PullSocket::builder().handshake_timeout(LIMIT).build();
    let mut our_monitor = ours.monitor();
    let theirs = Zmq::new(SocketType::Pull);
    theirs.set(Opt::HandshakeIvl, LIMIT.as_millis() as i32).await;
    let mut their_monitor = theirs.monitor().await;
    for pull in [Examined::ours(ours).await, Examined::theirs(theirs).await] {
        let mut peers = Vec::new();
        for len in [0, 1, 9, 10, 11, 63] {
            let mut peer = Peer::connect(&pull.at).await;
            peer.send(&Vec::from(greeting())[..len]).await;
            peers.push(peer);
        }
        for mut peer in peers {
            peer.rest().await;
            if pull.is_ours() {
                let cause = failed(&mut our_monitor).await;
                assert!(matches!(cause, Cause::HandshakeTimeout(LIMIT)), "{cause}");
            } else {
                their_monitor.wait_for(Theirs::HANDSHAKE_FAILED_NO_DETAIL).await;
            }
        }
    }
}

#[tokio::test]
async fn case_049_a_silent_listener_is_given_up_at_the_limit_and_dialled_again() {
    let limit = Duration::from_millis(200);
    let door = Door::open().await;
    let push = PushSocket::builder().handshake_timeout(limit).reconnect(at_once()).build();
    push.connect(door.endpoint()).unwrap();
    for _ in 0..2 {
        let mut silent = door.accept().await;
        silent.expect_greeting().await;
        silent.expect_close().await;
    }
    drop(push);

    let door = Door::open().await;
    let push = Zmq::new(SocketType::Push);
    push.set(Opt::HandshakeIvl, limit.as_millis() as i32).await;
    push.connect(door.endpoint()).await;
    for _ in 0..2 {
        door.accept().await.rest().await;
    }
}

#[tokio::test]
async fn case_050_a_listener_that_hangs_up_at_any_step_is_dialled_again_by_both() {
    let whole = session("PULL", "");
    for ours in [true, false] {
        let door = Door::open().await;
        let at = door.endpoint();
        let push = PushSocket::builder().reconnect(at_once()).build();
        let zmq = Zmq::new(SocketType::Push);
        if ours {
            push.connect(&at).unwrap()
        } else {
            zmq.connect(&at).await
        }
        for step in [0, 1, 10, 11, 12, 64, 70] {
            let mut peer = door.accept().await;
            peer.send(&whole[..step]).await;
            peer.shut().await;
            peer.rest().await;
        }
        door.accept().await.shake("PULL").await;
    }
}

#[tokio::test]
async fn case_051_another_mechanism_is_closed_with_its_own_event() {
    let ours = PullSocket::new();
    let mut our_monitor = ours.monitor();
    let theirs = Zmq::new(SocketType::Pull);
    let mut their_monitor = theirs.monitor().await;
    for pull in [Examined::ours(ours).await, Examined::theirs(theirs).await] {
        for name in [&b"NULL\0X"[..], b"null", &[b'A'; 20]] {
            let mut peer = Peer::connect(&pull.at).await;
            peer.send(greeting().mechanism(name)).await;
            peer.rest().await;
            if pull.is_ours() {
                assert!(failed(&mut our_monitor).await.is_incompatible());
            } else {
                let event = their_monitor.wait_for(Theirs::HANDSHAKE_FAILED_PROTOCOL).await;
                assert_eq!(event.value, MECHANISM_MISMATCH);
            }
        }
    }
}

async fn failed(monitor: &mut Monitor) -> Cause {
    loop {
        if let Event::HandshakeFailed { cause, .. } = within(20, monitor.next()).await.unwrap() {
            return cause;
        }
    }
}

fn at_once() -> Reconnect {
    Reconnect::between(Duration::from_millis(1), Duration::from_millis(20))
}

/// `ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH`.
const MECHANISM_MISMATCH: u32 = 0x1100_0002;
