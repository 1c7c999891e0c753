//! Results that go to a third program.

use std::collections::BTreeSet;

use crate::balance::{broker, columns, numbers, state, submit, until, worker};
use crate::support::{Zmtp, nobody, zmtp};

/// The lines of so many messages.
fn taken(mut sink: Zmtp, count: usize) -> BTreeSet<String> {
    (0..count).map(|_| sink.line()).collect()
}

#[test]
fn b20_results_go_to_a_third_program_and_the_broker_hears_that_it_is_done() {
    let (_broker, at) = broker("");
    let mut sink = zmtp("pull --bind tcp://127.0.0.1:0");
    let place = sink.bound();
    let options = format!("--slots 3 --max-tasks 31 --result-to {place}");
    let worker = worker(&at, &options, "test {} != bad || { echo no >&2; exit 7; }; echo saved {}");
    let out = submit(&at, "--key job/{}", &numbers(30)).done().out;
    // The broker has an empty result.
    assert!(columns(&out).iter().all(|columns| columns[0] == "done" && columns[4].is_empty()), "{out}");
    let failed = submit(&at, "--max-attempts 1", "bad\n").ended();
    assert_eq!((failed.code, &*failed.out), (1, "failed\tbad\t7\t1\tno\n"));
    let ended = worker.done();
    assert!(ended.err.contains("30 done, 1 not"), "{}", ended.err);
    let expected = (1..=30).map(|number| format!("job/{number}\tdone\tsaved {number}\\n"));
    assert_eq!(taken(sink, 30), expected.collect());
}

#[test]
fn b20_while_the_sink_is_away_nothing_is_done_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record");
    let (mut broker, at) = broker("--admin tcp://127.0.0.1:0");
    let admin = broker.err_line().strip_prefix("admin ").unwrap().to_owned();
    let place = nobody();
    let script = format!("echo end {{}} >> {}; echo saved {{}}", record.display());
    let options = format!("--slots 2 --max-tasks 3 --result-to {place}");
    // One that is killed has said of nothing that it is done.
    let killed = worker(&at, &options, &script);
    let mut submit = submit(&at, "--key job/{}", &numbers(3));
    for number in 1..=2 {
        until(&record, |line| line == format!("end {number}"));
    }
    let status = state(&admin);
    assert_eq!((&status["done"], &status["running"]), (&0.into(), &2.into()), "{status}");
    assert_eq!(submit.try_line(), None);
    killed.signal("KILL");

    let worker = worker(&at, &options, &script);
    let sink = zmtp(&format!("pull --bind {place}"));
    submit.line();
    submit.line();
    submit.line();
    submit.done();
    worker.done();
    let expected = (1..=3).map(|number| format!("job/{number}\tdone\tsaved {number}\\n"));
    assert_eq!(taken(sink, 3), expected.collect());
}
