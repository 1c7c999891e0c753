//! `zmtp xsub`: a subscriber that can also talk to the publishers.

use clap::Args;
use zmtp::XsubSocket;

use crate::args::{Common, Place, Sending, Topics};
use crate::exchange::Exchange;
use crate::exit::Exit;
use crate::run::Run;

/// Subscribe to what publishers send, and send them something
///
/// Like sub, but without a topic there are no messages, and every line of standard input goes to all publishers. A
/// line that begins with the byte 1 subscribes to the rest of it, one with the byte 0 cancels that. With
/// --subscribe the verb goes on when its input has ended.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Xsub {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    topics: Topics,
    #[command(flatten)]
    sending: Sending,
    #[command(flatten)]
    common: Common,
}

impl Xsub {
    pub(crate) async fn run(&self) -> Exit {
        let run = Run::new(&self.place, &self.common);
        let socket = run.build(XsubSocket::builder());
        for topic in &self.topics.subscribe {
            socket.subscribe(topic.as_encoded_bytes());
        }
        let exchange = Exchange {
            sending: &self.sending,
            format: self.common.form.format(Some(&self.sending)),
            conflate: false,
            stays: !self.topics.subscribe.is_empty(),
        };
        exchange.run(&run, socket, async |socket, n| socket.wait_for_peers(n).await).await
    }
}

const EXAMPLES: &str = "\
Examples:
  Show what one topic brings:
    zmtp xsub --connect tcp://127.0.0.1:5556 --subscribe news
  Subscribe by hand and show ten messages:
    printf '\\001news\\n' | zmtp xsub --connect tcp://127.0.0.1:5556 --count 10
  Tell an xpub something:
    zmtp xsub --connect tcp://127.0.0.1:5556 --message 'more, please' --wait-peers 1";
