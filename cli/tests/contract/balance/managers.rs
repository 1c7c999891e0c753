//! One program that gives out work (A) and managers on other machines that do it (M1 to M3), drop by drop.

use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::Value;

use crate::balance::{HOLD, broker, columns, lines, numbers, recorded, state, submit, until, worker};
use crate::support::{DEADLINE, Zmtp, zmtp};

fn place(broker: &mut Zmtp) -> String {
    broker.err_line().strip_prefix("admin ").unwrap().to_owned()
}

/// Asks until the state is as it is to be.
fn until_state(place: &str, is: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let status = state(place);
        if is(&status) {
            return status;
        }
        assert!(Instant::now() < deadline, "{status}");
    }
}

/// What the state says of the worker of this name.
fn of<'a>(status: &'a Value, name: &str) -> Option<&'a Value> {
    status["workers"].as_array().unwrap().iter().find(|worker| worker["name"] == name)
}

#[test]
fn b15_b19_a_worker_with_one_slot_holds_one_job_and_the_rest_waits_for_whoever_comes() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record");
    let (mut broker, at) = broker("--admin tcp://127.0.0.1:0");
    let place = place(&mut broker);
    let _first = worker(&at, "--name first", &recorded(&record, "first", "300"));
    let _submit = submit(&at, "", &numbers(100));
    until(&record, |line| line == "begin first 1");
    let shares = |status: &Value| {
        let share = |key: &str| status[key].as_u64().unwrap();
        (share("running"), share("queued"))
    };
    // The last of them may not have arrived yet.
    let status = until_state(&place, |status| status["submitted"] == 100);
    assert_eq!((shares(&status), &of(&status, "first").unwrap()["busy"]), ((1, 99), &1.into()));

    // Nothing was fetched for later: whoever comes gets the very next one.
    let _second = worker(&at, "--name second", &recorded(&record, "second", "300"));
    until(&record, |line| line == "begin second 2");
    let status = state(&place);
    assert_eq!(shares(&status), (2, 98));
    assert!(["first", "second"].iter().all(|name| of(&status, name).unwrap()["busy"] == 1), "{status}");
    assert_eq!(lines(&record).len(), 2);
}

#[test]
fn b16_b17_b22_what_a_killed_manager_had_is_done_by_the_others_and_each_has_its_statistics() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record");
    let (mut broker, at) = broker("--expect 3 --admin tcp://127.0.0.1:0");
    let place = place(&mut broker);
    let manager = |name: &str, script: &str| worker(&at, &format!("--slots 2 --name {name}"), script);
    let [_m1, _m3] = ["m1", "m3"].map(|name| manager(name, &recorded(&record, name, "0.1")));
    // Once it has done something it ends nothing any more, and writes down what that is.
    let does = recorded(&record, "m2", "0.1");
    let holds = format!("{{ echo held {{}} >> {}; {HOLD}; }}", record.display());
    let m2 = manager("m2", &format!("grep -q '^end m2' {} && {holds}; {does}", record.display()));
    broker.err_line_with("work begins");
    let submit = submit(&at, "", &numbers(60));
    let status = until_state(&place, |status| {
        ["m1", "m2", "m3"].iter().all(|name| of(status, name).is_some_and(|worker| worker["done"] != 0))
    });
    for name in ["m1", "m2", "m3"] {
        let worker = of(&status, name).unwrap();
        assert_eq!((&worker["slots"], &worker["failed"]), (&2.into(), &0.into()), "{status}");
    }
    // In the middle of something.
    let held = || lines(&record).into_iter().filter_map(|line| Some(line.strip_prefix("held ")?.to_owned()));
    until(&record, |_| held().count() == 2);
    m2.signal("KILL");

    let out = submit.done().out;
    let columns = columns(&out);
    let jobs: BTreeSet<_> = columns.iter().map(|columns| columns[1]).collect();
    assert_eq!((columns.len(), jobs.len()), (60, 60), "each has one result");
    assert!(columns.iter().all(|columns| columns[0] == "done"), "{out}");
    let again: Vec<_> = columns.iter().filter(|columns| columns[3] != "1").collect();
    assert!(again.iter().all(|columns| columns[3] == "2" && columns[4] != "m2"), "{again:?}");
    let again: BTreeSet<_> = again.iter().map(|columns| columns[1].to_owned()).collect();
    assert_eq!(again, held().collect(), "what it had when it was killed");
    let status = state(&place);
    assert_eq!(
        (&status["done"], &status["not_done"], &status["workers_lost"]),
        (&60.into(), &0.into(), &1.into())
    );
    for name in ["m1", "m3"] {
        let done = columns.iter().filter(|columns| columns[4] == name).count();
        assert_eq!(of(&status, name).unwrap()["done"], done, "{status}");
    }
    assert!(of(&status, "m2").is_none(), "{status}");
    let text = zmtp(&format!("balance status {place}")).done().out;
    assert!(
        text.lines().any(|line| line.starts_with("worker\tm1\t") && line.contains(" done, 0 failed\t")),
        "{text}"
    );
}
