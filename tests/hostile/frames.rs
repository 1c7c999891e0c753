//! Rows 28, 29, 31 to 33 and 36: frames and messages that claim, hide, trickle on or break off.

use support::{Peer, claim, command, frame, more, ping, resident};
use zmtp::Cause;
use zmtp::wire::{Error, Malformed, Misbehaved};

use crate::arena::{Arena, DEFAULTS, Settings, blame, both};

#[tokio::test]
async fn hostile_28_a_frame_length_that_cannot_be_is_closed_at_the_header() {
    both(DEFAULTS, async |arena| {
        ends(arena, claim(0, 1 << 62), too_large(1 << 62)).await;
        for len in [1 << 63, u64::MAX] {
            ends(arena, claim(0, len), Malformed::FrameLength(len).into()).await;
        }
    })
    .await;
}

#[tokio::test]
async fn hostile_29_fifty_claims_of_4_gib_reserve_nothing() {
    both(DEFAULTS, async |arena| {
        for _ in 0..50 {
            ends(arena, claim(0, 4 << 30), too_large(4 << 30)).await;
        }
        // Just below the limit it may go on; what it holds grows with what has come.
        let mut patient = Vec::new();
        for _ in 0..50 {
            let mut peer = arena.attacker_within().await;
            peer.send([claim(0, 64 << 20), vec![0; 1000]].concat()).await;
            patient.push(peer);
        }
        arena.expect_service().await;
        assert!(arena.memory() < 16 << 20, "{} octets", arena.memory());
    })
    .await;
}

/// It is odd and harmless.
#[tokio::test]
async fn hostile_31_a_long_header_for_a_small_body_is_accepted() {
    both(DEFAULTS, async |arena| {
        let mut peer = arena.attacker_within().await;
        peer.send([claim(0, 3), b"abc".to_vec(), ping(0, "ctx")].concat()).await;
        answered(&mut peer).await;
        if arena.is_pull {
            assert_eq!(arena.delivered().await, "abc");
        }
    })
    .await;
}

#[tokio::test]
async fn hostile_32_reserved_bits_and_a_command_with_more_are_closed() {
    both(DEFAULTS, async |arena| {
        for bit in 3..8 {
            ends(arena, vec![1 << bit, 1, b'x'], Malformed::FrameFlags(1 << bit).into()).await;
        }
        for flags in [5, 7] {
            let odd = [&[flags], &command("FOO", "bar")[1..]].concat();
            ends(arena, odd, Malformed::FrameFlags(flags).into()).await;
        }
    })
    .await;
}

#[tokio::test]
async fn hostile_33_a_message_that_never_ends_is_closed_at_either_limit() {
    let settings = Settings { max_frames: 1000, max_message_size: 1 << 20, ..DEFAULTS };
    both(settings, async |arena| {
        let frames = more("").repeat(1001);
        ends(arena, frames, Misbehaved::TooManyFrames { limit: 1000 }.into()).await;

        let octets = more([0; 10_000]).repeat(105);
        let (size, limit) = (1_050_000, 1 << 20);
        ends(arena, octets, Misbehaved::MessageTooLarge { size, limit }.into()).await;
    })
    .await;
}

/// Nothing of it is delivered, nothing of it is kept, and the next message is clean.
#[tokio::test]
async fn hostile_36_a_connection_cut_in_the_middle_of_a_message_leaves_nothing() {
    both(DEFAULTS, async |arena| {
        for size in [0, 1, 1000, 1 << 20] {
            for _ in 0..10 {
                let mut peer = arena.attacker_within().await;
                peer.send([more("begun"), more(vec![0; size]), claim(0, 5000), vec![0; 1000]].concat()).await;
                // Read: or else it would be a reset that throws away what has not arrived.
                peer.shut().await;
                peer.rest().await;
                let cause = arena.disconnected().await;
                assert!(matches!(cause, Cause::PeerClosed), "{cause}");
            }
        }
        // 100 MB at once, and again: whatever the allocator keeps of it, it must not add up.
        for _ in 0..4 {
            let mut many = Vec::new();
            for _ in 0..50 {
                let mut peer = arena.attacker_within().await;
                peer.send([more("begun"), claim(0, 2_000_000), vec![0; 1_990_000]].concat()).await;
                many.push(peer);
            }
            drop(many);
            arena.expect_good_peer_alone().await;
        }
        assert!(arena.memory() < 150 << 20, "{} octets are kept", arena.memory());
        arena.forgive_memory();
        let mut peer = arena.attacker_within().await;
        peer.send([frame("clean"), ping(0, "ctx")].concat()).await;
        answered(&mut peer).await;
        if arena.is_pull {
            assert_eq!(arena.delivered().await, "clean");
        }
        assert!(resident() > 0 || !cfg!(target_os = "linux"), "memory is not measured");
    })
    .await;
}

/// After a good handshake this: the connection ends for this reason.
async fn ends(arena: &mut Arena, octets: Vec<u8>, expected: Error) {
    let mut peer = arena.attacker_within().await;
    // A large one may not get to its end.
    let _ = peer.try_send(octets).await;
    peer.rest().await;
    assert_eq!(blame(arena.disconnected().await), expected);
}

/// The PING with the context "ctx" is answered, among messages.
async fn answered(peer: &mut Peer) {
    while peer.frame().await.body != b"\x04PONGctx" {}
}

fn too_large(size: u64) -> Error {
    Misbehaved::MessageTooLarge { size, limit: DEFAULTS.max_message_size }.into()
}
