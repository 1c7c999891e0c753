//! `zmtp balance run`: like `xargs -P`, with outcomes.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::balance::{columns, most_at_a_time, numbers, run, until};
use crate::support::{DEADLINE, Zmtp, zmtp};

#[test]
fn b24_one_line_does_a_list_so_many_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record");
    // The first three wait for each other.
    let script = format!(
        "echo begin W {{}} >> {0}; while test $(grep -c begin {0}) -lt 3; do sleep 0.01; done; echo end W {{}} >> {0}",
        record.display()
    );
    let ended = run("-j 3", &script, &numbers(12)).done();
    assert_eq!(most_at_a_time(&record), 3);
    let mut jobs: Vec<u32> = columns(&ended.out).iter().map(|columns| columns[1].parse().unwrap()).collect();
    jobs.sort_unstable();
    assert_eq!(jobs, (1..=12).collect::<Vec<_>>());
    assert_eq!(ended.err, "");
}

#[test]
fn b24_the_quick_start_does_what_xargs_does() {
    let readme = include_str!("../../../../README.md");
    assert!(readme.contains("alpha beta gamma | zmtp balance run -j 3 -- echo backup of {}"));
    let lines = "alpha\nbeta\ngamma\n";
    for (command, is_well) in [
        (vec!["echo", "backup of {}"], true),
        (vec!["sh", "-c", "echo backup of {}; test {} != beta"], false),
    ] {
        let mut arguments = vec!["balance", "run", "-j", "3", "--json", "--"];
        arguments.extend(&command);
        let mut run = Zmtp::start(&arguments);
        run.write(lines).end_input();
        let ours = run.ended();
        let mut theirs = Command::new("xargs");
        theirs.args(["-P3", "-I{}"]).args(&command).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut theirs = theirs.spawn().unwrap();
        theirs.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        let theirs = theirs.wait_with_output().unwrap();
        // What one fails the other fails, and both go through the whole list.
        assert_eq!((ours.code == 0, theirs.status.success()), (is_well, is_well));
        let objects = ours.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let done: BTreeSet<_> = objects
            .filter(|object| object["ending"] == "done")
            .map(|object| object["result"].as_str().unwrap().trim_end().to_owned())
            .collect();
        let mut expected: BTreeSet<_> =
            String::from_utf8(theirs.stdout).unwrap().lines().map(str::to_owned).collect();
        assert_eq!(expected.len(), 3);
        if !is_well {
            expected.remove("backup of beta");
        }
        assert_eq!(done, expected);
    }
}

#[test]
fn a_line_is_one_argument_and_no_shell_sees_it() {
    let mut run = Zmtp::start(&["balance", "run", "-j", "1", "--", "printf", "<%s>", "{}", "x{}y"]);
    run.write("two words\n$(echo x); `y`\n").end_input();
    assert_eq!(
        run.done().out,
        "done\ttwo words\t0\t1\t<two words><xtwo wordsy>\ndone\t$(echo x); `y`\t0\t1\t<$(echo x); `y`><x$(echo x); `y`y>\n"
    );
}

#[test]
fn a_command_without_a_place_for_the_line_reads_it_from_standard_input() {
    let mut run = Zmtp::start(&["balance", "run", "--json", "--", "cat"]);
    run.write(b"a\tb\xff\n").end_input();
    let object: Value = serde_json::from_str(&run.line()).unwrap();
    let line = json!({ "base64": "YQli/w==" });
    assert_eq!((&object["job"], &object["result"]), (&line, &line));
    assert_eq!(
        (&object["ending"], &object["code"], &object["attempts"]),
        (&json!("done"), &json!(0), &json!(1))
    );
    run.done();
}

#[test]
fn a_command_that_cannot_be_started_says_what_to_do() {
    let mut run = zmtp("balance run --max-attempts 3 -- no-such-command-here {}");
    run.write("a\n").end_input();
    let ended = run.ended();
    assert_eq!(ended.code, 1);
    let out = columns(&ended.out);
    assert_eq!(out[0][..4], ["failed", "a", "127", "1"]);
    assert!(out[0][4].contains("cannot start `no-such-command-here`") && out[0][4].contains("installed"));
}

#[test]
fn an_attempt_that_takes_too_long_or_says_nothing_is_stopped() {
    for (limit, why) in [("--hard-limit 200ms", "hard limit"), ("--stall-timeout 200ms", "stall timeout")] {
        let ended = run(limit, "sleep 300", "a\n").ended();
        assert_eq!(ended.code, 1);
        assert!(ended.out.starts_with("failed\ta\t0\t1\t") && ended.out.contains(why), "{}", ended.out);
    }
}

#[test]
fn when_standard_output_is_closed_run_ends_quietly_and_its_commands_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record");
    let script = format!("echo $$ >> {}; exec sleep 300", record.display());
    let mut run = Zmtp::start_unread(&["balance", "run", "-j", "1", "--", "sh", "-c", &script]);
    run.write("a\nb\n").end_input();
    let pid = until(&record, |line| !line.is_empty());
    run.close_output();
    let ended = run.ended();
    assert_eq!((ended.code, &*ended.err), (0, ""));
    let deadline = Instant::now() + DEADLINE;
    while is_running(&pid) {
        assert!(Instant::now() < deadline, "the command runs on");
        thread::sleep(Duration::from_millis(5));
    }
}

fn is_running(pid: &str) -> bool {
    let state = Command::new("ps").args(["-o", "stat=", "-p", pid]).output().unwrap().stdout;
    // Whoever adopts it may not have waited for it yet.
    !state.is_empty() && !state.starts_with(b"Z")
}
