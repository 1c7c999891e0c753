//! `zmtp balance submit`: says what is to be done, and hears how it went.

use std::pin::pin;
use std::time::Duration;

use clap::Args;
use zmtp::Endpoint;
use zmtp_patterns::balancer::Client;

use crate::args::{Form, Place};
use crate::balance::jobs::JobOptions;
use crate::balance::report::Report;
use crate::balance::submit::{Submission, Wanted};
use crate::exit::{Exit, say};
use crate::patience::Patience;
use crate::run::open;
use crate::security::Secured;
use crate::settings::Configured;
use crate::signals::Signals;
use crate::units;
use crate::watch::Watch;

/// Submit a job for each line of standard input, and print how each ended
///
/// A line of output has five columns with tabs between them: done, failed, skipped, cancelled or refused; the job's line;
/// the exit code; how often it was tried; the result, which is what the command has printed, or why it failed. They come
/// in the order in which the jobs end.
///
/// The first SIGTERM or SIGINT stops reading and waits for what was submitted; the second ends, and leaves the jobs to
/// the broker.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Submit {
    /// Where the broker is, now or when it comes
    #[arg(long, value_name = "EP", help_heading = "Where")]
    connect: Endpoint,

    #[command(flatten)]
    jobs: JobOptions,

    /// Give up, with exit code 2, when no job ends for D; the jobs are left to the broker
    #[arg(long, value_name = "D", value_parser = units::pause, help_heading = "End")]
    timeout: Option<Duration>,

    /// Print an object for each job
    #[arg(long, help_heading = "Form")]
    json: bool,

    #[command(flatten)]
    secured: Secured,

    #[command(flatten)]
    _configured: Configured,
}

impl Submit {
    pub(crate) async fn run(&self) -> Exit {
        let mut signals = match Signals::new() {
            Ok(signals) => signals,
            Err(error) => return Exit::Failed(format!("cannot listen for signals: {error}")),
        };
        let socket = Client::socket().security(self.secured.security()).build();
        let place = Place { bind: vec![], connect: vec![self.connect.clone()] };
        let mut watch = Watch::new(socket.monitor(), &place, &Form { json: false, monitor: false });
        if let Err(exit) = open(&socket, &place).await {
            return exit;
        }
        let client = Client::start(socket);
        let (report, patience) = (Report::new(self.json), Patience::new(self.timeout));
        let (mut submission, want) = Submission::new(client.clone(), &self.jobs, report, patience);
        let worked = {
            let mut work = pin!(submission.work());
            loop {
                tokio::select! {
                    biased;
                    worked = &mut work => break worked,
                    _ = signals.next() => {
                        if want.send_replace(Wanted::Submitted) == Wanted::Submitted {
                            break Ok(());
                        }
                        say("no more lines are read; a second signal leaves the jobs to the broker");
                    }
                    cause = watch.refused() => break Err(Exit::Refused(cause)),
                }
            }
        };
        // Whoever reads the report may have stopped reading.
        signals.end_at_the_next();
        let end = submission.end().await;
        // The broker hears that its last results have arrived.
        client.close().await;
        worked.err().unwrap_or(end)
    }
}

const EXAMPLES: &str = "\
Examples:
  A job for each machine:
    zmtp balance submit --connect tcp://192.0.2.7:5555 < machines
  Archive each machine once it has been backed up, by name:
    zmtp balance submit --connect tcp://192.0.2.7:5555 --key backup/{} --tag backup < machines
    zmtp balance submit --connect tcp://192.0.2.7:5555 --key archive/{} --after backup/{} --tag archive < machines
  For a program, with a limit:
    produce | zmtp balance submit --connect tcp://192.0.2.7:5555 --hard-limit 1h --max-attempts 2 --json";
