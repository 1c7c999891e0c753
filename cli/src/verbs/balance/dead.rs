//! `zmtp balance dead`: the tasks that were tried as often as they may be.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::Value;
use zmtp::{Endpoint, Message};
use zmtp_patterns::balancer::job::TaskId;

use crate::balance::admin::{Ask, ask};
use crate::exit::{Exit, say};
use crate::format::Format;
use crate::json;
use crate::output::Output;
use crate::units;

/// Look after the jobs that were tried as often as they may be
///
/// A broker keeps them with what went wrong each time, in its journal if it has one, until they are tried again or dropped;
/// when there are more than 10,000 it forgets the oldest. The broker must run with `--admin EP`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Dead {
    #[command(subcommand)]
    verb: DeadVerb,
}

#[derive(Debug, Subcommand)]
enum DeadVerb {
    /// A line for each: its task, its key, the attempts, the last exit code, what went wrong each time, and what was said
    /// of the end
    List(List),
    /// Try jobs again as if they had never been tried; their results are for whoever submits their keys
    Retry(Which),
    /// Forget jobs
    Drop(Which),
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    asked: Asked,

    /// Print objects
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Which {
    #[command(flatten)]
    asked: Asked,

    /// Which, as `list` names them
    #[arg(value_name = "TASK", value_parser = task, required_unless_present = "all", conflicts_with = "all")]
    tasks: Vec<TaskId>,

    /// All that there are
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
struct Asked {
    /// Where the broker's administration is
    endpoint: Endpoint,

    /// How long the answer may take
    #[arg(long, value_name = "D", default_value = "5s", value_parser = units::pause)]
    timeout: Duration,
}

impl Dead {
    pub(crate) async fn run(&self) -> Exit {
        let done = match &self.verb {
            DeadVerb::List(list) => list.run().await,
            DeadVerb::Retry(which) => which.run(|tasks| Ask::Retry { tasks }, "tried again").await,
            DeadVerb::Drop(which) => which.run(|tasks| Ask::Drop { tasks }, "dropped").await,
        };
        done.unwrap_or_else(|exit| exit)
    }
}

impl Asked {
    async fn dead(&self) -> Result<Vec<Value>, Exit> {
        let answer = ask(&self.endpoint, Ask::Dead, self.timeout).await?;
        Ok(answer["dead"].as_array().cloned().unwrap_or_default())
    }
}

impl List {
    async fn run(&self) -> Result<Exit, Exit> {
        let dead = self.asked.dead().await?;
        let mut output = Output::new(if self.json { Format::LINES } else { Format::text(false) });
        for dead in dead {
            output.print(if self.json { Message::from(dead.to_string()) } else { line(&dead) }).await?;
        }
        Ok(Exit::Done.after_writing(&mut output).await)
    }
}

impl Which {
    async fn run(&self, wish: impl Fn(Vec<String>) -> Ask, done: &str) -> Result<Exit, Exit> {
        let tasks: Vec<String> = if self.all {
            let dead = self.asked.dead().await?;
            dead.iter().filter_map(|dead| dead["task"].as_str().map(str::to_owned)).collect()
        } else {
            self.tasks.iter().map(ToString::to_string).collect()
        };
        let wanted = tasks.len();
        let answer = ask(&self.asked.endpoint, wish(tasks), self.asked.timeout).await?;
        let disposed = answer["disposed"].as_u64().unwrap_or_default();
        say(format_args!("{disposed} of {wanted} {done}"));
        if disposed == wanted as u64 {
            return Ok(Exit::Done);
        }
        Ok(Exit::Failed(format!(
            "{} of them not: they are not dead, their keys were submitted again, or the queue is full; see `zmtp balance \
             dead list {}`",
            wanted as u64 - disposed,
            self.asked.endpoint
        )))
    }
}

fn line(dead: &Value) -> Message {
    let text = |key: &str| json::from_octets(&dead[key]);
    let attempts: Vec<_> = dead["attempts"].as_array().into_iter().flatten().collect();
    let setbacks: Vec<_> = attempts.iter().filter_map(|attempt| attempt["setback"].as_str()).collect();
    let result = text("result");
    let result = result.strip_suffix(b"\n").unwrap_or(&result).to_vec();
    let line = Message::from(text("task")).with(text("key")).with(attempts.len().to_string());
    line.with(dead["code"].to_string()).with(setbacks.join(", ")).with(result)
}

fn task(text: &str) -> Result<TaskId, String> {
    text.parse().map_err(|_| format!("`{}` is no task; expected 16 hexadecimal digits", text.escape_debug()))
}

const EXAMPLES: &str = "\
Examples:
  What has failed for good, and why:
    zmtp balance dead list ipc:///run/balance
  Once the disk has room again:
    zmtp balance dead retry ipc:///run/balance --all
  Forget one:
    zmtp balance dead drop ipc:///run/balance 5c1f0a7700000003";
