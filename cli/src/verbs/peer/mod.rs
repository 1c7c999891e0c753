//! `zmtp peer`: many clusters, one cloud.

use clap::{Args, Subcommand};

use crate::exit::Exit;

mod bench;
mod broker;
mod leave;
mod load;
mod sim;
mod status;
mod worker;

/// Join clusters of clients and workers to one cloud
///
/// Each cluster has a broker, which is all that its clients and workers know. A request that finds no free worker in its
/// own cluster goes to one that has. Clusters come and go at any time.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Peer {
    #[command(subcommand)]
    verb: PeerVerb,
}

#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one of them")]
enum PeerVerb {
    Broker(broker::Broker),
    Worker(worker::Worker),
    Load(load::Load),
    Status(status::Status),
    Leave(leave::Leave),
    Bench(bench::Bench),
    Sim(sim::Sim),
}

impl Peer {
    pub(crate) async fn run(&self) -> Exit {
        let done = match &self.verb {
            PeerVerb::Broker(verb) => verb.run().await,
            PeerVerb::Worker(verb) => verb.run().await,
            PeerVerb::Load(verb) => verb.run().await,
            PeerVerb::Status(verb) => verb.run().await,
            PeerVerb::Leave(verb) => verb.run().await,
            PeerVerb::Bench(verb) => verb.run().await,
            PeerVerb::Sim(verb) => verb.run().await,
        };
        done.unwrap_or_else(|exit| exit)
    }
}

const EXAMPLES: &str = "\
Examples:
  Two clusters:
    zmtp peer broker --name DC1 --listen tcp://127.0.0.1:6000
    zmtp peer broker --name DC2 --listen tcp://127.0.0.1:6100 --peer tcp://127.0.0.1:6000
  A worker of the first, and requests to the second:
    zmtp peer worker --connect tcp://127.0.0.1:6000 -- tr a-z A-Z
    zmtp req --connect tcp://127.0.0.1:6100 --message hello
  How the cloud is, and how fast:
    zmtp peer status --connect tcp://127.0.0.1:6000
    zmtp peer load --connect tcp://127.0.0.1:6100 --clients 100 --for 10s

Exit codes: 0 done; 1 work failed; 2 timed out; 3 usage; 4 refused, or the name is taken.";
