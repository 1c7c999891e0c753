//! The command line, and what is wrong with it.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};
use time::{Date, Weekday, macros::format_description};
use zmtp::Endpoint;

use crate::{protocol::name_fault, worker::command::Command};

/// Backs up folders with several worker processes at once.
///
/// Without folders, saves this repository's own crates into target/backup-demo. A folder called `worker` is
/// written ./worker.
///
/// Exit codes: 0 all done, 1 some failed, 2 timed out waiting for workers, 3 wrong usage.
#[derive(Debug, Parser)]
#[command(name = "backup", args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Takes orders from a server, one at a time, until it is told to stop.
    Worker(WorkerArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// What to save.
    #[arg(value_name = "FOLDER")]
    pub(crate) folders: Vec<PathBuf>,

    /// Where to: FOLDER is saved as DIR/FOLDER.
    #[arg(long, value_name = "DIR")]
    pub(crate) to: Option<PathBuf>,

    /// Where the archives go, best to another disk [default: archive in the other DIR].
    #[arg(long, value_name = "DIR")]
    pub(crate) archive: Option<PathBuf>,

    /// The day it is for the archive: 2026-11-22, or sunday for the last Sunday.
    #[arg(long, value_name = "DAY")]
    pub(crate) today: Option<String>,

    /// How many workers to start, and to wait for.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) workers: u16,

    /// How many are enough once the ready timeout is over [default: all].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) min: Option<u16>,

    /// How long to wait for workers.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub(crate) ready_timeout: Duration,

    /// Start no workers, wait for those that others start.
    #[arg(long)]
    pub(crate) external: bool,

    /// Send orders by PUSH and take reports by PULL, for workers of any kind.
    #[arg(long)]
    pub(crate) classic: bool,

    /// Where workers get their orders [default: any free port, or tcp://127.0.0.1:1234 with --external].
    #[arg(long, value_name = "ENDPOINT")]
    pub(crate) orders: Option<Endpoint>,

    /// Where workers report [default: any free port, or tcp://127.0.0.1:1235 with --external].
    #[arg(long, value_name = "ENDPOINT", requires = "classic")]
    pub(crate) reports: Option<Endpoint>,

    /// Let the workers run this program instead of copying: {} is the folder, DEST the place for the copy.
    #[arg(long, value_name = "PROGRAM", conflicts_with = "external")]
    pub(crate) command: Option<Command>,

    /// How often to try a failed folder again.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) retries: u32,

    /// How long one folder may take [default: for ever; 1h with --external].
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) job_timeout: Option<Duration>,

    /// How long workers may take to stop.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    pub(crate) grace: Duration,

    /// One JSON object per event.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct WorkerArgs {
    /// Work for a server that is --classic.
    #[arg(long)]
    pub(crate) classic: bool,

    /// Where the server hands out orders.
    #[arg(long, value_name = "ENDPOINT", default_value = "tcp://127.0.0.1:1234")]
    pub(crate) orders: Endpoint,

    /// Where the server takes reports.
    #[arg(long, value_name = "ENDPOINT", requires = "classic", default_value = "tcp://127.0.0.1:1235")]
    pub(crate) reports: Endpoint,

    /// What to be called; no other worker may have the same name [default: HOST-PROCESS].
    #[arg(long, value_parser = worker_name)]
    pub(crate) name: Option<String>,

    /// Run this program instead of copying: {} is the folder, DEST the place for the copy.
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) command: Option<Command>,

    /// Give a folder up after so long [default: never].
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) job_timeout: Option<Duration>,

    /// Exit if no server was there for so long after the start [default: wait for ever].
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) connect_timeout: Option<Duration>,

    /// Exit if the server has been gone for so long.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub(crate) orphan_timeout: Duration,
}

/// `2s`, `500ms`, `1.5h`.
fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds = match unit.trim_start() {
        "ms" => 0.001,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err("a time like 500ms, 2s, 10m or 1h expected".into()),
    };
    let number: f64 = number.parse().map_err(|_| format!("{number:?} is not a number"))?;
    match number * seconds {
        seconds if seconds <= LONGEST => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("more than a year".into()),
    }
}

fn worker_name(name: &str) -> Result<String, String> {
    match name_fault(name) {
        Some(fault) => Err(format!("it {fault}")),
        None if name.is_empty() => Err("it is empty".into()),
        None => Ok(name.to_owned()),
    }
}

/// What `--today` means: a date, or the last such weekday up to `now`.
pub(crate) fn day(text: &str, now: Date) -> Result<Date, String> {
    if let Ok(date) = Date::parse(text, format_description!("[year]-[month]-[day]")) {
        return Ok(date);
    }
    let weekday = WEEKDAYS
        .iter()
        .find(|weekday| weekday.to_string().eq_ignore_ascii_case(text))
        .ok_or_else(|| format!("--today {text}: a date like 2026-11-22 or a weekday like sunday expected"))?;
    let week = std::iter::successors(Some(now), |day| day.previous_day()).take(7);
    Ok(week.into_iter().find(|day| day.weekday() == *weekday).unwrap_or(now))
}

const WEEKDAYS: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];
const LONGEST: f64 = 366.0 * 24.0 * 3600.0;

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use time::macros::date;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times_have_units() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(duration("1.5h"), Ok(Duration::from_secs(5400)));
        for wrong in ["2", "", "s", "-1s", "1..2s", "2 weeks", "99999999h", "infs"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn today_is_a_date_or_the_last_such_weekday() {
        let monday = date!(2026 - 11 - 23);
        assert_eq!(day("2026-02-28", monday), Ok(date!(2026 - 02 - 28)));
        assert_eq!(day("monday", monday), Ok(monday));
        assert_eq!(day("Sunday", monday), Ok(date!(2026 - 11 - 22)));
        assert_eq!(day("tuesday", monday), Ok(date!(2026 - 11 - 17)));
        assert!(day("someday", monday).unwrap_err().contains("someday"));
        assert!(day("2026-02-30", monday).is_err());
    }
}
