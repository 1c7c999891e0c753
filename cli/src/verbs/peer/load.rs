//! `zmtp peer load`: many clients, and what comes of their requests.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::{MissedTickBehavior, interval, sleep_until};
use zmtp_patterns::peering::{Place, Resend};

use crate::exit::Exit;
use crate::format::Format;
use crate::output::Output;
use crate::peer::crowd::{Crowd, Plan};
use crate::security::Secured;
use crate::settings::Configured;
use crate::signals::Signals;
use crate::units::{self, show};

/// Ask as many clients do, and say what came of it and how fast
///
/// Each client has a connection of its own, asks at random moments, waits for each reply, and sees that it is that of its
/// request: workers have to run with `--echo`. It prints requests, replies, those that failed, those whose clients were
/// closed, how many replies came in a second, and how long they took: half of them, 99 of 100, 999 of 1,000, and the
/// longest.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Load {
    /// Where a broker is, as its --listen says, now or when it comes (repeatable: clients are dealt over them)
    #[arg(long, value_name = "EP", required = true, help_heading = "Where")]
    connect: Vec<Place>,

    /// How many clients
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = some, help_heading = "Clients")]
    clients: usize,

    /// How often each one asks in a second, on average, if replies come at once
    #[arg(long, value_name = "N", default_value = "10", value_parser = rate, help_heading = "Clients")]
    rate: f64,

    /// How many octets a request has, 16 at least
    #[arg(long, value_name = "SIZE", default_value = "1000", value_parser = units::size, help_heading = "Clients")]
    size: u64,

    /// How long
    #[arg(long = "for", value_name = "D", default_value = "60s", value_parser = units::pause, help_heading = "End")]
    time: Duration,

    /// When to ask again
    #[arg(long, value_name = "D", default_value = "2s", value_parser = units::pause, help_heading = "Clients")]
    resend: Duration,

    /// When to give up
    #[arg(long, value_name = "D", default_value = "30s", value_parser = units::pause, help_heading = "Clients")]
    within: Duration,

    /// Which part of the clients are plain REQ sockets, from 0 to 1
    #[arg(long, value_name = "PART", default_value = "0", value_parser = part, help_heading = "Clients")]
    plain_clients: f64,

    /// Which part of the clients is closed and made anew each second, from 0 to 1
    #[arg(long, value_name = "PART", default_value = "0", value_parser = part, help_heading = "Clients")]
    restart: f64,

    /// Print an object
    #[arg(long, help_heading = "Form")]
    json: bool,

    #[command(flatten)]
    secured: Secured,

    #[command(flatten)]
    _configured: Configured,
}

impl Load {
    pub(crate) async fn run(&self) -> Result<Exit, Exit> {
        let cannot_listen = |error| Exit::Failed(format!("cannot listen for signals: {error}"));
        let mut signals = Signals::new().map_err(cannot_listen)?;
        let mut crowd = Crowd::start(self.plan());
        let begun = Instant::now();
        let mut ticks = interval(SECOND);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        let bar = stderr().is_terminal().then(|| bar(self.time));
        let signal = loop {
            tokio::select! {
                biased;
                number = signals.next() => break Some(number),
                () = sleep_until((begun + self.time).into()) => break None,
                _ = ticks.tick() => {
                    crowd.restart_some();
                    if let Some(bar) = &bar {
                        let tally = crowd.tally();
                        bar.set_position(begun.elapsed().as_secs());
                        bar.set_message(format!("{} replies, {} failed", tally.replies, tally.failed));
                    }
                }
            }
        };
        let time = begun.elapsed();
        crowd.end();
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        tokio::select! {
            biased;
            number = signals.next() => return Ok(Exit::Signal(number)),
            () = crowd.ended() => {}
        }
        let exit = self.exit(&crowd, signal);
        let mut output = Output::new(if self.json { Format::LINES } else { Format::text(false) });
        let lines = {
            let tally = crowd.tally();
            if self.json { vec![tally.object(time).to_string().into()] } else { tally.lines(time) }
        };
        for line in lines {
            output.print(line).await?;
        }
        Ok(exit.after_writing(&mut output).await)
    }

    fn plan(&self) -> Plan {
        Plan {
            brokers: self.connect.clone(),
            security: self.secured.security(),
            clients: self.clients,
            rate: self.rate,
            size: usize::try_from(self.size).unwrap_or(usize::MAX),
            resend: Resend { every: self.resend, within: self.within },
            plain: self.plain_clients,
            restart: self.restart,
        }
    }

    fn exit(&self, crowd: &Crowd, signal: Option<u8>) -> Exit {
        let tally = crowd.tally();
        match (tally.failed, tally.requests, signal) {
            (0, 0, None) => {
                let places: Vec<_> = self.connect.iter().map(|place| place.clients.to_string()).collect();
                Exit::TimedOut(format!(
                    "no broker at {} within {}; see that it runs and that this is its --listen",
                    places.join(", "),
                    show(self.time)
                ))
            }
            (0, _, None) => Exit::Done,
            (0, _, Some(number)) => Exit::Signal(number),
            (failed, requests, _) => Exit::Failed(format!(
                "{failed} of {requests} requests failed, the first of them: {}",
                tally.why.as_deref().unwrap_or_default()
            )),
        }
    }
}

fn bar(time: Duration) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} s, {msg}");
    ProgressBar::new(time.as_secs()).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn some(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..) => Ok(number),
        _ => Err(format!("`{}` is not a number of clients; expected 1 or more", text.escape_debug())),
    }
}

/// How often in a second.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if rate > 0.0 && rate <= 1e6 => Ok(rate),
        _ => Err(format!("`{}` is not a rate; expected something like 10 or 0.5", text.escape_debug())),
    }
}

fn part(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(part) if (0.0..=1.0).contains(&part) => Ok(part),
        _ => Err(format!("`{}` is not a part; expected something from 0 to 1, as 0.1", text.escape_debug())),
    }
}

const SECOND: Duration = Duration::from_secs(1);

const EXAMPLES: &str = "\
Examples:
  A thousand clients of two clusters, for a minute:
    zmtp peer load --connect tcp://10.0.0.1:6000 --connect tcp://10.0.0.2:6000
  A few of them, for a short time, half of them plain REQ sockets:
    zmtp peer load --connect tcp://10.0.0.1:6000 --clients 10 --for 5s --plain-clients 0.5
  Clients that come and go: one of ten is closed and made anew each second:
    zmtp peer load --connect tcp://10.0.0.1:6000 --restart 0.1

Exit codes: 0 all had their replies; 1 some had none, or a wrong one; 2 no broker was there; 3 usage.";
