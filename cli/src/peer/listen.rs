//! Where a broker is, for those of this machine and for others.

use std::io::ErrorKind;

use clap::Args;
use zmtp::{BindError, Endpoint};
use zmtp_patterns::peering::{Place, Sockets};

use crate::exit::Exit;
use crate::security::Secured;

/// The endpoints of one broker.
#[derive(Debug, Args)]
#[command(next_help_heading = "Where")]
pub(crate) struct Listen {
    /// Where clients and operators come (localfe); workers, and the other brokers, come to the next three ports or files;
    /// tcp://127.0.0.1:0 takes free ones and says which
    #[arg(long, value_name = "EP", required = true)]
    listen: Place,

    /// Where workers come (localbe) [default: PORT+1 of --listen]
    #[arg(long, value_name = "EP")]
    workers: Option<Endpoint>,

    /// Where other brokers bring tasks (cloudfe) [default: PORT+2 of --listen]
    #[arg(long, value_name = "EP")]
    cloud: Option<Endpoint>,

    /// Where other brokers hear how this one is (statebe) [default: PORT+3 of --listen]
    #[arg(long, value_name = "EP")]
    state: Option<Endpoint>,

    /// Where other brokers find this one, as another one's --listen would say it: for when --listen is `*`, or an address
    /// that others know by another name
    #[arg(long, value_name = "EP")]
    advertise: Option<Place>,
}

impl Listen {
    /// A broker's sockets, bound, where they are, and what others are told of that.
    pub(crate) async fn bind(&self, secured: &Secured) -> Result<(Sockets, Place), Exit> {
        self.check()?;
        let mut tries = if is_anywhere(&self.listen.clients) { TRIES } else { 1 };
        let sockets = loop {
            tries -= 1;
            match self.try_bind(secured).await {
                // The ports beside a free one need not be free.
                Err(BindError::Endpoint(_)) if tries > 0 => {}
                Err(BindError::Io { source, .. }) if tries > 0 && source.kind() == ErrorKind::AddrInUse => {}
                Err(BindError::Endpoint(error)) => return Err(Exit::Usage(error.to_string())),
                Err(error) => return Err(Exit::Failed(error.to_string())),
                Ok(sockets) => break sockets,
            }
        };
        let bound = sockets.place.clone();
        let told = self.advertise.as_ref().unwrap_or(&bound);
        let place = Place { cloud: told.cloud.clone(), state: told.state.clone(), ..bound.clone() };
        Ok((Sockets { place, ..sockets }, bound))
    }

    /// Others have to find it.
    fn check(&self) -> Result<(), Exit> {
        let usage = |sentence| Err(Exit::Usage(sentence));
        if let Some(advertise) = &self.advertise {
            let at = &advertise.clients;
            if is_wildcard(at) || is_anywhere(at) {
                return usage(format!(
                    "--advertise {at} is no place that others can find; expected one of them"
                ));
            }
            return Ok(());
        }
        let place = self.beside(&self.listen);
        match [&place.cloud, &place.state].into_iter().find(|at| is_wildcard(at)) {
            Some(at) => usage(format!(
                "other brokers would be told to connect to {at}, which is every address and so none; say where they find \
                 this one with --advertise tcp://HOST:PORT"
            )),
            None => Ok(()),
        }
    }

    /// Those beside the first, unless they are set.
    fn beside(&self, first: &Place) -> Place {
        let or = |set: &Option<Endpoint>, usual: &Endpoint| set.as_ref().unwrap_or(usual).clone();
        Place {
            clients: first.clients.clone(),
            workers: or(&self.workers, &first.workers),
            cloud: or(&self.cloud, &first.cloud),
            state: or(&self.state, &first.state),
        }
    }

    async fn try_bind(&self, secured: &Secured) -> Result<Sockets, BindError> {
        let (security, as_client) = (secured.security(), secured.as_client(None));
        let router = || Sockets::tasks().security(security.clone()).build();
        let (localfe, localbe, cloudfe) = (router(), router(), router());
        let statebe = Sockets::publishes().security(security.clone()).build();
        let clients = localfe.bind(self.listen.clients.clone()).await?;
        let first = if is_anywhere(&self.listen.clients) {
            clients.to_string().parse()?
        } else {
            Place { clients, ..self.listen.clone() }
        };
        let place = self.beside(&first);
        let place = Place {
            clients: place.clients,
            workers: localbe.bind(place.workers).await?,
            cloud: cloudfe.bind(place.cloud).await?,
            state: statebe.bind(place.state).await?,
        };
        let cloudbe = Sockets::tasks().security(as_client.clone()).build();
        let statefe = Sockets::follows().security(as_client).build();
        Ok(Sockets { localfe, localbe, cloudfe, cloudbe, statefe, statebe, place })
    }
}

/// It is known when it is bound.
fn is_anywhere(at: &Endpoint) -> bool {
    match at {
        Endpoint::Tcp { port, .. } => *port == 0,
        Endpoint::Ipc { path } => path == "*",
        _ => false,
    }
}

/// It can be bound, and not dialled.
fn is_wildcard(at: &Endpoint) -> bool {
    matches!(at, Endpoint::Tcp { host, .. } if matches!(&**host, "*" | "0.0.0.0" | "::"))
}

/// How often four free ports in a row are looked for.
const TRIES: u32 = 50;
