//! `zmtp pub`: each message goes to every subscriber that wants it, and waits for none.

use clap::Args;
use zmtp::PubSocket;

use crate::args::{Common, Conflation, Place, Sending};
use crate::exit::Exit;
use crate::run::Run;
use crate::send::send;

/// Publish messages to everybody who has subscribed to them
///
/// Every line of standard input becomes a message for each subscriber whose topic it begins with. Nobody is waited
/// for: a message that nobody wants is dropped, and a subscriber that is too slow misses some.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Pub {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    sending: Sending,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    conflation: Conflation,
}

impl Pub {
    pub(crate) async fn run(&self) -> Exit {
        let run = Run::new(&self.place, &self.common);
        let conflate = self.conflation.conflate;
        let socket = run.build(PubSocket::builder().conflate(conflate));
        let subscribed = async |socket: &PubSocket, n| socket.wait_for_subscribers("", n).await;
        send(&run, socket, &self.sending, conflate, subscribed).await
    }
}

const EXAMPLES: &str = "\
Examples:
  Publish the lines of a stream; the first words are the topics:
    produce | zmtp pub --bind tcp://127.0.0.1:5556
  Publish the time once a second, in two frames, to whoever listens:
    zmtp pub --bind 'tcp://*:5556' --frame time --frame tick --every 1s --repeat 3600
  Publish one message as soon as somebody has subscribed:
    zmtp pub --connect tcp://127.0.0.1:5556 --message 'news: hello' --wait-peers 1";
