//! `zmtp balance broker`: keeps jobs and gives them to workers.

use std::future::pending;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use zmtp::Endpoint;
use zmtp_patterns::balancer::{Balancer, Config, Expect, Journal};

use crate::args::Place;
use crate::balance::admin::{self, Admin, Ask, obituary, picture};
use crate::balance::limits::Limits;
use crate::balance::picture::Pictures;
use crate::exit::{Exit, say};
use crate::run::open;
use crate::security::Secured;
use crate::settings::Configured;
use crate::signals::Signals;
use crate::units::{self, show};

/// Keep jobs, and give them to workers that are free
///
/// Workers and submitters come to the same endpoints, before or after the broker. Jobs are kept in memory, unless there is
/// a --journal: when the broker dies, its submitters submit them again to the next one. With a journal the next one knows
/// them, and their attempts: what is being done goes on, and nothing that has ended is done again.
///
/// The first SIGTERM or SIGINT drains it: no more jobs are taken, those that there are get done, then workers are told to
/// go. The second one calls back what is being done; what is left undone makes the exit code 1. The third ends it at once.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Broker {
    /// Wait for workers and submitters here; tcp://127.0.0.1:0 takes a free port and says which (repeatable)
    #[arg(long, value_name = "EP", required = true, help_heading = "Where")]
    bind: Vec<Endpoint>,

    /// Answer `zmtp balance status`, `dead` and `drain` here: ipc:// or a loopback address, which others cannot reach
    #[arg(long, value_name = "EP", value_parser = admin::place, help_heading = "Where")]
    admin: Option<Endpoint>,

    /// Begin with work when N workers are ready
    #[arg(long, value_name = "N", value_parser = workers, help_heading = "Workers")]
    expect: Option<usize>,

    /// Begin with N of them when the time is up; with fewer the exit code is 2 [default: as many as --expect]
    #[arg(long, value_name = "N", value_parser = workers, requires = "expect", help_heading = "Workers")]
    min: Option<usize>,

    /// How long to wait for them [default: 30s]
    #[arg(long, value_name = "D", value_parser = units::pause, requires = "expect", help_heading = "Workers")]
    ready_timeout: Option<Duration>,

    /// How long workers may take to end what is called back, before it is killed
    #[arg(long, value_name = "D", default_value = "30s", value_parser = units::duration, help_heading = "End")]
    grace: Duration,

    /// Serve plain REQ clients and workers (READY or one octet 1), and those of MDP/0.2, on the same endpoints
    #[arg(long, help_heading = "Workers")]
    legacy: bool,

    #[command(flatten)]
    limits: Limits,

    /// Keep the jobs in this file, and go on with what it holds; no other broker may have it open
    #[arg(long, value_name = "FILE", help_heading = "Jobs")]
    journal: Option<PathBuf>,

    #[command(flatten)]
    pictures: Pictures,

    #[command(flatten)]
    secured: Secured,

    #[command(flatten)]
    _configured: Configured,
}

impl Broker {
    pub(crate) async fn run(&self) -> Exit {
        let expect = match self.expected() {
            Ok(expect) => expect,
            Err(wrong) => return Exit::Usage(wrong),
        };
        let mut signals = match Signals::new() {
            Ok(signals) => signals,
            Err(error) => return Exit::Failed(format!("cannot listen for signals: {error}")),
        };
        // Before anybody can come: whoever does is to find what there was.
        let journal = match self.journal.as_ref().map(Journal::open).transpose() {
            Ok(journal) => journal,
            Err(error) => return Exit::Failed(error.to_string()),
        };
        let security = self.secured.security();
        let socket = Balancer::socket().security(security).linger(LINGER).build();
        let place = Place { bind: self.bind.clone(), connect: vec![] };
        tokio::select! {
            biased;
            number = signals.next() => return Exit::Signal(number),
            opened = open(&socket, &place) => if let Err(exit) = opened { return exit },
        }
        let mut admin = match Admin::bind(self.admin.as_ref()).await {
            Ok(admin) => admin,
            Err(exit) => return exit,
        };
        let config = Config { expect, drain_grace: self.grace, legacy: self.legacy, ..self.limits.config() };
        let balancer = match journal {
            Some(journal) => Balancer::start_with(socket, config, journal),
            None => Balancer::start(socket, config),
        };
        let watched = self.pictures.of_workers(&balancer);
        let exit = serve(&balancer, &mut signals, &mut admin, expect).await;
        drop(balancer);
        admin.close().await;
        watched.draw(exit).await
    }

