//! A server that is killed.

use std::thread;
use std::time::Duration;

#[cfg(target_os = "linux")]
use crate::clone::piped;
use crate::clone::{client, said, serve_at};
use crate::support::{Zmtp, nobody, zmtp};

/// Each write is on condition that its key is not there: done twice, it would be refused the second time.
#[test]
fn what_a_killed_server_had_answered_is_there_again_and_nothing_is_done_twice() {
    let folder = tempfile::tempdir().unwrap();
    let options = format!("--beat 50ms --store {}", folder.path().join("store").display());
    let at = nobody();
    let (mut server, _) = serve_at(&at, &options);
    for round in 0..10_u64 {
        let keys: Vec<_> = (0..6).map(|number| format!("{round}/{number}")).collect();
        let set = |key: &String| client(&at, &["set", key, "value", "--if-absent", "--timeout", "20s"]);
        let writing: Vec<Zmtp> = keys.iter().map(set).collect();
        // At another moment each time.
        thread::sleep(Duration::from_millis(7 * round));
        server.signal("KILL");
        drop(server);
        (server, _) = serve_at(&at, &options);
        for writer in writing {
            writer.done();
        }
    }
    let there = said(&at, &["ls"]);
    assert_eq!(there.lines().count(), 60, "{there}");
    assert!(there.lines().all(|key| key.contains('/')), "{there}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_whose_store_has_no_room_stops_with_a_word_and_the_next_one_has_all_that_was_answered() {
    let folder = tempfile::tempdir().unwrap();
    let (at, store) = (nobody(), folder.path().join("store"));
    let arguments = ["clone", "serve", "--at", &at, "--store", store.to_str().unwrap()];
    let mut full = Zmtp::start_on_full_disk(&arguments, 4 << 20);
    for _ in 0..3 {
        full.bound();
    }
    let value = vec![b'x'; 200_000];
    let is_answered = |key: &str| piped(&at, &["set", key, "-", "--timeout", "1s"], &value).status.success();
    let mut keys = (0..100).map(|number| format!("{number:02}"));
    let answered: Vec<_> = keys.by_ref().take_while(|key| is_answered(key)).collect();
    let ended = full.ended();
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.err.contains("store cannot be used"), "{}", ended.err);
    assert!(!answered.is_empty() && answered.len() < 99);

    let (_next, _) = serve_at(&at, &format!("--store {}", store.display()));
    // What was not answered may be there as well.
    let there = said(&at, &["ls"]);
    assert!(there.lines().zip(&answered).all(|(key, answered)| key == answered), "{there}");
    assert!((answered.len()..=answered.len() + 1).contains(&there.lines().count()), "{there}");
    assert_eq!(piped(&at, &["get", &answered[0]], b"").stdout, value);
}

#[test]
fn a_file_that_is_something_else_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("letter");
    std::fs::write(&path, "Dear Sir").unwrap();
    let ended = zmtp(&format!("clone serve --at tcp://127.0.0.1:0 --store {}", path.display())).ended();
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.err.contains("letter cannot be used"), "{}", ended.err);
}
