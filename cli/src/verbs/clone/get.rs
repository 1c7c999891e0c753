//! `zmtp clone get`: what a key stands for.

use std::io::{IsTerminal, stdout};

use bytes::Bytes;
use clap::Args;
use zmtp::Message;

use crate::clone::servers::Servers;
use crate::clone::{entry, keys};
use crate::exit::Exit;
use crate::format::Format;
use crate::json::octets;
use crate::output::Output;
use crate::text;

/// Print what a key stands for
///
/// The value comes out as it is, octet by octet, with nothing behind it; on a terminal it is one line, and what is no text
/// is escaped. For a key that stands for nothing the exit code is 1.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Get {
    /// The key
    #[arg(value_name = "KEY", value_parser = keys::key())]
    key: Bytes,

    /// Print an object: key, value, version, ttl_ms and length
    #[arg(long, help_heading = "Form")]
    json: bool,

    #[command(flatten)]
    servers: Servers,
}

impl Get {
    pub(crate) async fn run(&self) -> Result<Exit, Exit> {
        let state = self.servers.state(&self.key).await?;
        let Some(entry) = state.tree.get(&self.key) else {
            let mut key = Vec::new();
            // Writing to a vector does not fail.
            let _ = text::escape(&self.key, &mut key);
            return Err(Exit::Failed(format!("`{}` stands for nothing", String::from_utf8_lossy(&key))));
        };
        let (format, message) = if self.json {
            let mut object = entry::object(&self.key, entry);
            object["value"] = octets(&entry.value);
            (Format::LINES, Message::from(object.to_string()))
        } else {
            let format = if stdout().is_terminal() { Format::text(false) } else { Format::RAW };
            (format, entry.value.clone().into())
        };
        let mut output = Output::new(format);
        output.print(message).await?;
        Ok(Exit::Done.after_writing(&mut output).await)
    }
}

const EXAMPLES: &str = "\
Examples:
  What the lamp is:
    zmtp clone get lamp --connect tcp://192.0.2.7:5556
  A file:
    zmtp clone get logo.png --connect tcp://192.0.2.7:5556 > logo.png
  Since when it is that:
    zmtp clone get lamp --connect tcp://192.0.2.7:5556 --json | jq -r .version";
