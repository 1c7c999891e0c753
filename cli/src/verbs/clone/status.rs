//! `zmtp clone status`: how it is, as a client sees it.

use bytes::Bytes;
use clap::Args;
use serde_json::json;
use zmtp::Message;
use zmtp_patterns::clone::Health;

use crate::clone::servers::Servers;
use crate::clone::{entry, keys};
use crate::exit::Exit;

/// Show how things are, as a client sees them
///
/// Three lines: health, the version of the last change, and how many keys there are. The client is told all of them for
/// that.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Status {
    /// Only keys that begin with this
    #[arg(value_name = "PREFIX", value_parser = keys::prefix())]
    prefix: Option<Bytes>,

    /// Print an object
    #[arg(long, help_heading = "Form")]
    json: bool,

    #[command(flatten)]
    servers: Servers,
}

impl Status {
    pub(crate) async fn run(&self) -> Result<Exit, Exit> {
        let state = self.servers.state(&self.prefix.clone().unwrap_or_default()).await?;
        let health = match state.health {
            Health::Joining => "joining",
            Health::Live => "live",
            Health::Stale => "stale",
        };
        let (version, keys) = (state.version.to_string(), state.tree.len());
        let mut output = entry::output(self.json);
        let lines = if self.json {
            vec![json!({ "health": health, "version": version, "keys": keys }).to_string().into()]
        } else {
            let line = |name: &str, value: &str| Message::new(name).with(value);
            vec![line("health", health), line("version", &version), line("keys", &keys.to_string())]
        };
        for line in lines {
            output.print(line).await?;
        }
        Ok(Exit::Done.after_writing(&mut output).await)
    }
}

const EXAMPLES: &str = "\
Examples:
  Is it there?
    zmtp clone status --connect tcp://192.0.2.7:5556
  How many machines are here, for a program:
    zmtp clone status here/ --json --connect tcp://192.0.2.7:5556 | jq .keys
  For a monitor, by the exit code: 0 if it answers within a second, 2 if not:
    zmtp clone status nothing --timeout 1s --connect tcp://192.0.2.7:5556";
