//! What can be typed: the map, the help, and everything that is refused with exit code 3.

use crate::support::zmtp;

const VERBS: [&str; 2] = ["push", "pull"];

#[test]
fn the_command_alone_shows_the_map_of_its_verbs() {
    let ended = zmtp("").done();
    for verb in VERBS {
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
fn options_that_do_nothing_yet_do_not_exist_yet() {
    for option in
        ["--heartbeat 1s", "--conflate", "--routing-id x", "--mandatory", "--plain a:b", "--curve-key x"]
    {
        let ended = zmtp(&format!("push --connect tcp://127.0.0.1:1 {option}")).ended();
        assert_eq!(ended.code, 3, "{option}");
        assert!(ended.err.contains("unexpected argument"), "{option}: {}", ended.err);
    }
}
