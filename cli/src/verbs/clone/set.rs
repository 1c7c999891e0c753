//! `zmtp clone set`: a key stands for something from now on.

use std::ffi::OsString;
use std::io::{self, Read};
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use serde_json::json;
use zmtp::Message;
use zmtp_patterns::clone::{Change, Durable, Lasts, To, Version, When};

use crate::clone::hold::Held;
use crate::clone::servers::Servers;
use crate::clone::{entry, keys};
use crate::exit::Exit;
use crate::json::octets;
use crate::signals::Signals;

/// Let a key stand for a value
///
/// Prints the version, which `--if-version` takes. If a condition does not hold nothing is changed, and the exit code is 1.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Set {
    /// The key
    #[arg(value_name = "KEY", value_parser = keys::key())]
    key: Bytes,

    /// The value; `-` is standard input, all of it, any octets
    #[arg(value_name = "VALUE", allow_negative_numbers = true)]
    value: OsString,

    /// Let it stand for nothing again when D has passed since it was last set
    #[arg(long, value_name = "D", value_parser = keys::ttl, help_heading = "Change")]
    ttl: Option<Duration>,

    /// Let it stand for that as long as this command runs, and D longer if it is killed or the network is gone
    #[arg(long, value_name = "D", value_parser = keys::ttl, conflicts_with = "ttl", help_heading = "Change")]
    hold: Option<Duration>,

    /// Only if the key stands for nothing
    #[arg(long, conflicts_with = "if_version", help_heading = "Change")]
    if_absent: bool,

    /// Only if the key has not changed since this version, as `set`, `get --json` and `ls --long` print it
    #[arg(long, value_name = "E.S", help_heading = "Change")]
    if_version: Option<Version>,

    /// Be answered when the standby has it too, so that it is there whichever of the two servers dies
    #[arg(long, help_heading = "Change")]
    standby: bool,

    /// Print an object
    #[arg(long, help_heading = "Form")]
    json: bool,

    #[command(flatten)]
    servers: Servers,
}

impl Set {
    pub(crate) async fn run(&self) -> Result<Exit, Exit> {
        let value = if self.value == "-" {
            read().await?
        } else {
            Bytes::copy_from_slice(self.value.as_encoded_bytes())
        };
        let when = match self.if_version {
            Some(version) => When::Unchanged(version),
            None if self.if_absent => When::Absent,
            None => When::Always,
        };
        if let Some(ttl) = self.hold {
            return self.hold(ttl, value, when).await;
        }
        let to = To::Value { value, lasts: Lasts::for_or_ever(self.ttl) };
        let durable = if self.standby { Durable::Standby } else { Durable::Server };
        let change = Change { key: self.key.clone(), to, when };
        let version = self.servers.write_durably(durable, change).await?;
        print(&self.key, version, self.json).await
    }

    async fn hold(&self, ttl: Duration, value: Bytes, when: When) -> Result<Exit, Exit> {
        let cannot_listen = |error| Exit::Failed(format!("cannot listen for signals: {error}"));
        let signals = Signals::new().map_err(cannot_listen)?;
        let durable = if self.standby { Durable::Standby } else { Durable::Server };
        let change = |lasts| Change { key: self.key.clone(), to: To::Value { value, lasts }, when };
        let (held, version) = Held::take(&self.servers, ttl, durable, change).await?;
        print(&self.key, version, self.json).await?;
        Ok(held.keep(&self.servers, signals).await)
    }
}

/// Prints what came of a change.
pub(super) async fn print(key: &Bytes, version: Version, is_json: bool) -> Result<Exit, Exit> {
    let mut output = entry::output(is_json);
    output
        .print(if is_json {
            json!({ "key": octets(key), "version": version.to_string() }).to_string().into()
        } else {
            Message::from(version.to_string())
        })
        .await?;
    Ok(Exit::Done.after_writing(&mut output).await)
}

/// Standard input, as much of it as could be sent and a little more.
async fn read() -> Result<Bytes, Exit> {
    let read = tokio::task::spawn_blocking(|| {
        let mut value = Vec::new();
        io::stdin().lock().take(MOST + 1).read_to_end(&mut value).map(|_| value)
    });
    match read.await {
        Ok(Ok(value)) if value.len() as u64 > MOST => {
            Err(Exit::Usage("standard input is too long; expected a value of at most 32MiB".to_owned()))
        }
        Ok(Ok(value)) => Ok(value.into()),
        Ok(Err(error)) => Err(Exit::Failed(format!("cannot read standard input: {error}"))),
        Err(error) => Err(Exit::Failed(error.to_string())),
    }
}

/// The most octets that a client sends.
const MOST: u64 = 32 << 20;

const EXAMPLES: &str = "\
Examples:
  From now on:
    zmtp clone set lamp on --connect tcp://192.0.2.7:5556
  A file:
    zmtp clone set logo.png - --connect tcp://192.0.2.7:5556 < logo.png
  This machine is there, as long as this runs:
    zmtp clone set \"here/$(hostname)\" \"$$\" --hold 10s --connect tcp://192.0.2.7:5556
  Be the one who does it, if nobody is, until this ends:
    zmtp clone set leader \"$(hostname)\" --if-absent --hold 10s --connect tcp://192.0.2.7:5556
  For half a minute:
    zmtp clone set doors open --ttl 30s --connect tcp://192.0.2.7:5556
  Change what was read, unless somebody was faster:
    zmtp clone set count 8 --if-version 1795000000000.17 --connect tcp://192.0.2.7:5556";
