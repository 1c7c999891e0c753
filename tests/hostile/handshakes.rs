//! Rows 15 to 18, 23 and 27: commands where they do not belong, of the wrong kind, or of the wrong size.

use support::{Peer, claim, command, frame, greeting, ready, session};
use zmtp::wire::{Denied, Error, Incompatible, Malformed, Misbehaved};

use crate::arena::{Arena, DEFAULTS, blame, both};

#[tokio::test]
async fn hostile_15_a_message_before_ready_is_closed_and_never_delivered() {
    both(DEFAULTS, async |arena| {
        let early = [frame("early"), ready(arena.partner()).into(), frame("late")].concat();
        refused(arena, early, Misbehaved::MessageBeforeReady.into()).await;
    })
    .await;
}

#[tokio::test]
async fn hostile_16_a_second_ready_is_closed_at_once_or_after_traffic() {
    both(DEFAULTS, async |arena| {
        let twice = Vec::from(ready(arena.partner()));
        for between in [vec![], frame("in between")] {
            let mut peer = arena.attacker().await;
            peer.send(session(arena.partner(), [&between, &twice[..]].concat())).await;
            peer.rest().await;
            let expected = Misbehaved::UnexpectedCommand("READY".into());
            assert_eq!(blame(arena.disconnected().await), expected.into());
            if arena.is_pull && !between.is_empty() {
                assert_eq!(arena.delivered().await, "in between");
            }
        }
    })
    .await;
}

/// What a log would print of it is one line of printable characters.
#[tokio::test]
async fn hostile_17_the_reason_of_an_error_is_escaped() {
    both(DEFAULTS, async |arena| {
        let nasty: Vec<u8> = b"\x1b[2J\nfake entry\r\xff\xfe\0".iter().copied().cycle().take(255).collect();
        let error = command("ERROR", [&[255][..], &nasty].concat());
        let reason = nasty.escape_ascii().to_string();
        refused(arena, error, Denied { reason: reason.clone() }.into()).await;
        assert!(!reason.contains(|c: char| c.is_control()));

        // A length that is not that of the reason.
        for odd in [&b""[..], b"\x05no", b"\x01no"] {
            refused(arena, command("ERROR", odd), Malformed::Command("ERROR").into()).await;
        }
    })
    .await;
}

#[tokio::test]
async fn hostile_18_a_command_name_that_is_empty_or_longer_than_its_frame_is_closed() {
    both(DEFAULTS, async |arena| {
        for odd in [&b"\x04\0"[..], b"\x04\x01\0", b"\x04\x06\x06READY", b"\x04\x02\xffx"] {
            refused(arena, odd.to_vec(), Malformed::CommandName.into()).await;

            let mut peer = arena.attacker_within().await;
            peer.send(odd).await;
            peer.rest().await;
            assert_eq!(blame(arena.disconnected().await), Malformed::CommandName.into());
        }
    })
    .await;
}

#[tokio::test]
async fn hostile_23_a_bogus_or_incompatible_socket_type_gets_an_error_and_none_is_accepted() {
    both(DEFAULTS, async |arena| {
        let ours = if arena.is_pull { "PULL" } else { "PUSH" };
        for theirs in [ours, "PUB", "push", "PUSH2", "\x1b[2J"] {
            let mut peer = arena.attacker().await;
            peer.shake(theirs).await;
            peer.expect(command("ERROR", b"\x18incompatible socket type")).await;
            peer.expect_close().await;
            let theirs = theirs.escape_default().to_string().replace(r"\u{1b}", r"\x1b");
            assert_eq!(
                blame(arena.handshake_failed().await),
                Incompatible::SocketType { theirs, ours }.into()
            );
        }

        let mut nameless = arena.attacker().await;
        nameless.shake("").await;
        nameless.send(frame("who am I?")).await;
        if arena.is_pull {
            assert_eq!(arena.delivered().await, "who am I?");
        }
    })
    .await;
}

/// At its header: nothing of it is waited for or stored.
#[tokio::test]
async fn hostile_27_a_handshake_command_above_8_kib_is_closed_at_its_header() {
    both(DEFAULTS, async |arena| {
        for size in [8193, 64 << 20, i64::MAX as u64] {
            refused(arena, claim(4, size), Misbehaved::CommandTooLarge { size, limit: 8192 }.into()).await;
        }
        // Just below the limit it is waited for, and costs little more than what has come.
        let mut patient = Vec::new();
        for _ in 0..100 {
            let mut peer = arena.attacker().await;
            peer.send([Vec::from(greeting()), claim(4, 8192), vec![0; 8191]].concat()).await;
            patient.push(peer);
        }
        arena.expect_service().await;
        let held = arena.memory() / 100;
        assert!(held <= 32 << 10, "{held} octets each, the attackers' own ends included");
        for mut peer in patient {
            peer.expect_greeting().await;
            drop(peer);
            arena.handshake_failed().await;
        }
        // In traffic there is a limit too.
        let mut peer = arena.attacker_within().await;
        peer.send(claim(4, 64 << 20)).await;
        peer.rest().await;
        let expected = Misbehaved::CommandTooLarge { size: 64 << 20, limit: 65_546 };
        assert_eq!(blame(arena.disconnected().await), expected.into());
    })
    .await;
}

/// A greeting, and then this: the handshake fails for this reason.
pub(crate) async fn refused(arena: &mut Arena, after_greeting: Vec<u8>, expected: Error) {
    let mut peer: Peer = arena.attacker().await;
    // A large one may not get to its end.
    let _ = peer.try_send([Vec::from(greeting()), after_greeting].concat()).await;
    peer.rest().await;
    assert_eq!(blame(arena.handshake_failed().await), expected);
}
