//! `compare`: zmtp beside libzmq, and whoever else speaks the contenders' command line, on this machine.
//!
//! ```text
//! cargo run --release -p zmtp-benches --bin compare -- [--workloads pushpull,reqrep] [--contenders zmtp,libzmq]
//!     [--rivals] [--contender NAME=PATH[,ARGUMENT...]] [--rounds 5] [--seconds 0.5] [--sizes 64,8192] [--json FILE]
//! ```
//!
//! Each cell is one workload at one size, as a rule in two processes. The contenders take turns, so that a slow spell of the
//! machine hits all of them; ratios are taken round by round. Each message is checked by its length and its
//! ends, and what was counted must be all there is. `--rivals` adds the Rust implementations of `benches/rivals`, which are built by themselves, and `--contender`
//! any other program:
//!
//! ```text
//! cargo build --release --manifest-path benches/rivals/Cargo.toml --target-dir target/rivals
//! ```

mod process;
mod run;
mod table;
mod workloads;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use run::{Cell, Contender};

/// Compares implementations of ZeroMQ.
#[derive(Debug, Parser)]
pub(crate) struct Options {
    /// Which workloads: pushpull, curve, ipc, inproc, reqrep, pubsub, dealer, scale, paced, idle-first, fan-in, stalled.
    #[arg(long, value_delimiter = ',')]
    workloads: Vec<String>,
    /// Which of zmtp, zmtp-main, zmtp-mt, zmtp-mt-main and libzmq take part.
    #[arg(long, value_delimiter = ',', default_value = "zmtp,zmtp-mt,libzmq")]
    contenders: Vec<String>,
    /// So do the Rust implementations of benches/rivals.
    #[arg(long)]
    rivals: bool,
    /// One more, as NAME=PATH[,ARGUMENT...].
    #[arg(long)]
    contender: Vec<String>,
    /// How often all take turns.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long one run lasts, about.
    #[arg(long, default_value_t = 0.5)]
    seconds: f64,
    /// Only these sizes.
    #[arg(long, value_delimiter = ',')]
    sizes: Vec<usize>,
    /// Only these numbers of peers.
    #[arg(long, value_delimiter = ',')]
    peers: Vec<usize>,
    /// Writes all runs to this file, a JSON object for each cell.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Seconds after which a run counts as failed.
    #[arg(long, default_value_t = 60)]
    limit: u64,
}

fn main() {
    let options = Options::parse();
    zmtp_benches::raise_descriptors();
    let contenders: Vec<_> = match Contender::all(&options.contenders, options.rivals, &options.contender) {
        Ok(contenders) => contenders,
        Err(error) => {
            eprintln!("compare: {error}");
            std::process::exit(2);
        }
    };
    let cells: Vec<_> = workloads::cells(&options.workloads)
        .filter(|cell| options.sizes.is_empty() || options.sizes.contains(&cell.size))
        .filter(|cell| options.peers.is_empty() || options.peers.contains(&cell.peers))
        .collect();
    let mut json = options.json.as_ref().map(|path| std::fs::File::create(path).expect("a file to write to"));
    println!("{}\n", table::machine());
    println!("`compare {}`", std::env::args().skip(1).collect::<Vec<_>>().join(" "));
    let mut has_failed = false;
    for (number, workload) in cells.iter().enumerate() {
        if std::io::stderr().is_terminal() {
            eprint!("\r\x1b[K{} of {}: {workload}", number + 1, cells.len());
        }
        let mut cell = Cell::new(workload.clone());
        let limit = Duration::from_secs(options.limit);
        cell.measure(&contenders, options.rounds, options.seconds, limit);
        has_failed |= cell.has_failed();
        if std::io::stderr().is_terminal() {
            eprint!("\r\x1b[K");
        }
        println!("\n{}", table::of(&cell));
        if let Some(file) = &mut json {
            writeln!(file, "{}", serde_json::to_string(&cell).expect("plain records"))
                .expect("room on the disk");
        }
    }
    // A lost message or a run that hung is not a result.
    std::process::exit(i32::from(has_failed));
}
