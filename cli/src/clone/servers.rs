//! A client of the servers that the command line names, and what it says when they do not answer.

use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use tokio::time::timeout;
use zmtp::{Endpoint, EndpointError, Security};
use zmtp_patterns::clone::{
    Change, Client, ClientConfig, Durable, Place, Refusal, State, Version, WriteError,
};

use crate::exit::Exit;
use crate::security::Secured;
use crate::settings::Configured;
use crate::units::{self, show};

/// Where the servers are.
#[derive(Debug, Args)]
pub(crate) struct Servers {
    /// Where the server is, as its --at says, now or when it comes (repeatable: others to turn to)
    #[arg(long, value_name = "EP", required = true, value_parser = place, help_heading = "Where")]
    connect: Vec<Place>,

    #[command(flatten)]
    reach: Reach,
}

/// How servers are reached, and how long they may take.
#[derive(Debug, Clone, Args)]
pub(crate) struct Reach {
    /// Give up, with exit code 2, when no server answers for D
    #[arg(long, value_name = "D", default_value = "5s", value_parser = units::pause, help_heading = "End")]
    timeout: Duration,

    #[command(flatten)]
    secured: Secured,

    #[command(flatten)]
    _configured: Configured,
}

impl Reach {
    /// The one there.
    pub(crate) fn server(&self, place: &Place) -> Servers {
        Servers { connect: vec![place.clone()], reach: self.clone() }
    }
}

impl Servers {
    /// A client that follows what begins with this.
    pub(crate) fn follow(&self, prefix: &Bytes) -> Client {
        Client::start(self.connect.clone(), self.config(prefix))
    }

    /// How such a client goes about it.
    pub(crate) fn config(&self, prefix: &Bytes) -> ClientConfig {
        let (config, security) = (ClientConfig::of([prefix.clone()]), self.reach.secured.security());
        let control = config.control.security(security.clone());
        let updates = config.updates.security(security);
        ClientConfig { control, updates, ..config }
    }

    /// A client that only writes.
    pub(crate) fn writer(&self) -> Client {
        self.follow(&Bytes::from_static(NOTHING))
    }

    /// What there is that begins with this.
    pub(crate) async fn state(&self, prefix: &Bytes) -> Result<State, Exit> {
        let client = self.follow(prefix);
        self.in_time(client.ready()).await
    }

    /// Changes this.
    pub(crate) async fn write(&self, change: Change) -> Result<Version, Exit> {
        self.write_durably(Durable::Server, change).await
    }

    /// Changes this, so that it is as safe as that.
    pub(crate) async fn write_durably(&self, durable: Durable, change: Change) -> Result<Version, Exit> {
        let client = self.writer();
        match timeout(self.reach.timeout, client.write_durably(durable, vec![change])).await {
            Ok(Ok(version)) => Ok(version),
            Ok(Err(error)) => Err(refused(error)),
            Err(_) => Err(self.too_late("; it may be done or not")),
        }
    }

    /// What `future` yields, if that is in time.
    pub(crate) async fn in_time<F: Future>(&self, future: F) -> Result<F::Output, Exit> {
        timeout(self.reach.timeout, future).await.map_err(|_| self.too_late(""))
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[Place] {
        &self.connect
    }

    pub(crate) fn security(&self) -> Security {
        self.reach.secured.security()
    }

    /// How long an answer may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.reach.timeout
    }

    /// Nobody has answered; `and` says what that means.
    pub(crate) fn too_late(&self, and: &str) -> Exit {
        let (places, limit) = (self.places(), show(self.reach.timeout));
        let first = self.connect.first().map_or_else(String::new, |place| place.control.to_string());
        Exit::TimedOut(format!(
            "no answer from {places} within {limit}{and}; see that `zmtp clone serve` runs there; `zmtp doctor {first} \
             --as dealer` says which step on the way fails"
        ))
    }

    /// All of them, for sentences.
    pub(crate) fn places(&self) -> String {
        let places: Vec<_> = self.connect.iter().map(|place| place.control.to_string()).collect();
        places.join(" or ")
    }
}

/// How a verb ends whose write was not done.
pub(crate) fn refused(error: WriteError) -> Exit {
    match error {
        WriteError::Conflict { current: Some(version), .. } => {
            Exit::Failed(format!("nothing was changed: the key stands for something since {version}"))
        }
        WriteError::Conflict { current: None, .. } => {
            Exit::Failed("nothing was changed: the key stands for nothing".to_owned())
        }
        WriteError::Refused(refusal @ (Refusal::Key | Refusal::Changes)) => Exit::Usage(refusal.to_string()),
        WriteError::Refused(refusal) => Exit::Refused(refusal.to_string()),
        error => Exit::Failed(error.to_string()),
    }
}

/// What is typed for where a server is.
pub(crate) fn place(text: &str) -> Result<Place, String> {
    let place: Place = text.parse().map_err(|error: EndpointError| error.to_string())?;
    match &place.control {
        Endpoint::Tcp { host, port, .. } if host == "*" || *port == 0 => {
            Err(format!("{text} is where a server can be, not where one is; expected tcp://HOST:PORT"))
        }
        _ => Ok(place),
    }
}

/// What those follow who want to be told nothing. Should keys begin with it, they are told of those.
const NOTHING: &[u8] = b"\0nothing";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_at_one_place() {
        assert!(place("tcp://192.0.2.7:5556").is_ok() && place("ipc:///run/clone").is_ok());
        for text in ["tcp://*:5556", "tcp://127.0.0.1:0", "tcp://127.0.0.1:*"] {
            assert!(place(text).unwrap_err().contains("expected tcp://HOST:PORT"), "{text}");
        }
        assert!(place("tcp://127.0.0.1:65535").is_err() && place("nonsense").is_err());
    }
}
