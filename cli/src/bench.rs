//! Measurements: how they are asked for, taken in turns, and printed.

use std::future::Future;
use std::pin::Pin;
use std::thread::JoinHandle;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use tokio::runtime::Builder;
use zmtp::Message;

use crate::exit::{Exit, say};
use crate::format::Format;
use crate::output::Output;
use crate::units;

/// One measurement.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// What comes of it.
    pub(crate) figures: &'static [Figure],
    /// How long it may take about.
    pub(crate) measure: fn(Duration) -> Measured,
}

/// One of the numbers that come of a measurement.
#[derive(Debug)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) unit: &'static str,
}

/// A number for each figure.
pub(crate) type Measured = Pin<Box<dyn Future<Output = Vec<f64>>>>;

/// How often, and how it is told.
#[derive(Debug, Args)]
pub(crate) struct Rounds {
    /// How often each is measured, in turns
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// How long a measurement of a rate takes
    #[arg(long, value_name = "D", default_value = "1s", value_parser = units::pause)]
    each: Duration,

    /// Print an object for each figure
    #[arg(long)]
    json: bool,
}

impl Rounds {
    /// Measures these, and prints a line for each figure: its name, the median of the rounds, the unit, the least and the
    /// most, and what it is.
    pub(crate) async fn run(&self, rows: &[&'static Row]) -> Exit {
        let mut taken: Vec<Vec<Vec<f64>>> =
            rows.iter().map(|row| vec![Vec::new(); row.figures.len()]).collect();
        for round in 1..=self.rounds {
            for (row, taken) in rows.iter().zip(&mut taken) {
                say(format_args!("round {round} of {}: {}", self.rounds, row.name));
                for (taken, figure) in taken.iter_mut().zip((row.measure)(self.each).await) {
                    taken.push(figure);
                }
            }
        }
        let mut output = Output::new(if self.json { Format::LINES } else { Format::text(false) });
        let figures = rows.iter().flat_map(|row| row.figures).zip(taken.into_iter().flatten());
        for (Figure { name, what, unit }, mut taken) in figures {
            taken.sort_by(f64::total_cmp);
            let (median, least, most) = (taken[taken.len() / 2], taken[0], taken[taken.len() - 1]);
            let line = if self.json {
                let line =
                    json!({ "row": name, "what": what, "unit": unit, "median": median, "figures": taken });
                Message::from(line.to_string())
            } else {
                let line = Message::new(*name).with(figure(median)).with(*unit);
                line.with(format!("{} to {}", figure(least), figure(most))).with(*what)
            };
            if let Err(exit) = output.print(line).await {
                return exit;
            }
        }
        Exit::Done.after_writing(&mut output).await
    }
}

/// The row of this name.
pub(crate) fn named(rows: &'static [Row], name: &str) -> Result<&'static Row, String> {
    rows.iter().find(|row| row.name == name).ok_or_else(|| {
        let names: Vec<_> = rows.iter().map(|row| row.name).collect();
        format!("there is no row `{}`; expected one of {}", name.escape_debug(), names.join(", "))
    })
}

/// A thread with a runtime of its own.
pub(crate) fn thread<F: Future<Output = ()>>(body: impl FnOnce() -> F + Send + 'static) -> JoinHandle<()> {
    std::thread::spawn(|| {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(body());
    })
}

/// The p-th of a hundred parts of them are no longer.
pub(crate) fn percentile(times: &mut [Duration], p: usize) -> Duration {
    times.sort_unstable();
    let at = (times.len() * p).div_ceil(100).saturating_sub(1);
    times.get(at).copied().unwrap_or_default()
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn figure(figure: f64) -> String {
    if figure < 100.0 { format!("{figure:.1}") } else { format!("{figure:.0}") }
}
