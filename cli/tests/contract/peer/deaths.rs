//! Brokers and workers that die under load.

use crate::peer::{all_replied, broker, broker_at, echo, load, until, up};

#[test]
fn p07_a_cluster_that_dies_under_load_takes_no_request_with_it() {
    let (_one, first) = broker("DC1", "--beat 50ms");
    let (two, second) = broker("DC2", &format!("--peer {first} --beat 50ms"));
    let (_three, third) = broker("DC3", &format!("--peer {first} --beat 50ms"));
    // What comes to the first one is done elsewhere.
    let (_there, _elsewhere) =
        (echo(&second, "--slots 8 --takes 20ms"), echo(&third, "--slots 8 --takes 20ms"));
    let is_shared = |status: &serde_json::Value| {
        let peers = status["peers"].as_array().unwrap();
        up(status) == 2 && peers.iter().all(|peer| peer["usable"].as_u64() > Some(0))
    };
    until(&first, is_shared);
    let load = load(&[&first], "--clients 20 --rate 50 --for 3s --resend 500ms");
    until(&first, |status| {
        let its = status["peers"].as_array().unwrap().iter().find(|peer| peer["name"] == "DC2");
        its.is_some_and(|peer| peer["sent"].as_u64() > Some(0))
    });
    two.signal("KILL");
    all_replied(load);
}

#[test]
fn p07_a_broker_that_dies_and_comes_back_serves_its_clients_again() {
    let (one, first) = broker("DC1", "");
    let worker = echo(&first, "--slots 8");
    let load = load(&[&first], "--clients 8 --rate 50 --for 3s --resend 200ms");
    until(&first, |status| status["counters"]["replies"].as_u64() > Some(10));
    one.signal("KILL");
    drop(one);
    let (_again, first) = broker_at(&first, "DC1", "");
    until(&first, |status| status["counters"]["replies"].as_u64() > Some(10));
    all_replied(load);
    drop(worker);
}

#[test]
fn p07_a_worker_that_dies_under_load_takes_no_request_with_it() {
    let (mut one, first) = broker("DC1", "");
    let (worker, _other) = (echo(&first, "--slots 8 --takes 50ms"), echo(&first, "--slots 8 --takes 50ms"));
    until(&first, |status| status["slots"] == 16);
    let load = load(&[&first], "--clients 16 --rate 50 --for 1s");
    until(&first, |status| status["local"].as_u64() > Some(8));
    worker.signal("KILL");
    one.err_line_with("worker lost");
    all_replied(load);
}
