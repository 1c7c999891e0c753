//! Keys that are held.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::clone::{client, said, serve};

#[test]
fn a_key_that_is_held_is_there_as_long_as_its_process_and_no_longer() {
    let (_server, at) = serve("");
    for signal in ["TERM", "KILL"] {
        let mut holder = client(&at, &["set", "leader", "me", "--if-absent", "--hold", "500ms"]);
        let version = holder.line();
        let object: Value = serde_json::from_str(&said(&at, &["get", "leader", "--json"])).unwrap();
        assert_eq!((object["version"].as_str(), &object["ttl_ms"]), (Some(&*version), &Value::Null));
        assert!(object["session"].is_string());
        assert_eq!(said(&at, &["dump"]), "");
        assert_eq!(client(&at, &["set", "leader", "you", "--if-absent"]).ended().code, 1);

        let mut watch = client(&at, &["watch", "leader"]);
        assert_eq!(watch.line(), "now\t1");
        watch.line();
        let killed = Instant::now();
        holder.signal(signal);
        let gone = watch.line();
        match signal {
            "TERM" => {
                assert!(gone.starts_with("deleted\tleader\t"), "{gone}");
                assert_eq!(holder.ended().code, 128 + 15);
            }
            _ => {
                assert!(gone.starts_with("expired\tleader\t"), "{gone}");
                // It was heard a third of its time ago, at the latest.
                assert!(killed.elapsed() >= Duration::from_millis(250), "after {:?}", killed.elapsed());
            }
        }
        assert_eq!(client(&at, &["get", "leader"]).ended().code, 1);
    }
}

#[test]
fn who_holds_a_key_ends_with_a_word_when_the_server_has_lost_it() {
    let (server, at) = serve("");
    let mut holder = client(&at, &["set", "leader", "me", "--hold", "1s"]);
    holder.line();
    drop(server);
    let (_server, _) = crate::clone::serve_at(&at, "");
    let ended = holder.ended();
    assert!(ended.code == 1 && ended.err.contains("the key is not held any more"), "{ended:?}");
}
