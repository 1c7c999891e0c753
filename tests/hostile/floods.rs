//! Rows 37 to 43, 47 and 48: commands and messages that mean nothing, as many as the line carries.

use std::time::{Duration, Instant};

use support::{Peer, cancel, command, frame, greeting, ping, ready, subscribe};
use zmtp::wire::Malformed;
use zmtp::{Budget, Cause, Flood, Heartbeat};

use crate::arena::{Arena, DEFAULTS, Kind, Settings, blame, both, each};

const BUDGET: Budget = Budget { commands: 1000, subscriptions: 2000, unwanted: 1000 };
const STRICT: Settings = Settings { budget: BUDGET, ..DEFAULTS };

#[tokio::test]
async fn hostile_37_unknown_commands_are_ignored_up_to_the_budget_and_then_closed() {
    each(&[Kind::Pull, Kind::Push, Kind::Pub, Kind::Router], STRICT, async |arena| {
        let mut peer = arena.attacker_within().await;
        peer.send(command("HUH", "what?").repeat(900)).await;
        answered(&mut peer).await;

        floods(arena, command("HUH", "").repeat(200_000), Flood::Commands).await;
        answered(&mut peer).await;
    })
    .await;
}

#[tokio::test]
async fn hostile_38_a_flood_of_pings_gets_few_pongs_and_is_closed_at_the_budget() {
    each(&[Kind::Pull, Kind::Pub], STRICT, async |arena| {
        let mut peer = arena.attacker_within().await;
        let pings: Vec<u8> = (0..900).flat_map(|n| ping(0, &format!("n{n}"))).collect();
        peer.send(pings).await;
        let mut pongs = 1;
        while peer.frame().await.body != b"\x04PONGn899" {
            pongs += 1;
        }
        assert!(pongs <= 100, "{pongs} PONGs for 900 PINGs in one piece");

        floods(arena, ping(0, "flood").repeat(200_000), Flood::Commands).await;
        answered(&mut peer).await;
    })
    .await;
}

#[tokio::test]
async fn hostile_39_a_flood_of_pings_by_a_peer_that_never_reads_queues_one_pong() {
    let patient = Settings { budget: Budget { commands: u32::MAX, ..BUDGET }, ..DEFAULTS };
    both(patient, async |arena| {
        let mut peer = Peer::connect_deaf(4096, &arena.at).await;
        peer.shake(arena.partner()).await;
        // If each had its PONG in memory, that would be 100 MB.
        for _ in 0..100 {
            peer.send(ping(0, "sixteen octets..").repeat(10_000)).await;
        }
        arena.expect_service().await;
        assert!(arena.memory() < 8 << 20, "{} octets", arena.memory());
        peer.reset();
        arena.left().await;
    })
    .await;
}

#[tokio::test]
async fn hostile_40_a_ping_with_a_cut_ttl_or_a_long_context_is_closed_and_not_reflected() {
    both(DEFAULTS, async |arena| {
        for odd in [&b""[..], b"\0", b"\0\0seventeen octets!", &[0; 200]] {
            let mut peer = arena.attacker_within().await;
            peer.send(command("PING", odd)).await;
            let said = peer.rest().await;
            assert!(!said.windows(4).any(|octets| octets == b"PONG"), "{}", said.escape_ascii());
            assert_eq!(blame(arena.disconnected().await), Malformed::Command("PING").into());
        }
        let mut peer = arena.attacker_within().await;
        peer.send(ping(0, "sixteen octets..")).await;
        while peer.frame().await.body != b"\x04PONGsixteen octets.." {}
    })
    .await;
}

#[tokio::test]
async fn hostile_41_a_ttl_is_kept_between_none_and_the_largest_and_never_below_the_least() {
    const LEAST: Duration = Duration::from_millis(500);
    each(&[Kind::Pull, Kind::Rep], Settings { least_ttl: LEAST, ..DEFAULTS }, async |arena| {
        let (mut none, mut largest) = (arena.attacker_within().await, arena.attacker_within().await);
        none.send([ping(1, "ctx"), ping(0, "ctx")].concat()).await;
        largest.send([ping(1, "ctx"), ping(u16::MAX, "ctx")].concat()).await;

        let mut peer = arena.attacker_within().await;
        for ttl in [10, 3, 1] {
            peer.send(ping(ttl, "ctx")).await;
        }
        let start = Instant::now();
        peer.rest().await;
        assert!(start.elapsed() >= LEAST - Duration::from_millis(20), "{:?}", start.elapsed());
        let cause = arena.disconnected().await;
        assert!(matches!(cause, Cause::TtlExpired(LEAST)), "{cause}");

        for peer in [&mut none, &mut largest] {
            answered(peer).await;
        }
    })
    .await;
}

