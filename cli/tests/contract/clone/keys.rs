//! Single keys.

use serde_json::Value;

use crate::clone::{client, fed, piped, said, serve};

#[test]
fn c02_any_octets_come_out_of_a_pipe_as_they_went_in() {
    let (_server, at) = serve("");
    let all: Vec<u8> = (0..=255).collect();
    for value in [&b""[..], b"on", b"line\n", b"\n\n", &all, &all.repeat(20_000)] {
        let set = piped(&at, &["set", "key", "-"], value);
        assert!(set.status.success());
        let got = piped(&at, &["get", "key"], b"");
        assert!(got.status.success() && got.stdout == value, "{} octets", value.len());
    }
}

#[test]
fn a_value_on_the_command_line_is_taken_as_it_is() {
    let (_server, at) = serve("");
    for value in ["on", "", "two words", "-5", "☃"] {
        said(&at, &["set", "key", value]);
        assert_eq!(piped(&at, &["get", "key"], b"").stdout, value.as_bytes());
    }
    let object: Value = serde_json::from_str(&said(&at, &["get", "key", "--json"])).unwrap();
    assert_eq!(
        (&object["key"], &object["value"], &object["length"]),
        (&"key".into(), &"☃".into(), &3.into())
    );
}

#[test]
fn a_key_that_was_deleted_stands_for_nothing_and_get_says_so_with_1() {
    let (_server, at) = serve("");
    let set = said(&at, &["set", "lamp", "on"]);
    let deleted = said(&at, &["del", "lamp"]);
    assert!(deleted > set, "{set}{deleted}");
    // What only begins like that is another key.
    said(&at, &["set", "lamp/kitchen", "on"]);
    let ended = client(&at, &["get", "lamp"]).ended();
    assert_eq!((ended.code, &*ended.out, &*ended.err), (1, "", "zmtp: `lamp` stands for nothing\n"));
    client(&at, &["del", "lamp", "--json"]).done();
}

#[test]
fn keys_are_listed_in_their_order_by_prefix_and_with_all_about_them() {
    let (_server, at) = serve("");
    for key in ["lamp/kitchen", "a", "lamp/hall", "lamp", "\u{7f}"] {
        said(&at, &["set", key, "on"]);
    }
    let version = said(&at, &["set", "lamp/cellar", "off", "--ttl", "1h"]);
    assert_eq!(said(&at, &["ls"]), "a\nlamp\nlamp/cellar\nlamp/hall\nlamp/kitchen\n\\x7f\n");
    assert_eq!(said(&at, &["ls", "lamp/"]), "lamp/cellar\nlamp/hall\nlamp/kitchen\n");
    assert_eq!(said(&at, &["ls", "nobody"]), "");
    let long = said(&at, &["ls", "lamp/", "--long"]);
    let first: Vec<_> = long.lines().next().unwrap().split('\t').collect();
    assert_eq!(first, ["lamp/cellar", version.trim(), "1h", "3"]);
    assert!(long.lines().skip(1).all(|line| line.ends_with("\t-\t2")), "{long}");
    let object: Value =
        serde_json::from_str(said(&at, &["ls", "lamp/", "--json"]).lines().next().unwrap()).unwrap();
    assert_eq!((&object["version"], &object["ttl_ms"]), (&version.trim().into(), &3_600_000.into()));
}

#[test]
fn a_write_whose_condition_does_not_hold_changes_nothing_and_ends_with_1() {
    let (_server, at) = serve("");
    let first = said(&at, &["set", "leader", "one", "--if-absent"]);
    let ended = client(&at, &["set", "leader", "two", "--if-absent"]).ended();
    assert_eq!((ended.code, &*ended.out), (1, ""));
    let since = format!("nothing was changed: the key stands for something since {first}");
    assert!(ended.err.contains(&since), "{}", ended.err);

    let second = said(&at, &["set", "leader", "two", "--if-version", first.trim()]);
    let ended = client(&at, &["set", "leader", "three", "--if-version", first.trim()]).ended();
    assert!(ended.code == 1 && ended.err.contains(second.trim()), "{ended:?}");
    assert_eq!(piped(&at, &["get", "leader"], b"").stdout, b"two");

    said(&at, &["del", "leader"]);
    let ended = client(&at, &["set", "leader", "four", "--if-version", second.trim()]).ended();
    assert!(ended.code == 1 && ended.err.contains("the key stands for nothing"), "{ended:?}");
}

#[test]
fn status_says_what_a_client_sees() {
    let (_server, at) = serve("");
    said(&at, &["set", "a/1", "x"]);
    let version = said(&at, &["set", "b", "x"]);
    assert_eq!(
        said(&at, &["status"]),
        format!("health\tlive\nversion\t{version}keys\t2\nserver\t{at}\tactive\tversion {version}")
    );
    let object: Value = serde_json::from_str(&said(&at, &["status", "a/", "--json"])).unwrap();
    assert_eq!((&object["health"], &object["keys"]), (&"live".into(), &1.into()));
}

#[test]
fn what_the_server_does_not_take_is_refused_with_4() {
    let (_server, at) = serve("--value 4 --keys 1");
    let ended = client(&at, &["set", "key", "12345"]).ended();
    assert!(ended.code == 4 && ended.err.contains("the value is longer"), "{ended:?}");
    said(&at, &["set", "key", "1234"]);
    let ended = client(&at, &["set", "other", "1234"]).ended();
    assert!(ended.code == 4 && ended.err.contains("as many keys or octets as it may"), "{ended:?}");
    let ended =
        fed(&at, &["load"], "{\"key\": \"key\", \"value\": \"1\"}\n{\"key\": \"x\", \"value\": \"1\"}\n");
    assert!(ended.code == 4 && ended.err.contains("lines 1 to 2 are not loaded"), "{ended:?}");
    assert_eq!(piped(&at, &["get", "key"], b"").stdout, b"1234");
}
