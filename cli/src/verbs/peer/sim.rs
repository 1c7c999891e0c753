//! `zmtp peer sim`: a cloud in one process, on a virtual clock.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use clap::Args;
use clap::builder::{PathBufValueParser, TypedValueParser};
use indicatif::{ProgressBar, ProgressStyle};
use zmtp_patterns::peering::sim::{Cloud, CloudConfig};

use super::load::rate;
use crate::exit::Exit;
use crate::format::Format;
use crate::output::Output;
use crate::peer::picture::Map;
use crate::peer::simulate::Run;
use crate::picture::{PictureFile, write_all};
use crate::units;

/// Simulate a cloud, on a clock that runs as fast as it can
///
/// Its brokers, workers and clients are those of the other verbs, in a network of their own. It prints how many requests
/// were asked, replied and failed, how often workers have begun one, and begun one again, how long replies took, and a line
/// for each cluster: its requests, those that it gave to others, those of others that it took, those that were refused
/// elsewhere, and how busy its workers were. With the same seed it prints the same.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Sim {
    /// How many clusters
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = some, help_heading = "Cloud")]
    clusters: usize,

    /// How many workers, all together
    #[arg(long, value_name = "N", default_value_t = 30, help_heading = "Cloud")]
    workers: usize,

    /// How many clients, all together
    #[arg(long, value_name = "N", default_value_t = 100, help_heading = "Cloud")]
    clients: usize,

    /// How often each client asks in a second, on average, if replies come at once
    #[arg(long, value_name = "N", default_value = "10", value_parser = rate, help_heading = "Work")]
    rate: f64,

    /// How long a task takes, on average
    #[arg(long, value_name = "D", default_value = "20ms", value_parser = units::pause, help_heading = "Work")]
    service: Duration,

    /// So many times slower than the fastest worker is the slowest
    #[arg(long, value_name = "X", default_value = "1", value_parser = spread, help_heading = "Work")]
    spread: f64,

    /// How long, on its own clock
    #[arg(long = "for", value_name = "D", default_value = "60s", value_parser = units::pause, help_heading = "Work")]
    time: Duration,

    /// All chance
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Work")]
    seed: u64,

    /// One broker after the other dies, so often as every:5s says, and comes back after half of that
    #[arg(long, value_name = "every:D", value_parser = kill, help_heading = "Work")]
    kill: Option<Duration>,

    /// Draw in the end how busy each cluster was, and when; FILE ends in .svg or .png (repeatable)
    #[arg(long, value_name = "FILE", value_parser = PathBufValueParser::new().try_map(PictureFile::new), help_heading = "Form")]
    picture: Vec<PictureFile>,

    /// Print an object
    #[arg(long, help_heading = "Form")]
    json: bool,
}

impl Sim {
    pub(crate) async fn run(&self) -> Result<Exit, Exit> {
        let mut run = Run::new(Cloud::new(self.config()), self.time, self.kill);
        let bar = stderr().is_terminal().then(|| bar(self.time));
        run.go(|at, totals| {
            if let Some(bar) = &bar {
                bar.set_position(at.as_millis() as u64);
                bar.set_message(format!("{} replies, {} failed", totals.replied, totals.failed));
            }
        });
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        let exit = match run.failed() {
            0 => Exit::Done,
            failed => Exit::Failed(format!("{failed} requests had no reply in time")),
        };
        let exit = write_all(&self.picture, &Map::new(&run), exit);
        let mut output = Output::new(if self.json { Format::LINES } else { Format::text(false) });
        let lines = if self.json { vec![run.object().to_string().into()] } else { run.lines() };
        for line in lines {
            output.print(line).await?;
        }
        Ok(exit.after_writing(&mut output).await)
    }

    fn config(&self) -> CloudConfig {
        CloudConfig {
            clusters: self.clusters,
            workers: self.workers,
            clients: self.clients,
            rate: self.rate,
            service: self.service,
            spread: self.spread,
            seed: self.seed,
            ..CloudConfig::default()
        }
    }
}

fn bar(time: Duration) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {percent} %, {msg}, {elapsed}");
    let bar = ProgressBar::new(time.as_millis() as u64);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn some(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=100) => Ok(number),
        _ => Err(format!("`{}` is not a number of clusters; expected 1 to 100", text.escape_debug())),
    }
}

fn spread(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(spread) if (1.0..=1e6).contains(&spread) => Ok(spread),
        _ => Err(format!("`{}` is not a spread; expected 1 or more, as 3", text.escape_debug())),
    }
}

fn kill(text: &str) -> Result<Duration, String> {
    match text.strip_prefix("every:") {
        Some(time) => units::pause(time),
        None => {
            Err(format!("`{}` does not say how often; expected something like every:5s", text.escape_debug()))
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  Three clusters, thirty workers and a hundred clients, for a minute:
    zmtp peer sim --for 1m
  Thirty clusters, some of whose workers are ten times slower than others:
    zmtp peer sim --clusters 30 --workers 300 --clients 1000 --spread 10
  The same run again, of which a broker dies every five seconds, and a picture of it:
    zmtp peer sim --seed 7 --kill every:5s --picture cloud.svg

Exit codes: 0 all had their replies; 1 some had none; 3 usage.";
