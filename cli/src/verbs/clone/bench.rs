//! `zmtp clone bench`: what a clone does on this machine.

use clap::Args;

use crate::bench::{Rounds, Row, named};
use crate::clone::bench::ROWS;
use crate::exit::Exit;

/// Measure what a clone does on this machine
///
/// A server and clients over loopback TCP, in threads of their own: how soon a write is seen, how many there can be in a
/// second, how soon a write is seen as there are more of them, how long it takes to be told a million keys, what that
/// does to those who write, how much memory they take, and how long nobody takes writes when another server of a pair
/// begins to. A line for each
/// figure: its name, the median of the rounds, the unit, the least and the most, and what it is.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Bench {
    /// Only this row (repeatable) [rows: seen, flood, curve, join, memory, changeover]
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
    zmtp clone bench
  Only how many writes a second, for longer:
    zmtp clone bench --row flood --each 10s
  For a program:
    zmtp clone bench --json | jq '{(.row): .median}'";
