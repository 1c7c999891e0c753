//! `zmtp rep`: requests are printed and answered.

use std::ffi::OsString;

use clap::Args;
use zmtp::RepSocket;

use crate::args::{Common, Place, Sending};
use crate::exit::Exit;
use crate::reply::{Replies, reply};
use crate::run::Run;
use crate::source::Source;

/// Answer requests, by hand or by itself
///
/// Every request is printed, and the next line of standard input is its answer. With --echo or --reply the answers
/// come by themselves.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Rep {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    automatic: Automatic,
    #[command(flatten)]
    sending: Sending,
    #[command(flatten)]
    common: Common,
}

/// Answers without input.
#[derive(Debug, Args)]
#[group(multiple = false, conflicts_with = "Given")]
#[command(next_help_heading = "Input")]
struct Automatic {
    /// Answer with the request itself
    #[arg(long)]
    echo: bool,

    /// Answer every request with M
    #[arg(long, value_name = "M")]
    reply: Option<OsString>,
}

impl Rep {
    pub(crate) async fn run(&self) -> Exit {
        let run = Run::new(&self.place, &self.common);
        let replies = match self.replies(&run) {
            Ok(replies) => replies,
            Err(exit) => return exit,
        };
        let socket = run.build(RepSocket::builder());
        reply(&run, socket, replies, self.sending.wait_peers.unwrap_or(0)).await
    }

    fn replies(&self, run: &Run<'_>) -> Result<Replies, Exit> {
        let format = self.common.form.format(Some(&self.sending));
        match &self.automatic {
            Automatic { echo: true, .. } => Ok(Replies::Echo),
            Automatic { reply: Some(reply), .. } => {
                let reply = format.read_argument(reply.as_encoded_bytes());
                reply.map(Replies::Always).map_err(Exit::Usage)
            }
            Automatic { echo: false, reply: None } => {
                let source = Box::new(Source::new(&self.sending, run, format)?);
                Ok(Replies::Source { source, next: None, ended: false })
            }
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  Answer every request with itself:
    zmtp rep --bind tcp://127.0.0.1:5559 --echo
  Answer by hand: read a request, type its answer:
    zmtp rep --bind tcp://127.0.0.1:5559
  Answer ten requests with the same word, and end:
    zmtp rep --bind tcp://127.0.0.1:5559 --reply World --count 10";
