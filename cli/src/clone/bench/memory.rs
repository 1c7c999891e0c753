//! How much memory a server needs.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use zmtp_patterns::clone::{Client, ClientConfig, Place};

use super::{fill, keys};

/// A server that is a process of its own, until it is dropped.
struct Alone {
    process: Child,
    place: Place,
}

/// Not a number where the system does not say it: it is asked by `/proc`.
pub(super) async fn memory(about: Duration) -> Vec<f64> {
    let (alone, keys) = (Alone::start(), keys(about));
    let client = Client::start(vec![alone.place.clone()], ClientConfig::of(["\0nothing"]));
    client.ready().await;
    let before = alone.resident();
    fill(&client, keys).await;
    vec![(alone.resident() - before) / keys as f64]
}

impl Alone {
    fn start() -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut command = Command::new(program);
        // With none of the settings that the environment may have for another.
        command.env_clear().args(["clone", "serve", "--at", "tcp://127.0.0.1:0"]).stderr(Stdio::piped());
        let mut process = command.spawn().expect("this program can be run");
        let mut said = String::new();
        let stderr = process.stderr.take().expect("it is piped");
        BufReader::new(stderr).read_line(&mut said).expect("it says where it is");
        let place = said.trim().strip_prefix("bound ").and_then(|place| place.parse().ok());
        Self { process, place: place.expect("three free ports") }
    }

    /// Octets of memory that it holds.
    fn resident(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().split(' ').next()?.parse::<f64>().ok());
        kib.map_or(f64::NAN, |kib| kib * 1024.0)
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
