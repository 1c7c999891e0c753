//! Heartbeats: who is asked, who is given up, and who is not though they are quiet.

use std::time::Duration;

use futures::StreamExt;
use support::{
    ANY_PORT, Door, Peer, claim, command, frame, greeting, more, pair, ping, ready, settle, within,
};
use tokio::time::{Instant, sleep, timeout};
use zmtp::{Cause, Event, Heartbeat, Message, Monitor, PullSocket, PushSocket, Reconnect, SendErrorKind};

const SECOND: Duration = Duration::from_secs(1);
const BEAT: Heartbeat = Heartbeat::every(SECOND);

/// R37-HB-06: the answer has the same context, none or sixteen octets of it; also from a socket that sends no PINGs.
#[tokio::test]
async fn case_130_a_ping_is_answered_by_its_context() {
    let pull = PullSocket::new();
    let mut peer = Peer::connect(pull.bind(ANY_PORT).await.unwrap()).await;
    peer.shake("PUSH").await;
    for context in ["ctx", "", "sixteen octets.."] {
        peer.send(ping(0, context)).await;
        peer.expect(command("PONG", context)).await;
    }
}

/// R37-HB-05, R37-HB-14: silence for the time that the peer's PING names.
#[tokio::test(start_paused = true)]
async fn case_132_a_ttl_of_five_and_silence_closes_after_half_a_second() {
    let pull = PullSocket::new();
    let mut monitor = pull.monitor();
    let mut peer = shaken(&pull).await;
    let start = Instant::now();
    peer.send(ping(5, "")).await;
    peer.expect(command("PONG", "")).await;

    peer.expect_close().await;

    assert_about(start, 0.5);
    let cause = cut(&mut monitor).await;
    assert!(matches!(cause, Cause::TtlExpired(ttl) if ttl == SECOND / 2), "{cause}");
    assert_eq!(cause.to_string(), "the peer said nothing for the 500 ms that its PING allows");
}

/// R37-HB-04: in tenths of a second up to the largest; libzmq takes 70 s for 4.4 s.
#[tokio::test(start_paused = true)]
async fn case_133_a_ttl_of_seven_hundred_is_seventy_seconds() {
    for (ttl, seconds) in [(700, 70.0), (u16::MAX, 6553.5)] {
        let pull = PullSocket::new();
        let mut monitor = pull.monitor();
        let mut peer = shaken(&pull).await;
        let start = Instant::now();
        peer.send(ping(ttl, "")).await;

        timeout(10_000 * SECOND, cut(&mut monitor)).await.unwrap();

        assert_about(start, seconds);
    }
}

/// R37-HB-03, R37-HB-14: whatever follows the PING ends its ttl, in the same packet or later; so does a PING that
/// asks for nothing.
#[tokio::test(start_paused = true)]
async fn after_a_sign_of_life_the_ttl_is_over_until_the_next_ping() {
    for sign in [frame("a message"), command("PONG", ""), ping(0, ""), more("half")] {
        for together in [true, false] {
            let pull = PullSocket::new();
            let mut peer = shaken(&pull).await;
            if together {
                peer.send([ping(5, ""), sign.clone()].concat()).await;
            } else {
                peer.send(ping(5, "")).await;
                sleep(SECOND / 4).await;
                peer.send(sign.clone()).await;
            }

            sleep(10 * SECOND).await;

            assert_eq!(pull.peer_count(), 1, "{sign:?}");
            if sign != more("half") {
                let start = Instant::now();
                peer.send(ping(5, "")).await;
                peer.rest().await;
                assert_about(start, 0.5);
            }
        }
    }
}

/// R37-HB-01, R37-HB-02: 04, PING, no ttl, no context; the first within the interval, the others at it.
#[tokio::test(start_paused = true)]
async fn our_pings_go_out_at_the_interval() {
    let pull = PullSocket::builder().heartbeat(BEAT).build();
    let start = Instant::now();
    let mut peer = shaken(&pull).await;
    peer.expect(*b"\x04\x07\x04PING\0\0").await;
    assert!(start.elapsed() <= SECOND + GRAIN, "{:?}", start.elapsed());
    let first = Instant::now();
    for beat in 1..=100 {
        peer.send(command("PONG", "")).await;
        peer.expect(ping(0, "")).await;
        assert_about(first, f64::from(beat));
    }
}

