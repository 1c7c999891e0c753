//! Many clients, and what they say of it.

use crate::peer::{all_replied, broker, echo, load, until};
use crate::support::{Zmtp, nobody, zmtp};

#[test]
fn the_figures_are_lines_for_people_and_an_object_for_programs() {
    let (_one, first) = broker("DC1", "");
    let _worker = echo(&first, "--slots 8 --takes exp:1ms");
    let told = all_replied(load(&[&first], "--clients 8 --rate 50 --for 500ms --size 10000"));
    let millis = |what: &str| told[what].as_f64().unwrap();
    assert!(millis("p50_ms") <= millis("p99_ms") && millis("p99_ms") <= millis("max_ms"), "{told}");
    let out = zmtp(&format!("peer load --connect {first} --clients 2 --rate 50 --for 500ms")).done().out;
    let names: Vec<_> = out.lines().map(|line| line.split('\t').next().unwrap()).collect();
    let expected = ["requests", "replies", "failed", "withdrawn", "rate", "p50", "p99", "p99.9", "max"];
    assert_eq!(names, expected);
}

/// CLIENTS=1000 SECONDS=60 for as many as the requirement has, with `--release`.
#[test]
fn p03_p04_clients_that_come_and_go_at_random_lose_no_request() {
    let number = |name, usual| std::env::var(name).map_or(usual, |number| number.parse::<u64>().unwrap());
    let (clients, seconds) = (number("CLIENTS", 40), number("SECONDS", 3));
    let (_one, first) = broker("DC1", "");
    let _workers = [(); 3].map(|()| echo(&first, "--slots 100 --takes exp:20ms"));
    until(&first, |status| status["slots"] == 300);
    // Of ten, one is closed and made anew each second; of four, one is a plain REQ socket. 1,000 octets, both ways.
    let each = clients / 4;
    let options = format!("--clients {each} --for {seconds}s --restart 0.1 --plain-clients 0.25 --size 1000");
    let loads = [(); 4].map(|()| load(&[&first], &options));
    for told in loads.map(all_replied) {
        println!("{told}");
    }
}

#[test]
fn requests_of_which_nothing_comes_make_it_fail_with_1_and_no_broker_with_2() {
    let (_one, first) = broker("DC1", "");
    let unserved = load(&[&first], "--clients 2 --rate 50 --for 500ms --within 300ms").ended();
    assert_eq!(unserved.code, 1, "{unserved:?}");
    assert!(unserved.err.contains("requests failed, the first of them: "), "{}", unserved.err);
    let alone = load(&[&nobody()], "--clients 2 --rate 50 --for 300ms").ended();
    assert_eq!(alone.code, 2, "{alone:?}");
}

#[test]
fn a_reply_that_is_not_its_request_is_a_failure() {
    let (_one, first) = broker("DC1", "");
    let _worker = Zmtp::start(&["peer", "worker", "--connect", &first, "--", "echo", "no"]);
    let ended = load(&[&first], "--clients 1 --rate 50 --for 300ms").ended();
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.err.contains("a reply was not its request"), "{}", ended.err);
}
