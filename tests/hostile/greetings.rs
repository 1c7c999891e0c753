//! Rows 7 to 12 and 14: what is no greeting of ZMTP 3, and what is one that looks odd.

use support::{frame, greeting, ready};
use zmtp::wire::{Incompatible, Malformed};

use crate::arena::{DEFAULTS, blame, both};

#[tokio::test]
async fn hostile_07_other_protocols_are_closed_at_their_first_octet_with_a_hint() {
    both(DEFAULTS, async |arena| {
        let first = [
            (&b"GET / HTTP/1.1\r\n"[..], Some("HTTP")),
            (b"P", Some("HTTP")),
            (b"\x16\x03\x01\x02\x00", Some("a TLS client hello")),
            (b"SSH-2.0-OpenSSH_9.6\r\n", Some("SSH")),
            (b"\0", None),
        ];
        for (octets, looks_like) in first {
            let mut peer = arena.attacker().await;
            peer.send(octets).await;
            peer.rest().await;
            assert_eq!(blame(arena.handshake_failed().await), Malformed::Signature { looks_like }.into());
        }
    })
    .await;
}

#[tokio::test]
async fn hostile_08_a_signature_with_a_wrong_tenth_octet_is_closed() {
    both(DEFAULTS, async |arena| {
        let mut peer = arena.attacker().await;
        peer.send(greeting().octet(9, 0)).await;
        peer.rest().await;
        let looks_like = None;
        assert_eq!(blame(arena.handshake_failed().await), Malformed::Signature { looks_like }.into());
    })
    .await;
}

/// libzmq waits for more.
#[tokio::test]
async fn hostile_09_zmtp_1_0_is_closed_at_once() {
    both(DEFAULTS, async |arena| {
        let mut peer = arena.attacker().await;
        peer.send(*b"\x01\0").await;
        peer.rest().await;
        let said = arena.handshake_failed().await.to_string();
        assert!(said.ends_with("this looks like ZMTP 1.0"), "{said}");
    })
    .await;
}

#[tokio::test]
async fn hostile_10_zmtp_2_0_is_closed() {
    both(DEFAULTS, async |arena| {
        let mut peer = arena.attacker().await;
        peer.send(*b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\x08\0\0").await;
        peer.rest().await;
        assert_eq!(blame(arena.handshake_failed().await), Incompatible::Version("2.0").into());
    })
    .await;
}

#[tokio::test]
async fn hostile_11_major_0_is_closed_and_above_3_is_answered_as_3_1() {
    both(DEFAULTS, async |arena| {
        let mut peer = arena.attacker().await;
        peer.send(greeting().version(0, 0)).await;
        peer.rest().await;
        assert_eq!(blame(arena.handshake_failed().await), Incompatible::Version("1.0").into());

        for major in [4, 255] {
            let mut peer = arena.attacker().await;
            peer.shake_with(greeting().version(major, 9), ready(arena.partner())).await;
            peer.send(frame("from the future")).await;
            if arena.is_pull {
                assert_eq!(arena.delivered().await, "from the future");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn hostile_12_a_mechanism_that_is_not_ours_in_all_twenty_octets_is_closed() {
    both(DEFAULTS, async |arena| {
        let names = [
            (&b"PLAIN"[..], "PLAIN"),
            (b"null", "null"),
            (b"", ""),
            (b"NULL\0X", r"NULL\x00X"),
            (&[0xff; 20], &r"\xff".repeat(20)),
            (b"NULLNULLNULLNULLNULL", "NULLNULLNULLNULLNULL"),
        ];
        for (name, theirs) in names {
            let mut peer = arena.attacker().await;
            peer.send(greeting().mechanism(name)).await;
            peer.rest().await;
            let (theirs, ours) = (theirs.to_owned(), "NULL");
            assert_eq!(
                blame(arena.handshake_failed().await),
                Incompatible::Mechanism { theirs, ours }.into()
            );
        }
    })
    .await;
}

/// "A peer SHALL ignore the filler": it may mean something in a later version.
#[tokio::test]
async fn hostile_14_a_filler_and_a_padding_of_anything_are_accepted() {
    both(DEFAULTS, async |arena| {
        for (padding, filler) in [(0, 0xff), (0xff, 0), (b'x', b'y')] {
            let mut peer = arena.attacker().await;
            peer.shake_with(greeting().padding(padding).filler(filler), ready(arena.partner())).await;
            peer.send(frame("odd and harmless")).await;
            if arena.is_pull {
                assert_eq!(arena.delivered().await, "odd and harmless");
            }
        }
    })
    .await;
}
