//! How a broker goes about it.

use std::time::Duration;

use clap::{Args, ValueEnum};
use zmtp_patterns::peering::{Config, OnPeerLoss};

use crate::units;

/// Of one broker.
#[derive(Debug, Args)]
pub(crate) struct Limits {
    /// How often a request may be delegated; with 1 whoever gets it does it or refuses it
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=4), help_heading = "Cloud")]
    hops: u8,

    /// Delegate what others have delegated, and take as much as the others take: for a broker that stands between
    #[arg(long, help_heading = "Cloud")]
    relay: bool,

    /// Work with the brokers of --peer only, and tell nobody of them; else one address of any broker is enough
    #[arg(long, help_heading = "Cloud")]
    no_gossip: bool,

    /// A request leaves when waiting here would take so many times as long as it takes there
    #[arg(long, value_name = "X", default_value = "1.2", value_parser = factor, help_heading = "Spilling")]
    spill_factor: u32,

    /// And so much longer
    #[arg(long, value_name = "D", default_value = "2ms", value_parser = units::duration, help_heading = "Spilling")]
    spill_margin: Duration,

    /// So many per cent of the workers' slots are not offered to others
    #[arg(long, value_name = "PERCENT", default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=100), help_heading = "Spilling")]
    reserve: u32,

    /// The most requests in hand; when there are more, clients wait
    #[arg(long, value_name = "N", default_value_t = 50_000, help_heading = "Requests")]
    queue: usize,

    /// The most octets of them
    #[arg(long, value_name = "SIZE", default_value = "128MiB", value_parser = units::size, help_heading = "Requests")]
    queue_bytes: u64,

    /// What becomes of the requests that a lost broker had, which may have been done there: they are done again, or their
    /// clients are told
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = OnLoss::Requeue, help_heading = "Requests")]
    on_peer_loss: OnLoss,

    /// How long a request is wanted that does not say so, as those of plain REQ do not
    #[arg(long, value_name = "D", default_value = "30s", value_parser = units::pause, help_heading = "Requests")]
    ttl: Duration,

    /// The most tasks that another broker has of this one
    #[arg(long, value_name = "N", default_value_t = 4096, help_heading = "Cloud")]
    window: usize,

    /// How often others are told at least how it is; after three without a word a broker gets nothing new, after ten it is
    /// lost
    #[arg(long, value_name = "D", default_value = "250ms", value_parser = units::pause, help_heading = "Cloud")]
    beat: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OnLoss {
    Requeue,
    Fail,
}

impl Limits {
    pub(crate) fn change(&self, config: &mut Config) {
        config.hops = self.hops;
        config.is_relay = self.relay;
        config.gossip = !self.no_gossip;
        config.spill_percent = self.spill_factor;
        config.spill_margin = self.spill_margin;
        config.reserve_percent = self.reserve;
        config.queue = self.queue;
        config.queue_bytes = usize::try_from(self.queue_bytes).unwrap_or(usize::MAX);
        config.on_peer_loss = match self.on_peer_loss {
            OnLoss::Requeue => OnPeerLoss::Requeue,
            OnLoss::Fail => OnPeerLoss::Fail,
        };
        config.ttl = self.ttl;
        config.window = self.window;
        config.beat = self.beat;
    }
}

/// As per cent.
fn factor(text: &str) -> Result<u32, String> {
    match text.parse::<f64>() {
        Ok(factor) if (0.0..=1000.0).contains(&factor) => Ok((factor * 100.0).round() as u32),
        _ => Err(format!(
            "`{}` is not a factor; expected something like 1.2, at most 1000",
            text.escape_debug()
        )),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use zmtp_patterns::peering::wire::Card;

    use super::*;

    #[derive(Debug, Parser)]
    struct Only {
        #[command(flatten)]
        limits: Limits,
    }

    #[test]
    fn the_defaults_are_those_of_the_library() {
        let usual = Config::new(Card { name: "DC1".into(), cloud: String::new(), state: String::new() });
        let mut config = usual.clone();
        Only::parse_from(["broker"]).limits.change(&mut config);
        assert_eq!(config, usual);
    }

    #[test]
    fn a_factor_is_a_number_that_is_not_negative() {
        assert_eq!(factor("1.2"), Ok(120));
        assert_eq!(factor("2"), Ok(200));
        for wrong in ["", "-1", "NaN", "inf", "much", "1e9"] {
            assert!(factor(wrong).unwrap_err().contains("expected something like 1.2"), "{wrong}");
        }
    }
}
