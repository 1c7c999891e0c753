//! `zmtp xpub`: a publisher that sees the subscriptions.

use clap::Args;
use zmtp::XpubSocket;

use crate::args::{Common, Place, Sending};
use crate::exchange::Exchange;
use crate::exit::Exit;
use crate::run::Run;

/// Publish messages, and see who subscribes to what
///
/// Like pub, and what subscribers ask for is printed: \x01TOPIC when the first one subscribes to a topic, \x00TOPIC
/// when the last one has left it. What an xsub sends is printed too.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Xpub {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    sending: Sending,
    #[command(flatten)]
    common: Common,
}

impl Xpub {
    pub(crate) async fn run(&self) -> Exit {
        let run = Run::new(&self.place, &self.common);
        let socket = run.build(XpubSocket::builder());
        let exchange = Exchange {
            sending: &self.sending,
            format: self.common.form.format(Some(&self.sending)),
            conflate: false,
            stays: false,
        };
        exchange.run(&run, socket, async |socket, n| socket.wait_for_subscribers("", n).await).await
    }
}

const EXAMPLES: &str = "\
Examples:
  Publish what is typed, and see the subscriptions come and go:
    zmtp xpub --bind tcp://127.0.0.1:5556
  See which topics ten subscriptions are for, and publish nothing:
    zmtp xpub --bind tcp://127.0.0.1:5556 --count 10 < /dev/null
  Publish a file when two peers have subscribed:
    zmtp xpub --bind tcp://127.0.0.1:5556 --wait-peers 2 < news.txt";
