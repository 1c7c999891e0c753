//! `zmtp balance run`: broker, worker and submitter in one process.

use std::ffi::OsString;
use std::pin::pin;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::Args;
use zmtp_patterns::balancer::{Balancer, Client, Config, Worker, WorkerConfig};

use crate::balance::crew::{self, FOR_EVER};
use crate::balance::jobs::{JobOptions, Limits};
use crate::balance::picture::Pictures;
use crate::balance::report::Report;
use crate::balance::submit::{Submission, Wanted};
use crate::exit::{Exit, say};
use crate::patience::Patience;
use crate::settings::Configured;
use crate::signals::Signals;
use crate::units;

/// Run a command for each line of standard input, N at a time
///
/// Like `xargs -P N`, with an outcome for each line: done or failed, the line, the exit code, how often it was tried, and
/// what the command has printed or why it failed, with tabs between them. In the command `{}` stands for the line, as one
/// argument or a part of one, and never for a shell; a command without `{}` gets the line on standard input.
///
/// The first SIGTERM or SIGINT lets the commands that run end and begins no more; the second sends them SIGTERM, and after
/// the --grace SIGKILL. What is left undone makes the exit code 1.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Run {
    /// How many commands run at a time [default: as many as there are processors]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Work")]
    jobs: Option<u16>,

    #[command(flatten)]
    limits: Limits,

    /// How long a command may take to end when it is stopped, before it is killed
    #[arg(long, value_name = "D", default_value = "30s", value_parser = units::duration, help_heading = "End")]
    grace: Duration,

    /// Print an object for each line
    #[arg(long, help_heading = "Form")]
    json: bool,

    #[command(flatten)]
    _configured: Configured,

    #[command(flatten)]
    pictures: Pictures,

    /// The command, behind `--`
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

impl Run {
    pub(crate) async fn run(&self) -> Exit {
        let mut signals = match Signals::new() {
            Ok(signals) => signals,
            Err(error) => return Exit::Failed(format!("cannot listen for signals: {error}")),
        };
        let (router, dealer, asker) =
            (Balancer::socket().build(), Worker::socket().build(), Client::socket().build());
        if let Err(error) = router.bind(HERE).await {
            return Exit::Failed(error.to_string());
        }
        for connected in [dealer.connect(HERE), asker.connect(HERE)] {
            if let Err(error) = connected {
                return Exit::Failed(error.to_string());
            }
        }
        // Nobody is far away, so nobody need be asked whether he lives.
        let max_attempts = self.limits.max_attempts.unwrap_or(1);
        let balancer = Balancer::start(router, Config { max_attempts, ..Config::default() });
        let watched = self.pictures.of_slots(&balancer);
        let slots = self.jobs.unwrap_or_else(|| available_parallelism().map_or(1, |n| n.get() as u16));
        let worker =
            crew::start(dealer, WorkerConfig { slots, ..WorkerConfig::default() }, &self.command, None);
        let options = JobOptions { limits: self.limits.clone(), ..JobOptions::default() };
        let client = Client::start(asker);
        let (mut submission, want) =
            Submission::new(client, &options, Report::new(self.json), Patience::new(None));
        let worked = {
            let mut work = pin!(submission.work());
            let mut gone = pin!(worker.clone().gone());
            let (mut signals_heard, mut is_gone) = (0, false);
            loop {
                tokio::select! {
                    biased;
                    worked = &mut work => break worked,
                    // What it has ended is told before what is withdrawn.
                    _ = &mut gone, if !is_gone => {
                        is_gone = true;
                        want.send_replace(Wanted::Nothing);
                    }
                    _ = signals.next() => {
                        signals_heard += 1;
                        match signals_heard {
                            1 => {
                                want.send_replace(Wanted::Submitted);
                                say("no more jobs are begun; a second signal stops those that run");
                                worker.drain(false, FOR_EVER);
                            }
                            2 => worker.drain(true, self.grace),
                            _ => worker.drain(true, Duration::ZERO),
                        }
                    }
                }
            }
        };
        // Whoever reads the report may have stopped reading.
        signals.end_at_the_next();
        let end = submission.end().await;
        drop(balancer);
        watched.draw(worked.err().unwrap_or(end)).await
    }
}

/// Where the three meet, in this process.
const HERE: &str = "inproc://balance";

const EXAMPLES: &str = "\
Examples:
  Three at a time:
    zmtp balance run -j 3 -- rsync -a {}:/home /backup/{} < machines
  Up to three tries each, and no longer than ten minutes:
    zmtp balance run -j 8 --max-attempts 3 --hard-limit 10m -- curl -fsSO {} < urls
  Who did what, when, as a picture:
    zmtp balance run -j 3 --picture night.svg -- rsync -a {}:/home /backup/{} < machines
  What has failed, and why, for a program:
    find . -name '*.png' | zmtp balance run --json -- optipng -quiet {} | grep -v '\"ending\":\"done\"'";
