//! `zmtp push`: each message goes to one puller, in turn.

use clap::Args;
use zmtp::PushSocket;

use crate::args::{Common, Conflation, Place, Sending};
use crate::exit::Exit;
use crate::run::Run;
use crate::send::send;

/// Hand out messages, each to one puller in turn
///
/// Every line of standard input becomes a message for one of the connected pullers, in turn; nobody connected, or
/// everybody busy: it waits.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Push {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    sending: Sending,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    conflation: Conflation,
}

impl Push {
    pub(crate) async fn run(&self) -> Exit {
        let run = Run::new(&self.place, &self.common);
        let conflate = self.conflation.conflate;
        let socket = run.build(PushSocket::builder().conflate(conflate));
        send(&run, socket, &self.sending, conflate, async |socket, n| socket.wait_for_peers(n).await).await
    }
}

const EXAMPLES: &str = "\
Examples:
  Give the lines of a file to whoever pulls:
    zmtp push --bind tcp://127.0.0.1:5555 < work.txt
  Send one message of two frames and see it off, or say after 5 s that it did not go:
    zmtp push --connect tcp://127.0.0.1:5555 --frame job --frame 'resize 17' --linger 5s
  Share out a stream of JSON lines once three workers are there:
    produce | zmtp push --bind 'tcp://*:5555' --json --wait-peers 3";
