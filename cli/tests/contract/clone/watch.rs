//! Watching.

use serde_json::Value;

use crate::clone::{HOST, client, fed, said, serve, serve_at};

/// The columns of a line but for the version.
fn columns(line: &str) -> Vec<&str> {
    line.split('\t').enumerate().filter(|(at, _)| *at != 2).map(|(_, column)| column).collect()
}

#[test]
fn a_watcher_is_told_what_there_is_and_then_each_change_in_its_order() {
    let (_server, at) = serve("");
    said(&at, &["set", "lamp/hall", "on"]);
    said(&at, &["set", "other", "on"]);
    let mut watch = client(&at, &["watch", "lamp/", "--count", "203"]);
    assert_eq!(watch.line(), "now\t1");
    assert_eq!(columns(&watch.line()), ["is", "lamp/hall", "on"]);
    let lines: String = (0..200)
        .map(|number| format!("{{\"key\": \"lamp/{}\", \"value\": \"{number}\"}}\n", number % 7))
        .collect();
    fed(&at, &["load"], &lines);
    said(&at, &["set", "other", "off"]);
    said(&at, &["del", "lamp/hall"]);
    said(&at, &["set", "lamp/tab", "a\tb", "--ttl", "200ms"]);
    for number in 0..200 {
        let (key, value) = (format!("lamp/{}", number % 7), number.to_string());
        assert_eq!(columns(&watch.line()), ["set", &*key, &*value]);
    }
    assert_eq!(columns(&watch.line()), ["deleted", "lamp/hall"]);
    assert_eq!(columns(&watch.line()), ["set", "lamp/tab", "a\\tb"]);
    let ended = watch.done();
    assert_eq!(columns(ended.out.trim()), ["expired", "lamp/tab"], "as the last of 203");
}

#[test]
fn a_watcher_prints_objects_for_programs() {
    let (_server, at) = serve("");
    let version = said(&at, &["set", "a", "1"]);
    let mut watch = client(&at, &["watch", "--json", "--count", "2"]);
    let mut object = || serde_json::from_str::<Value>(&watch.line()).unwrap();
    assert_eq!(object()["keys"], 1);
    let is = object();
    let expected = ("is".into(), "a".into(), version.trim().into(), "1".into());
    assert_eq!((&is["event"], &is["key"], &is["version"], &is["value"]), {
        let (event, key, version, value) = &expected;
        (event, key, version, value)
    });
    said(&at, &["set", "a", "2", "--ttl", "1h"]);
    said(&at, &["del", "a"]);
    let set = object();
    assert_eq!((&set["event"], &set["ttl_ms"]), (&"set".into(), &3_600_000.into()));
    assert_eq!(object()["event"], "deleted");
    watch.done();
}

#[test]
fn c20_when_the_server_is_killed_a_watcher_says_so_and_follows_the_next_one() {
    let (first, at) = serve("--beat 100ms");
    said(&at, &["set", "old", "1"]);
    let mut watch = client(&at, &["watch"]);
    assert_eq!(watch.line(), "now\t1");
    assert_eq!(columns(&watch.line()), ["is", "old", "1"]);
    first.signal("KILL");
    drop(first);
    watch.err_line_with(&format!("stale: nothing is heard of {at}"));

    let (_second, _) = serve_at(&at, "--beat 100ms");
    said(&at, &["set", "new", "2"]);
    watch.err_line_with("live");
    // It has joined before the key was set, or after.
    let told = watch.line();
    assert!(matches!(&*told, "now\t0" | "now\t1"), "{told}");
    let line = watch.line();
    assert!(matches!(&*columns(&line), ["is" | "set", "new", "2"]), "{line}");
    said(&at, &["set", "newer", "3"]);
    assert_eq!(columns(&watch.line()), ["set", "newer", "3"]);
}

#[test]
fn a_watcher_may_be_there_before_its_server() {
    let at = {
        let (server, at) = serve("");
        server.signal("TERM");
        server.done();
        at
    };
    assert!(at.contains(HOST));
    let mut watch = client(&at, &["watch", "--count", "1", "--timeout", "20s"]);
    let (_server, _) = serve_at(&at, "");
    assert_eq!(watch.line(), "now\t0");
    said(&at, &["set", "a", "1"]);
    assert!(watch.done().out.starts_with("set\ta\t"));
}

#[test]
fn a_watcher_ends_with_its_reader_and_by_a_signal() {
    let (_server, at) = serve("");
    let mut watch = client(&at, &["watch"]);
    watch.line();
    watch.signal("TERM");
    assert_eq!(watch.ended().code, 143);
    let mut watch = client(&at, &["watch"]);
    watch.line();
    watch.stop_reading();
    said(&at, &["set", "a", "1"]);
    said(&at, &["set", "a", "2"]);
    watch.done();
}
