//! `zmtp balance status` and `drain`: what an operator asks of a broker.

use std::time::Duration;

use clap::Args;
use zmtp::{Endpoint, Message};

use crate::balance::admin::{Ask, ask};
use crate::exit::Exit;
use crate::format::Format;
use crate::output::Output;
use crate::units;

/// Show a broker's jobs and workers
///
/// The broker must run with `--admin EP`. A first line of counts, then a line for each worker: its name, host, process,
/// what it has done and what failed there since it came, how many of its slots are busy, and how it is.
#[derive(Debug, Args)]
#[command(after_help = STATUS)]
pub(crate) struct Status {
    /// Where the broker's administration is
    endpoint: Endpoint,

    /// Print an object
    #[arg(long)]
    json: bool,

    /// How long the answer may take
    #[arg(long, value_name = "D", default_value = "5s", value_parser = units::pause)]
    timeout: Duration,
}

/// Tell a broker to take no more jobs, and to end when those that it has are done
///
/// The broker must run with `--admin EP`. Its workers are told to go then. The verb does not wait for that: the broker's
/// own exit code says whether something is left undone.
#[derive(Debug, Args)]
#[command(after_help = DRAIN)]
pub(crate) struct Drain {
    /// Where the broker's administration is
    endpoint: Endpoint,

    /// Call back what is being done, and leave the rest undone
    #[arg(long)]
    now: bool,

    /// How long the answer may take
    #[arg(long, value_name = "D", default_value = "5s", value_parser = units::pause)]
    timeout: Duration,
}

impl Status {
    pub(crate) async fn run(&self) -> Exit {
        let status = match ask(&self.endpoint, Ask::Status, self.timeout).await {
            Ok(status) => status,
            Err(exit) => return exit,
        };
        let mut output = Output::new(if self.json { Format::LINES } else { Format::text(false) });
        let mut lines = vec![];
        if self.json {
            lines.push(Message::from(status.to_string()));
        } else {
            let counts = ["queued", "running", "waiting", "blocked", "done", "not_done", "dead"];
            let counts = counts.map(|count| format!("{} {}", status[count], count.replace('_', " ")));
            lines.push(Message::new("jobs").with(counts.join(", ")));
            for worker in status["workers"].as_array().into_iter().flatten() {
                let text = |key: &str| worker[key].as_str().unwrap_or_default().to_owned();
                let busy = format!("{} of {} busy", worker["busy"], worker["slots"]);
                let counts = format!("{} done, {} failed", worker["done"], worker["failed"]);
                let line = Message::new("worker").with(text("name")).with(text("host"));
                let line = line.with(worker["pid"].to_string()).with(counts);
                lines.push(line.with(busy).with(text("presence")));
            }
        }
        for line in lines {
            if let Err(exit) = output.print(line).await {
                return exit;
            }
        }
        Exit::Done.after_writing(&mut output).await
    }
}

impl Drain {
    pub(crate) async fn run(&self) -> Exit {
        match ask(&self.endpoint, Ask::Drain { now: self.now }, self.timeout).await {
            Ok(_) => Exit::Done,
            Err(exit) => exit,
        }
    }
}

const STATUS: &str = "\
Examples:
  A broker with an administration, and a look at it:
    zmtp balance broker --bind 'tcp://*:5555' --admin ipc:///run/balance
    zmtp balance status ipc:///run/balance
  Again and again:
    watch zmtp balance status ipc:///run/balance
  How many jobs wait, for a program:
    zmtp balance status ipc:///run/balance --json | jq .queued";

const DRAIN: &str = "\
Examples:
  Let it finish:
    zmtp balance drain ipc:///run/balance
  End it as soon as its workers have stopped:
    zmtp balance drain ipc:///run/balance --now
  From elsewhere:
    ssh broker.example zmtp balance drain ipc:///run/balance";
