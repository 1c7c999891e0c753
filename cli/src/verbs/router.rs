//! `zmtp router`: messages to the peer that they name, and from all peers with their names.

use clap::Args;
use zmtp::RouterSocket;

use crate::args::{Common, Named, Place, Sending};
use crate::exchange::Exchange;
use crate::exit::Exit;
use crate::run::Run;

/// Send messages to peers by name, and see who sent what
///
/// The first frame of a message is the routing id of the peer that it is for, or that it is from. Ids that peers
/// did not choose themselves are bytes: --json brings them back as they came.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Router {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    sending: Sending,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    named: Named,
    /// Say on standard error which messages nobody could get, and exit with 1 at the end
    #[arg(long, help_heading = "Socket")]
    mandatory: bool,
}

impl Router {
    pub(crate) async fn run(&self) -> Exit {
        let run = Run::new(&self.place, &self.common);
        let mut builder = RouterSocket::builder().mandatory(self.mandatory);
        if let Some(id) = &self.named.routing_id {
            builder = builder.routing_id(id.clone());
        }
        let exchange = Exchange {
            sending: &self.sending,
            format: self.common.form.format(Some(&self.sending)).routed(),
            conflate: false,
            stays: false,
        };
        exchange.run(&run, run.build(builder), async |socket, n| socket.wait_for_peers(n).await).await
    }
}

const EXAMPLES: &str = "\
Examples:
  Show who sends what, as JSON, and send lines of the same form:
    zmtp router --bind tcp://127.0.0.1:5557 --json
  Talk to dealers that have names; a line is a name, a tab and a message:
    zmtp router --bind tcp://127.0.0.1:5557 --split-tabs --mandatory
  Send one message to alice when she is there, and wait for her answer:
    zmtp router --bind tcp://127.0.0.1:5557 --wait-peers 1 --frame alice --frame hello --count 1";
