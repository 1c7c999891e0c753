//! Two servers, and in what they differ.

use serde_json::Value;

use crate::clone::{fed, said, serve};
use crate::support::{Ended, Zmtp};

fn diff(one: &str, other: &str, options: &[&str]) -> Ended {
    Zmtp::start(&[&["clone", "diff", one, other], options].concat()).ended()
}

#[test]
fn what_only_one_has_and_what_differs_is_told_with_its_versions_and_the_end_is_1() {
    let ((_one, first), (_other, second)) = (serve(""), serve(""));
    let here = said(&first, &["set", "a/here", "1"]);
    let there = said(&second, &["set", "b/there", "1"]);
    for at in [&first, &second] {
        said(at, &["set", "a/same", "same", "--ttl", "1h"]);
        said(at, &["set", "c/same", ""]);
    }
    let one = said(&first, &["set", "b/differs", "1"]);
    let other = said(&second, &["set", "b/differs", ""]);
    said(&second, &["set", "lives", "1"]);
    said(&first, &["set", "lives", "1", "--ttl", "1h"]);

    let ended = diff(&first, &second, &[]);
    let (here, there, one, other) = (here.trim(), there.trim(), one.trim(), other.trim());
    let lines: Vec<_> = ended.out.lines().collect();
    assert_eq!(lines[0], format!("first\ta/here\t{here}\t-"));
    assert_eq!(lines[1], format!("differs\tb/differs\t{one}\t{other}"));
    assert_eq!(lines[2], format!("second\tb/there\t-\t{there}"));
    assert!(lines.len() == 4 && lines[3].starts_with("differs\tlives\t"), "{ended:?}");
    assert_eq!((ended.code, &*ended.err), (1, "zmtp: 4 keys differ\n"));

    let ended = diff(&first, &second, &["--prefix", "a/"]);
    assert_eq!((ended.code, ended.out), (1, format!("first\ta/here\t{here}\t-\n")));
    assert_eq!(ended.err, "zmtp: 1 key differs\n");
    let ended = diff(&first, &second, &["--prefix", "c", "--versions"]);
    assert!(ended.code == 1 && ended.out.starts_with("differs\tc/same\t"), "{ended:?}");
}

#[test]
fn a_copy_is_equal_whatever_its_versions_are_and_the_end_is_0() {
    let ((_one, first), (_other, second)) = (serve(""), serve(""));
    let lines: String = (0..3000)
        .map(|number| format!("{{\"key\": \"key {number}\", \"value\": \"{}\"}}\n", number % 7))
        .collect();
    fed(&first, &["load"], &lines);
    fed(&second, &["load"], &said(&first, &["dump"]));
    for options in [&[][..], &["--json"], &["--prefix", "key 12"]] {
        let ended = diff(&first, &second, options);
        assert_eq!((ended.code, &*ended.out, &*ended.err), (0, "", ""), "{options:?}");
    }
    // With itself it is so to the version.
    assert_eq!(diff(&first, &first, &["--versions"]).code, 0);
}

#[test]
fn objects_have_both_sides() {
    let ((_one, first), (_other, second)) = (serve(""), serve(""));
    let version = said(&first, &["set", "key", "1", "--ttl", "1h"]);
    said(&second, &["set", "key", "2"]);
    said(&second, &["set", "other", "3"]);
    let ended = diff(&first, &second, &["--json"]);
    let objects: Vec<Value> = ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [differs, second] = &objects[..] else { panic!("{ended:?}") };
    let one = &differs["first"];
    assert_eq!((&one["version"], &one["value"]), (&version.trim().into(), &"1".into()));
    assert_eq!((&one["ttl_ms"], &differs["second"]["ttl_ms"]), (&3_600_000.into(), &Value::Null));
    assert_eq!((&second["first"], &second["second"]["value"]), (&Value::Null, &"3".into()));
}

#[test]
fn a_server_that_is_not_there_is_named_and_the_end_is_2() {
    let (_server, at) = serve("");
    let nobody = crate::support::nobody();
    let ended = diff(&at, &nobody, &["--timeout", "300ms"]);
    assert_eq!((ended.code, &*ended.out), (2, ""));
    assert!(ended.err.contains(&format!("timed out: no answer from {nobody} within 300ms")), "{}", ended.err);
    let ended = diff(&at, "tcp://*:5556", &[]);
    assert!(ended.code == 3 && ended.err.contains("expected tcp://HOST:PORT"), "{ended:?}");
}
