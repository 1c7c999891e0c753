//! Rows 55 and 56: descriptors that are all in use, and peers whose cable is pulled.

use std::time::{Duration, Instant};

use zmtp::{Cause, Heartbeat};

use crate::arena::{DEFAULTS, Kind, Settings, alone, each};

/// In a process of its own: libzmq and the test need descriptors too.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn hostile_55_without_descriptors_the_listener_pauses_turns_away_and_goes_on() {
    use support::{Child, Peer, Zmq};
    use zmtp_libzmq::SocketType;

    let _alone = alone().await;
    let mut pull = Child::zmtp("pull bind tcp://127.0.0.1:*").await;
    let push = Zmq::connected(SocketType::Push, pull.at()).await;
    push.send("before").await;
    assert_eq!(pull.got().await, [b"before"]);

    pull.limit_descriptors(Some(3));
    let mut held = Vec::new();
    let mut refused = 0;
    while refused < 20 {
        assert!(held.len() < 100, "there is always one more");
        let mut peer = Peer::connect(pull.at()).await;
        // Either it is greeted, or it is closed at once: nobody waits for nothing.
        if peer.read_some().await.is_empty() {
            refused += 1;
        } else {
            held.push(peer);
        }
    }
    pull.wait_for("event accept-failed").await;
    push.send("meanwhile").await;
    assert_eq!(pull.got().await, [b"meanwhile"]);

    // As long as somebody knocks, for a second: it does not spin.
    let (cpu, start) = (pull.cpu(), Instant::now());
    while start.elapsed() < Duration::from_secs(1) {
        assert!(Peer::connect(pull.at()).await.read_some().await.is_empty());
    }
    let cpu = pull.cpu() - cpu;
    assert!(cpu < Duration::from_millis(300), "{cpu:?} of a second");

    // As soon as there are descriptors again, all is as before.
    held.clear();
    loop {
        let mut peer = Peer::connect(pull.at()).await;
        if !peer.read_some().await.is_empty() {
            break;
        }
    }
    pull.limit_descriptors(None);
    push.send("after").await;
    assert_eq!(pull.got().await, [b"after"]);
    push.close().await;
    pull.close().await;
}

/// Nothing is closed and nothing is said: only a heartbeat finds out.
#[tokio::test]
async fn hostile_56_a_peer_whose_cable_is_pulled_is_closed_within_the_time_that_is_set() {
    let timeout = Duration::from_secs(1);
    let heartbeat = Heartbeat { timeout, ..Heartbeat::every(Duration::from_millis(500)) };
    let settings = Settings { heartbeat: Some(heartbeat), ..DEFAULTS };
    each(&[Kind::Pull, Kind::Push, Kind::Pub, Kind::Rep], settings, async |arena| {
        let (start, mut silent) = (Instant::now(), Vec::new());
        for _ in 0..20 {
            silent.push(arena.attacker_within().await);
        }
        for _ in 0..20 {
            let cause = arena.disconnected().await;
            assert!(matches!(cause, Cause::HeartbeatTimeout(time) if time == timeout), "{cause}");
        }
        // Interval and timeout together, and the test's own pace.
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        assert_eq!(arena.peers().await.len(), 1);
    })
    .await;
}
