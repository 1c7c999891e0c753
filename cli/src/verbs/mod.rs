//! The verbs: a short file for each, over the parts that they share.

use clap::Subcommand;

use crate::exit::Exit;

mod balance;
mod clone;
mod completions;
mod dealer;
mod doctor;
mod keygen;
mod pair;
mod peer;
mod proxy;
mod r#pub;
mod pull;
mod push;
mod rep;
mod req;
mod router;
mod sub;
mod xpub;
mod xsub;

/// What the command can do.
#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one of them")]
pub(crate) enum Verb {
    Push(push::Push),
    Pull(pull::Pull),
    Pub(r#pub::Pub),
    Sub(sub::Sub),
    Xpub(xpub::Xpub),
    Xsub(xsub::Xsub),
    Req(req::Req),
    Rep(rep::Rep),
    Dealer(dealer::Dealer),
    Router(router::Router),
    Pair(pair::Pair),
    Proxy(proxy::Proxy),
    Balance(balance::Balance),
    Clone(clone::Clones),
    Peer(peer::Peer),
    Doctor(doctor::Doctor),
    Keygen(keygen::Keygen),
    Completions(completions::Completions),
}

impl Verb {
    /// Does it.
    pub(crate) async fn run(&self) -> Exit {
        match self {
            Self::Push(verb) => verb.run().await,
            Self::Pull(verb) => verb.run().await,
            Self::Pub(verb) => verb.run().await,
            Self::Sub(verb) => verb.run().await,
            Self::Xpub(verb) => verb.run().await,
            Self::Xsub(verb) => verb.run().await,
            Self::Req(verb) => verb.run().await,
            Self::Rep(verb) => verb.run().await,
            Self::Dealer(verb) => verb.run().await,
            Self::Router(verb) => verb.run().await,
            Self::Pair(verb) => verb.run().await,
            Self::Proxy(verb) => verb.run().await,
            Self::Balance(verb) => verb.run().await,
            Self::Clone(verb) => verb.run().await,
            Self::Peer(verb) => verb.run().await,
            Self::Doctor(verb) => verb.run().await,
            Self::Keygen(verb) => verb.run(),
            Self::Completions(verb) => verb.run(),
        }
    }
}