    fn expected(&self) -> Result<Option<Expect>, String> {
        let Some(workers) = self.expect else { return Ok(None) };
        let at_least = self.min.unwrap_or(workers);
        if at_least > workers {
            return Err(format!(
                "--min {at_least} is more than --expect {workers}; expected at most as many"
            ));
        }
        let within = self.ready_timeout.unwrap_or(Duration::from_secs(30));
        Ok(Some(Expect { workers, at_least, within }))
    }
}

/// Does what it is told from outside, until it has drained or has to end.
async fn serve(
    balancer: &Balancer,
    signals: &mut Signals,
    admin: &mut Admin,
    expect: Option<Expect>,
) -> Exit {
    let (mut drain, mut draining, mut waits) = (Drain::No, None, expect);
    let left = loop {
        let wanted = tokio::select! {
            biased;
            // Before all else: a broker that stopped does not say what it has left.
            Some(error) = balancer.stopped() => return Exit::Failed(error.to_string()),
            left = async {
                match &mut draining {
                    Some(draining) => draining.await,
                    None => pending().await,
                }
            } => break left,
            number = signals.next() => match drain {
                Drain::No => Drain::Finish,
                Drain::Finish => Drain::Now,
                Drain::Now => return Exit::Signal(number),
            },
            asked = admin.next() => match asked {
                Ask::Status => {
                    let status = balancer.status().await;
                    admin.answer(&status.as_ref().map_or_else(|| json!({}), picture)).await;
                    continue;
                }
                Ask::Dead => {
                    admin.answer(&obituary(&balancer.dead().await)).await;
                    continue;
                }
                Ask::Retry { tasks } => {
                    let disposed = balancer.retry(admin::tasks(&tasks)).await;
                    admin.answer(&json!({ "disposed": disposed })).await;
                    continue;
                }
                Ask::Drop { tasks } => {
                    let disposed = balancer.let_go(admin::tasks(&tasks)).await;
                    admin.answer(&json!({ "disposed": disposed })).await;
                    continue;
                }
                Ask::Drain { now } => {
                    admin.answer(&json!({ "draining": true })).await;
                    if now { Drain::Now } else { Drain::Finish }
                }
            },
            ready = balancer.wait_ready(), if waits.is_some() && drain == Drain::No => {
                let Some(expect) = waits.take() else { continue };
                match ready {
                    Ok(ready) => {
                        say(format_args!("work begins with {ready} of {} workers", expect.workers));
                    }
                    Err(few) => return Exit::TimedOut(too_few(few.ready, expect)),
                }
                continue;
            }
        };
        if wanted > drain {
            say(match wanted {
                Drain::Now => "calling back what is being done; another signal ends it at once",
                _ => "draining; a second signal calls back what is being done",
            });
            drain = wanted;
            draining = Some(Box::pin(balancer.drain(wanted == Drain::Now)));
        }
    };
    match left {
        0 => Exit::Done,
        1 => Exit::Failed("1 job is left undone".to_owned()),
        left => Exit::Failed(format!("{left} jobs are left undone")),
    }
}

/// How far the end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Drain {
    No,
    Finish,
    Now,
}

fn too_few(ready: usize, Expect { workers, at_least, within }: Expect) -> String {
    format!(
        "{ready} of {workers} workers were ready within {}, at least {at_least} must be; see that they run and reach \
         this broker",
        show(within)
    )
}

fn workers(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(workers @ 1..) => Ok(workers),
        _ => Err(format!("`{}` is not a number of workers; expected 1 or more", text.escape_debug())),
    }
}

/// How long the last words of a broker may take to leave.
const LINGER: Duration = Duration::from_secs(2);

const EXAMPLES: &str = "\
Examples:
  Where everybody on this machine may come:
    zmtp balance broker --bind tcp://127.0.0.1:5555
  Nightly: begin with three workers, or with two after a minute; with fewer end with 2:
    zmtp balance broker --bind 'tcp://*:5555' --expect 3 --min 2 --ready-timeout 1m
  One that may be killed and started again, and goes on:
    zmtp balance broker --bind 'tcp://*:5555' --journal /var/lib/balance
  For those only who have a key:
    zmtp balance broker --bind 'tcp://*:5555' --curve-key broker.key --curve-clients known";
