//! `compare`: zmtp beside libzmq on this machine, as anyone can repeat it.
//!
//! ```text
//! cargo run --release -p zmtp-benches --bin compare -- [--rounds 5] [--seconds 1] [--sizes 64,8192] [--json]
//! ```
//!
//! Each cell is one message size over TCP loopback, two processes, default settings, one `send` and one `recv` per
//! message. The two contenders take turns, so that a slow spell of the machine hits both; what is reported is the
//! median of the ratios of each round, with their spread, and the CPU time of both processes per message.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use clap::Parser;
use serde::{Deserialize, Serialize};

fn main() {
    let options = Options::parse();
    if !options.json {
        println!("{}\n", machine());
        println!(
            "| size | zmtp msgs/s | libzmq msgs/s | ratio (spread) | CPU ns/msg zmtp | libzmq | ratio |"
        );
        println!("|---:|---:|---:|---:|---:|---:|---:|");
    }
    for &size in &options.sizes {
        let cell = Cell::measure(size, &options);
        if options.json {
            println!("{}", serde_json::to_string(&cell).expect("a plain record"));
        } else {
            println!("{}", cell.row());
        }
        let _ = std::io::stdout().flush();
    }
}

/// Compares zmtp with libzmq: throughput and CPU time of PUSH and PULL over TCP.
#[derive(Debug, Parser)]
struct Options {
    /// Octets of a message.
    #[arg(long, value_delimiter = ',', default_values_t = [16, 64, 256, 1024, 8192, 65_536, 1_048_576])]
    sizes: Vec<usize>,
    /// How often the two take turns.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long one run lasts, about.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// One JSON object a size instead of a table.
    #[arg(long)]
    json: bool,
}

/// One size.
#[derive(Debug, Serialize)]
struct Cell {
    size: usize,
    zmtp: Vec<Run>,
    libzmq: Vec<Run>,
}

/// One run of one contender.
#[derive(Debug, Clone, Serialize)]
struct Run {
    msgs_s: f64,
    cpu_ns_msg: f64,
}

impl Cell {
    fn measure(size: usize, options: &Options) -> Self {
        let contenders = [binary("peer-zmtp"), binary("peer-libzmq")];
        let counts = contenders.clone().map(|contender| calibrate(&contender, size, options.seconds));
        let mut cell = Self { size, zmtp: Vec::new(), libzmq: Vec::new() };
        for _ in 0..options.rounds {
            cell.zmtp.push(run(&contenders[0], size, counts[0]));
            cell.libzmq.push(run(&contenders[1], size, counts[1]));
        }
        cell
    }

    fn row(&self) -> String {
        let of = |runs: &[Run], what: fn(&Run) -> f64| median(runs.iter().map(what).collect());
        let ratios = |what: fn(&Run) -> f64| -> Vec<f64> {
            self.zmtp.iter().zip(&self.libzmq).map(|(ours, theirs)| what(ours) / what(theirs)).collect()
        };
        let rates = ratios(|run| run.msgs_s);
        let spread = rates.iter().fold((f64::MAX, 0.0_f64), |(low, high), r| (low.min(*r), high.max(*r)));
        format!(
            "| {} B | {} | {} | **{:.2}x** ({:.2}-{:.2}) | {:.0} | {:.0} | {:.2} |",
            self.size,
            rate(of(&self.zmtp, |run| run.msgs_s)),
            rate(of(&self.libzmq, |run| run.msgs_s)),
            median(rates),
            spread.0,
            spread.1,
            of(&self.zmtp, |run| run.cpu_ns_msg),
            of(&self.libzmq, |run| run.cpu_ns_msg),
            median(ratios(|run| run.cpu_ns_msg)),
        )
    }
}

/// A count that keeps this contender busy for about `seconds`.
fn calibrate(contender: &Path, size: usize, seconds: f64) -> u64 {
    let mut count = (4_000_000 / size as u64).clamp(50, 10_000);
    loop {
        let rate = run(contender, size, count).msgs_s;
        let wanted = (rate * seconds) as u64;
        if count * 8 >= wanted {
            return wanted.max(50);
        }
        count = wanted.min(count * 20);
    }
}

/// Runs one pull and one push process to their end.
fn run(contender: &Path, size: usize, count: u64) -> Run {
    let port = free_port();
    let start = |role: &str| {
        let arguments = [
            role,
            "--endpoint",
            &format!("tcp://127.0.0.1:{port}"),
            "--size",
            &size.to_string(),
            "--count",
            &count.to_string(),
        ]
        .map(str::to_owned);
        Peer::start(contender, &arguments)
    };
    let mut pull = start("pull");
    assert_eq!(pull.line(), "READY");
    let mut push = start("push");
    let pulled: Line = pull.result();
    drop(push.child.stdin.take());
    let pushed: Line = push.result();
    Run {
        msgs_s: pulled.msgs_s.expect("the pulling side measures"),
        cpu_ns_msg: (pulled.cpu_s + pushed.cpu_s) / count as f64 * 1e9,
    }
}

#[derive(Debug, Deserialize)]
struct Line {
    msgs_s: Option<f64>,
    cpu_s: f64,
}

struct Peer {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Peer {
    fn start(binary: &Path, arguments: &[String]) -> Self {
        let mut child = Command::new(binary)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; build all of zmtp-benches first", binary.display()));
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        self.lines.next().expect("the contender ended early").expect("a line of text")
    }

    fn result(&mut self) -> Line {
        serde_json::from_str(&self.line()).expect("a result line")
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn binary(name: &str) -> PathBuf {
    std::env::current_exe().expect("this program").with_file_name(name)
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn rate(per_second: f64) -> String {
    match per_second {
        r if r >= 1e6 => format!("{:.1} M", r / 1e6),
        r if r >= 1e4 => format!("{:.0} k", r / 1e3),
        r => format!("{r:.0}"),
    }
}

/// Processor, cores and system, in a line.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model =
        cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("\t: unknown processor");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    let (major, minor, patch) = zmtp_libzmq::version();
    format!(
        "{}, {cores} cores, Linux {}, libzmq {major}.{minor}.{patch} at -O{}",
        model.trim_start_matches(['\t', ':', ' ']),
        kernel.trim(),
        zmtp_libzmq::OPT_LEVEL
    )
}
