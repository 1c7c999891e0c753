//! What was tried as often as it may be, and what an operator does about it.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Instant;

use serde_json::Value;

use crate::balance::{broker, columns, lines, numbers, start, state, submit, worker};
use crate::support::{Zmtp, zmtp};

fn place(broker: &mut Zmtp) -> String {
    broker.err_line().strip_prefix("admin ").unwrap().to_owned()
}

fn dead(verb: &str) -> String {
    zmtp(&format!("balance dead {verb}")).done().out
}

#[test]
fn a_dead_job_is_kept_with_its_history_over_a_kill_of_the_broker_and_done_when_it_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, disk) = (folder.path().join("journal"), folder.path().join("disk"));
    let options = format!("--admin tcp://127.0.0.1:0 --journal {}", journal.display());
    let (mut killed, at) = broker(&options);
    place(&mut killed);
    let script =
        format!("test -e {} || {{ echo disk is full >&2; exit 7; }}; echo saved {{}}", disk.display());
    let worker = worker(&at, "--slots 2 --name archiver", &script);
    let failed = submit(&at, "--key {} --max-attempts 2", "alpha\nbeta\ngamma\n").ended();
    assert_eq!((failed.code, columns(&failed.out).len()), (1, 3), "{}", failed.out);
    // By SIGKILL.
    drop(killed);

    let mut next = start(&format!("broker --bind {at}"), &options, None);
    next.bound();
    let place = place(&mut next);
    let list = dead(&format!("list {place}"));
    let listed = columns(&list);
    assert_eq!(listed.len(), 3, "{list}");
    for line in &listed {
        let history = "it failed with 7, it failed with 7";
        assert_eq!(line[2..], ["2", "7", history, "disk is full"], "{list}");
    }
    let object: Value =
        serde_json::from_str(dead(&format!("list {place} --json")).lines().next().unwrap()).unwrap();
    assert_eq!(
        (&object["task"], &object["attempts"][1]["worker"]),
        (&listed[0][0].into(), &"archiver".into())
    );

    std::fs::write(&disk, "").unwrap();
    dead(&format!("drop {place} {}", listed[0][0]));
    dead(&format!("retry {place} {}", listed[1][0]));
    // Its result is for whoever submits its key.
    let again = submit(&at, "--key {}", listed[1][1]).done().out;
    assert_eq!(columns(&again)[0][4], format!("saved {}", listed[1][1]));
    dead(&format!("retry {place} --all"));
    let again = submit(&at, "--key {}", listed[2][1]).done().out;
    assert_eq!(columns(&again)[0][4], format!("saved {}", listed[2][1]));
    assert_eq!(dead(&format!("list {place}")), "");

    let twice = zmtp(&format!("balance dead retry {place} {}", listed[0][0])).ended();
    assert_eq!(twice.code, 1);
    assert!(
        twice.err.contains("0 of 1 tried again") && twice.err.contains("they are not dead"),
        "{}",
        twice.err
    );
    next.signal("TERM");
    next.done();
    worker.done();
}

/// What is dead there, by task, with its key.
fn listed(place: &str) -> BTreeMap<String, String> {
    let list = dead(&format!("list {place}"));
    let listed = columns(&list);
    let by_task: BTreeMap<_, _> =
        listed.iter().map(|line| (line[0].to_owned(), line[1].to_owned())).collect();
    assert_eq!(by_task.len(), listed.len(), "one is there twice: {list}");
    by_task
}

