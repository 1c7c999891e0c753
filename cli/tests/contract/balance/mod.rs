//! `zmtp balance`: brokers, workers and submitters as processes of their own, and all in one.

mod admin;
mod crew;
mod dead;
mod end;
mod exit;
mod managers;
mod picture;
mod ready;
mod run;
mod settings;
mod sink;

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{DEADLINE, Zmtp, zmtp};

/// A broker with these options, and where it is.
fn broker(options: &str) -> (Zmtp, String) {
    let mut broker = start("broker --bind tcp://127.0.0.1:0", options, None);
    let at = broker.bound();
    (broker, at)
}

/// A worker that runs this script with the shell, `{}` standing for the job.
fn worker(at: &str, options: &str, script: &str) -> Zmtp {
    start(&format!("worker --connect {at}"), options, Some(script))
}

/// Somebody who submits these lines.
fn submit(at: &str, options: &str, lines: &str) -> Zmtp {
    let mut submit = start(&format!("submit --connect {at}"), options, None);
    submit.write(lines).end_input();
    submit
}

/// All in one, with these lines.
fn run(options: &str, script: &str, lines: &str) -> Zmtp {
    let mut run = start("run", options, Some(script));
    run.write(lines).end_input();
    run
}

fn start(verb: &str, options: &str, script: Option<&str>) -> Zmtp {
    let mut arguments = vec!["balance"];
    arguments.extend(verb.split_whitespace().chain(options.split_whitespace()));
    if let Some(script) = script {
        arguments.extend(["--", "sh", "-c", script]);
    }
    Zmtp::start(&arguments)
}

/// What the broker with its administration there says of itself.
fn state(admin: &str) -> Value {
    serde_json::from_str(&zmtp(&format!("balance status {admin} --json")).done().out).unwrap()
}

/// `count` lines: 1, 2, 3 ...
fn numbers(count: usize) -> String {
    (1..=count).map(|number| format!("{number}\n")).collect()
}

/// A script that writes down when it begins and when it ends, and takes a while.
fn recorded(record: &Path, name: &str, seconds: &str) -> String {
    let record = record.display();
    format!(
        "echo begin {name} {{}} >> {record}; sleep {seconds}; echo end {name} {{}} >> {record}; echo {name}"
    )
}

/// The end of a script that goes on for as long as its worker lives.
const HOLD: &str = "while kill -0 $PPID; do sleep 0.02; done";

fn lines(record: &Path) -> Vec<String> {
    fs::read_to_string(record).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// Waits until a line of the record satisfies this.
fn until(record: &Path, found: impl Fn(&str) -> bool) -> String {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(line) = lines(record).into_iter().find(|line| found(line)) {
            return line;
        }
        assert!(Instant::now() < deadline, "it is not in the record: {:?}", lines(record));
        thread::sleep(Duration::from_millis(5));
    }
}

/// The most that ran at a time.
fn most_at_a_time(record: &Path) -> usize {
    let (mut running, mut most) = (0, 0);
    for line in lines(record) {
        if line.starts_with("begin") {
            running += 1;
            most = most.max(running);
        } else {
            running -= 1;
        }
    }
    most
}

/// The columns of each line of output.
fn columns(out: &str) -> Vec<Vec<&str>> {
    out.lines().map(|line| line.split('\t').collect()).collect()
}
