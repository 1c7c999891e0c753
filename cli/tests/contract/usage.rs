//! What can be typed: the map, the help, and everything that is refused with exit code 3.

use crate::support::zmtp;

const VERBS: [&str; 11] =
    ["push", "pull", "pub", "sub", "xpub", "xsub", "req", "rep", "dealer", "router", "pair"];

#[test]
fn the_command_alone_shows_the_map_of_its_verbs() {
    let ended = zmtp("").done();
    for verb in
        VERBS.into_iter().chain(["proxy", "balance", "clone", "peer", "doctor", "keygen", "completions"])
    {
        assert!(ended.out.contains(&format!("\n  {verb} ")), "{}", ended.out);
    }
    assert_eq!(ended.err, "");
}

#[test]
fn the_help_of_a_verb_is_a_sentence_and_three_examples() {
    for verb in VERBS {
        let help = zmtp(&format!("{verb} --help")).done().out;
        assert!(help.lines().next().is_some_and(|line| line.split(' ').count() > 3), "{help}");
        let examples = help.split("Examples:").nth(1).unwrap();
        assert_eq!(examples.matches(&format!("zmtp {verb} --")).count(), 3, "{help}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_3_and_said_why() {
    let place = "--bind tcp://127.0.0.1:0";
    let cases = [
        ("push --message x".to_owned(), "--bind"),
        ("pull".to_owned(), "--bind"),
        ("nonsense".to_owned(), "nonsense"),
        ("pull --bind 127.0.0.1:5555".to_owned(), "expected `tcp://host:port`"),
        ("pull --bind foo://x".to_owned(), "unknown transport `foo`"),
        ("pull --connect tcp://127.0.0.1:99999".to_owned(), "expected a number from 1 to 65535"),
        ("pull --connect tcp://127.0.0.1:*".to_owned(), "not connected to"),
        ("pull --connect tcp://*:5555".to_owned(), "not connected to"),
        (format!("pull {place} --nonsense"), "--nonsense"),
        (format!("pull {place} --count 0"), "--count"),
        (format!("pull {place} --timeout 5"), "expected something like 250ms"),
        (format!("pull {place} --timeout 0"), "expected something like 250ms"),
        (format!("pull {place} --max-message-size 1mb"), "expected something like"),
        (format!("pull {place} --recv-hwm many"), "expected 1000 or `unlimited`"),
        (format!("pull {place} --reconnect 5s..1s"), "expected something like 100ms..5s"),
        (format!("pull {place} --message x"), "--message"),
        (format!("push {place} --repeat 3"), "--message"),
        (format!("push {place} --message x --frame y"), "--frame"),
    ];
    for (arguments, reason) in cases {
        let ended = zmtp(&arguments).ended();
        assert_eq!(ended.code, 3, "{arguments}: {ended:?}");
        assert!(ended.err.contains(reason), "{arguments}: {}", ended.err);
        assert_eq!(ended.out, "");
    }
}

#[test]
fn an_option_that_a_type_lacks_is_refused_with_3_and_said_who_has_it() {
    let lacking = [
        (
            "--subscribe a",
            "sub and xsub",
            vec!["push", "pull", "pub", "xpub", "req", "rep", "dealer", "router", "pair"],
        ),
        (
            "--mandatory",
            "router",
            vec!["push", "pull", "pub", "sub", "xpub", "xsub", "req", "rep", "dealer", "pair"],
        ),
        (
            "--routing-id x",
            "req, dealer and router",
            vec!["push", "pull", "pub", "sub", "xpub", "xsub", "rep", "pair"],
        ),
        (
            "--conflate",
            "push, pull, pub, sub and dealer",
            vec!["xpub", "xsub", "req", "rep", "router", "pair"],
        ),
        (
            "--echo",
            "rep",
            vec!["push", "pull", "pub", "sub", "xpub", "xsub", "req", "dealer", "router", "pair"],
        ),
        (
            "--reply=x",
            "rep",
            vec!["push", "pull", "pub", "sub", "xpub", "xsub", "req", "dealer", "router", "pair"],
        ),
        ("--wait-peers 1", "", vec!["pull", "sub"]),
        ("--message x", "", vec!["pull", "sub"]),
    ];
    for (option, who, verbs) in lacking {
        for verb in verbs {
            let ended = zmtp(&format!("{verb} --connect tcp://127.0.0.1:1 {option}")).ended();
            assert_eq!(ended.code, 3, "{verb} {option}");
            let name = option.split([' ', '=']).next().unwrap();
            let sentence = format!("zmtp: {verb} has no {name}: {who}");
            assert!(ended.err.contains(&sentence), "{verb} {option}: {}", ended.err);
        }
    }
}

#[test]
fn what_makes_no_sense_for_one_verb_is_refused_with_3() {
    let at = "--connect tcp://127.0.0.1:1";
    let long = "x".repeat(256);
    let cases = [
        (format!("rep {at} --echo --reply x"), "--reply"),
        (format!("rep {at} --echo --message x"), "--message"),
        (format!("rep {at} --reply x --frame x"), "--frame"),
        (format!("dealer {at} --routing-id {long}"), "--routing-id"),
        (format!("dealer {at} --routing-id="), "--routing-id"),
        (format!("pair {at} --heartbeat 0"), "expected something like 250ms"),
        ("completions nonsense".to_owned(), "bash"),
        ("completions".to_owned(), "SHELL"),
    ];
    for (arguments, reason) in cases {
        let ended = zmtp(&arguments).ended();
        assert_eq!(ended.code, 3, "{arguments}: {ended:?}");
        assert!(ended.err.contains(reason), "{arguments}: {}", ended.err);
    }
}

#[test]
fn completions_know_every_verb() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = zmtp(&format!("completions {shell}")).done().out;
        for verb in VERBS {
            assert!(script.contains(verb), "{shell} does not know {verb}");
        }
        assert!(script.contains("wait-peers"), "{shell}");
    }
}
