//! Heartbeats, ours and libzmq's: each answers, suspects and spares the other.

use std::time::{Duration, Instant};

use support::{ANY_PORT, Child, Peer, Zmq, claim, command, greeting, ping, ready, within};
use tokio::time::{sleep, timeout};
use zmtp::{Cause, Event, Heartbeat, Monitor, Pattern, PullSocket, PushSocket, Reconnect, Socket};
use zmtp_libzmq::{Event as Theirs, Opt, SocketType};

use crate::both::{BOTH_ROLES, Binder, Examined, join};

const FAST: Duration = Duration::from_millis(50);
/// Long enough for a peer that has to wait for its processor.
const LIMIT: Duration = Duration::from_secs(1);
const BEAT: Heartbeat = Heartbeat { every: FAST, timeout: LIMIT, ttl: Duration::from_secs(2) };
const QUICKLY: Reconnect = Reconnect::between(Duration::from_millis(5), Duration::from_millis(50));

/// A PULL of ours and one of libzmq's with this interval, which is the timeout as well.
async fn beating(every: Duration) -> [Examined; 2] {
    let theirs = Zmq::new(SocketType::Pull);
    theirs.set(Opt::HeartbeatIvl, every.as_millis() as i32).await;
    let ours = PullSocket::builder().heartbeat(Heartbeat::every(every)).build();
    [Examined::ours(ours).await, Examined::theirs(theirs).await]
}

/// The same for a libzmq socket of any type as [`BEAT`] is for ours.
async fn beat(zmq: &Zmq) {
    zmq.set(Opt::HeartbeatIvl, BEAT.every.as_millis() as i32).await;
    zmq.set(Opt::HeartbeatTimeout, BEAT.timeout.as_millis() as i32).await;
    zmq.set(Opt::HeartbeatTtl, BEAT.ttl.as_millis() as i32).await;
}

#[tokio::test]
async fn case_130_a_ping_is_answered_by_its_context() {
    for pull in Examined::both().await {
        let mut peer = Peer::connect(&pull.at).await;
        peer.shake("PUSH").await;
        peer.send(ping(0, "ctx")).await;
        peer.expect(*b"\x04\x08\x04PONGctx").await;
    }
}

/// R37-HB-07: libzmq answers the first sixteen octets; we close.
#[tokio::test]
async fn case_131_a_context_above_sixteen_octets() {
    for pull in Examined::both().await {
        let mut peer = Peer::connect(&pull.at).await;
        peer.shake("PUSH").await;
        peer.send(ping(0, "twenty-three octets....")).await;
        if pull.is_ours() {
            peer.expect_close().await;
        } else {
            peer.expect(command("PONG", "twenty-three oct")).await;
        }
    }
}

#[tokio::test]
async fn case_132_a_ttl_of_five_and_silence_closes_after_half_a_second() {
    for pull in Examined::both().await {
        let mut peer = Peer::connect(&pull.at).await;
        peer.shake("PUSH").await;
        let start = Instant::now();
        peer.send(ping(5, "")).await;
        peer.expect(command("PONG", "")).await;
        peer.expect_close().await;
        let passed = start.elapsed();
        assert!(passed >= Duration::from_millis(490), "ours: {}, {passed:?}", pull.is_ours());
    }
}

/// Seventy seconds are 4.464 for libzmq, which counts them in 16 bits. The behaviour tests wait for ours.
#[tokio::test]
async fn case_133_a_ttl_of_seven_hundred_is_not_cut_short_by_us() {
    let [ours, theirs] = Examined::both().await;
    let mut peers = Vec::new();
    for pull in [&ours, &theirs] {
        let mut peer = Peer::connect(&pull.at).await;
        peer.shake("PUSH").await;
        peer.send(ping(700, "")).await;
        peer.expect(command("PONG", "")).await;
        peers.push(peer);
    }
    let start = Instant::now();

    peers[1].expect_close().await;

    assert!(start.elapsed() < Duration::from_secs(60), "this libzmq can count");
    peers[0].expect_silence(FAST).await;
}

