//! `zmtp clone witness`: says to one server of a pair at a time that the other one does not decide.

use std::io::{self, Write};

use clap::Args;
use zmtp::{BindError, Endpoint, RouterSocket};
use zmtp_patterns::clone::witness;

use crate::exit::Exit;
use crate::security::Secured;
use crate::settings::Configured;
use crate::signals::Signals;

/// Be the witness of pairs of servers
///
/// A third, tiny process, on a third machine. A server of a pair that does not hear the other one decides only if the
/// witness says that the other one does not; so two never do, whatever is cut. It keeps nothing on a disk: for one lease
/// after its start it grants nothing.
///
/// SIGTERM and SIGINT end it with 0.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Witness {
    /// Where
    #[arg(long, value_name = "EP", required = true, help_heading = "Where")]
    at: Endpoint,

    #[command(flatten)]
    secured: Secured,

    #[command(flatten)]
    _configured: Configured,
}

impl Witness {
    pub(crate) async fn run(&self) -> Result<Exit, Exit> {
        let cannot_listen = |error| Exit::Failed(format!("cannot listen for signals: {error}"));
        let mut signals = Signals::new().map_err(cannot_listen)?;
        let socket = RouterSocket::builder().security(self.secured.security()).build();
        let at = socket.bind(&self.at).await.map_err(|error| match error {
            BindError::Endpoint(error) => Exit::Usage(error.to_string()),
            error => Exit::Failed(error.to_string()),
        })?;
        let _ = writeln!(io::stderr().lock(), "bound {at}");
        tokio::select! {
            _ = signals.next() => Ok(Exit::Done),
            () = witness(socket) => Err(Exit::Failed("its socket was closed".to_owned())),
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  zmtp clone witness --at 'tcp://*:5600'
  And then, for both servers:
    zmtp clone serve ... --witness tcp://10.0.0.3:5600";
