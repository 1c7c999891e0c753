//! `zmtp dealer`: messages to all peers in turn, and messages from all of them.

use clap::Args;
use zmtp::DealerSocket;

use crate::args::{Common, Conflation, Named, Place, Sending};
use crate::exchange::Exchange;
use crate::exit::Exit;
use crate::run::Run;

/// Send messages to peers in turn, and receive theirs at the same time
///
/// Every line of standard input becomes a message for one of the peers, in turn, and what they send is printed. A
/// rep, and whatever else speaks to a req, expects an empty frame in front.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Dealer {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    sending: Sending,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    conflation: Conflation,
}

impl Dealer {
    pub(crate) async fn run(&self) -> Exit {
        let run = Run::new(&self.place, &self.common);
        let mut builder = DealerSocket::builder().conflate(self.conflation.conflate);
        if let Some(id) = &self.named.routing_id {
            builder = builder.routing_id(id.clone());
        }
        let exchange = Exchange {
            sending: &self.sending,
            format: self.common.form.format(Some(&self.sending)),
            conflate: self.conflation.conflate,
            stays: false,
        };
        exchange.run(&run, run.build(builder), async |socket, n| socket.wait_for_peers(n).await).await
    }
}

const EXAMPLES: &str = "\
Examples:
  Talk to a router, under a name of our own:
    zmtp dealer --connect tcp://127.0.0.1:5557 --routing-id alice
  Ask a rep five things at once and wait for the five answers:
    zmtp dealer --connect tcp://127.0.0.1:5557 --frame '' --frame ping --repeat 5 --count 5
  Send a file's lines, then print what comes until it has been quiet for 2 s:
    zmtp dealer --connect tcp://127.0.0.1:5557 --timeout 2s < jobs.txt";
