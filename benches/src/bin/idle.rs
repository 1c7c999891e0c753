//! `idle`: what quiet connections cost, in memory and with heartbeats.
//!
//! ```text
//! cargo run --release -p zmtp-benches --bin idle -- [--connections 1000,10000] [--every-ms 1000] [--seconds 10] [--json]
//! ```
//!
//! A PULL with heartbeats is bound here, and a process of its own dials it so many times from one PUSH. Nothing is
//! sent but PINGs from this side and PONGs from the other (with `--both`, PINGs from both). What is reported is the
//! CPU time of this process alone, user and system, per second: 0.1 is a tenth of a core. The system's share holds
//! much of the way through loopback to the other process. The memory is by how much this process has grown since it
//! began, through the number of connections; `--every-ms 0` does without heartbeats.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use clap::Parser;
use serde::Serialize;
use tokio::time::{Instant, sleep, timeout};
use zmtp::{Builder, Event, Heartbeat, Pattern, PullSocket, PushSocket};
use zmtp_benches::{cpu_time, raise_descriptors, resident_kib};

fn main() -> ExitCode {
    let options = Options::parse();
    let descriptors = raise_descriptors();
    let most = options.connections.iter().copied().max().unwrap_or_default();
    if descriptors < most + SPARE {
        eprintln!(
            "idle: {most} connections need {} descriptors; the system grants {descriptors} (ulimit -Hn)",
            most + SPARE
        );
        return ExitCode::FAILURE;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    match &options.dial {
        Some(endpoint) => runtime.block_on(dial(endpoint, &options, most)),
        None => {
            let before = resident_kib("self").unwrap_or_default();
            for connections in &options.connections {
                let figures = runtime.block_on(measure(&options, *connections, before));
                if options.json {
                    println!("{}", serde_json::to_string(&figures).expect("a plain record"));
                } else {
                    figures.print();
                }
            }
        }
    }
    ExitCode::SUCCESS
}

/// Measures idle connections with heartbeats.
#[derive(Debug, Parser)]
struct Options {
    /// How many, one number after the other.
    #[arg(long, value_delimiter = ',', default_values_t = [1000, 10_000])]
    connections: Vec<usize>,
    /// Milliseconds from PING to PING; 0 for none.
    #[arg(long, default_value_t = 1000)]
    every_ms: u64,
    /// How long to measure.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// The other side PINGs as well.
    #[arg(long)]
    both: bool,
    /// A JSON object instead of a sentence.
    #[arg(long)]
    json: bool,
    /// Plays the other side.
    #[arg(long, hide = true)]
    dial: Option<String>,
}

#[derive(Debug, Serialize)]
struct Figures {
    connections: usize,
    every_ms: u64,
    both: bool,
    seconds: f64,
    /// CPU seconds per second.
    cores: f64,
    cpu_us_beat: f64,
    disconnected: usize,
    bytes_connection: u64,
}

impl Figures {
    fn print(&self) {
        println!(
            "{} idle connections, a heartbeat every {} ms{}, {:.1} s: {:.1} % of a core, {:.2} us a beat, \
             {} disconnected, {} bytes a connection",
            self.connections,
            self.every_ms,
            if self.both { " from both sides" } else { "" },
            self.seconds,
            self.cores * 100.0,
            self.cpu_us_beat,
            self.disconnected,
            self.bytes_connection,
        );
    }
}

async fn measure(options: &Options, connections: usize, before: u64) -> Figures {
    // All of them come from one host.
    let pull = beating(PullSocket::builder(), options).pending_handshakes(8 * connections).build();
    let mut monitor = pull.monitor();
    let at = pull.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let counting = tokio::spawn(async move {
        let mut disconnected = 0;
        while let Some(event) = monitor.next().await {
            disconnected += usize::from(matches!(event, Event::Disconnected { .. }));
        }
        disconnected
    });
    let mut other = other_side(&at.to_string(), options, connections);
    timeout(PATIENCE, pull.wait_for_peers(connections)).await.expect("all connections come up");
    // What belongs to connecting is over, and the beat is regular.
    sleep(Duration::from_millis(options.every_ms.max(1000) * 2)).await;

    let (start, cpu) = (Instant::now(), cpu_time());
    sleep(Duration::from_secs(options.seconds)).await;
    let (wall, cpu) = (start.elapsed(), cpu_time().saturating_sub(cpu));

    let grown = resident_kib("self").unwrap_or_default().saturating_sub(before);
    let beats = wall.as_secs_f64() * 1000.0 / options.every_ms.max(1) as f64 * connections as f64;
    let here = pull.peer_count();
    drop(pull);
    let _ = other.kill();
    let _ = other.wait();
    let ended = counting.await.expect("it counts");
    Figures {
        connections,
        every_ms: options.every_ms,
        both: options.both,
        seconds: wall.as_secs_f64(),
        cores: cpu.as_secs_f64() / wall.as_secs_f64(),
        cpu_us_beat: cpu.as_secs_f64() * 1e6 / beats,
        disconnected: ended.saturating_sub(here),
        bytes_connection: grown * 1024 / connections as u64,
    }
}

/// Starts the process that dials, and waits until it has dialled.
fn other_side(at: &str, options: &Options, connections: usize) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--dial", at, "--connections", &connections.to_string()]);
    command.args(["--every-ms", &options.every_ms.to_string()]);
    if options.both {
        command.arg("--both");
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("this program");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    assert_eq!(line, "READY\n");
    child
}

async fn dial(endpoint: &str, options: &Options, connections: usize) {
    let builder = PushSocket::builder();
    let push = if options.both { beating(builder, options) } else { builder }.build();
    for _ in 0..connections {
        push.connect(endpoint).expect("an endpoint");
    }
    println!("READY");
    let until_we_are_ended = || std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    let _ = tokio::task::spawn_blocking(until_we_are_ended).await;
}

fn beating<P: Pattern>(builder: Builder<P>, options: &Options) -> Builder<P> {
    let every = Duration::from_millis(options.every_ms);
    // What is measured is the cost, on any machine; a slow one shall not cut its peers.
    builder.heartbeat(Heartbeat { timeout: PATIENCE, ..Heartbeat::every(every) })
}

const SPARE: usize = 100;
const PATIENCE: Duration = Duration::from_secs(60);
