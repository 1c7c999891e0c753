//! The two are started in any order.

use std::thread::sleep;
use std::time::Duration;

use fastrand::Rng;

use super::Pair;
use crate::support::zmtp;

/// `STARTS=1000` is as often as it was promised.
#[test]
fn c15_of_two_servers_that_start_in_any_order_exactly_one_decides() {
    let mut rng = Rng::with_seed(15);
    let starts = std::env::var("STARTS").ok().map_or(6, |text| text.parse().expect("a number"));
    for _ in 0..starts {
        let mut pair = Pair::new("");
        let first = rng.usize(..2);
        pair.start(first, "");
        sleep(Duration::from_millis(rng.u64(..1500)));
        pair.start(1 - first, "");
        pair.until("one decides, and the other one follows", |pair| {
            let roles = pair.roles();
            pair.active().is_some() && roles.iter().any(|role| role.starts_with("standby"))
        });
    }
}

/// Nobody is there who could decide otherwise, and a client wants it.
#[test]
fn one_that_is_alone_decides_when_a_client_asks_for_it_and_not_before() {
    let mut pair = Pair::new("");
    pair.start(1, "");
    sleep(Duration::from_millis(3500));
    assert!(pair.roles()[1].starts_with("starting"), "{:?}", pair.roles());
    pair.client(1, "set lamp on").done();
    pair.become_(1, "active");
    // And the primary, which comes later, follows: data beats rank.
    pair.start(0, "");
    pair.become_(0, "standby");
    assert_eq!(pair.said("get lamp").trim(), "on");
}

#[test]
fn one_that_is_alone_decides_at_once_when_it_was_told_to() {
    let mut pair = Pair::new("");
    pair.start(0, "--bootstrap");
    pair.become_(0, "active");
}

#[test]
fn an_operator_may_let_one_decide_that_the_rules_do_not_let() {
    let mut pair = Pair::new("");
    pair.start(1, "");
    let at = pair.at(1);
    zmtp(&format!("clone promote --connect {at}")).done();
    pair.become_(1, "active");
    let ended = zmtp(&format!("clone promote --connect {at}")).ended();
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(ended.err.contains("decides already"), "{}", ended.err);
}

#[test]
fn a_pair_needs_a_primary_and_a_backup_and_says_so() {
    let ended = zmtp("clone serve --at tcp://127.0.0.1:0 --peer tcp://127.0.0.1:1").ended();
    assert_eq!(
        (ended.code, ended.err.contains("--primary, and the other one --backup")),
        (3, true),
        "{ended:?}"
    );
    let ended = zmtp("clone serve --at tcp://127.0.0.1:0 --peer tcp://127.0.0.1:1 --backup").ended();
    assert_eq!((ended.code, ended.err.contains("a port in --at")), (3, true), "{ended:?}");
    let ended = zmtp("clone serve --at tcp://127.0.0.1:0 --primary").ended();
    assert_eq!((ended.code, ended.err.contains("--peer")), (3, true), "{ended:?}");
}
