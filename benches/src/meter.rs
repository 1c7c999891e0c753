//! What both contenders share: the command line, the clock, and the result line.

use std::io::Write;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use serde_json::{Map, Value, json};

use crate::usage::{cpu_time, peak_rss_kib};

/// The command line of a contender.
#[derive(Debug, Clone, Parser)]
pub(crate) struct Arguments {
    /// What to play.
    pub(crate) role: String,
    /// Where.
    #[arg(long)]
    pub(crate) endpoint: String,
    /// Octets of a message.
    #[arg(long)]
    pub(crate) size: usize,
    /// How many messages.
    #[arg(long)]
    pub(crate) count: u64,
    /// High-water mark in messages; 0 is unlimited.
    #[arg(long, default_value_t = 1000)]
    pub(crate) hwm: usize,
    /// tokio's current-thread or multi-thread runtime.
    #[arg(long, value_enum, default_value = "ct")]
    #[allow(dead_code, reason = "libzmq brings its own threads")]
    pub(crate) rt: Runtime,
}

/// A tokio runtime.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Runtime {
    Ct,
    Mt,
}

impl Arguments {
    pub(crate) fn read() -> Self {
        let arguments = Self::parse();
        assert!(arguments.size > 0, "--size must be at least 1");
        arguments
    }

    /// A payload that begins with `mark`.
    pub(crate) fn payload(&self, mark: u8) -> Vec<u8> {
        let mut payload: Vec<u8> = (0..self.size).map(|i| (i as u8).wrapping_mul(31)).collect();
        payload[0] = mark;
        payload
    }
}

/// A measured interval of this process.
#[derive(Debug)]
pub(crate) struct Meter {
    start: Instant,
    cpu: Duration,
    results: Map<String, Value>,
}

impl Meter {
    pub(crate) fn start() -> Self {
        Self { start: Instant::now(), cpu: cpu_time(), results: Map::new() }
    }

    /// Notes the throughput so far.
    pub(crate) fn stop(&mut self, arguments: &Arguments) {
        let seconds = self.start.elapsed().as_secs_f64();
        let rate = arguments.count as f64 / seconds;
        self.note("msgs", json!(arguments.count));
        self.note("secs", json!(seconds));
        self.note("msgs_s", json!(rate));
        self.note("mb_s", json!(rate * arguments.size as f64 / 1e6));
    }

    /// Prints the result line.
    pub(crate) fn print(mut self, role: &str) {
        let cpu = cpu_time().saturating_sub(self.cpu).as_secs_f64();
        self.note("role", json!(role));
        self.note("cpu_s", json!(cpu));
        self.note("maxrss_kib", json!(peak_rss_kib()));
        println!("{}", Value::Object(self.results));
        let _ = std::io::stdout().flush();
    }

    fn note(&mut self, name: &str, value: Value) {
        self.results.insert(name.to_owned(), value);
    }
}

/// Tells the runner that this side can be connected to.
pub(crate) fn ready() {
    println!("READY");
    let _ = std::io::stdout().flush();
}

/// Checks one message.
#[inline]
pub(crate) fn check(body: &[u8], size: usize, mark: u8) {
    assert!(
        body.len() == size && body[0] == mark,
        "a message of {} octets that begins with {:?}",
        body.len(),
        body.first()
    );
}

/// Until whoever started us closes our standard input.
#[allow(dead_code, reason = "libzmq's contender is not asynchronous")]
pub(crate) async fn wait_for_stdin() {
    tokio::task::spawn_blocking(wait_for_stdin_blocking).await.expect("standard input");
}

/// The same, on this thread.
pub(crate) fn wait_for_stdin_blocking() {
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
}
