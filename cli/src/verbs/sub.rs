//! `zmtp sub`: the messages of all publishers that begin with a topic.

use clap::Args;
use zmtp::SubSocket;

use crate::args::{Common, Conflation, Place, Topics};
use crate::exit::Exit;
use crate::receive::receive;
use crate::run::Run;

/// Subscribe to what publishers send
///
/// Every message that begins with one of the topics becomes a line on standard output, its frames separated by
/// tabs. Without a topic it is every message.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Sub {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    topics: Topics,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    conflation: Conflation,
}

impl Sub {
    pub(crate) async fn run(&self) -> Exit {
        let run = Run::new(&self.place, &self.common);
        let mut builder = SubSocket::builder().conflate(self.conflation.conflate);
        for topic in &self.topics.subscribe {
            builder = builder.subscribe(topic.as_encoded_bytes());
        }
        if self.topics.subscribe.is_empty() {
            builder = builder.subscribe("");
        }
        receive(&run, run.build(builder)).await
    }
}

const EXAMPLES: &str = "\
Examples:
  Show everything that is published:
    zmtp sub --connect tcp://127.0.0.1:5556
  Show what two topics bring, as JSON:
    zmtp sub --connect tcp://127.0.0.1:5556 --subscribe news --subscribe weather --json
  Wait for one message of a topic, at most a minute:
    zmtp sub --connect tcp://127.0.0.1:5556 --subscribe done --count 1 --timeout 1m";
