//! One broker that is asked, and what is said when it does not answer.

use std::time::Duration;

use clap::Args;
use tokio::time::timeout;
use zmtp_patterns::peering::{Client, Operator, Place, Status};

use crate::exit::Exit;
use crate::security::Secured;
use crate::settings::Configured;
use crate::units::{self, show};

/// Where the broker is.
#[derive(Debug, Args)]
pub(crate) struct Reached {
    /// Where the broker is, as its --listen says
    #[arg(long, value_name = "EP", required = true, help_heading = "Where")]
    pub(crate) connect: Place,

    /// Give up, with exit code 2, when it does not answer for D
    #[arg(long, value_name = "D", default_value = "5s", value_parser = units::pause, help_heading = "End")]
    pub(crate) timeout: Duration,

    #[command(flatten)]
    pub(crate) secured: Secured,

    #[command(flatten)]
    _configured: Configured,
}

impl Reached {
    pub(crate) fn operator(&self) -> Result<Operator, Exit> {
        let socket = Client::socket().security(self.secured.security());
        Operator::new(&self.connect, socket).map_err(|error| Exit::Usage(error.to_string()))
    }

    /// How it is.
    pub(crate) async fn status(&self, operator: &mut Operator) -> Result<Status, Exit> {
        self.in_time(operator.status()).await?.ok_or_else(|| self.too_late())
    }

    /// What `future` yields, if that is in time.
    pub(crate) async fn in_time<F: Future>(&self, future: F) -> Result<F::Output, Exit> {
        timeout(self.timeout, future).await.map_err(|_| self.too_late())
    }

    pub(crate) fn too_late(&self) -> Exit {
        Exit::TimedOut(format!(
            "no answer of a broker at {} within {}; see that it runs and that this is its --listen",
            self.connect.clients,
            show(self.timeout)
        ))
    }
}
