//! What a server takes, keeps and tells.

use std::time::Duration;

use clap::Args;
use zmtp_patterns::clone::Config;

use crate::units;

/// Of one server.
#[derive(Debug, Args)]
pub(crate) struct Limits {
    /// How often clients are told at least how it is; after three without a word they say that they are stale
    #[arg(long, value_name = "D", default_value = "250ms", value_parser = units::pause, help_heading = "Clients")]
    beat: Duration,

    /// The most clients that are told everything at a time; others wait
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = some, help_heading = "Clients")]
    snapshots: usize,

    /// About how much a client is told in one message
    #[arg(long, value_name = "SIZE", default_value = "64KiB", value_parser = units::size, help_heading = "Clients")]
    page: u64,

    /// How long a client may take to ask for the next
    #[arg(long, value_name = "D", default_value = "1m", value_parser = units::pause, help_heading = "Clients")]
    patience: Duration,

    /// The most keys
    #[arg(long, value_name = "N", default_value_t = 10_000_000, help_heading = "Keys")]
    keys: u64,

    /// The most octets of keys and values
    #[arg(long, value_name = "SIZE", default_value = "4GiB", value_parser = units::size, help_heading = "Keys")]
    bytes: u64,

    /// The most octets of a value; clients send at most 32MiB
    #[arg(long, value_name = "SIZE", default_value = "16MiB", value_parser = units::size, help_heading = "Keys")]
    value: u64,

    /// The most changes that are kept for clients that were away; who has missed more is told everything
    #[arg(long, value_name = "N", default_value_t = 100_000, help_heading = "Clients")]
    log: usize,

    /// The most octets of them
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = units::size, help_heading = "Clients")]
    log_bytes: u64,
}

impl Limits {
    pub(crate) fn config(&self) -> Config {
        let octets = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
        Config {
            beat: self.beat,
            keys: self.keys,
            bytes: self.bytes,
            value: octets(self.value),
            log: self.log,
            log_bytes: octets(self.log_bytes),
            snapshots: self.snapshots,
            page: octets(self.page),
            patience: self.patience,
            ..Config::default()
        }
    }
}

fn some(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..) => Ok(number),
        _ => Err(format!("`{}` is not a number of clients; expected 1 or more", text.escape_debug())),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Only {
        #[command(flatten)]
        limits: Limits,
    }

    #[test]
    fn the_defaults_are_those_of_the_library() {
        assert_eq!(Only::parse_from(["serve"]).limits.config(), Config::default());
    }
}
