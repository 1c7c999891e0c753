//! `backup`: folders backed up by several worker processes, by way of the balancer or over PUSH and PULL.
//!
//! A server starts its workers, which are this same program (`backup worker`). It waits at the *ready barrier*:
//! if orders were dealt as soon as the first worker is there, they would all be that worker's. When everybody
//! is ready it gives out one order for every folder, collects the results, has again done what was lost with a
//! worker, archives, and stops them all.
//!
//! ```text
//! server       the command line checked (setup), processes (pool), the table (closing), and
//!   balanced   orders by way of `zmtp_patterns::balancer`, which decides
//!   classic    orders by PUSH, reports by PULL: sockets and clock
//!     desk     decides, purely: barrier and counts (crew), orders and results (ledger), the phases
//! folders      what to save, the copy, the destination, the archive
//! worker       orders in (balanced, classic), one job at a time: a copy, or a program (command)
//! protocol     what the two say to each other
//! events       what they tell people and programs, as show prints it: bars, lines, JSON
//! ```
//!
//! With the balancer each worker has one connection, and gets an order when it is free: a fast one gets more of
//! them, a dead one's go to others, and each is told by itself to stop.
//!
//! With `--classic`, any worker with a PULL and a PUSH will do, written with whatever library. What these
//! cannot do, the program cannot do then: a worker cannot be addressed, so a slow one gets as many orders as a
//! fast one; an order in the queue of a dead worker is missed only because we watch its process and its
//! connection; and `KILL` is sent in rounds until everybody has gone.
//!
//! Nobody is asked who he is: whoever reaches the ports can take orders and report results. They are on the
//! loopback interface unless `--orders` and `--reports` say otherwise.

mod args;
mod desk;
mod events;
mod folders;
mod interrupt;
mod outcome;
mod protocol;
mod server;
mod show;
mod worker;

use std::process::ExitCode;

use clap::Parser;
use time::OffsetDateTime;

use crate::{
    args::{Cli, ServerArgs, Verb, WorkerArgs},
    outcome::Trouble,
    server::{Server, Setup},
    show::Show,
    worker::Farewell,
};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { WRONG_USAGE.into() } else { ExitCode::SUCCESS };
        }
    };
    // The local offset is only told to a process with one thread.
    let now = OffsetDateTime::now_local().unwrap_or_else(|_| OffsetDateTime::now_utc());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return wrong(&format!("cannot start: {error}")),
    };
    let code = runtime.block_on(async {
        match cli.verb {
            Some(Verb::Worker(args)) => work(args).await,
            None => serve(&cli.server, now.date()).await,
        }
    });
    // A copy that nobody waits for any more must not keep the process.
    runtime.shutdown_background();
    code
}

async fn serve(args: &ServerArgs, today: time::Date) -> ExitCode {
    let setup = match Setup::new(args, today) {
        Ok(setup) => setup,
        Err(fault) => return wrong(&fault),
    };
    let show = Show::new(args.json, setup.plans.len());
    let server = match Server::start(setup, show).await {
        Ok(server) => server,
        Err(fault) => return wrong(&fault),
    };
    match server.run().await {
        (_, Some(Trouble::TimedOut(why))) => {
            eprintln!("backup: {why}");
            TIMED_OUT.into()
        }
        (summary, _) if summary.failed > 0 => SOME_FAILED.into(),
        _ => ExitCode::SUCCESS,
    }
}

async fn work(args: WorkerArgs) -> ExitCode {
    match worker::work(args, show::say).await {
        Ok(farewell) => {
            show::say(&farewell.to_string());
            if let Farewell::NoServer(_) = farewell { TIMED_OUT.into() } else { ExitCode::SUCCESS }
        }
        Err(fault) => wrong(&fault),
    }
}

fn wrong(fault: &str) -> ExitCode {
    eprintln!("backup: {fault}");
    WRONG_USAGE.into()
}

const SOME_FAILED: u8 = 1;
const TIMED_OUT: u8 = 2;
const WRONG_USAGE: u8 = 3;
