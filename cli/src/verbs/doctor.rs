//! `zmtp doctor`: why nothing arrives.

use std::time::Duration;

use clap::Args;
use zmtp::SocketType;

use crate::doctor::{Report, Visit, visit};
use crate::exit::Exit;
use crate::security::Secured;
use crate::units;

/// Say which step on the way to a peer fails, and why
///
/// It parses the endpoint, looks the host up, connects, greets, shakes hands, hears what the peer says of itself, and
/// sends a PING. Each step is a line on standard output, with its time; the first that fails says why in a sentence, and
/// what to try next. The exit code is 0 if all is well, 3 for a wrong endpoint, 4 for all that fails behind it.
///
/// doctor is a peer like any other, but for a moment. Without --as it comes in as a type that suits the peer and takes
/// nothing from others, where it can know that: PLAIN and CURVE want to hear our type first, so that it is dealer there.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Doctor {
    /// Where the peer is: tcp://HOST:PORT or ipc://PATH
    endpoint: String,

    /// The type of socket to come in as: sub, pull, req ...
    #[arg(long = "as", value_name = "TYPE", value_parser = units::socket_type)]
    as_type: Option<SocketType>,

    /// How long each step may take
    #[arg(long, value_name = "D", default_value = "5s", value_parser = units::pause)]
    timeout: Duration,

    /// Print an object for each step
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    secured: Secured,
}

impl Doctor {
    pub(crate) async fn run(&self) -> Exit {
        let asked = Visit {
            endpoint: self.endpoint.clone(),
            as_type: self.as_type,
            security: self.secured.security(),
            limit: self.timeout,
        };
        visit(&asked, &mut Report::new(self.json)).await
    }
}

const EXAMPLES: &str = "\
Examples:
  See what is at an endpoint:
    zmtp doctor tcp://192.0.2.7:5555
  See why a subscriber hears nothing:
    zmtp doctor tcp://192.0.2.7:5556 --as sub --timeout 2s
  See whether a server of CURVE lets us in, for a program:
    zmtp doctor tcp://192.0.2.7:5557 --as push --curve-server-key server.pub --curve-key client.key --json";