#[tokio::test]
async fn case_134_an_idle_connection_with_heartbeats_stays_up() {
    for binder in BOTH_ROLES {
        for (mine, theirs) in [(true, true), (true, false), (false, true)] {
            let push = if mine { PushSocket::builder().heartbeat(BEAT) } else { PushSocket::builder() };
            let push = push.build();
            let mut monitor = push.monitor();
            let pull = Zmq::new(SocketType::Pull);
            if theirs {
                beat(&pull).await;
            }
            join(&push, &pull, binder).await;

            expect_peace(&mut monitor, 30 * FAST).await;

            push.send("still there").await.unwrap();
            assert_eq!(pull.recv().await, [b"still there"]);
        }
    }
}

#[tokio::test]
async fn case_135_a_silent_peer_is_cut_after_the_interval_and_the_timeout() {
    for pull in beating(FAST).await {
        let mut peer = Peer::connect(&pull.at).await;
        peer.shake("PUSH").await;
        let start = Instant::now();
        let said = peer.rest().await;
        assert!(said.starts_with(&ping(0, "")), "{}", said.escape_ascii());
        assert!(start.elapsed() >= FAST, "{:?}", start.elapsed());
    }
}

/// A process that is frozen keeps its connections; only silence gives it away.
#[tokio::test]
async fn case_136_a_libzmq_process_that_is_stopped_is_found_and_comes_back() {
    for binder in BOTH_ROLES {
        let push = PushSocket::builder().heartbeat(BEAT).reconnect(QUICKLY).build();
        let mut monitor = push.monitor();
        let mut pull = with_child(&push, binder, "pull").await;
        push.send("before").await.unwrap();
        assert_eq!(pull.got().await, [b"before"]);

        pull.stop();
        let stopped = Instant::now();
        expect_timeout(&mut monitor).await;
        assert!(stopped.elapsed() < 5 * LIMIT, "{:?}", stopped.elapsed());
        pull.go_on();

        expect_return(&mut monitor).await;
        within(20, push.send("after")).await.unwrap();
        assert_eq!(pull.got().await, [b"after"]);
    }
}

/// ... also when it is stopped in the middle of a stream, and nothing more goes into the connection. What waits for
/// a peer that was dialled is kept.
#[tokio::test]
async fn case_136_a_libzmq_process_that_is_stopped_under_load_is_found_too() {
    let push = PushSocket::builder().heartbeat(BEAT).reconnect(QUICKLY).build();
    let mut monitor = push.monitor();
    let pull = with_child(&push, Binder::Theirs, "pull").await;
    pull.stop();
    let body = vec![7; 100_000];
    while timeout(FAST, push.send(&body[..])).await.is_ok() {}
    expect_timeout(&mut monitor).await;
    pull.go_on();
    expect_return(&mut monitor).await;
}

/// The other way round: libzmq's heartbeats, and a process of ours.
#[tokio::test]
async fn case_136_a_process_of_ours_that_is_stopped_is_found_by_libzmq_and_comes_back() {
    for binder in BOTH_ROLES {
        let push = Zmq::new(SocketType::Push);
        beat(&push).await;
        let mut monitor = push.monitor().await;
        let mut pull = match binder {
            Binder::Ours => {
                let pull = Child::zmtp("pull bind tcp://127.0.0.1:*").await;
                push.connect(pull.at()).await;
                pull
            }
            Binder::Theirs => Child::zmtp(&format!("pull connect {}", push.bind(ANY_PORT).await)).await,
        };
        monitor.wait_for(Theirs::HANDSHAKE_SUCCEEDED).await;
        push.send("before").await;
        assert_eq!(pull.got().await, [b"before"]);

        pull.stop();
        monitor.wait_for(Theirs::DISCONNECTED).await;
        pull.go_on();

        monitor.wait_for(Theirs::HANDSHAKE_SUCCEEDED).await;
        push.send("after").await;
        assert_eq!(pull.got().await, [b"after"]);
    }
}

