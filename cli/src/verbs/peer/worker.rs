//! `zmtp peer worker`: does what a broker gives it.

use std::ffi::OsString;

use clap::Args;
use zmtp_patterns::peering::{Place, Worker as Running};

use crate::args::{Form, Place as Sides};
use crate::exit::{Exit, say};
use crate::peer::task::{Takes, Task};
use crate::run::open;
use crate::security::Secured;
use crate::settings::Configured;
use crate::signals::Signals;
use crate::watch::Watch;

/// Do the tasks that a broker gives, wherever they come from
///
/// The command gets the request on standard input, all of its frames one after the other; its standard output is the
/// reply, without a newline at its end. If its exit code is not 0 the task has failed, and another worker tries it, once.
///
/// The first SIGTERM or SIGINT lets the tasks that it has come to their end and takes no more, the second one ends it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Worker {
    /// Where the broker is, as its --listen says, now or when it comes
    #[arg(long, value_name = "EP", help_heading = "Where")]
    connect: Place,

    /// How many tasks it has at a time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..), help_heading = "Work")]
    slots: u16,

    /// Reply with the request
    #[arg(long, conflicts_with = "command", required_unless_present = "command", help_heading = "Work")]
    echo: bool,

    /// How long that takes: 20ms, or exp:20ms for times that are drawn, on average so long, most of them shorter
    #[arg(long, value_name = "D", default_value = "0", requires = "echo", help_heading = "Work")]
    takes: Takes,

    /// The command, behind `--`
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,

    #[command(flatten)]
    secured: Secured,

    #[command(flatten)]
    _configured: Configured,
}

impl Worker {
    pub(crate) async fn run(&self) -> Result<Exit, Exit> {
        let cannot_listen = |error| Exit::Failed(format!("cannot listen for signals: {error}"));
        let mut signals = Signals::new().map_err(cannot_listen)?;
        let socket = Running::socket().security(self.secured.security()).build();
        let sides = Sides { bind: vec![], connect: vec![self.connect.workers.clone()] };
        let mut watch = Watch::new(socket.monitor(), &sides, &Form { json: false, monitor: false });
        open(&socket, &sides).await?;
        let task = match self.command.split_first() {
            Some((program, arguments)) => Task::command(program, arguments),
            None => Task::Echo(self.takes),
        };
        let worker = Running::start(socket, self.slots, move |body| task.clone().run(body));
        let mut is_draining = false;
        loop {
            tokio::select! {
                biased;
                done = worker.gone() => {
                    say(format_args!("{done} done"));
                    return Ok(Exit::Done);
                }
                number = signals.next() => {
                    if is_draining {
                        return Ok(Exit::Signal(number));
                    }
                    is_draining = true;
                    say("no more tasks are taken; a second signal ends it at once");
                    worker.drain();
                }
                cause = watch.refused() => return Err(Exit::Refused(cause)),
            }
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  A worker that has four at a time, each of which is a run of a script:
    zmtp peer worker --connect tcp://10.0.0.1:6000 --slots 4 -- ./resize.sh
  One that sends back what it gets, after 20 ms:
    zmtp peer worker --connect tcp://10.0.0.1:6000 --echo --takes 20ms
  A hundred tasks at a time, that take 20 ms on average:
    zmtp peer worker --connect tcp://10.0.0.1:6000 --slots 100 --echo --takes exp:20ms

Exit codes: 0 it has ended what it had; 3 usage; 4 refused by the broker.";
