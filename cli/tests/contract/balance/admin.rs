//! What an operator asks of a broker.

use serde_json::{Value, json};

use crate::balance::{broker, recorded, submit, until, worker};
use crate::support::{Zmtp, nobody, zmtp};

/// Where the broker's administration is.
fn admin(broker: &mut Zmtp) -> String {
    broker.err_line().strip_prefix("admin ").unwrap().to_owned()
}

#[test]
fn b02_status_shows_jobs_and_workers_and_drain_ends_both() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record");
    let (mut broker, at) = broker("--admin tcp://127.0.0.1:0");
    let place = admin(&mut broker);
    let worker = worker(&at, "--slots 2 --name archiver", &recorded(&record, "W", "300"));
    let _submit = submit(&at, "", "1\n2\n3\n");
    until(&record, |line| line == "begin W 2");
    let status: Value =
        serde_json::from_str(&zmtp(&format!("balance status {place} --json")).done().out).unwrap();
    assert_eq!((&status["running"], &status["workers"][0]["busy"]), (&json!(2), &json!(2)));
    let text = zmtp(&format!("balance status {place}")).done().out;
    assert!(
        text.starts_with("jobs\t1 queued, 2 running, 0 waiting, 0 blocked, 0 done, 0 not done, 0 dead\n"),
        "{text}"
    );
    assert!(text.contains("worker\tarchiver\t") && text.contains("\t2 of 2 busy\tthere\n"), "{text}");

    zmtp(&format!("balance drain {place}")).done();
    broker.err_line_with("draining");
    zmtp(&format!("balance drain {place} --now")).done();
    worker.done();
    let ended = broker.ended();
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("3 jobs are left undone"), "{}", ended.err);
}

#[test]
fn a_broker_without_work_ends_as_soon_as_it_is_told_to_drain() {
    let folder = tempfile::tempdir().unwrap();
    let (mut broker, _) = broker(&format!("--admin ipc://{}", folder.path().join("admin").display()));
    let place = admin(&mut broker);
    zmtp(&format!("balance drain {place}")).done();
    broker.done();
}

#[test]
fn an_administration_is_only_bound_where_this_machine_comes_and_says_what_is_wrong_with_a_question() {
    let ended = zmtp("balance broker --bind tcp://127.0.0.1:0 --admin tcp://*:5556").ended();
    assert_eq!(ended.code, 3);
    assert!(ended.err.contains("expected ipc:// or a loopback address"), "{}", ended.err);

    let (mut broker, _) = broker("--admin tcp://127.0.0.1:0");
    let place = admin(&mut broker);
    let answer = zmtp(&format!("req --connect {place} --message nonsense")).done().out;
    assert!(answer.starts_with(r#"{"error":"#), "{answer}");

    let ended = zmtp(&format!("balance status {} --timeout 200ms", nobody())).ended();
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("no answer within 200ms"), "{}", ended.err);
}
