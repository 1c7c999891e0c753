//! `soak`: whether a server keeps its size while strangers and friends come and go.
//!
//! ```text
//! cargo run --release -p zmtp-benches --bin soak -- --minutes 30 [--every 5] [--json] [--svg soak.svg]
//! ```
//!
//! A process holds the sockets ([`server`]), another one plays all that visit them ([`visits`]): sockets of ours and of
//! libzmq that talk and leave, and attackers that say nothing, nonsense or half of something. So the server's memory,
//! descriptors, threads and tasks are its own. They are sampled all the time, and judged at the end by their slope
//! ([`slope`]) and by what is left when everybody has gone. It fails, with a sentence for each reason, if a figure grows,
//! a visit did not go as it must, a kind of visitor never came, or a message is missing.

mod attackers;
mod friends;
mod libzmq;
mod picture;
mod process;
mod raw;
mod report;
mod run;
mod sample;
mod server;
mod slope;
mod visits;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let options = Options::parse();
    zmtp_benches::raise_descriptors();
    match (&options.serve, &options.visit) {
        (Some(folder), _) => server::main(folder, options.leak),
        (_, Some(places)) => visits::main(places),
        (None, None) => match run::main(&options) {
            Ok(true) => {}
            Ok(false) => return ExitCode::FAILURE,
            Err(trouble) => {
                eprintln!("soak: {trouble}");
                return ExitCode::FAILURE;
            }
        },
    }
    ExitCode::SUCCESS
}

/// Lets all kinds of peers visit a server, and watches whether it grows.
#[derive(Debug, Parser)]
struct Options {
    /// How long. The first third is the warm-up, and not judged.
    #[arg(long, default_value_t = 30.0)]
    minutes: f64,
    /// Seconds from sample to sample. Unless set, so many that there are 240 samples, but no more than 10 s.
    #[arg(long)]
    every: Option<f64>,
    /// A JSON object instead of tables.
    #[arg(long)]
    json: bool,
    /// Draws the samples here.
    #[arg(long)]
    svg: Option<PathBuf>,
    /// Octets that the server forgets whenever it is sampled: to see that a leak is found.
    #[arg(long, default_value_t = 0)]
    leak: usize,
    /// Plays the server, with its socket files in this folder.
    #[arg(long, hide = true)]
    serve: Option<PathBuf>,
    /// Plays the visitors of these places.
    #[arg(long, hide = true)]
    visit: Option<String>,
}
