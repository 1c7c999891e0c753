//! Brokers that find one another, and work that goes from one to the other.

use std::time::{Duration, Instant};

use crate::peer::{all_replied, broker, clients, echo, leave, load, random, started, status, until, up};
use crate::support::{Zmtp, nobody};

#[test]
fn a_request_to_one_broker_is_done_by_a_worker_of_another_one() {
    let (_one, first) = broker("DC1", "");
    let (_two, second) = broker("DC2", &format!("--peer {first}"));
    let _worker = echo(&first, "--slots 4");
    until(&second, |status| up(status) == 1 && status["peers"][0]["usable"].as_u64() > Some(0));
    let told = all_replied(load(&[&second], "--clients 4 --rate 50 --for 500ms"));
    let (here, there) = (status(&second), status(&first));
    assert_eq!(here["counters"]["replies"], told["replies"]);
    assert_eq!((&here["workers"], &there["counters"]["foreign"]), (&0.into(), &told["replies"]));
}

#[test]
fn p14_plain_clients_are_served_by_any_cluster() {
    let (_one, first) = broker("DC1", "");
    let (_two, second) = broker("DC2", &format!("--peer {first}"));
    let _worker = echo(&first, "--slots 4");
    all_replied(load(&[&second], "--clients 4 --rate 50 --for 500ms --plain-clients 1"));
    // And so is the command's own REQ.
    let ended = Zmtp::start(&["req", "--connect", &second, "--message", "hello"]).done();
    assert_eq!(ended.out, "hello\n");
}

#[test]
fn p07_a_broker_that_leaves_ends_with_0_and_the_others_say_gone() {
    let (one, first) = broker("DC1", "");
    let (mut two, second) = broker("DC2", &format!("--peer {first}"));
    let (_here, _there) = (echo(&second, "--slots 4"), echo(&first, "--slots 4"));
    until(&second, |status| up(status) == 1);
    let load = load(&[&second], "--clients 4 --rate 50 --for 1s");
    let left = leave(&first);
    assert_eq!((left.code, &*left.err), (0, ""));
    let ended = one.ended();
    assert_eq!(ended.code, 0, "{ended:?}");
    two.err_line_with("gone DC1");
    all_replied(load);
}

#[test]
fn a_broker_that_is_told_to_end_leaves_and_ends_with_0() {
    for signal in ["TERM", "INT"] {
        let (one, first) = broker("DC1", "");
        let (mut two, second) = broker("DC2", &format!("--peer {first} --json"));
        until(&second, |status| up(status) == 1);
        one.signal(signal);
        assert_eq!(one.done().code, 0);
        let gone: serde_json::Value = serde_json::from_str(&two.err_line_with("gone")).unwrap();
        assert_eq!((&gone["event"], &gone["peer"]), (&"gone".into(), &"DC1".into()));
        // Once.
        two.signal("TERM");
        assert!(!two.done().err.contains("gone"));
    }
}

#[test]
fn p18_one_address_of_any_broker_is_enough_whether_it_is_there_or_not_yet() {
    let late = nobody();
    let (_one, first) = broker("DC1", &format!("--peer {late}"));
    let (_two, second) = broker("DC2", &format!("--peer {first}"));
    // It knows nobody, and is known by one.
    let mut three = started(&late, "DC3", "");
    let third = clients(&mut three);
    for at in [&first, &second, &third] {
        until(at, |status| up(status) == 2);
    }
}

/// All are started at the same time, in any order; each knows one other. BROKERS=30 for as many as that.
#[cfg(target_os = "linux")]
#[test]
fn p01_thirty_brokers_work_with_one_another_in_five_seconds() {
    let number = std::env::var("BROKERS").map_or(10, |brokers| brokers.parse().unwrap());
    // Nobody else takes ports there.
    let place = |number: usize| format!("tcp://127.0.6.1:{}", 6000 + 10 * number);
    let mut order: Vec<usize> = (0..number).collect();
    for at in (1..number).rev() {
        order.swap(at, random(at + 1));
    }
    let brokers: Vec<_> = order
        .iter()
        .map(|it| started(&place(*it), &format!("DC{it}"), &format!("--peer {}", place((it + 1) % number))))
        .collect();
    let mut brokers = brokers;
    for broker in &mut brokers {
        clients(broker);
    }
    let begun = Instant::now();
    for broker in &mut brokers {
        for _ in 1..number {
            broker.err_line_with("up DC");
        }
    }
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    let _worker = echo(&place(0), "--slots 4");
    let at = place(number / 2);
    until(&at, |status| up(status) == number - 1);
    all_replied(load(&[&at], "--clients 2 --rate 20 --for 500ms"));
}
