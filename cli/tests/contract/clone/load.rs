//! All keys, out and in again.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::clone::{fed, piped, said, serve};

#[test]
fn what_is_dumped_and_loaded_is_the_same_again() {
    let (_first, from) = serve("");
    let (_second, to) = serve("");
    let mut lines = String::new();
    for number in 0..1234 {
        let value = "v".repeat(number % 300);
        writeln!(lines, "{}", json!({ "key": format!("key {number}"), "value": value })).unwrap();
    }
    let some = ["{\"base64\": \"AP/+\"}", "\"\\t\\u0000☃\"", "{\"base64\": \"gA==\"}"];
    for (key, value) in some.iter().zip(some.iter().rev()) {
        writeln!(lines, "{{\"key\": {key}, \"value\": {value}, \"ttl_ms\": 3600000}}").unwrap();
    }
    let loaded = fed(&from, &["load"], &lines);
    assert!(loaded.code == 0 && loaded.out.starts_with("loaded\t1237\t"), "{loaded:?}");

    let dump = said(&from, &["dump"]);
    assert_eq!((dump.lines().count(), dump.matches("ttl_ms").count()), (1237, 3));
    let loaded = fed(&to, &["load", "--json"], &dump);
    let object: Value = serde_json::from_str(&loaded.out).unwrap();
    assert_eq!(object["loaded"], 1237, "{loaded:?}");
    assert_eq!(said(&to, &["dump"]), dump);
    assert_eq!(said(&to, &["dump", "key 123"]).lines().count(), 5);
}

#[test]
fn lines_that_make_no_sense_are_told_the_others_are_loaded_and_the_end_is_3() {
    let (_server, at) = serve("");
    let lines = "{\"key\": \"a\", \"value\": \"1\"}\nnonsense\n{\"key\": \"\", \"value\": \"\"}\n{\"key\": \"b\", \"value\": \"2\"}";
    let ended = fed(&at, &["load"], lines);
    assert!(ended.code == 3 && ended.out.starts_with("loaded\t2\t"), "{ended:?}");
    for problem in ["line 2: expected an object like {\"key\"", "line 3: a key has 1 to 1,024 octets"] {
        assert!(ended.err.contains(problem), "{ended:?}");
    }
    assert_eq!(said(&at, &["ls"]), "a\nb\n");
    assert_eq!(fed(&at, &["load"], "").out, "loaded\t0\t-\n");
}

#[test]
fn of_a_key_that_comes_often_the_last_counts() {
    let (_server, at) = serve("");
    let lines: String =
        (0..5000).map(|number| format!("{{\"key\": \"same\", \"value\": \"{number}\"}}\n")).collect();
    assert!(fed(&at, &["load"], &lines).out.starts_with("loaded\t5000\t"));
    assert_eq!(piped(&at, &["get", "same"], b"").stdout, b"4999");
}

#[test]
fn lines_are_loaded_while_others_are_awaited() {
    let (_server, at) = serve("");
    let mut load = crate::clone::client(&at, &["load"]);
    let mut watch = crate::clone::client(&at, &["watch"]);
    assert_eq!(watch.line(), "now\t0");
    for number in ["1", "2"] {
        load.write(format!("{{\"key\": \"a\", \"value\": \"{number}\"}}\n"));
        let line = watch.line();
        assert!(line.starts_with("set\ta\t") && line.ends_with(&format!("\t{number}")), "{line}");
    }
    assert!(load.end_input().line().starts_with("loaded\t2\t"));
}
