//! A key that stands for something as long as this process is there.

use std::time::Duration;

use zmtp_patterns::clone::{Change, Client, Durable, Lasts, Session, Version};

use super::servers::{Servers, refused};
use crate::exit::{Exit, say};
use crate::signals::Signals;

/// A key that is held.
#[derive(Debug)]
pub(crate) struct Held {
    client: Client,
    session: Session,
    ttl: Duration,
}

impl Held {
    /// Changes this, so that it lasts as long as this is held, and `ttl` longer if the process is killed.
    pub(crate) async fn take(
        servers: &Servers,
        ttl: Duration,
        durable: Durable,
        change: impl FnOnce(Lasts) -> Change,
    ) -> Result<(Self, Version), Exit> {
        let client = servers.writer();
        let taking = client.session_with(ttl, durable, |lasts| vec![change(lasts)]);
        let (session, version) = servers.in_time(taking).await?.map_err(refused)?;
        Ok((Self { client, session, ttl }, version))
    }

    /// Until there is a signal; then lets go of it.
    pub(crate) async fn keep(self, servers: &Servers, mut signals: Signals) -> Exit {
        let Self { client: _client, session, ttl } = self;
        let number = tokio::select! {
            number = signals.next() => number,
            () = session.over() => {
                let (places, ttl) = (servers.places(), crate::units::show(ttl));
                return Exit::Failed(format!(
                    "the key is not held any more: {places} has not heard this client for {ttl}, or has lost what it had"
                ));
            }
        };
        match servers.in_time(session.close()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => say(format_args!("the key stays for its time: {error}")),
            Err(_) => say("the key stays for its time: no server answers"),
        }
        Exit::Signal(number)
    }
}
