//! `zmtp clone ls`: which keys there are.

use bytes::Bytes;
use clap::Args;
use zmtp::Message;

use crate::clone::servers::Servers;
use crate::clone::{entry, keys};
use crate::exit::Exit;

/// List keys, in the order of their octets
///
/// What is no text in a key is escaped; --json has it as it is.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Ls {
    /// Only those that begin with this
    #[arg(value_name = "PREFIX", value_parser = keys::prefix())]
    prefix: Option<Bytes>,

    /// Four columns with tabs between them: the key, since which version it is that, its time to live or `-`, and how many
    /// octets its value has
    #[arg(long, help_heading = "Form")]
    long: bool,

    /// Print objects: key, version, ttl_ms and length
    #[arg(long, help_heading = "Form")]
    json: bool,

    #[command(flatten)]
    servers: Servers,
}

impl Ls {
    pub(crate) async fn run(&self) -> Result<Exit, Exit> {
        let prefix = self.prefix.clone().unwrap_or_default();
        let state = self.servers.state(&prefix).await?;
        let mut output = entry::output(self.json);
        entry::print_all(&mut output, &state.tree, &prefix, |key, value| {
            if self.json {
                entry::object(key, value).to_string().into()
            } else if self.long {
                entry::columns(key, value)
            } else {
                Message::from(key.clone())
            }
        })
        .await?;
        Ok(Exit::Done.after_writing(&mut output).await)
    }
}

const EXAMPLES: &str = "\
Examples:
  All keys:
    zmtp clone ls --connect tcp://192.0.2.7:5556
  The largest under a prefix:
    zmtp clone ls lamp/ --long --connect tcp://192.0.2.7:5556 | sort -t \"$(printf '\\t')\" -k 4 -n | tail
  For a program:
    zmtp clone ls --json --connect tcp://192.0.2.7:5556 | jq .key";