/// Several ask at a time, so that the kill finds wishes of each kind: not heard, heard, written down, confirmed.
#[test]
fn whenever_a_broker_is_killed_while_the_dead_are_tried_again_each_is_still_dead_or_was_tried_again_once() {
    let folder = tempfile::tempdir().unwrap();
    let [journal, record, disk] = ["journal", "record", "disk"].map(|name| folder.path().join(name));
    let options = format!("--admin tcp://127.0.0.1:0 --journal {}", journal.display());
    let (mut broker, at) = broker(&options);
    let mut here = place(&mut broker);
    let script =
        format!("echo {{}} >> {}; test -e {} || exit 7; echo saved {{}}", record.display(), disk.display());
    // Whatever was begun is done by then, and the next one sees who was begun since.
    let done = |jobs: usize| {
        if jobs > 0 {
            worker(&at, &format!("--slots 8 --max-tasks {jobs}"), &script).done();
        }
        let mut begun = lines(&record);
        begun.sort();
        std::fs::write(&record, "").unwrap();
        begun
    };
    let ask = |here: &str, tasks: &[&String]| {
        let tasks: Vec<_> = tasks.iter().map(|task| task.as_str()).collect();
        zmtp(&format!("balance dead retry {here} --timeout 300ms {}", tasks.join(" ")))
    };
    let submitted = submit(&at, "--key {} --max-attempts 1", &numbers(JOBS));
    assert_eq!(done(JOBS).len(), JOBS);
    assert_eq!(submitted.ended().code, 1);

    // How long it takes to ask, and to be told that there is nobody of this name.
    let (since, nobody) = (Instant::now(), "0".repeat(16));
    [(); ASKERS].map(|()| ask(&here, &[&nobody])).into_iter().for_each(|asked| _ = asked.ended());
    let took = since.elapsed();

    for round in 0..ROUNDS {
        let before = listed(&here);
        assert_eq!(before.len(), JOBS, "{before:?}");
        let tasks: Vec<_> = before.keys().collect();
        let shares = tasks.chunks(JOBS / ASKERS);
        let since = Instant::now();
        let asked: Vec<_> = shares.clone().map(|share| ask(&here, share)).collect();
        sleep((took * 2 * round / ROUNDS).saturating_sub(since.elapsed()));
        // By SIGKILL.
        drop(broker);
        let confirmed =
            shares.zip(asked).filter_map(|(share, asked)| (asked.ended().code == 0).then_some(share));
        let confirmed: Vec<_> = confirmed.flatten().collect();

        broker = start(&format!("broker --bind {at}"), &options, None);
        broker.bound();
        here = place(&mut broker);
        let (still, status) = (listed(&here), state(&here));
        let again: BTreeMap<_, _> = before.iter().filter(|(task, _)| !still.contains_key(*task)).collect();
        println!("round {round}: {} tried again, {} confirmed", again.len(), confirmed.len());
        assert!(still.iter().all(|(task, key)| before.get(task) == Some(key)), "{still:?}");
        assert_eq!(status["queued"], again.len(), "{status}");
        for task in confirmed {
            assert!(again.contains_key(task), "{task} is dead, though it was said to be tried again");
        }
        let mut keys: Vec<_> = again.values().map(|key| key.to_string()).collect();
        keys.sort();
        assert_eq!(done(again.len()), keys);
        // Every other time somebody hears of the end: the broker keeps those whose result was claimed elsewhere.
        if round % 2 == 0 && !keys.is_empty() {
            let outcomes = submit(&at, "--key {}", &(keys.join("\n") + "\n")).ended().out;
            assert!(
                columns(&outcomes).iter().all(|line| line[0] == "failed" && line[3] == "1"),
                "{outcomes}"
            );
        }
    }

    std::fs::write(&disk, "").unwrap();
    dead(&format!("retry {here} --all"));
    assert_eq!(done(JOBS).len(), JOBS);
    let outcomes = submit(&at, "--key {}", &numbers(JOBS)).done().out;
    assert!(columns(&outcomes).iter().all(|line| line[0] == "done" && line[3] == "1"), "{outcomes}");
    assert_eq!(listed(&here), BTreeMap::new());
}

#[test]
fn which_of_the_dead_is_meant_must_be_said() {
    for (arguments, expected) in [
        ("dead retry tcp://127.0.0.1:1", "required arguments were not provided"),
        ("dead drop tcp://127.0.0.1:1 nonsense", "`nonsense` is no task; expected 16 hexadecimal digits"),
        ("dead drop tcp://127.0.0.1:1 --all 0000000000000001", "cannot be used with"),
    ] {
        let ended = zmtp(&format!("balance {arguments}")).ended();
        assert_eq!(ended.code, 3, "{}", ended.err);
        assert!(ended.err.contains(expected), "{}", ended.err);
    }
}

/// Jobs that are dead.
const JOBS: usize = 40;
/// Those who want an equal share of them tried again.
const ASKERS: usize = 4;
/// How often the broker is killed.
const ROUNDS: u32 = 20;
