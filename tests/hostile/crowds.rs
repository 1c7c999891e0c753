//! Rows 5, 6 and 54: many who connect, and mean nothing by it.

use std::time::Duration;

use support::{Peer, claim, greeting, more, ready, until};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};
use zmtp::{Cause, Refusal};

use crate::arena::{Arena, DEFAULTS, Kind, Settings, both, each};

/// An eighth of 1,024 places.
const SHARE: usize = 128;

#[tokio::test]
async fn hostile_05_ten_thousand_handshakes_of_one_host_that_lasts_get_an_eighth_of_the_places() {
    let settings = Settings { handshake_timeout: Duration::from_secs(600), ..DEFAULTS };
    each(&[Kind::Pull, Kind::Rep], settings, async |arena| {
        let mut mute = Vec::new();
        let start = Instant::now();
        for _ in 0..SHARE {
            mute.push(greeted(arena.attacker().await).await);
        }
        // They are no longer young.
        sleep_until(start + Duration::from_secs(2)).await;
        for _ in SHARE..10_000 {
            arena.attacker().await.expect_close().await;
            assert!(matches!(arena.handshake_failed().await, Cause::Refused(Refusal::AddressCrowded)));
        }
        assert!(arena.memory() < 8 << 20, "{} octets", arena.memory());
        #[cfg(target_os = "linux")]
        welcome(arena, [127, 0, 0, 2]).await;

        // A place is free as soon as its owner is gone.
        drop(mute.pop());
        arena.handshake_failed().await;
        arena.attacker_within().await;
    })
    .await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn hostile_06_when_many_hosts_take_all_places_the_oldest_goes_and_others_are_let_in() {
    let settings = Settings { pending_handshakes: 24, ..DEFAULTS };
    both(settings, async |arena| {
        let mut mute = Vec::new();
        for place in 0..24 {
            let peer = Peer::connect_from([127, 0, 1, place / 3], &arena.at).await;
            mute.push(greeted(peer).await);
        }
        let oldest: Vec<_> = mute.drain(..12).collect();
        for (host, oldest) in oldest.into_iter().enumerate() {
            let newest = Peer::connect_from([127, 0, 2, host as u8], &arena.at).await;
            gone(oldest).await;
            assert!(matches!(arena.handshake_failed().await, Cause::Refused(Refusal::Crowded)));
            mute.push(greeted(newest).await);
        }
        drop(mute);

        // However fast they come, whoever shakes hands gets in.
        let mut crowd = Vec::new();
        for n in 0..2000_u32 {
            crowd.push(Peer::connect_from([127, 1, (n / 250) as u8, (n % 250) as u8], &arena.at).await);
            if n % 200 == 0 {
                welcome(arena, [127, 0, 0, 2]).await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn hostile_54_five_thousand_resets_at_any_moment_leave_the_listener_as_it_was() {
    both(DEFAULTS, async |arena| {
        for n in 0..5000 {
            let mut peer = arena.attacker().await;
            match n % 10 {
                0..5 => {}
                5 => peer.send(*b"\xff").await,
                6 => peer.send(greeting()).await,
                7 => peer.send([Vec::from(greeting()), ready(arena.partner()).into()].concat()).await,
                8 => drop(peer.shake(arena.partner()).await),
                _ => {
                    peer.shake(arena.partner()).await;
                    peer.send([more("begun"), claim(0, 5000)].concat()).await;
                }
            }
            peer.reset();
        }
        arena.expect_good_peer_alone().await;
        arena.expect_service().await;
        // Whoever means well is let in as before.
        arena.attacker_within().await;
    })
    .await;
}

/// However fast one host is.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn hostile_05_one_host_may_take_all_places_in_an_instant_and_others_are_let_in() {
    both(Settings { pending_handshakes: 64, ..DEFAULTS }, async |arena| {
        let mut crowd = Vec::new();
        for n in 0..1000 {
            crowd.push(arena.attacker().await);
            if n % 100 == 0 {
                welcome(arena, [127, 0, 0, 2]).await;
            }
        }
    })
    .await;
}

/// The whole of it at once.
#[tokio::test]
async fn hostile_01_05_54_a_thousand_mute_and_five_thousand_resets_fail_no_round_trip_of_a_req() {
    const MUTE: usize = 1000;
    let handshake_timeout = Duration::from_secs(60);
    let settings = Settings { handshake_timeout, pending_handshakes: 16 * MUTE, ..DEFAULTS };
    each(&[Kind::Rep, Kind::Router], settings, async |arena| {
        let good = arena.peers().await;
        let start = arena.served();
        let mut mute = Vec::new();
        for _ in 0..MUTE {
            mute.push(greeted(arena.attacker().await).await);
        }
        for _ in 0..5000 {
            arena.attacker().await.reset();
            yield_now().await;
        }
        until(60, || arena.served() >= start + 1000).await;
        assert_eq!(mute.len(), MUTE);
        let same: Vec<_> = arena.peers().await.iter().map(|peer| peer.id).collect();
        assert_eq!(same, [good[0].id]);
    })
    .await;
}

/// Someone at this address is let in.
#[cfg(target_os = "linux")]
async fn welcome(arena: &mut Arena, host: [u8; 4]) {
    Peer::connect_from(host, &arena.at).await.shake(arena.partner()).await;
    arena.left().await;
}

/// Waits until its handshake has begun.
async fn greeted(mut peer: Peer) -> Peer {
    peer.expect_greeting().await;
    peer
}

/// It is closed, and has heard nothing more.
#[cfg(target_os = "linux")]
async fn gone(mut peer: Peer) {
    peer.expect_close().await;
}
