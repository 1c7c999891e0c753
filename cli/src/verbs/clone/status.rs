//! `zmtp clone status`: how it is, as a client sees it.

use bytes::Bytes;
use clap::Args;
use serde_json::json;
use zmtp::Message;
use zmtp_patterns::clone::Health;

use crate::clone::operators::{SOON, Told, reports};
use crate::clone::servers::Servers;
use crate::clone::{entry, keys};
use crate::exit::Exit;

/// Show how things are, as a client sees them
///
/// Three lines: health, the version of the last change, and how many keys there are; the client is told all of them for
/// that. Then a line for each --connect: where that server is, what it is, and, if it is one of a pair, what the other one
/// is, how many of the paths between them are alive, and how many changes the standby lacks.
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
        let limit = self.servers.timeout().min(SOON);
        let told = reports(self.servers.all(), &self.servers.security(), limit).await;
        let mut output = entry::output(self.json);
        let state = match self.servers.state(&self.prefix.clone().unwrap_or_default()).await {
            Ok(state) => state,
            Err(exit) => {
                // Nobody decides: what they say of that is what is wanted to be known.
                for told in told.iter().filter(|told| told.report.is_some() && !self.json) {
                    output.print(line(told)).await?;
                }
                return Ok(exit.after_writing(&mut output).await);
            }
        };
        let health = match state.health {
            Health::Joining => "joining",
            Health::Live => "live",
            Health::Stale => "stale",
        };
        let (version, keys) = (state.version.to_string(), state.tree.len());
        let lines = if self.json {
            let servers: Vec<_> = told.iter().map(Told::json).collect();
            let all = json!({ "health": health, "version": version, "keys": keys, "servers": servers });
            vec![all.to_string().into()]
        } else {
            let is = |name: &str, value: &str| Message::new(name).with(value);
            let mut lines =
                vec![is("health", health), is("version", &version), is("keys", &keys.to_string())];
            lines.extend(told.iter().map(line));
            lines
        };
        for line in lines {
            output.print(line).await?;
        }
        Ok(Exit::Done.after_writing(&mut output).await)
    }
}

/// A server, and its words.
fn line(told: &Told) -> Message {
    let server = Message::new("server").with(told.place.control.to_string());
    told.words().into_iter().fold(server, Message::with)
}

const EXAMPLES: &str = "\
Examples:
  Is it there?
    zmtp clone status --connect tcp://192.0.2.7:5556
  How many machines are here, for a program:
    zmtp clone status here/ --json --connect tcp://192.0.2.7:5556 | jq .keys
  For a monitor, by the exit code: 0 if it answers within a second, 2 if not:
    zmtp clone status nothing --timeout 1s --connect tcp://192.0.2.7:5556";
