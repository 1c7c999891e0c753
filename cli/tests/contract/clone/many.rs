//! Many clients of one server.

use std::time::{Duration, Instant};

use crate::clone::{client, said, serve};
use crate::support::{DEADLINE, Zmtp};

/// So many watchers, all of whom have been told what there is.
fn watchers(at: &str, count: usize, arguments: &[&str]) -> Vec<Zmtp> {
    let mut watchers = Vec::new();
    while watchers.len() < count {
        let some = BATCH.min(count - watchers.len());
        let mut batch: Vec<_> = (0..some).map(|_| client(at, &[&["watch"], arguments].concat())).collect();
        for watch in &mut batch {
            assert!(watch.line().starts_with("now\t"));
        }
        watchers.append(&mut batch);
    }
    watchers
}

#[test]
fn c01_a_hundred_processes_follow_one_server_and_another_comes_without_a_change_elsewhere() {
    let begun = Instant::now();
    // Nobody is told less often than he wants to know, however long the machine is busy with their start.
    let (server, at) = serve("--beat 20s");
    let mut all = watchers(&at, 100, &["--count", "1", "--timeout", "20s"]);
    all.append(&mut watchers(&at, 1, &["--count", "1", "--timeout", "20s"]));
    assert_eq!(all.len(), 101);
    let version = said(&at, &["set", "lamp", "on"]);
    for watch in all {
        let ended = watch.done();
        assert_eq!((ended.out, ended.err), (format!("set\tlamp\t{}\ton\n", version.trim()), String::new()));
    }
    println!("it took {:?}", begun.elapsed());
    server.signal("TERM");
    server.done();
}

#[test]
fn c19_when_fifty_clients_are_killed_the_server_has_as_many_descriptors_as_before() {
    let (server, at) = serve("");
    let mut watch = client(&at, &["watch"]);
    watch.line();
    let before = server.descriptors();
    let fifty = watchers(&at, 50, &["--timeout", "20s"]);
    assert!(server.descriptors() >= before + 2 * 50, "{before}, and {} with them", server.descriptors());
    for watch in &fifty {
        watch.signal("KILL");
    }
    drop(fifty);
    let deadline = Instant::now() + DEADLINE;
    while server.descriptors() > before {
        assert!(Instant::now() < deadline, "{before}, and {} after them", server.descriptors());
        std::thread::sleep(Duration::from_millis(5));
    }
    said(&at, &["set", "lamp", "on"]);
    assert!(watch.line().starts_with("set\tlamp\t"));
}

/// Processes that are started at a time.
const BATCH: usize = 20;
