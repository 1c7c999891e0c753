//! The one who decides is killed, frozen, or hands over.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{FAILOVER, Pair};

/// So many times, or as the environment says.
fn times(name: &str, usually: u32) -> u32 {
    std::env::var(name).ok().map_or(usually, |text| text.parse().expect(name))
}

/// The other one takes writes as soon as the silence has lasted long enough, and not before.
#[test]
fn c16_when_the_active_one_is_killed_the_other_one_takes_writes_after_the_silence() {
    let mut pair = Pair::running("");
    pair.said("set lamp on");
    let killed = Instant::now();
    pair.kill(0);
    let version = pair.client(1, "set lamp off").done().out;
    let gap = killed.elapsed();
    println!("writes were taken {gap:?} after the death");
    // It had said that it is alive up to a beat before its death.
    assert!(gap > FAILOVER - Duration::from_millis(100), "{gap:?}");
    assert_eq!(pair.said("get lamp").trim(), "off");
    // The first one comes back, and follows.
    pair.start(0, "");
    pair.become_(0, "standby");
    assert_eq!(pair.active(), Some(1));
    assert!(pair.said("ls --long").contains(version.trim()));
}

/// It is written at the one, and that one killed at once: five times, each of the two.
#[test]
fn j2_what_was_answered_as_safe_at_the_standby_outlives_whichever_of_the_two_dies() {
    let mut pair = Pair::running("");
    for round in 0..4 {
        let active = round % 2;
        pair.said(&format!("set key{round} value{round} --standby --if-absent"));
        pair.kill(active);
        let keys = pair.client(1 - active, "ls").done().out;
        assert_eq!(keys.lines().count(), round + 1, "{keys}");
        pair.start(active, "");
        pair.is_followed(1 - active);
    }
}

/// Nobody can promise it without a standby.
#[test]
fn a_write_that_is_to_be_safe_at_a_standby_is_refused_while_there_is_none() {
    let mut pair = Pair::running("");
    pair.kill(1);
    pair.until("the standby is missed", |pair| pair.roles()[0].contains("peer silent"));
    let ended = pair.client(0, "set lamp on --standby").ended();
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(ended.err.contains("none that follows"), "{}", ended.err);
    pair.said("set lamp on");
}

/// As long as it is not dead, however busy the machine is: `FREEZES=1000` is as often as it was promised.
#[test]
fn c13_an_active_one_that_is_frozen_for_less_than_the_failover_stays_the_one() {
    let mut pair = Pair::running("");
    for number in 0..times("FREEZES", 8) {
        let begun = Instant::now();
        pair.server(0).signal("STOP");
        sleep(FAILOVER.mul_f64(0.8));
        pair.server(0).signal("CONT");
        let frozen = begun.elapsed();
        // On a busy machine it may have lasted longer than it was to.
        if frozen > FAILOVER.mul_f64(0.85) {
            continue;
        }
        pair.said(&format!("set lamp {number}"));
    }
    while let Some(line) = pair.server(1).try_err_line() {
        assert!(!line.contains("active"), "the standby says {line}");
    }
    assert_eq!(pair.active(), Some(0));
}

/// It wakes up, and there is another one: it does not take a write any more.
#[test]
fn an_active_one_that_was_frozen_for_too_long_is_deposed_and_follows() {
    let mut pair = Pair::running("");
    pair.said("set lamp on");
    pair.server(0).signal("STOP");
    pair.client(1, "set lamp off").done();
    pair.server(0).signal("CONT");
    pair.become_(0, "standby");
    assert_eq!(pair.active(), Some(1));
    assert_eq!(pair.said("get lamp").trim(), "off");
}

#[test]
fn c16_a_planned_handover_leaves_no_gap_that_a_writer_notices() {
    let mut pair = Pair::running("");
    for round in 0..6 {
        pair.said(&format!("set lamp {round} --standby"));
        let ended = pair.client(round % 2, "handover").done();
        println!("{}", ended.err);
        assert!(ended.err.contains("decides now, after"), "{}", ended.err);
        pair.become_(1 - round % 2, "active");
        pair.become_(round % 2, "standby");
        assert_eq!(pair.said("get lamp").trim(), round.to_string());
    }
    pair.kill(1);
    pair.until("the standby is missed", |pair| pair.roles()[0].contains("peer silent"));
    let ended = pair.client(0, "handover").ended();
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(ended.err.contains("no standby that follows"), "{}", ended.err);
}

/// With stores, each of the two dies while clients write, again and again.
#[test]
fn a_pair_with_stores_loses_nothing_that_was_answered_whoever_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let store = |number: usize| format!("--store {}", folder.path().join(number.to_string()).display());
    let mut pair = Pair::new("");
    pair.start(0, &store(0));
    pair.start(1, &store(1));
    pair.is_followed(0);
    let mut answered = Vec::new();
    for round in 0..4 {
        let active = round % 2;
        let set =
            |key: &String| pair.client_for(active, &format!("set {key} on --standby --if-absent"), "3s");
        let writers: Vec<_> =
            (0..4).map(|writer| format!("{round}/{writer}")).map(|key| (set(&key), key)).collect();
        sleep(Duration::from_millis(30 * round as u64));
        pair.kill(active);
        for (writer, key) in writers {
            let ended = writer.ended();
            match ended.code {
                0 => answered.push(key),
                // The other one decides, and has no standby yet: what it has got already waits for one, other writes are
                // refused.
                2 | 4 => {}
                _ => panic!("{ended:?}"),
            }
        }
        pair.client(1 - active, "ls").done();
        pair.start(active, &store(active));
        pair.is_followed(1 - active);
    }
    let keys = pair.said("ls");
    println!("{} of 16 were answered", answered.len());
    assert!(answered.iter().all(|key| keys.lines().any(|there| there == key)), "{answered:?} in {keys}");
}
