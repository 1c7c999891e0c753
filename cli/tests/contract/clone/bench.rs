//! What is measured, and that it can be read by a program. How fast things are is nothing for a test.

use serde_json::Value;

use crate::support::zmtp;

#[test]
fn c18_the_bench_prints_an_object_for_each_figure_latency_over_traffic_among_them() {
    assert_eq!(bench("clone", "seen"), ["seen", "seen-99"]);
    assert_eq!(bench("clone", "flood"), ["written", "told"]);
    let curve = ["at-1000", "at-1000-99", "at-10000", "at-10000-99", "at-50000", "at-50000-99"];
    assert_eq!(bench("clone", "curve"), curve);
    assert_eq!(bench("clone", "join"), ["join", "write", "write-joining"]);
    if cfg!(target_os = "linux") {
        // Elsewhere it is not known.
        assert_eq!(bench("clone", "memory"), ["memory"]);
    }
    assert_eq!(bench("clone", "changeover"), ["planned", "death", "death-tight"]);
}

#[test]
fn the_bench_of_the_balancer_prints_an_object_for_each_figure() {
    for row in ["tasks", "sync", "barrier", "redispatch", "one-shot"] {
        assert_eq!(bench("balance", row), [row]);
    }
}

#[test]
fn the_bench_of_a_cloud_prints_an_object_for_each_figure() {
    assert_eq!(bench("peer", "served"), ["served"]);
    assert_eq!(bench("peer", "spill"), ["here", "there", "spill"]);
    for row in ["requeue", "mesh"] {
        assert_eq!(bench("peer", row), [row]);
    }
}

/// The names of the figures of a row, in their order. Each has a number that could be one.
fn bench(family: &str, row: &str) -> Vec<String> {
    let ended = zmtp(&format!("{family} bench --rounds 1 --each 20ms --json --row {row}")).done();
    let named = |line: &str| {
        let object: Value = serde_json::from_str(line).unwrap();
        let (median, all) = (object["median"].as_f64().unwrap(), object["figures"].as_array().unwrap());
        assert!(median.is_finite() && median >= 0.0 && all.len() == 1, "{line}");
        assert!(object["what"].is_string() && object["unit"].is_string(), "{line}");
        object["row"].as_str().unwrap().to_owned()
    };
    ended.out.lines().map(named).collect()
}
