//! How a broker is.

use crate::peer::{broker, echo, leave, status, until, up};
use crate::support::{nobody, zmtp};

#[test]
fn it_shows_the_broker_and_the_others() {
    let (_one, first) = broker("DC1", "");
    let (_two, second) = broker("DC2", &format!("--peer {first}"));
    let _worker = echo(&second, "--slots 4");
    let told = until(&first, |status| up(status) == 1 && status["peers"][0]["slots"] == 4);
    assert_eq!((&told["name"], &told["peers"][0]["name"]), (&"DC1".into(), &"DC2".into()));
    assert_eq!(status(&second)["slots"], 4);

    let out = zmtp(&format!("peer status --connect {first}")).done().out;
    let lines: Vec<Vec<_>> = out.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(lines[0][..2], ["broker", "DC1"]);
    assert_eq!(lines[1][..4], ["peer", "DC2", "up", "slots 4"]);
    assert!(lines[1].last().unwrap().starts_with("age "), "{out}");
}

#[test]
fn a_broker_that_is_not_there_is_timed_out_with_2() {
    let at = nobody();
    for verb in ["status", "leave"] {
        let ended = zmtp(&format!("peer {verb} --connect {at} --timeout 200ms")).ended();
        assert_eq!((ended.code, &*ended.out), (2, ""));
        assert!(ended.err.contains(&format!("no answer of a broker at {at} within 200ms")), "{}", ended.err);
    }
}

#[test]
fn a_broker_that_is_told_to_leave_is_gone_when_the_verb_ends() {
    let (one, first) = broker("DC1", "");
    assert_eq!(leave(&first).code, 0);
    one.done();
}

#[test]
fn a_broker_that_is_watched_is_shown_again_until_it_is_gone() {
    let (_one, first) = broker("DC1", "");
    let mut watch = zmtp(&format!("peer status --connect {first} --json --watch --timeout 500ms"));
    for _ in 0..2 {
        let told: serde_json::Value = serde_json::from_str(&watch.line()).unwrap();
        assert_eq!(told["name"], "DC1");
    }
    leave(&first);
    assert_eq!(watch.ended().code, 2);
}
