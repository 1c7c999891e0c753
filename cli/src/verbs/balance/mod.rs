//! `zmtp balance`: work to those who are free.

use clap::{Args, Subcommand};

use crate::exit::Exit;

mod admin;
mod bench;
mod broker;
mod dead;
mod run;
mod submit;
mod worker;

/// Give jobs to workers that are free, here or on many machines
///
/// A broker keeps the jobs, workers run a command for each, submitters say what is to be done and hear how it went. A
/// worker that dies or is cut off loses nothing: its job is tried elsewhere. `run` is all of it in one process.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Balance {
    #[command(subcommand)]
    verb: BalanceVerb,
}

#[derive(Debug, Subcommand)]
enum BalanceVerb {
    Run(run::Run),
    Broker(broker::Broker),
    Worker(worker::Worker),
    Submit(submit::Submit),
    Status(admin::Status),
    Dead(dead::Dead),
    Drain(admin::Drain),
    Bench(bench::Bench),
}

impl Balance {
    pub(crate) async fn run(&self) -> Exit {
        match &self.verb {
            BalanceVerb::Run(verb) => verb.run().await,
            BalanceVerb::Broker(verb) => verb.run().await,
            BalanceVerb::Worker(verb) => verb.run().await,
            BalanceVerb::Submit(verb) => verb.run().await,
            BalanceVerb::Status(verb) => verb.run().await,
            BalanceVerb::Dead(verb) => verb.run().await,
            BalanceVerb::Drain(verb) => verb.run().await,
            BalanceVerb::Bench(verb) => verb.run().await,
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  Three at a time, all in one process:
    zmtp balance run -j 3 -- rsync -a {}:/home /backup/{} < machines
  The same on many machines:
    zmtp balance broker --bind 'tcp://*:5555'
    zmtp balance worker --connect tcp://192.0.2.7:5555 --slots 3 -- rsync -a {}:/home /backup/{}
    zmtp balance submit --connect tcp://192.0.2.7:5555 < machines

Exit codes: 0 all is done, 1 some is not, 2 timed out, 3 usage or bad input, 4 refused by the peer.";
