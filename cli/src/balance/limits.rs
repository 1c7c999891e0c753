//! What a broker takes, and how long it waits for whom.

use std::time::Duration;

use clap::Args;
use zmtp_patterns::Backoff;
use zmtp_patterns::balancer::Config;

use crate::units;

/// Of one broker.
#[derive(Debug, Args)]
pub(crate) struct Limits {
    /// How often workers give a sign of life at least, if they do not want it otherwise
    #[arg(long, value_name = "D", default_value = "1s", value_parser = units::pause, help_heading = "Workers")]
    beat: Duration,

    /// After so many beats without one a worker counts as gone
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(2..), help_heading = "Workers")]
    liveness: u32,

    /// How long a worker whose connection is gone may take to come back and go on with what it has
    #[arg(long, value_name = "D", default_value = "500ms", value_parser = units::duration, help_heading = "Workers")]
    resume_grace: Duration,

    /// How often a job is tried that says nothing about it
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..), help_heading = "Jobs")]
    max_attempts: u16,

    /// How long a job that has failed waits at first; twice as long each time, a random part of it
    #[arg(long, value_name = "D", default_value = "1s", value_parser = units::pause, help_heading = "Jobs")]
    backoff: Duration,

    /// How long it waits at most
    #[arg(long, value_name = "D", default_value = "1m", value_parser = units::pause, help_heading = "Jobs")]
    longest_backoff: Duration,

    /// The most jobs that have not ended; a submitter waits for room
    #[arg(long, value_name = "N", default_value_t = 100_000, help_heading = "Jobs")]
    queue: usize,

    /// The most octets of them
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = units::size, help_heading = "Jobs")]
    queue_bytes: u64,

    /// The most results that nobody has fetched; the oldest are forgotten
    #[arg(long, value_name = "N", default_value_t = 10_000, help_heading = "Jobs")]
    results: usize,

    /// The most octets of them
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = units::size, help_heading = "Jobs")]
    results_bytes: u64,

    /// The most dead jobs that are kept, see `zmtp balance dead`; the oldest are forgotten
    #[arg(long, value_name = "N", default_value_t = 10_000, help_heading = "Jobs")]
    dead: usize,

    /// The most octets of them
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = units::size, help_heading = "Jobs")]
    dead_bytes: u64,
}

impl Limits {
    pub(crate) fn config(&self) -> Config {
        let octets = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
        Config {
            beat: self.beat,
            liveness: self.liveness,
            resume_grace: self.resume_grace,
            max_attempts: self.max_attempts,
            backoff: Backoff { first: self.backoff, longest: self.longest_backoff },
            queue: self.queue,
            queue_bytes: octets(self.queue_bytes),
            results: self.results,
            results_bytes: octets(self.results_bytes),
            dead: self.dead,
            dead_bytes: octets(self.dead_bytes),
            ..Config::default()
        }
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
        assert_eq!(Only::parse_from(["broker"]).limits.config(), Config::default());
    }
}
