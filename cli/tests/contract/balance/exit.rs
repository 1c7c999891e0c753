//! Exit codes, for cron, and what is refused.

use crate::balance::{broker, run, submit, worker};
use crate::support::{nobody, zmtp};

#[test]
fn b25_the_exit_code_says_whether_all_is_done() {
    assert_eq!(run("", "true", "a\nb\n").ended().code, 0);
    assert_eq!(run("", "true", "").ended().code, 0);
    let some = run("", "test {} = b", "a\nb\nc\n").ended();
    assert_eq!(some.code, 1);
    assert!(some.err.contains("2 of 3 jobs did not end well"), "{}", some.err);

    let late = submit(&nobody(), "--timeout 300ms", "a\n").ended();
    assert_eq!(late.code, 2);
    assert!(late.err.contains("no job has ended within 300ms, 1 have not"), "{}", late.err);

    let wrong = zmtp("balance submit").ended();
    assert_eq!(wrong.code, 3);
}

#[test]
fn what_makes_no_sense_is_refused_with_3_and_said_why() {
    let (bind, connect) = ("--bind tcp://127.0.0.1:0", "--connect tcp://127.0.0.1:1");
    for (arguments, reason) in [
        ("".to_owned(), "broker"),
        ("nonsense".to_owned(), "nonsense"),
        ("broker".to_owned(), "--bind"),
        (format!("broker {bind} --min 2"), "--expect"),
        (format!("broker {bind} --ready-timeout 2s"), "--expect"),
        (format!("broker {bind} --expect 2 --min 3"), "--min 3 is more than --expect 2"),
        (format!("broker {bind} --expect 0"), "expected 1 or more"),
        (format!("broker {bind} --expect 2 --ready-timeout 2"), "expected something like 250ms"),
        (format!("worker {connect}"), "CMD"),
        (format!("worker {connect} --slots 0 -- true"), "--slots"),
        (format!("worker {connect} --one-shot --max-tasks 2 -- true"), "--max-tasks"),
        (format!("worker {connect} --name a-name-that-is-too-long -- true"), "expected 1 to 16"),
        (format!("worker {connect} --key {{}} -- true"), "worker has no --key: submit has"),
        (format!("submit {connect} --slots 2"), "submit has no --slots: worker has"),
        (format!("submit {connect} --max-attempts 0"), "--max-attempts"),
        (format!("submit {connect} --priority 256"), "--priority"),
        ("run".to_owned(), "CMD"),
        ("run -j 0 -- true".to_owned(), "--jobs"),
    ] {
        let ended = zmtp(&format!("balance {arguments}")).ended();
        assert_eq!(ended.code, 3, "{arguments}: {ended:?}");
        assert!(ended.err.contains(reason), "{arguments}: {}", ended.err);
        assert_eq!(ended.out, "");
    }
}

#[test]
fn a_key_that_is_too_long_is_refused_and_the_rest_is_done() {
    let (_broker, at) = broker("");
    let _worker = worker(&at, "", "echo {}");
    let long = "x".repeat(256);
    let ended = submit(&at, "--key {}", &format!("{long}\nshort\n")).ended();
    assert_eq!(ended.code, 1);
    assert!(ended.out.contains(&format!("refused\t{long}\t0\t0\t")) && ended.out.contains("done\tshort"));
}

#[test]
fn who_has_no_key_for_the_broker_is_refused_with_4() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    for name in ["broker", "known", "stranger"] {
        zmtp(&format!("keygen --out {}", at(name))).done();
    }
    let options = format!("--curve-key {} --curve-clients {}", at("broker.key"), at("known.pub"));
    let (_broker, place) = broker(&options);
    let as_a = |name: &str| {
        format!("--curve-server-key {} --curve-key {}", at("broker.pub"), at(&format!("{name}.key")))
    };
    let _worker = worker(&place, &as_a("known"), "echo {}");
    assert_eq!(submit(&place, &as_a("known"), "a\n").done().out, "done\ta\t0\t1\ta\n");
    for refused in [submit(&place, &as_a("stranger"), "a\n"), worker(&place, &as_a("stranger"), "echo {}")] {
        let ended = refused.ended();
        assert_eq!(ended.code, 4, "{ended:?}");
    }
}

#[test]
fn the_help_of_each_verb_is_a_sentence_and_three_examples() {
    for verb in ["run", "broker", "worker", "submit", "status", "drain"] {
        let help = zmtp(&format!("balance {verb} --help")).done().out;
        let examples = help.split("Examples:").nth(1).unwrap();
        assert!(examples.matches(&format!("zmtp balance {verb} ")).count() >= 3, "{help}");
    }
}
