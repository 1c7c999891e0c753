//! What can be typed, and what is refused.

use crate::peer::{broker, echo};
use crate::support::{Zmtp, zmtp};

const VERBS: &[&str] = &["broker", "worker", "load", "status", "leave", "bench", "sim"];

#[test]
fn the_help_of_each_verb_is_a_sentence_and_three_examples_and_completions_know_it() {
    let map = zmtp("peer --help").done().out;
    for verb in VERBS {
        assert!(map.contains(&format!("\n  {verb} ")), "{map}");
        let help = zmtp(&format!("peer {verb} --help")).done().out;
        assert!(help.lines().next().is_some_and(|line| line.split(' ').count() > 3), "{help}");
        let examples = help.split("Examples:").nth(1).unwrap();
        assert!(examples.matches(&format!("zmtp peer {verb} ")).count() >= 3, "{help}");
    }
    assert!(zmtp("").done().out.contains("\n  peer "));
    for shell in ["bash", "zsh", "fish"] {
        let script = zmtp(&format!("completions {shell}")).done().out;
        assert!(VERBS.iter().all(|verb| script.contains(verb)) && script.contains("spill-factor"), "{shell}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_3_and_said_why() {
    let broker = "peer broker --name DC1 --listen";
    let load = "peer load --connect tcp://127.0.0.1:1";
    let cases = [
        (format!("{broker} tcp://*:0"), "with --advertise tcp://HOST:PORT"),
        (format!("{broker} tcp://0.0.0.0:0"), "with --advertise tcp://HOST:PORT"),
        (format!("{broker} tcp://*:0 --advertise tcp://*:6000"), "is no place that others can find"),
        (format!("{broker} nowhere"), "expected `tcp://host:port`"),
        (
            format!("{broker} tcp://127.0.0.1:0 --peer tcp://127.0.0.1:65534"),
            "expected a number from 1 to 65535",
        ),
        (format!("{broker} tcp://127.0.0.1:0 --spill-factor much"), "expected something like 1.2"),
        (format!("{broker} tcp://127.0.0.1:0 --on-peer-loss shrug"), "requeue"),
        (format!("peer broker --name {} --listen tcp://127.0.0.1:0", "x".repeat(65)), "expected 1 to 64"),
        ("peer worker --connect tcp://127.0.0.1:1".to_owned(), "--echo"),
        (
            "peer worker --connect tcp://127.0.0.1:1 --echo --takes 20".to_owned(),
            "expected something like 250ms",
        ),
        (format!("{load} --clients 0"), "expected 1 or more"),
        (format!("{load} --rate 0"), "expected something like 10"),
        (format!("{load} --restart 2"), "expected something from 0 to 1"),
    ];
    for (arguments, reason) in cases {
        let ended = zmtp(&arguments).ended();
        assert_eq!(ended.code, 3, "{arguments}: {ended:?}");
        assert!(ended.err.contains(reason), "{arguments}: {}", ended.err);
        assert_eq!(ended.out, "");
    }
}

#[test]
fn a_broker_on_all_addresses_says_where_others_find_it() {
    let (_one, first) = broker("DC1", "");
    let mut two = zmtp(&format!(
        "peer broker --name DC2 --listen tcp://*:0 --advertise tcp://dc2.example:6000 --peer {first}"
    ));
    two.err_line_with("up DC1");
    let told = crate::peer::until(&first, |status| !status["peers"][0]["cloud"].is_null());
    assert_eq!(told["peers"][0]["cloud"], "tcp://dc2.example:6002");
}

#[test]
fn options_come_from_the_environment_and_a_file_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("broker.toml");
    std::fs::write(&file, "name = 'DC9'\nbeat = '100ms'\nspill-factor = '1.5'\n").unwrap();
    let variables = [("ZMTP_PEER_LISTEN", "tcp://127.0.5.1:0"), ("ZMTP_PEER_CONFIG", file.to_str().unwrap())];
    let mut broker = Zmtp::start_in(&variables, &["peer", "broker"]);
    let at = crate::peer::clients(&mut broker);
    assert_eq!(crate::peer::status(&at)["name"], "DC9");
}

#[cfg(target_os = "linux")]
#[test]
fn brokers_that_have_a_key_work_with_one_another_and_let_nobody_else_in() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    for name in ["broker", "client"] {
        Zmtp::start(&["keygen", "--out", &path(name)]).done();
    }
    let known = path("known");
    let keys = ["broker.pub", "client.pub"].map(|name| std::fs::read_to_string(path(name)).unwrap());
    std::fs::create_dir(&known).unwrap();
    for (name, key) in ["broker", "client"].iter().zip(keys) {
        std::fs::write(format!("{known}/{name}"), key).unwrap();
    }
    let served = format!("--curve-key {} --curve-clients {known}", path("broker.key"));
    let (_one, first) = broker("DC1", &served);
    let (mut two, second) = broker("DC2", &format!("{served} --peer {first}"));
    two.err_line_with("up DC1");
    let client = format!("--curve-key {} --curve-server-key {}", path("client.key"), path("broker.pub"));
    let _worker = echo(&first, &client);
    crate::peer::all_replied(crate::peer::load(
        &[&second],
        &format!("--clients 2 --rate 50 --for 500ms {client}"),
    ));
    assert_eq!(zmtp(&format!("peer status --connect {first} --timeout 300ms")).ended().code, 2);
}
