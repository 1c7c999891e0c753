//! `zmtp pair`: messages to and from one peer.

use clap::Args;
use zmtp::PairSocket;

use crate::args::{Common, Place, Sending};
use crate::exchange::Exchange;
use crate::exit::Exit;
use crate::run::Run;

/// Talk with one other pair
///
/// Every line of standard input becomes a message for the one peer, and what it sends is printed. While there is no
/// peer, messages wait.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Pair {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    sending: Sending,
    #[command(flatten)]
    common: Common,
}

impl Pair {
    pub(crate) async fn run(&self) -> Exit {
        let run = Run::new(&self.place, &self.common);
        let exchange = Exchange {
            sending: &self.sending,
            format: self.common.form.format(Some(&self.sending)),
            conflate: false,
            stays: false,
        };
        let socket = run.build(PairSocket::builder());
        exchange.run(&run, socket, async |socket, n| socket.wait_for_peers(n).await).await
    }
}

const EXAMPLES: &str = "\
Examples:
  Chat, at one end:
    zmtp pair --bind tcp://127.0.0.1:5558
  and at the other:
    zmtp pair --connect tcp://127.0.0.1:5558
  Send a signal, and wait until it is answered:
    zmtp pair --connect tcp://127.0.0.1:5558 --message ready --count 1 --timeout 10s";
