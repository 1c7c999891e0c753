//! A cloud on a virtual clock.

use std::fs;

use serde_json::Value;

use crate::support::zmtp;

const SMALL: &str = "peer sim --clusters 4 --workers 12 --clients 40 --for 10s";

fn ran(options: &str) -> String {
    zmtp(&format!("{SMALL} {options}")).done().out
}

/// Whether all have their replies or not.
fn struck(options: &str) -> (i32, String) {
    let ended = zmtp(&format!("{SMALL} {options}")).ended();
    assert!(matches!(ended.code, 0 | 1), "{ended:?}");
    (ended.code, ended.out)
}

#[test]
fn the_same_seed_prints_the_same_twice_and_another_one_does_not() {
    let seven = struck("--seed 7 --kill every:2s");
    assert_eq!(struck("--seed 7 --kill every:2s"), seven);
    assert_ne!(struck("--seed 8 --kill every:2s"), seven);
}

#[test]
fn all_have_their_replies_and_each_cluster_has_a_line() {
    let out = ran("");
    let lines: Vec<Vec<_>> = out.lines().map(|line| line.split('\t').collect()).collect();
    let names: Vec<_> = lines.iter().map(|line| line[0]).collect();
    let totals = ["asked", "replied", "failed", "begun", "again", "p50", "p99"];
    assert_eq!(names, [&totals[..], &["cluster"; 4]].concat());
    assert_eq!((lines[2][1], lines[7][1]), ("0", "DC1"));

    let told: Value = serde_json::from_str(&ran("--json")).unwrap();
    assert_eq!(told["replied"].to_string(), lines[1][1]);
    let requests: u64 =
        told["clusters"].as_array().unwrap().iter().map(|it| it["requests"].as_u64().unwrap()).sum();
    assert!(requests >= told["replied"].as_u64().unwrap(), "{told}");
    assert!(told["clusters"][0]["busy"].as_f64() > Some(0.1), "{told}");
}

#[test]
fn a_picture_has_a_row_for_each_cluster_and_shows_who_was_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let [svg, png] = ["cloud.svg", "cloud.png"].map(|name| folder.path().join(name));
    struck(&format!("--kill every:3s --picture {} --picture {}", svg.display(), png.display()));
    let drawn = fs::read_to_string(&svg).unwrap();
    for text in ["4 clusters over 10.0 s", "DC1", "DC4", "8 s", "#C80000", "<polyline"] {
        assert!(drawn.contains(text), "{text}: {drawn}");
    }
    assert!(fs::read(&png).unwrap().starts_with(b"\x89PNG"));
    let ended = zmtp(&format!("{SMALL} --picture cloud.gif")).ended();
    assert_eq!(ended.code, 3);
    assert!(ended.err.contains("a picture's name ends in .svg or .png"), "{}", ended.err);
}

#[test]
fn what_makes_no_sense_is_refused_with_3_and_said_why() {
    for (options, reason) in [
        ("--clusters 0", "expected 1 to 100"),
        ("--spread 0.5", "expected 1 or more"),
        ("--kill 5s", "expected something like every:5s"),
        ("--service 0", "expected something like 250ms"),
    ] {
        let ended = zmtp(&format!("peer sim {options}")).ended();
        assert_eq!(ended.code, 3, "{options}: {ended:?}");
        assert!(ended.err.contains(reason), "{options}: {}", ended.err);
    }
}

#[test]
fn p07_brokers_that_die_and_come_back_take_no_request_with_them() {
    for seed in 0..3 {
        ran(&format!("--seed {seed} --kill every:2s"));
    }
}
