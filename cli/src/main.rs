//! The `zmtp` command: ZeroMQ sockets from a terminal.
//!
//! A verb is a short file in `verbs/`, with its options and its help, over shared parts. `args.rs` has the
//! options that verbs share, `run.rs` is the life of a socket, `send.rs`, `receive.rs`, `exchange.rs`, `request.rs`,
//! `reply.rs` and `join.rs` are its work, `input.rs` and `output.rs` the standard streams, `watch.rs` the events.
//! `doctor/` has no socket: it talks to a peer itself. `balance/`, `clone/` and `peer/` have
//! sockets of `zmtp-patterns`. What needs no
//! socket is pure and tested on the spot: `text.rs`, `json.rs`, `lines.rs`, `units.rs`.
//! `picture/` draws. `settings.rs` takes options from the environment and from a file.

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::exit::{Exit, USAGE};
use crate::verbs::Verb;

mod args;
mod balance;
mod bench;
mod clone;
mod doctor;
mod exchange;
mod exit;
mod format;
mod input;
mod join;
mod json;
mod lines;
mod output;
mod patience;
mod peer;
mod picture;
mod receive;
mod reply;
mod request;
mod run;
mod security;
mod send;
mod settings;
mod signals;
mod sockets;
mod source;
mod text;
mod trouble;
mod units;
mod usage;
mod verbs;
mod watch;

/// ZeroMQ sockets from a terminal: netcat for messages.
#[derive(Debug, Parser)]
#[command(name = "zmtp", version, after_help = MAP, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
}

fn main() -> ExitCode {
    let line = std::env::args_os().collect();
    let line = match settings::complete(&Cli::command(), line, |name| std::env::var_os(name)) {
        Ok(line) => line,
        Err(wrong) => return Exit::Usage(wrong).report(),
    };
    let cli = match Cli::try_parse_from(line) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version arrive here as well; they go to standard output and are no error.
            let _ = error.print();
            if !error.use_stderr() {
                return ExitCode::SUCCESS;
            }
            let words: Vec<_> =
                std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
            usage::explain(&error, &Cli::command(), &words);
            return USAGE.into();
        }
    };
    let Some(verb) = cli.verb else {
        let _ = Cli::command().print_help();
        return ExitCode::SUCCESS;
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Exit::Failed(format!("cannot start: {error}")).report(),
    };
    let exit = runtime.block_on(verb.run());
    // A name that is being looked up keeps its thread; nobody waits for the answer any more.
    runtime.shutdown_background();
    exit.report()
}

const MAP: &str = "\
Exit codes: 0 done, 1 work failed, 2 timed out, 3 usage or bad input, 4 refused by the peer.
Nothing arrives? `zmtp doctor tcp://HOST:PORT` says which step on the way there fails.
`zmtp VERB --help` has examples.";