#[tokio::test]
async fn hostile_42_pongs_that_nobody_asked_for_are_ignored_up_to_the_budget_and_then_closed() {
    both(STRICT, async |arena| {
        let mut peer = arena.attacker_within().await;
        peer.send(command("PONG", "who asked?").repeat(900)).await;
        answered(&mut peer).await;

        floods(arena, command("PONG", "").repeat(200_000), Flood::Commands).await;
        answered(&mut peer).await;
    })
    .await;
}

/// ZMTP 3.0 has no PING. What such a peer sends of them is answered: libzmq 4.2 says 3.0 and does.
#[tokio::test]
async fn hostile_43_a_peer_that_speaks_3_0_gets_no_ping_and_is_not_given_up() {
    let every = Duration::from_millis(100);
    let heartbeat = Heartbeat { timeout: Duration::from_secs(1), ..Heartbeat::every(every) };
    each(&[Kind::Pull, Kind::Rep], Settings { heartbeat: Some(heartbeat), ..DEFAULTS }, async |arena| {
        let mut modern = arena.attacker_within().await;
        let mut old = arena.attacker().await;
        old.shake_with(greeting().version(3, 0), ready(arena.partner())).await;
        // It says nothing, and is closed.
        modern.expect(ping(0, "")).await;
        modern.expect_close().await;
        let cause = arena.disconnected().await;
        assert!(matches!(cause, Cause::HeartbeatTimeout(_)), "{cause}");

        old.send(ping(0, "ctx")).await;
        old.expect(command("PONG", "ctx")).await;
        old.expect_silence(every * 5).await;
    })
    .await;
}

#[tokio::test]
async fn hostile_47_subscriptions_that_come_and_go_are_honoured_up_to_the_budget_and_then_closed() {
    each(&[Kind::Pub, Kind::Xpub], STRICT, async |arena| {
        let mut peer = arena.attacker_within().await;
        peer.send(churn(1900, |topic| [subscribe(topic), cancel(topic)].concat())).await;
        answered(&mut peer).await;

        let commands = churn(200_000, |topic| [subscribe(topic), cancel(topic)].concat());
        floods(arena, commands, Flood::Subscriptions).await;
        let messages = churn(200_000, |topic| {
            [frame([b"\x01", topic.as_bytes()].concat()), frame([b"\0", topic.as_bytes()].concat())].concat()
        });
        floods(arena, messages, Flood::Subscriptions).await;
        answered(&mut peer).await;
        arena.forgive_delivered();
    })
    .await;
    // Those who have nothing to subscribe to.
    both(STRICT, async |arena| {
        floods(arena, subscribe("topic").repeat(200_000), Flood::Subscriptions).await;
    })
    .await;
}

/// So many subscriptions and ends of some, of topics that have a branch of the tree to themselves.
fn churn(events: usize, pair: impl Fn(&str) -> Vec<u8>) -> Vec<u8> {
    (0..events / 2).flat_map(|n| pair(&format!("{:02}/churn/{n}", n % 64))).collect()
}

#[tokio::test]
async fn hostile_48_messages_to_a_push_or_a_pub_are_counted_up_to_the_budget_and_then_closed() {
    each(&[Kind::Push, Kind::Pub], STRICT, async |arena| {
        let mut peer = arena.attacker_within().await;
        peer.send(frame("wrong way").repeat(900)).await;
        answered(&mut peer).await;
        assert_eq!(arena.drops().await.unwanted, 900);

        floods(arena, frame("wrong way").repeat(200_000), Flood::Unwanted).await;
        // Few, but large.
        floods(arena, frame(vec![b'x'; 2 << 20]), Flood::Unwanted).await;
        answered(&mut peer).await;
    })
    .await;
}

/// After a good handshake so much of this: the connection ends for this reason, long before its end.
async fn floods(arena: &mut Arena, octets: Vec<u8>, flood: Flood) {
    let mut peer = arena.attacker_within().await;
    // It may not get to its end.
    let _ = peer.try_send(octets).await;
    peer.rest().await;
    let cause = arena.disconnected().await;
    assert!(matches!(cause, Cause::Flood(what) if what == flood), "{cause}");
}

/// The connection lives: a PING is answered, among messages and other PONGs.
async fn answered(peer: &mut Peer) {
    peer.send(ping(0, "alive?")).await;
    while peer.frame().await.body != b"\x04PONGalive?" {}
}
