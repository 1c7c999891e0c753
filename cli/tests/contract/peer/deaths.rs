//! Brokers and workers that die under load.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::peer::{all_replied, broker, broker_at, echo, load, random, replied, status, until, up};

#[test]
fn p07_a_cluster_that_dies_under_load_takes_no_request_with_it() {
    let (_one, first) = broker("DC1", "--beat 50ms");
    let (two, second) = broker("DC2", &format!("--peer {first} --beat 50ms"));
    let (_three, third) = broker("DC3", &format!("--peer {first} --beat 50ms"));
    // What comes to the first one is done elsewhere.
    let (_there, _elsewhere) =
        (echo(&second, "--slots 8 --takes 20ms"), echo(&third, "--slots 8 --takes 20ms"));
    let is_shared = |status: &Value| {
        let peers = status["peers"].as_array().unwrap();
        up(status) == 2 && peers.iter().all(|peer| peer["usable"].as_u64() > Some(0))
    };
    until(&first, is_shared);
    let load = load(&[&first], "--clients 20 --rate 50 --for 3s --resend 500ms");
    until(&first, |status| {
        let its = status["peers"].as_array().unwrap().iter().find(|peer| peer["name"] == "DC2");
        its.is_some_and(|peer| peer["sent"].as_u64() > Some(0))
    });
    two.signal("KILL");
    all_replied(load);
}

#[test]
fn p07_a_broker_that_dies_and_comes_back_serves_its_clients_again() {
    let (one, first) = broker("DC1", "");
    let worker = echo(&first, "--slots 8");
    let load = load(&[&first], "--clients 8 --rate 50 --for 3s --resend 200ms");
    until(&first, |status| replies(status) > 10);
    one.signal("KILL");
    drop(one);
    let (_again, first) = broker_at(&first, "DC1", "");
    until(&first, |status| replies(status) > 10);
    all_replied(load);
    drop(worker);
}

#[test]
fn p07_a_worker_that_dies_under_load_takes_no_request_with_it() {
    let (mut one, first) = broker("DC1", "");
    let (worker, _other) = (echo(&first, "--slots 8 --takes 50ms"), echo(&first, "--slots 8 --takes 50ms"));
    until(&first, |status| status["slots"] == 16);
    let load = load(&[&first], "--clients 16 --rate 50 --for 1s");
    until(&first, |status| status["local"].as_u64() > Some(8));
    worker.signal("KILL");
    one.err_line_with("worker lost");
    all_replied(load);
}

/// As a script has it: `while true; do zmtp peer worker; done`.
#[test]
fn p11_workers_that_a_script_starts_again_whenever_they_die_lose_nothing() {
    let (_one, first) = broker("DC1", "--beat 50ms");
    let mut scripts: Vec<_> = (0..4).map(|_| Script::start(&first)).collect();
    until(&first, |status| status["workers"] == 4);
    let load = load(&[&first], "--clients 8 --rate 50 --for 1h --resend 1h --within 1h");
    for _ in 0..20 {
        // What the last one had is first in the queue: with so many more replies, it has one.
        let next = replies(&status(&first)) + 20;
        scripts[random(4)].kill_its_worker();
        until(&first, |status| replies(status) >= next);
    }
    load.signal("INT");
    replied(&load.ended());
    let status = until(&first, |status| status["workers"] == 4);
    assert!(status["counters"]["requeued"].as_u64() > Some(0), "{status}");
}

fn replies(status: &Value) -> u64 {
    status["counters"]["replies"].as_u64().unwrap()
}

struct Script {
    shell: Child,
    /// It says the process id of each worker that it starts.
    says: BufReader<ChildStdout>,
    worker: String,
}

impl Script {
    fn start(at: &str) -> Self {
        let worker = format!("{} peer worker --echo --takes 20ms --connect {at}", env!("CARGO_BIN_EXE_zmtp"));
        let script = format!("while true; do {worker} & echo $!; wait; done");
        let mut shell = Command::new("sh").args(["-c", &script]).stdout(Stdio::piped()).spawn().unwrap();
        let says = BufReader::new(shell.stdout.take().unwrap());
        let mut script = Self { shell, says, worker: String::new() };
        script.has_started_one();
        script
    }

    fn has_started_one(&mut self) {
        self.worker.clear();
        self.says.read_line(&mut self.worker).unwrap();
    }

    fn kill_its_worker(&mut self) {
        kill(&self.worker);
        self.has_started_one();
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // First the shell, which would start another one.
        let _ = self.shell.kill();
        let _ = self.shell.wait();
        kill(&self.worker);
    }
}

fn kill(process: &str) {
    assert!(Command::new("kill").args(["-KILL", process.trim()]).status().unwrap().success());
}
