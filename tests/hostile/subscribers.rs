//! Rows 44 to 46, 49 and 50: peers of a PUB or XPUB that ask too much, too often, in two languages, or never read.

use std::time::Duration;

use support::{Peer, cancel, claim, frame, greeting, ping, ready, subscribe, until};
use zmtp::Cause;
use zmtp::wire::{Error, Misbehaved};

use crate::arena::{Arena, DEFAULTS, Kind, Settings, blame, each};

const PUBLISHERS: [Kind; 2] = [Kind::Pub, Kind::Xpub];

#[tokio::test]
async fn hostile_44_too_many_topics_or_too_much_of_them_is_closed_and_forgotten() {
    each(&PUBLISHERS, DEFAULTS, async |arena| {
        let many: Vec<u8> = (0..=100_000).flat_map(|n| subscribe(format!("topic {n}"))).collect();
        for round in 0..3 {
            let too_many = Misbehaved::TooManySubscriptions("more than 100,000 topics");
            closed(arena, many.clone(), too_many.into()).await;
            if round == 0 {
                // Whatever the allocator keeps of it, it must not add up.
                arena.forgive_memory();
            }
        }
        let large = (0..=128_u8).flat_map(|n| subscribe(vec![n; 65_536])).collect();
        closed(arena, large, Misbehaved::TooManySubscriptions("more than 8 MiB of topics").into()).await;
    })
    .await;
}

#[tokio::test]
async fn hostile_45_a_topic_of_64_kib_costs_no_stack_and_a_longer_one_is_closed() {
    each(&PUBLISHERS, DEFAULTS, async |arena| {
        let mut peer = arena.attacker_within().await;
        peer.send([subscribe([b't'; 65_536]), cancel([b't'; 65_536]), ping(0, "done")].concat()).await;
        peer.expect(*b"\x04\x09\x04PONGdone").await;
        // Each a branch of the one before.
        peer.send((0..2000).flat_map(|n| subscribe(vec![b't'; n])).collect::<Vec<_>>()).await;
        drop(peer);
        arena.left().await;

        let size = 16 << 20;
        let huge = Misbehaved::CommandTooLarge { size, limit: 65_546 };
        closed(arena, claim(4, size), huge.into()).await;
        let long = frame([&[1][..], &[b't'; 65_537]].concat());
        closed(arena, long, Misbehaved::TooManySubscriptions("a topic of more than 64 KiB").into()).await;
    })
    .await;
}

/// After a good handshake this: the connection ends for this reason.
async fn closed(arena: &mut Arena, octets: Vec<u8>, expected: Error) {
    let mut peer = arena.attacker_within().await;
    // It may not get to its end.
    let _ = peer.try_send(octets).await;
    peer.rest().await;
    assert_eq!(blame(arena.disconnected().await), expected);
    arena.expect_good_peer_alone().await;
    arena.forgive_delivered();
}

#[tokio::test]
async fn hostile_46_a_topic_is_subscribed_to_or_not_however_often_it_is_said() {
    each(&PUBLISHERS, DEFAULTS, async |arena| {
        let mut peer = arena.attacker_within().await;
        peer.send(cancel("never").repeat(1000)).await;
        peer.send(subscribe("g").repeat(100_000)).await;
        while peer.frame().await.flags != 0 {}
        // Once is enough.
        peer.send([cancel("g"), ping(0, "done")].concat()).await;
        while peer.frame().await.body != b"\x04PONGdone" {}
        peer.expect_silence(Duration::from_millis(200)).await;
        if arena.kind == Kind::Xpub {
            // As libzmq does: ends are told even of what nobody had.
            until(20, || arena.strange() >= 1002).await;
            assert_eq!(arena.strange(), 1002);
            arena.forgive_delivered();
        }
    })
    .await;
}

#[tokio::test]
async fn hostile_49_subscriptions_in_both_forms_on_one_connection_are_honoured_once() {
    let message = |wanted: u8, topic: &str| frame([&[wanted], topic.as_bytes()].concat());
    each(&PUBLISHERS, DEFAULTS, async |arena| {
        for minor in [0, 1] {
            for ended_by_a_command in [true, false] {
                let mut peer = arena.attacker().await;
                peer.shake_with(greeting().version(3, minor), ready("SUB")).await;
                peer.send([subscribe("goo"), message(1, "goo"), message(1, "other")].concat()).await;
                let (one, next) = (number(&mut peer).await, number(&mut peer).await);
                assert!(next > one, "{one} came twice");

                let end = if ended_by_a_command { cancel("goo") } else { message(0, "goo") };
                peer.send([end, ping(0, "done")].concat()).await;
                while peer.frame().await.body != b"\x04PONGdone" {}
                peer.expect_silence(Duration::from_millis(100)).await;
                if arena.kind == Kind::Xpub {
                    assert_eq!(arena.delivered().await, "\x01goo");
                    assert_eq!(arena.delivered().await, "\x01other");
                    assert_eq!(arena.delivered().await, "\0goo");
                    drop(peer);
                    assert_eq!(arena.delivered().await, "\0other");
                }
            }
        }
    })
    .await;
}

/// Which of the good messages comes next.
async fn number(peer: &mut Peer) -> u64 {
    let frame = peer.frame().await;
    let number = frame.body.strip_prefix(b"good ").and_then(|number| number.try_into().ok());
    u64::from_le_bytes(number.unwrap_or_else(|| panic!("{frame:?}")))
}

#[tokio::test]
async fn hostile_50_a_subscriber_that_takes_nothing_for_too_long_is_disconnected_if_so_wanted() {
    let timeout = Duration::from_millis(300);
    let settings = Settings { padding: 10_000, stall_timeout: Some(timeout), ..DEFAULTS };
    each(&PUBLISHERS, settings, async |arena| {
        let mut deaf = Peer::connect_deaf(4096, &arena.at).await;
        deaf.shake("SUB").await;
        deaf.send(subscribe("")).await;
        let cause = arena.disconnected().await;
        assert!(matches!(cause, Cause::Stalled(time) if time == timeout), "{cause}");
        if arena.kind == Kind::Xpub {
            assert_eq!(arena.delivered().await, "\x01");
            assert_eq!(arena.delivered().await, "\0");
        }
    })
    .await;
}

#[tokio::test]
async fn hostile_50_a_subscriber_that_never_reads_misses_messages_and_nobody_else_does() {
    each(&PUBLISHERS, Settings { padding: 10_000, ..DEFAULTS }, async |arena| {
        let good = arena.peers().await[0].id;
        let mut deaf = Peer::connect_deaf(4096, &arena.at).await;
        deaf.shake("SUB").await;
        deaf.send(subscribe("")).await;
        while arena.peers().await.len() < 2 {}
        let dropped = async || {
            let peers = arena.peers().await;
            let of = |is_good| peers.iter().find(|peer| (peer.id == good) == is_good).unwrap().dropped;
            (of(true), of(false))
        };
        while dropped().await.1 < 100 {
            arena.expect_service().await;
        }
        let (before, (of_good, of_deaf)) = (arena.drops().await.peer_full, dropped().await);
        assert_eq!(of_good, 0);
        assert!(of_deaf >= before && before >= 100, "{of_deaf} of {before}");
        // Its own queue is all it costs.
        assert!(arena.memory() < 24 << 20, "{} octets", arena.memory());
        deaf.reset();
        arena.left().await;
        if arena.kind == Kind::Xpub {
            assert_eq!(arena.delivered().await, "\x01");
            assert_eq!(arena.delivered().await, "\0");
        }
    })
    .await;
}
