//! Rows 1 to 4 and 30: peers that take their time. Each has one deadline for the whole of the handshake, and a least
//! speed after it.

use std::time::{Duration, Instant};

use support::{Peer, claim, frame, greeting, ready};
use zmtp::{Cause, Progress};

use crate::arena::{Arena, DEFAULTS, Settings, both};

const LIMIT: Duration = Duration::from_millis(300);
const IMPATIENT: Settings = Settings { handshake_timeout: LIMIT, ..DEFAULTS };

#[tokio::test]
async fn hostile_01_mute_peers_are_closed_at_the_deadline_cost_little_and_are_nobody() {
    const MUTE: usize = 200;
    let handshake_timeout = Duration::from_secs(1);
    let a_second = Settings { handshake_timeout, pending_handshakes: MUTE * 8, ..DEFAULTS };
    both(a_second, async |arena| {
        let mut mute = Vec::new();
        for _ in 0..MUTE {
            mute.push(arena.attacker().await);
        }
        arena.expect_service().await;
        let held = arena.memory() / MUTE as u64;
        assert!(held <= 16 << 10, "{held} octets each, the attackers' own ends included");
        assert_eq!(arena.peers().await.len(), 1);
        for mut peer in mute {
            peer.expect_greeting().await;
            peer.expect_close().await;
            let cause = arena.handshake_failed().await;
            assert!(matches!(cause, Cause::HandshakeTimeout(_)), "{cause}");
        }
    })
    .await;
}

#[tokio::test]
async fn hostile_02_a_greeting_octet_by_octet_does_not_put_the_deadline_off() {
    both(IMPATIENT, async |arena| {
        let peer = arena.attacker().await;
        trickle(arena, peer, greeting().into()).await;
    })
    .await;
}

#[tokio::test]
async fn hostile_03_a_greeting_and_then_silence_is_closed_at_the_same_deadline() {
    both(IMPATIENT, async |arena| {
        let start = Instant::now();
        let mut peer = arena.attacker().await;
        peer.send(greeting()).await;
        peer.rest().await;
        assert!(start.elapsed() >= LIMIT);
        assert!(matches!(arena.handshake_failed().await, Cause::HandshakeTimeout(LIMIT)));
    })
    .await;
}

#[tokio::test]
async fn hostile_04_a_ready_octet_by_octet_does_not_put_the_deadline_off() {
    both(IMPATIENT, async |arena| {
        let mut peer = arena.attacker().await;
        peer.send(greeting()).await;
        let long = ready(arena.partner()).property("X-padding", [b'x'; 100]);
        trickle(arena, peer, long.into()).await;
    })
    .await;
}

/// Says so much in ten times the limit, and is not heard out.
async fn trickle(arena: &mut Arena, mut peer: Peer, octets: Vec<u8>) {
    let pause = LIMIT * 10 / octets.len() as u32;
    let mut said = 0;
    for octet in &octets {
        tokio::time::sleep(pause).await;
        if peer.try_send([*octet]).await.is_err() {
            break;
        }
        said += 1;
    }
    assert!(said < octets.len(), "it was heard out");
    assert!(matches!(arena.handshake_failed().await, Cause::HandshakeTimeout(LIMIT)));
}

#[tokio::test]
async fn hostile_30_a_message_that_trickles_in_is_closed_and_a_slow_one_that_moves_is_not() {
    let every = Duration::from_millis(300);
    let progress = Progress { bytes: 100, every };
    both(Settings { progress, ..DEFAULTS }, async |arena| {
        // An octet now and then.
        let mut peer = arena.attacker_within().await;
        peer.send(claim(0, 1_000_000)).await;
        while peer.try_send(*b"x").await.is_ok() {
            tokio::time::sleep(every / 10).await;
        }
        let cause = arena.disconnected().await;
        assert!(matches!(cause, Cause::TooSlow), "{cause}");

        // Much faster than it has to be, for several periods.
        let mut peer = arena.attacker_within().await;
        peer.send(claim(0, 4500)).await;
        for _ in 0..45 {
            peer.send([b'y'; 100]).await;
            tokio::time::sleep(every / 15).await;
        }
        peer.send(frame("z")).await;
        if arena.is_pull {
            assert_eq!(arena.delivered().await, [b'y'; 4500][..]);
            assert_eq!(arena.delivered().await, "z");
        }
    })
    .await;
}