/// Many connections do not PING in one instant.
#[tokio::test(start_paused = true)]
async fn first_pings_are_spread_over_the_interval() {
    let pull = PullSocket::builder().heartbeat(BEAT).build();
    let start = Instant::now();
    let mut waits = Vec::new();
    let mut peers = Vec::new();
    for _ in 0..50 {
        peers.push(shaken(&pull).await);
    }
    for mut peer in peers {
        waits.push(tokio::spawn(async move {
            peer.expect(ping(0, "")).await;
            start.elapsed().as_millis() / 100
        }));
    }

    let mut tenths = std::collections::HashSet::new();
    for wait in waits {
        tenths.insert(wait.await.unwrap());
    }

    assert!(tenths.len() >= 5, "{tenths:?}");
}

/// R37-HB-03, R37-HB-04.
#[tokio::test(start_paused = true)]
async fn our_pings_name_our_ttl() {
    let heartbeat = Heartbeat { ttl: 3 * SECOND, ..BEAT };
    let push = PushSocket::builder().heartbeat(heartbeat).build();
    let mut peer = Peer::attached(&push);
    peer.shake("PULL").await;
    peer.expect(ping(30, "")).await;
}

/// ZMTP 3.0 has no PING: libzmq 4.0 and 4.1 take one for a message, and never answer.
#[tokio::test(start_paused = true)]
async fn case_137_a_peer_that_speaks_3_0_gets_no_pings_and_is_not_given_up() {
    let pull = PullSocket::builder().heartbeat(BEAT).build();
    let mut peer = Peer::attached(&pull);
    peer.shake_with(greeting().version(3, 0), ready("PUSH")).await;
    peer.expect_silence(100 * BEAT.every).await;
    // libzmq 4.2 says 3.0 and knows PING nevertheless.
    peer.send(ping(0, "ctx")).await;
    peer.expect(*b"\x04\x08\x04PONGctx").await;
}

/// Off, as in libzmq.
#[tokio::test(start_paused = true)]
async fn without_the_option_or_with_zero_there_are_no_pings() {
    for builder in [PullSocket::builder(), PullSocket::builder().heartbeat(Heartbeat::every(Duration::ZERO))]
    {
        let pull = builder.build();
        let mut peer = shaken(&pull).await;
        peer.expect_silence(100 * SECOND).await;
    }
}

/// R37-HB-09, R37-HB-12, R37-HB-13: one PING, no answer, the end.
#[tokio::test(start_paused = true)]
async fn case_135_a_peer_that_stays_silent_is_cut_after_the_timeout_and_was_asked_once() {
    let heartbeat = Heartbeat { timeout: 5 * SECOND, ..BEAT };
    let pull = PullSocket::builder().heartbeat(heartbeat).build();
    let mut monitor = pull.monitor();
    let mut peer = shaken(&pull).await;
    peer.expect(ping(0, "")).await;
    let asked = Instant::now();

    peer.expect_close().await;

    assert_about(asked, 5.0);
    let cause = cut(&mut monitor).await;
    assert!(matches!(cause, Cause::HeartbeatTimeout(time) if time == 5 * SECOND), "{cause}");
    assert_eq!(cause.to_string(), "the peer did not answer a PING within 5000 ms");
}

/// R37-HB-15: reconnect in the usual way, whichever of the two it was.
#[tokio::test]
async fn a_silent_peer_that_was_dialled_is_dialled_again_and_loses_nothing() {
    let quickly = Reconnect::between(Duration::from_millis(1), Duration::from_millis(5));
    let heartbeat = Heartbeat::every(Duration::from_millis(50));
    let door = Door::open().await;
    let push = PushSocket::builder().heartbeat(heartbeat).reconnect(quickly).build();
    let mut monitor = push.monitor();
    push.connect(door.endpoint()).unwrap();
    let mut silent = door.accept().await;
    silent.shake("PULL").await;
    silent.rest().await;
    assert!(matches!(cut(&mut monitor).await, Cause::HeartbeatTimeout(_)));

    push.try_send("kept").unwrap();
    let mut says_so = door.accept().await;
    says_so.shake("PULL").await;
    says_so.send(ping(1, "")).await;
    let said = says_so.rest().await;
    assert!(said.windows(6).any(|octets| octets == frame("kept")), "{}", said.escape_ascii());
    let cause = cut(&mut monitor).await;
    assert!(matches!(cause, Cause::HeartbeatTimeout(_) | Cause::TtlExpired(_)), "{cause}");

    let mut peer = door.accept().await;
    peer.shake("PULL").await;
    within(20, push.wait_for_peers(1)).await;
}

