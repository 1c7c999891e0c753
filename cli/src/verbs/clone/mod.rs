//! `zmtp clone`: keys and values that all who follow them have.

use clap::{Args, Subcommand};

use crate::exit::Exit;

mod bench;
mod del;
mod diff;
mod dump;
mod get;
mod handover;
mod load;
mod ls;
mod module;
mod serve;
mod set;
mod status;
mod watch;
mod witness;

/// Keep keys and values that many programs have, each in its own memory
///
/// A server puts all changes in one order; whoever follows is told what there is, and then each change. A key has 1 to 1,024
/// octets, any octets; so has a value, up to 16MiB, and an empty one is a value.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Clones {
    #[command(subcommand)]
    verb: CloneVerb,
}

#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one of them")]
enum CloneVerb {
    Serve(serve::Serve),
    Get(get::Get),
    Set(set::Set),
    Del(del::Del),
    Ls(ls::Ls),
    Dump(dump::Dump),
    Load(load::Load),
    Watch(watch::Watch),
    Status(status::Status),
    Handover(handover::Handover),
    Promote(handover::Promote),
    Witness(witness::Witness),
    Module(module::Module),
    Diff(diff::Diff),
    Bench(bench::Bench),
}

impl Clones {
    pub(crate) async fn run(&self) -> Exit {
        let done = match &self.verb {
            CloneVerb::Serve(verb) => verb.run().await,
            CloneVerb::Get(verb) => verb.run().await,
            CloneVerb::Set(verb) => verb.run().await,
            CloneVerb::Del(verb) => verb.run().await,
            CloneVerb::Ls(verb) => verb.run().await,
            CloneVerb::Dump(verb) => verb.run().await,
            CloneVerb::Load(verb) => verb.run().await,
            CloneVerb::Watch(verb) => verb.run().await,
            CloneVerb::Status(verb) => verb.run().await,
            CloneVerb::Handover(verb) => verb.run().await,
            CloneVerb::Promote(verb) => verb.run().await,
            CloneVerb::Witness(verb) => verb.run().await,
            CloneVerb::Module(verb) => verb.run().await,
            CloneVerb::Diff(verb) => verb.run().await,
            CloneVerb::Bench(verb) => return verb.run().await,
        };
        done.unwrap_or_else(|exit| exit)
    }
}

const EXAMPLES: &str = "\
Examples:
  A server, which uses its port and the next two:
    zmtp clone serve --at 'tcp://*:5556'
  Where it is, for all commands of this shell:
    export ZMTP_CLONE_CONNECT=tcp://192.0.2.7:5556
    zmtp clone set lamp/kitchen on
    zmtp clone get lamp/kitchen
    zmtp clone watch lamp/

Exit codes: 0 done; 1 the key stands for nothing, the condition did not hold, or servers differ; 2 timed out; 3 usage
or bad input; 4 refused by the server.";
