//! `zmtp clone del`: a key stands for nothing from now on.

use bytes::Bytes;
use clap::Args;
use zmtp_patterns::clone::{Change, To, When};

use super::set::print;
use crate::clone::keys;
use crate::clone::servers::Servers;
use crate::exit::Exit;

/// Let a key stand for nothing
///
/// Prints the version of the change. That the key stood for nothing already is no failure.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Del {
    /// The key
    #[arg(value_name = "KEY", value_parser = keys::key())]
    key: Bytes,

    /// Print an object
    #[arg(long, help_heading = "Form")]
    json: bool,

    #[command(flatten)]
    servers: Servers,
}

impl Del {
    pub(crate) async fn run(&self) -> Result<Exit, Exit> {
        let change = Change { key: self.key.clone(), to: To::Nothing, when: When::Always };
        let version = self.servers.write(change).await?;
        print(&self.key, version, self.json).await
    }
}

const EXAMPLES: &str = "\
Examples:
  One:
    zmtp clone del lamp --connect tcp://192.0.2.7:5556
  All under a prefix:
    export ZMTP_CLONE_CONNECT=tcp://192.0.2.7:5556
    zmtp clone ls lamp/ | xargs -n 1 zmtp clone del --";