/// ZMTP 3.0 has no PING: libzmq 4.0 and 4.1 would take one for a message.
#[tokio::test]
async fn case_137_libzmq_sends_pings_to_a_peer_that_speaks_3_0_and_we_do_not() {
    let [ours, theirs] = beating(FAST).await;
    let mut peer = Peer::connect(&theirs.at).await;
    peer.shake_with(greeting().version(3, 0), ready("PUSH")).await;
    peer.expect(ping(0, "")).await;

    let mut peer = Peer::connect(&ours.at).await;
    peer.shake_with(greeting().version(3, 0), ready("PUSH")).await;
    peer.expect_silence(20 * FAST).await;
}

/// The sender has nothing to say but PONG.
#[tokio::test]
async fn case_138_on_a_one_way_pipe_pongs_are_signs_of_life() {
    for binder in BOTH_ROLES {
        let mut pull = PullSocket::builder().heartbeat(BEAT).build();
        let mut monitor = pull.monitor();
        let push = Zmq::new(SocketType::Push);
        join(&pull, &push, binder).await;
        expect_peace(&mut monitor, 30 * FAST).await;
        push.send("still there").await;
        assert_eq!(within(20, pull.recv()).await.unwrap(), "still there");

        let push = PushSocket::new();
        let mut monitor = push.monitor();
        let pull = Zmq::new(SocketType::Pull);
        beat(&pull).await;
        join(&push, &pull, binder).await;
        expect_peace(&mut monitor, 30 * FAST).await;
        push.send("still there").await.unwrap();
        assert_eq!(pull.recv().await, [b"still there"]);
    }
}

/// R37-HB-11: libzmq counts whole frames only, and cuts a slow one; for us every octet counts.
#[tokio::test]
async fn case_138_a_frame_that_comes_slowly_is_cut_by_libzmq_and_not_by_us() {
    for mut pull in beating(Duration::from_millis(400)).await {
        let mut peer = Peer::connect(&pull.at).await;
        peer.shake("PUSH").await;
        peer.send(claim(0, 60)).await;
        let mut cut = false;
        for _ in 0..60 {
            sleep(FAST).await;
            cut |= peer.try_send(*b"x").await.is_err();
        }
        assert_eq!(cut, !pull.is_ours());
        if pull.is_ours() {
            assert_eq!(pull.recv().await, [[b'x'; 60]]);
        }
    }
}

/// A libzmq process of this type, joined to a socket of ours.
async fn with_child<P: Pattern>(ours: &Socket<P>, binder: Binder, kind: &str) -> Child {
    let child = match binder {
        Binder::Ours => {
            let at = ours.bind(ANY_PORT).await.unwrap();
            Child::zmq(&format!("{kind} connect {at}")).await
        }
        Binder::Theirs => {
            let child = Child::zmq(&format!("{kind} bind {ANY_PORT}")).await;
            ours.connect(child.at()).unwrap();
            child
        }
    };
    within(20, ours.wait_for_peers(1)).await;
    child
}

async fn expect_timeout(monitor: &mut Monitor) {
    loop {
        if let Event::Disconnected { cause, .. } = within(20, monitor.next()).await.unwrap() {
            assert!(matches!(cause, Cause::HeartbeatTimeout(LIMIT)), "{cause}");
            return;
        }
    }
}

async fn expect_return(monitor: &mut Monitor) {
    while within(20, monitor.next()).await.unwrap().name() != "handshake-succeeded" {}
}

/// Nobody leaves for this long.
async fn expect_peace(monitor: &mut Monitor, time: Duration) {
    let war = async {
        loop {
            if let Event::Disconnected { cause, .. } = monitor.next().await.unwrap() {
                return cause;
            }
        }
    };
    if let Ok(cause) = timeout(time, war).await {
        panic!("{cause}");
    }
}