/// R37-HB-11: any octet, where libzmq wants whole frames.
#[tokio::test(start_paused = true)]
async fn a_peer_that_trickles_octets_is_alive() {
    let mut pull = PullSocket::builder().heartbeat(BEAT).build();
    let mut peer = shaken(&pull).await;
    peer.send(claim(0, 50)).await;
    for _ in 0..50 {
        sleep(SECOND * 9 / 10).await;
        peer.send(*b"x").await;
    }
    assert_eq!(pull.recv().await.unwrap(), [b'x'; 50][..]);
}

/// The rule is stricter than libzmq's: commands may stand between messages only. A peer that reads slowly is not
/// suspected either, for it cannot answer a PING that is still behind a message.
#[tokio::test(start_paused = true)]
async fn our_ping_waits_for_the_end_of_our_message_and_the_peer_is_given_as_long() {
    let heartbeat = Heartbeat { timeout: 2 * SECOND, ..BEAT };
    let push = PushSocket::builder().heartbeat(heartbeat).build();
    let mut peer = Peer::attached_by(1024, &push);
    peer.shake("PULL").await;
    let body = vec![7; 20_000];
    push.send(Message::new(body.clone()).with("end")).await.unwrap();

    let message = [more(&body), frame("end")].concat();
    let mut got = Vec::new();
    while got.len() < message.len() {
        got.extend(peer.read(1024.min(message.len() - got.len())).await);
        sleep(SECOND * 3 / 4).await;
    }

    assert!(got == message, "something stands inside the message");
    peer.expect(ping(0, "")).await;
    peer.send(command("PONG", "")).await;
    peer.expect(ping(0, "")).await;
}

/// A frozen process: its system takes what fits, and then nothing moves.
#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_more_and_says_nothing_is_cut() {
    let push = PushSocket::builder().heartbeat(BEAT).send_hwm(100).build();
    let mut monitor = push.monitor();
    let mut peer = Peer::attached_by(1024, &push);
    peer.shake("PULL").await;
    within(20, push.wait_for_peers(1)).await;
    let start = Instant::now();
    let sent = (0..).take_while(|_| push.try_send(&[0; 1000]).is_ok()).count();
    assert_eq!(sent, 100);

    let cause = cut(&mut monitor).await;

    assert!(matches!(cause, Cause::HeartbeatTimeout(SECOND)), "{cause}");
    assert!(start.elapsed() <= 2 * SECOND + GRAIN, "{:?}", start.elapsed());
}

/// While our queue is full we do not read, so that silence means nothing. Our PINGs go on: they tell the peer that
/// we live.
#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_full_cuts_nobody_and_says_that_it_lives() {
    let mut pull = PullSocket::builder().heartbeat(BEAT).recv_hwm(5).build();
    let mut monitor = pull.monitor();
    let mut peer = Peer::attached_by(256, &pull);
    peer.shake("PUSH").await;
    let flood = frame("x").repeat(1000);
    assert!(timeout(SECOND, peer.send(ping(5, ""))).await.is_ok());
    assert!(timeout(SECOND / 10, peer.send(flood)).await.is_err(), "the mark does not hold it back");

    for _ in 0..20 {
        let said = timeout(3 * SECOND, peer.frame()).await.expect("a sign of life").body;
        assert!(said.starts_with(b"\x04PING") || said.starts_with(b"\x04PONG"), "{said:?}");
    }
    assert_eq!(pull.peer_count(), 1);

    // Once it reads again, silence counts again.
    while timeout(SECOND / 10, pull.recv()).await.is_ok() {}
    let start = Instant::now();
    assert!(matches!(cut(&mut monitor).await, Cause::HeartbeatTimeout(SECOND)));
    assert!(start.elapsed() <= 4 * SECOND, "{:?}", start.elapsed());
}

