//! How everybody ends: drained, by signals, or by being killed.

use crate::balance::{broker, columns, lines, numbers, recorded, run, start, submit, until, worker};
#[cfg(target_os = "linux")]
use crate::support::Zmtp;

#[test]
fn b08_a_broker_that_drains_ends_every_worker_with_0_whoever_was_killed_or_came_late() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record");
    let (mut broker, at) = broker("--expect 3");
    let script = recorded(&record, "W", "0.05");
    let [killed, one, two] = [(); 3].map(|()| worker(&at, "", &script));
    broker.err_line_with("work begins");
    let submit = submit(&at, "", &numbers(20));
    until(&record, |line| line.starts_with("begin"));
    killed.signal("KILL");
    let late = worker(&at, "", &script);
    until(&record, |line| line.starts_with("end"));
    broker.signal("TERM");
    broker.err_line_with("draining");
    // What it had taken gets done first; what it had not, it refuses. Nothing is left open.
    let outcomes = submit.ended();
    assert_eq!(outcomes.out.lines().count(), 20, "{outcomes:?}");
    assert!(outcomes.out.lines().all(|line| line.starts_with("done") || line.starts_with("refused")));
    for worker in [one, two, late] {
        worker.done();
    }
    broker.done();
}

#[test]
fn a_second_signal_to_the_broker_calls_back_what_is_being_done() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record");
    let (mut broker, at) = broker("");
    let worker = worker(&at, "", &recorded(&record, "W", "300"));
    let _submit = submit(&at, "", "1\n2\n");
    until(&record, |line| line == "begin W 1");
    broker.signal("INT");
    broker.err_line_with("draining");
    broker.signal("INT");
    assert!(worker.done().err.contains("0 done, 1 not"));
    let ended = broker.ended();
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("2 jobs are left undone"), "{}", ended.err);
}

#[test]
fn a_signal_lets_a_worker_end_what_it_has_and_a_second_one_stops_it() {
    let folder = tempfile::tempdir().unwrap();
    let (record, go) = (folder.path().join("record"), folder.path().join("go"));
    let (_broker, at) = broker("");
    let script = format!(
        "echo begin >> {}; while ! test -e {}; do sleep 0.02; done; echo W",
        record.display(),
        go.display()
    );
    let mut first = worker(&at, "", &script);
    let mut submit = submit(&at, "", "1\n2\n");
    until(&record, |line| line == "begin");
    first.signal("TERM");
    first.err_line_with("no more jobs are taken");
    std::fs::write(&go, "").unwrap();
    assert!(first.done().err.contains("1 done, 0 not"));
    assert_eq!(submit.line(), "done\t1\t0\t1\tW");

    std::fs::remove_file(&go).unwrap();
    std::fs::remove_file(&record).unwrap();
    let mut second = worker(&at, "", &script);
    until(&record, |line| line == "begin");
    second.signal("TERM");
    second.err_line_with("no more jobs are taken");
    second.signal("TERM");
    assert!(second.done().err.contains("0 done, 1 not"));
    // It was given back, which costs no attempt.
    std::fs::write(&go, "").unwrap();
    let _third = worker(&at, "", &script);
    assert_eq!(submit.line(), "done\t2\t0\t1\tW");
    submit.done();
}

#[test]
fn a_signal_to_run_lets_the_commands_end_and_tells_what_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let (record, go) = (folder.path().join("record"), folder.path().join("go"));
    let script = format!(
        "echo begin >> {}; while ! test -e {}; do sleep 0.02; done; echo {{}}",
        record.display(),
        go.display()
    );
    let mut run = run("-j 1", &script, &numbers(3));
    until(&record, |line| line == "begin");
    run.signal("INT");
    run.err_line_with("no more jobs are begun");
    std::fs::write(&go, "").unwrap();
    let ended = run.ended();
    assert_eq!((ended.code, &*ended.out), (1, "done\t1\t0\t1\t1\n"));
    // It has read the input by then, or not yet.
    let is_told =
        ["2 jobs are left undone", "the rest of the input was not read"].map(|told| ended.err.contains(told));
    assert!(is_told.contains(&true), "{}", ended.err);
}

#[test]
fn a_second_signal_to_run_stops_the_commands() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record");
    let mut run = run("-j 2", &recorded(&record, "W", "300"), &numbers(3));
    until(&record, |line| line == "begin W 2");
    run.signal("TERM");
    run.err_line_with("no more jobs are begun");
    run.signal("TERM");
    let ended = run.ended();
    assert_eq!((ended.code, &*ended.out), (1, ""));
    let is_told =
        ["3 jobs are left undone", "the rest of the input was not read"].map(|told| ended.err.contains(told));
    assert!(is_told.contains(&true), "{}", ended.err);
}

/// What is being done when the broker is killed goes on, and what the journal holds is done once.
#[test]
fn with_a_journal_a_broker_that_is_killed_and_started_again_loses_no_job_and_does_none_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (record, journal) = (folder.path().join("record"), folder.path().join("journal"));
    let options = format!("--journal {}", journal.display());
    let (first, at) = broker(&options);
    let script = recorded(&record, "W", "0.1");
    let workers = [(); 3].map(|()| worker(&at, "", &script));
    let submit = submit(&at, "", &numbers(30));
    until(&record, |line| line.starts_with("end"));
    // By SIGKILL.
    drop(first);
    let mut second = start(&format!("broker --bind {at}"), &options, None);
    second.bound();
    let outcomes = submit.done();
    assert_eq!(columns(&outcomes.out).iter().filter(|line| line[0] == "done").count(), 30, "{outcomes:?}");
    let begun: Vec<_> = lines(&record).into_iter().filter(|line| line.starts_with("begin")).collect();
    let different: std::collections::BTreeSet<_> = begun.iter().collect();
    assert_eq!((begun.len(), different.len()), (30, 30), "{begun:?}");
    second.signal("TERM");
    second.done();
    workers.into_iter().for_each(|worker| _ = worker.done());
}

#[cfg(target_os = "linux")]
#[test]
fn a_broker_whose_journal_has_no_room_stops_with_a_word_and_the_next_one_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let options = format!("--journal {}", journal.display());
    let arguments = format!("balance broker --bind tcp://127.0.0.1:0 {options}");
    let arguments: Vec<_> = arguments.split(' ').collect();
    let mut full = Zmtp::start_on_full_disk(&arguments, 4 << 20);
    let at = full.bound();
    let jobs: String = (0..200).map(|number| format!("{number} {}\n", "x".repeat(60_000))).collect();
    let submit = submit(&at, "", &jobs);
    let ended = full.ended();
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("journal cannot be used"), "{}", ended.err);

    let mut next = start(&format!("broker --bind {at}"), &options, None);
    next.bound();
    let worker = worker(&at, "--slots 4", "true {}");
    let outcomes = submit.done();
    assert_eq!(outcomes.out.lines().filter(|line| line.starts_with("done")).count(), 200);
    next.signal("TERM");
    next.done();
    worker.done();
}

#[test]
fn a_file_that_is_no_journal_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let letter = folder.path().join("letter");
    std::fs::write(&letter, "Dear Sir").unwrap();
    let ended =
        start("broker --bind tcp://127.0.0.1:0", &format!("--journal {}", letter.display()), None).ended();
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("letter cannot be used"), "{}", ended.err);
}
