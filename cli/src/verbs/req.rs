//! `zmtp req`: requests, each with its reply.

use clap::Args;
use zmtp::ReqSocket;

use crate::args::{Common, Named, Place, Sending};
use crate::exit::Exit;
use crate::request::request;
use crate::run::Run;

/// Ask, and print the answers
///
/// Every line of standard input becomes a request to one of the peers, in turn. Its reply is printed before the next
/// request is sent.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Req {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    sending: Sending,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    named: Named,
}

impl Req {
    pub(crate) async fn run(&self) -> Exit {
        let run = Run::new(&self.place, &self.common);
        let mut builder = ReqSocket::builder();
        if let Some(id) = &self.named.routing_id {
            builder = builder.routing_id(id.clone());
        }
        request(&run, run.build(builder), &self.sending).await
    }
}

const EXAMPLES: &str = "\
Examples:
  Ask one thing and wait for the answer, at most 5 s:
    zmtp req --connect tcp://127.0.0.1:5559 --message 'how are you?' --timeout 5s
  Ask what is typed, line by line:
    zmtp req --connect tcp://127.0.0.1:5559
  Ask the same every second, of two servers in turn:
    zmtp req --connect tcp://a:5559 --connect tcp://b:5559 --message ping --repeat 60 --every 1s";
