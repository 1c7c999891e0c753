//! The `zmtp` command: ZeroMQ sockets from a terminal.
//!
//! A verb is a short file of its own (`push.rs`, `pull.rs`) over shared parts: `args.rs` is what can be
//! typed, `run.rs` the life of a socket, `send.rs` and `receive.rs` its work, `input.rs` and `output.rs` the
//! standard streams, `watch.rs` the events. What needs no socket is pure and tested on the spot: `text.rs`,
//! `json.rs`, `lines.rs`, `units.rs`.

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::args::{Cli, Verb};
use crate::exit::{Exit, USAGE};

mod args;
mod exit;
mod format;
mod input;
mod json;
mod lines;
mod output;
mod patience;
mod pull;
mod push;
mod receive;
mod run;
mod send;
mod signals;
mod text;
mod units;
mod watch;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version arrive here as well; they go to standard output and are no error.
            let _ = error.print();
            return if error.use_stderr() { USAGE.into() } else { ExitCode::SUCCESS };
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
    let exit = runtime.block_on(async {
        match &verb {
            Verb::Push(args) => push::push(args).await,
            Verb::Pull(args) => pull::pull(args).await,
        }
    });
    // A name that is being looked up keeps its thread; nobody waits for the answer any more.
    runtime.shutdown_background();
    exit.report()
}
