//! `zmtp peer bench`: what a cloud does on this machine.

use clap::Args;

use crate::bench::{Rounds, Row, named};
use crate::exit::Exit;
use crate::peer::bench::ROWS;

/// Measure what a cloud does on this machine
///
/// Brokers, workers and clients over loopback TCP, in threads of their own: how many requests go through a broker in a second,
/// what the way to another cluster takes, how soon what a lost cluster had is done elsewhere, and how soon thirty brokers have
/// found one another. A line for each figure: its name, the median of the rounds, the unit, the least and the most, and what
/// it is.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Bench {
    /// Only this row (repeatable) [rows: served, spill, requeue, mesh]
    #[arg(long = "row", value_name = "NAME", value_parser = row)]
    rows: Vec<&'static Row>,

    #[command(flatten)]
    rounds: Rounds,
}

impl Bench {
    pub(crate) async fn run(&self) -> Result<Exit, Exit> {
        let rows = if self.rows.is_empty() { ROWS.iter().collect() } else { self.rows.clone() };
        Ok(self.rounds.run(&rows).await)
    }
}

fn row(name: &str) -> Result<&'static Row, String> {
    named(ROWS, name)
}

const EXAMPLES: &str = "\
Examples:
  All there is, three times each:
    zmtp peer bench --rounds 3
  Only how many requests a second, for longer:
    zmtp peer bench --row served --each 10s
  For a program:
    zmtp peer bench --json | jq '{(.row): .median}'";
