//! `zmtp pull`: what all pushers send, fairly merged.

use clap::Args;
use zmtp::PullSocket;

use crate::args::{Common, Conflation, Place};
use crate::exit::Exit;
use crate::receive::receive;
use crate::run::Run;

/// Collect messages from pushers
///
/// Every message that arrives becomes a line on standard output, its frames separated by tabs.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Pull {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    conflation: Conflation,
}

impl Pull {
    pub(crate) async fn run(&self) -> Exit {
        let run = Run::new(&self.place, &self.common);
        let builder = PullSocket::builder().conflate(self.conflation.conflate);
        receive(&run, run.build(builder)).await
    }
}

const EXAMPLES: &str = "\
Examples:
  Show what pushers send:
    zmtp pull --bind tcp://127.0.0.1:5555
  Take ten messages from a pusher as JSON, or give up when nothing comes for 3 s:
    zmtp pull --connect tcp://127.0.0.1:5555 --count 10 --timeout 3s --json
  Merge two streams, and see who comes and goes:
    zmtp pull --connect tcp://a.example:5555 --connect tcp://b.example:5555 --monitor";