/// ... so that two sockets of ours stay together, however long the receiver pauses.
#[tokio::test(start_paused = true)]
async fn with_heartbeats_on_both_sides_a_pause_of_the_receiver_cuts_nothing() {
    let mine = Heartbeat { ttl: 2 * SECOND, timeout: 2 * SECOND, ..BEAT };
    let push = PushSocket::builder().heartbeat(mine).send_hwm(10);
    let (push, mut pull) = pair(push, PullSocket::builder().heartbeat(mine).recv_hwm(5));
    let mut monitor = push.monitor();
    within(20, push.wait_for_peers(1)).await;
    let mut sent = 0;
    for _ in 0..10 {
        while push.try_send(&[sent as u8; 10_000]).map_err(|error| error.kind()) != Err(SendErrorKind::Full) {
            sent += 1;
        }
        settle().await;
    }

    sleep(100 * SECOND).await;

    assert_eq!((push.peer_count(), pull.peer_count()), (1, 1));
    for n in 0..sent {
        assert_eq!(within(20, pull.recv()).await.unwrap(), [n as u8; 10_000][..]);
    }
    assert!(timeout(100 * SECOND, cut(&mut monitor)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn with_heartbeats_on_both_sides_or_one_an_idle_connection_stays_up() {
    let beat = Heartbeat { ttl: SECOND, ..Heartbeat::every(SECOND / 20) };
    for (above, below) in [(true, true), (true, false), (false, true)] {
        let (mut push, mut pull) = (PushSocket::builder(), PullSocket::builder());
        if above {
            push = push.heartbeat(beat);
        }
        if below {
            pull = pull.heartbeat(beat);
        }
        let (push, mut pull) = pair(push, pull);
        within(20, push.wait_for_peers(1)).await;
        let mut monitor = push.monitor();

        assert!(timeout(1000 * SECOND, monitor.next()).await.is_err(), "{above} {below}");

        push.try_send("still there").unwrap();
        assert_eq!(within(20, pull.recv()).await.unwrap(), "still there");
    }
}

/// A connection that is never idle has its PINGs as well: the peer may live by their ttl.
#[tokio::test]
async fn under_load_the_pings_go_out_too() {
    let heartbeat = Heartbeat { timeout: 10 * SECOND, ..Heartbeat::every(Duration::from_millis(20)) };
    let mut pull = PullSocket::builder().heartbeat(heartbeat).build();
    let mut peer = Peer::connect(pull.bind(ANY_PORT).await.unwrap()).await;
    peer.shake("PUSH").await;
    let receiving = tokio::spawn(async move { while pull.next().await.is_some() {} });
    let load = frame([0; 200]).repeat(1000);

    let mut pings = 0;
    within(20, async {
        while pings < 20 {
            peer.send(&load[..]).await;
            while let Ok(heard) = timeout(Duration::ZERO, peer.frame()).await {
                assert_eq!(heard.body, b"\x04PING\0\0");
                pings += 1;
            }
        }
    })
    .await;

    receiving.abort();
}

async fn shaken(pull: &PullSocket) -> Peer {
    let mut peer = Peer::attached(pull);
    peer.shake("PUSH").await;
    peer
}

/// Why the next connection ended.
async fn cut(monitor: &mut Monitor) -> Cause {
    loop {
        if let Event::Disconnected { cause, .. } = monitor.next().await.expect("the socket is open") {
            return cause;
        }
    }
}

#[track_caller]
fn assert_about(start: Instant, seconds: f64) {
    let (passed, seconds) = (start.elapsed(), Duration::from_secs_f64(seconds));
    assert!((seconds.saturating_sub(GRAIN)..=seconds + GRAIN).contains(&passed), "after {passed:?}");
}

/// What the clock's grain may add, and a beat that was begun between two ticks.
const GRAIN: Duration = Duration::from_millis(3);
