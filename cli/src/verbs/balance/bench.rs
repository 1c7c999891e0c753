//! `zmtp balance bench`: what a balancer does on this machine.

use clap::Args;

use crate::balance::bench::ROWS;
use crate::bench::{Rounds, Row, named};
use crate::exit::Exit;

/// Measure what a balancer does on this machine
///
/// A broker, workers and a client over loopback TCP, each in a thread of its own: jobs in a second, how soon work begins, how
/// soon a killed worker's job goes on. A line for each measurement: its name, the median of the rounds, the unit, the least and
/// the most, and what it is.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Bench {
    /// Only this row (repeatable) [rows: tasks, sync, barrier, redispatch, one-shot]
    #[arg(long = "row", value_name = "NAME", value_parser = row)]
    rows: Vec<&'static Row>,

    #[command(flatten)]
    rounds: Rounds,
}

impl Bench {
    pub(crate) async fn run(&self) -> Exit {
        let rows = if self.rows.is_empty() { ROWS.iter().collect() } else { self.rows.clone() };
        self.rounds.run(&rows).await
    }
}

fn row(name: &str) -> Result<&'static Row, String> {
    named(ROWS, name)
}

const EXAMPLES: &str = "\
Examples:
  All there is:
    zmtp balance bench
  Only how many jobs a second, for longer:
    zmtp balance bench --row tasks --row sync --each 10s
  For a program:
    zmtp balance bench --json | jq '{(.row): .median}'";
