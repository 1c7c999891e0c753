//! Rows 34 and 35: messages without content.

use std::time::{Duration, Instant};

use support::{Peer, Zmq, frame, more, until, within};
use tokio::task::yield_now;
use zmtp::Queued;
use zmtp::wire::Misbehaved;
use zmtp_libzmq::{RawMsg, SocketType};

use crate::arena::{Arena, DEFAULTS, Kind, Settings, blame, each};

/// Five million, and a fifth of that where the compiler has not optimised.
const EMPTY: u64 = if cfg!(debug_assertions) { 1_000_000 } else { 5_000_000 };
const PIECE: u64 = 10_000;

#[tokio::test]
async fn hostile_34_millions_of_empty_frames_are_taken_in_turns_and_hold_nobody_up() {
    each(&[Kind::Pull], DEFAULTS, async |arena| {
        let piece = frame("").repeat(PIECE as usize);
        let (mut peer, start) = (arena.attacker_within().await, Instant::now());
        let mut served = arena.served();
        for n in 1..=EMPTY / PIECE {
            peer.send(piece.clone()).await;
            if n % 20 == 0 {
                // The good peer has its turn all the time.
                let before = std::mem::replace(&mut served, arena.served());
                until(20, || arena.served() > before).await;
            }
        }
        until(120, || arena.strange() == EMPTY).await;
        let ours = start.elapsed();
        arena.forgive_delivered();

        // As many in one message are too many.
        let mut endless = arena.attacker_within().await;
        let _ = endless.try_send(more("").repeat(100_000)).await;
        endless.rest().await;
        let expected = Misbehaved::TooManyFrames { limit: 65_536 };
        assert_eq!(blame(arena.disconnected().await), expected.into());

        let theirs = libzmq(&piece).await;
        assert!(cfg!(debug_assertions) || ours < theirs.mul_f64(1.5), "{ours:?}, libzmq {theirs:?}");
    })
    .await;
}

/// How long it takes a PULL of libzmq to receive as many.
async fn libzmq(piece: &[u8]) -> Duration {
    let (pull, at) = Zmq::bound(SocketType::Pull).await;
    let mut peer = Peer::connect(&at).await;
    peer.shake("PUSH").await;
    let start = Instant::now();
    let received = pull.call(|socket| {
        let mut frame = RawMsg::new();
        (0..EMPTY).for_each(|_| socket.recv_into(&mut frame).expect("a message"));
    });
    for _ in 0..EMPTY / PIECE {
        peer.send(piece).await;
    }
    within(120, received).await;
    start.elapsed()
}

/// Nobody receives what the attacker sends. TCP holds it back, whatever it is made of.
#[tokio::test]
async fn hostile_35_empty_messages_fill_a_queue_and_no_more() {
    let unread = Settings { reads: false, ..DEFAULTS };
    each(&[Kind::Xpub], unread, async |arena| {
        let mut peer = arena.attacker_within().await;
        // Until it is held back.
        let flood = async { while peer.try_send(frame("").repeat(100_000)).await.is_ok() {} };
        assert!(tokio::time::timeout(Duration::from_secs(2), flood).await.is_err());
        let received = received(arena).await;
        assert_eq!(received.messages, 1000);
        assert!(arena.memory() < 8 << 20, "{} octets", arena.memory());
        arena.expect_service().await;
        done(arena, peer).await;
    })
    .await;

    // Only octets are counted, and there are none but headers, one by one.
    let octets = Settings { recv_hwm: 0, recv_hwm_bytes: 256 << 10, ..unread };
    each(&[Kind::Xpub], octets, async |arena| {
        let mut peer = arena.attacker_within().await;
        for _ in 0..20_000 {
            peer.send(frame("")).await;
            yield_now().await;
        }
        arena.expect_service().await;
        let received = received(arena).await;
        assert!(received.messages >= 1000, "{received:?}");
        assert!(received.messages <= 10_000 && received.bytes < 256 << 10, "{received:?}");
        done(arena, peer).await;
    })
    .await;
}

/// Who is not read from is not seen to go.
async fn done(arena: &mut Arena, peer: Peer) {
    peer.reset();
    arena.read();
    arena.expect_good_peer_alone().await;
    arena.forgive_delivered();
}

/// What waits to be received of the attacker.
async fn received(arena: &Arena) -> Queued {
    arena.peers().await.iter().map(|peer| peer.received).max_by_key(|queued| queued.messages).unwrap()
}
