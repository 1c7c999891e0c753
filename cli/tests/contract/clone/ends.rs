//! How the verbs end, and where their options come from.

use std::time::{Duration, Instant};

use crate::clone::{client, fed, piped, said, serve};
use crate::support::{Zmtp, nobody, zmtp};

#[test]
fn a_client_without_a_server_ends_with_2_after_its_timeout_and_says_where_it_looked() {
    let (one, other) = (nobody(), nobody());
    for verb in ["get key", "set key value", "del key", "ls", "dump", "status", "watch"] {
        let begun = Instant::now();
        let options = format!("--connect {one} --connect {other} --timeout 300ms");
        let ended = zmtp(&format!("clone {verb} {options}")).ended();
        assert_eq!((ended.code, &*ended.out), (2, ""), "{verb}: {ended:?}");
        assert!(begun.elapsed() >= Duration::from_millis(300));
        let where_ = format!("timed out: no answer from {one} or {other} within 300ms");
        assert!(ended.err.contains(&where_), "{verb}: {}", ended.err);
    }
    let ended = fed(&one, &["load", "--timeout", "300ms"], "{\"key\": \"a\", \"value\": \"\"}\n");
    assert!(ended.code == 2 && ended.err.contains("; 0 keys are loaded, others may be"), "{ended:?}");
}

#[test]
fn a_server_ends_with_0_by_a_signal() {
    for signal in ["TERM", "INT"] {
        let (server, at) = serve("");
        said(&at, &["set", "a", "1"]);
        server.signal(signal);
        server.done();
    }
}

#[test]
fn a_server_whose_place_is_taken_says_which_and_ends_with_1() {
    let (_server, at) = serve("");
    let ended = zmtp(&format!("clone serve --at {at}")).ended();
    assert!(ended.code == 1 && ended.err.contains(&format!("cannot bind to {at}")), "{ended:?}");
}

#[test]
fn what_makes_no_sense_ends_with_3_and_says_what_was_expected() {
    for (line, expected) in [
        ("clone get key", "--connect"),
        ("clone get key --connect tcp://*:5556", "expected tcp://HOST:PORT"),
        ("clone set a b --connect tcp://127.0.0.1:1 --if-version 7", "expected an epoch and a number"),
        ("clone set a b --connect tcp://127.0.0.1:1 --if-version 1.7 --if-absent", "cannot be used with"),
        ("clone set a b --connect tcp://127.0.0.1:1 --ttl 2000h", "expected at most 49 days"),
        ("clone serve", "--at"),
        ("clone serve --at tcp://127.0.0.1:65534", "65536"),
    ] {
        let ended = zmtp(line).ended();
        assert!(ended.code == 3 && ended.err.contains(expected), "{line}: {ended:?}");
    }
    for key in ["", &"k".repeat(1025)] {
        let ended = client("tcp://127.0.0.1:1", &["get", key]).ended();
        assert!(ended.code == 3 && ended.err.contains("a key has 1 to 1,024 octets"), "{ended:?}");
    }
}

#[test]
fn options_come_from_the_environment_and_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clone.toml");
    let at = format!("ipc://{}", folder.path().join("clone").display());
    std::fs::write(&file, format!("at = '{at}'\nvalue = '4B'\n")).unwrap();
    let mut server = zmtp(&format!("clone serve --config {}", file.display()));
    assert_eq!(server.bound(), at);
    let variables = [("ZMTP_CLONE_CONNECT", &*at)];
    assert_eq!(Zmtp::start_in(&variables, &["clone", "set", "a", "12345"]).ended().code, 4);
    Zmtp::start_in(&variables, &["clone", "set", "a", "1234"]).done();
    assert_eq!(Zmtp::start_in(&variables, &["clone", "ls"]).done().out, "a\n");
}

#[test]
fn a_server_of_curve_is_only_for_those_who_have_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    for name in ["server", "client"] {
        zmtp(&format!("keygen --out {}", path(name))).done();
    }
    let known = path("client.pub");
    let (_server, at) = serve(&format!("--curve-key {} --curve-clients {known}", path("server.key")));
    let (server, own) = (path("server.pub"), path("client.key"));
    let secured = ["--curve-server-key", &*server, "--curve-key", &*own];
    let set = piped(&at, &[&["set", "a", "-"][..], &secured].concat(), b"secret");
    assert!(set.status.success());
    assert_eq!(piped(&at, &[&["get", "a"][..], &secured].concat(), b"").stdout, b"secret");
    let stranger = client(&at, &["get", "a", "--curve-server-key", &*server, "--timeout", "500ms"]).ended();
    assert_eq!(stranger.code, 2, "{stranger:?}");
    let plain = client(&at, &["get", "a", "--timeout", "500ms"]).ended();
    assert_eq!(plain.code, 2, "{plain:?}");
}
