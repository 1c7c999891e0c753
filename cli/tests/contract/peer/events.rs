//! Clusters that come, leave and die while there is work.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::peer::{HOST, broker, broker_at, echo, leave, load, random, replied, status, until};
/// EVENTS=100 for as many as the requirement has.
#[test]
fn p07_clusters_join_leave_and_die_under_load_and_no_request_is_lost() {
    let number: usize = std::env::var("EVENTS").map_or(20, |events| events.parse().unwrap());
    // More is asked than its own workers do; what they cannot, one that stays does until there are others.
    let (mut home, here) = broker("HOME", BEAT);
    let (_stays, there) = broker("STAYS", &format!("--peer {here} {BEAT}"));
    let (_few, _more) = (echo(&here, "--slots 2 --takes 20ms"), echo(&there, "--slots 2 --takes 20ms"));
    let asks = load(&[&here], "--clients 40 --rate 10 --for 1h --resend 1h --within 1h");
    until(&here, |status| sent(status, "STAYS") > 0);
    for event in 0..number {
        let guest = format!("GUEST{event}");
        let (cluster, at) = broker_at(&format!("tcp://{HOST}:0"), &guest, &format!("--peer {here} {BEAT}"));
        let worker = echo(&at, "--slots 8 --takes 20ms");
        home.err_line_with(&format!("up {guest}"));
        let joined = Instant::now();
        until(&here, |status| sent(status, &guest) > 0);
        let took = joined.elapsed();
        assert!(took < Duration::from_secs(1), "{guest} had no task for {took:?}");
        // What follows comes at any moment.
        std::thread::sleep(Duration::from_millis(random(300) as u64));
        if event % 2 == 0 {
            let before = returned(&status(&here));
            let left = leave(&at);
            assert_eq!((left.code, &*left.err), (0, ""), "{guest}");
            home.err_line_with(&format!("gone {guest}"));
            assert_eq!(cluster.ended().code, 0, "{guest}");
            assert_eq!(returned(&status(&here)), before, "of {guest} something was done twice");
        } else {
            cluster.signal("KILL");
            home.err_line_with(&format!("down {guest}"));
        }
        drop(worker);
    }
    asks.signal("INT");
    let told = replied(&asks.ended());
    // What a dead one had was done elsewhere at once, or somebody has waited for it.
    assert!(told["max_ms"].as_f64() < Some(2_000.0), "{told}");
    println!("{number} events: {told}");
}

/// How many tasks that one has.
fn sent(status: &Value, peer: &str) -> u64 {
    let peers = status["peers"].as_array().unwrap();
    peers.iter().find(|it| it["name"] == peer).map_or(0, |it| it["sent"].as_u64().unwrap())
}

/// What came back from those who were lost, and what was done although it had come back.
fn returned(status: &Value) -> u64 {
    ["requeued", "late"].map(|counter| status["counters"][counter].as_u64().unwrap()).iter().sum()
}

const BEAT: &str = "--beat 50ms";
