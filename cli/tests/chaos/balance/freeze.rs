//! A worker that is frozen while it has a job.

use std::fs;
use std::sync::mpsc::channel;
use std::time::Instant;

use super::promises::Told;
use crate::folder::Folder;
use crate::log::Log;
use crate::process::{DEADLINE, Name, Process, What, free_place, next};

/// What a worker runs here: it ends when there is a file of its worker's name, or no such worker any more.
const HELD: &str = r#"echo "start $1 $2" >> "$3/log"
while kill -0 $PPID && ! test -e "$3/let $2 go"; do sleep 0.02; done
echo "end $1 $2" >> "$3/log"
echo $2"#;

#[test]
fn b12_what_a_frozen_worker_had_is_done_elsewhere_and_its_own_result_comes_too_late_to_count() {
    let (folder, at) = (Folder::new(), format!("tcp://{}", free_place()));
    let (sender, events) = channel();
    let start = |name: Name, arguments: &[&str], input: &str| {
        let mut process = Process::new(name, &[&["balance"], arguments].concat(), &folder, &sender);
        process.give(&folder, input);
        process.start();
        process
    };
    let (place, log) = (folder.file("."), Log::new(folder.file("log")));
    let worker = |name: Name| {
        let command = ["sh", "-c", HELD, "job", "{}", name, place.to_str().unwrap()];
        start(name, &[&["worker", "--connect", &at, "--"], &command[..]].concat(), "")
    };
    let told = |name: Name| {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let event = next(&events, deadline);
            match event.what {
                What::Said(line) if event.process == name => return Told::read(&line),
                What::Said(line) => panic!("{} said {line}", event.process),
                What::Over => {}
            }
        }
    };
    let let_go = |name: Name| fs::write(folder.file(&format!("let {name} go")), "").unwrap();
    let _broker = start("broker", &["broker", "--bind", &at], "");

    // It is frozen for so long that its job goes to another, its command ends, and it is thawed.
    let frozen = worker("frozen");
    let mut first = start("first", &["submit", "--connect", &at, "--json"], "one\n");
    log.until(|line| line == "start one frozen");
    frozen.freeze();
    let _other = worker("other");
    log.until(|line| line == "start one other");
    let_go("frozen");
    log.until(|line| line == "end one frozen");
    frozen.thaw();

    // It is among the workers again, so all that it had to say was heard.
    let mut second = start("second", &["submit", "--connect", &at, "--json"], "two\n");
    let two = told("second");
    assert_eq!((&*two.ending, two.attempts, &*two.result), ("done", 1, "frozen"));
    assert_eq!(second.code(), Some(0));

    // And it did not count.
    let_go("other");
    let one = told("first");
    assert_eq!((&*one.ending, one.attempts, &*one.result), ("done", 2, "other"));
    assert_eq!(first.code(), Some(0));
    assert!(events.try_iter().all(|event| event.what == What::Over));
}
