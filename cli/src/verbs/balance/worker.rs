//! `zmtp balance worker`: runs a command for each job that a broker gives it.

use std::ffi::OsString;
use std::pin::pin;
use std::time::Duration;

use clap::Args;
use zmtp::Endpoint;
use zmtp_patterns::balancer::job::WorkerId;
use zmtp_patterns::balancer::{Gone, Worker as Running, WorkerConfig};

use crate::args::{Form, Place};
use crate::balance::crew::{self, FOR_EVER};
use crate::balance::sink;
use crate::exit::{Exit, say};
use crate::run::open;
use crate::security::Secured;
use crate::settings::Configured;
use crate::signals::Signals;
use crate::units;
use crate::watch::Watch;

/// Run a command for each job that a broker gives
///
/// In the command `{}` stands for the job's line, as one argument or a part of one, and never for a shell; a line that
/// begins with `-` may look like an option, so write `--` before it. A command without `{}` gets the line on standard
/// input. Exit code 0 is done, with standard output as the result; any other has failed, with the end of standard error,
/// and is tried again as often as the job may be.
///
/// The first SIGTERM or SIGINT lets the commands that run end and takes no more; the second sends them SIGTERM, and after
/// the --grace SIGKILL. When the broker drains, the worker ends with 0. A worker that is killed itself cannot stop its
/// commands: they run on, while their jobs are tried elsewhere.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Worker {
    /// Where the broker is, now or when it comes
    #[arg(long, value_name = "EP", help_heading = "Where")]
    connect: Endpoint,

    /// PUSH each result to the PULL there, as the frames key, `done` and result; the broker hears of it when it is on its
    /// way, and gets an empty one. While nobody is there the job is not done. The security options count for both
    #[arg(long, value_name = "EP", help_heading = "Where")]
    result_to: Option<Endpoint>,

    /// How many commands run at a time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..), help_heading = "Work")]
    slots: u16,

    /// End after one job
    #[arg(long, conflicts_with = "max_tasks", help_heading = "Work")]
    one_shot: bool,

    /// End after N jobs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Work")]
    max_tasks: Option<u32>,

    /// A name that stays the same when the worker is started again; 1 to 16 octets [default: one by chance]
    #[arg(long, value_name = "NAME", value_parser = crew::name, help_heading = "Work")]
    name: Option<WorkerId>,

    /// Take also the jobs that want this tag (repeatable)
    #[arg(long, value_name = "T", help_heading = "Work")]
    tag: Vec<String>,

    /// How long a command may take to end when it is stopped, before it is killed
    #[arg(long, value_name = "D", default_value = "30s", value_parser = units::duration, help_heading = "End")]
    grace: Duration,

    /// The command, behind `--`
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,

    #[command(flatten)]
    secured: Secured,

    #[command(flatten)]
    _configured: Configured,
}

impl Worker {
    pub(crate) async fn run(&self) -> Exit {
        let mut signals = match Signals::new() {
            Ok(signals) => signals,
            Err(error) => return Exit::Failed(format!("cannot listen for signals: {error}")),
        };
        let socket = Running::socket().security(self.secured.security()).build();
        let place = Place { bind: vec![], connect: vec![self.connect.clone()] };
        let mut watch = Watch::new(socket.monitor(), &place, &Form { json: false, monitor: false });
        if let Err(exit) = open(&socket, &place).await {
            return exit;
        }
        let sink = self.result_to.as_ref().map(|at| sink::open(at, self.secured.security())).transpose();
        let (results, sink) = match sink {
            Ok(sink) => sink.unzip(),
            Err(exit) => return exit,
        };
        let worker = crew::start(socket, self.config(), &self.command, results);
        let mut gone = pin!(worker.clone().gone());
        let (mut signals_heard, mut is_alone) = (0, true);
        loop {
            tokio::select! {
                biased;
                gone = &mut gone => {
                    tell(gone);
                    let Some(sink) = sink else { return Exit::Done };
                    return sink.end(signals.next()).await;
                }
                _ = signals.next() => {
                    signals_heard += 1;
                    match signals_heard {
                        1 => {
                            say("no more jobs are taken; a second signal stops those that run");
                            worker.drain(false, FOR_EVER);
                        }
                        2 => worker.drain(true, self.grace),
                        _ => worker.drain(true, Duration::ZERO),
                    }
                }
                () = worker.rejected(), if is_alone => {
                    is_alone = false;
                    say("another worker of this name is at the broker; waiting until it is gone, or end this one");
                }
                cause = watch.refused() => return Exit::Refused(cause),
            }
        }
    }

    fn config(&self) -> WorkerConfig {
        let one = self.one_shot.then_some(1);
        let config = WorkerConfig::default();
        WorkerConfig {
            worker: self.name.unwrap_or(config.worker),
            host: crew::host(),
            slots: self.slots,
            max_tasks: one.or(self.max_tasks),
            tags: self.tag.clone(),
            ..config
        }
    }
}

/// Failures are the submitter's to know; for the worker they are work that it has done.
fn tell(Gone { done, failed, .. }: Gone) {
    say(format_args!("{done} done, {failed} not"));
}

const EXAMPLES: &str = "\
Examples:
  A worker that copies machines, three at a time:
    zmtp balance worker --connect tcp://192.0.2.7:5555 --slots 3 -- rsync -a {}:/home /backup/{}
  The line on standard input, for a script:
    zmtp balance worker --connect tcp://192.0.2.7:5555 -- ./resize.sh
  Results to a third program, by the names of the jobs:
    zmtp pull --bind tcp://192.0.2.9:5556
    zmtp balance worker --connect tcp://192.0.2.7:5555 --result-to tcp://192.0.2.9:5556 -- ./measure.sh {}
  One job for each process, and another worker after it:
    while zmtp balance worker --connect tcp://192.0.2.7:5555 --one-shot -- php import.php {}; do :; done";
