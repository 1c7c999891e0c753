//! `zmtp clone dump`: all that there is.

use bytes::Bytes;
use clap::Args;
use zmtp_patterns::clone::Lasts;

use crate::clone::servers::Servers;
use crate::clone::{entry, keys};
use crate::exit::Exit;

/// Print keys and values as lines of JSON, which `load` reads
///
/// A line is {"key": "lamp", "value": "on"}, in the order of the keys' octets. What is no text is {"base64": "AAE="}. A key
/// with a time to live has it as ttl_ms, the whole of it and not what is left. A key that lasts with a session is left out:
/// it is for its client to say it. All of it is of one moment.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Dump {
    /// Only keys that begin with this
    #[arg(value_name = "PREFIX", value_parser = keys::prefix())]
    prefix: Option<Bytes>,

    #[command(flatten)]
    servers: Servers,
}

impl Dump {
    pub(crate) async fn run(&self) -> Result<Exit, Exit> {
        let prefix = self.prefix.clone().unwrap_or_default();
        let state = self.servers.state(&prefix).await?;
        let mut output = entry::output(true);
        let entries = state.tree.iter(&prefix).filter(|(_, entry)| !matches!(entry.lasts, Lasts::With(_)));
        entry::print_lines(&mut output, entries.map(|(key, entry)| entry::dumped(key, entry))).await?;
        Ok(Exit::Done.after_writing(&mut output).await)
    }
}

const EXAMPLES: &str = "\
Examples:
  Keep it:
    zmtp clone dump --connect tcp://192.0.2.7:5556 > clone.jsonl
  From one server to another:
    zmtp clone dump --connect tcp://192.0.2.7:5556 | zmtp clone load --connect tcp://192.0.2.8:5556
  What there is under a prefix, for a program:
    zmtp clone dump lamp/ --connect tcp://192.0.2.7:5556 | jq -r .key";
