//! A line of standard input as a job.

use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use zmtp_patterns::balancer::Job;

use crate::units;

/// What every job of the list has.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Jobs")]
pub(crate) struct JobOptions {
    /// Name each job, `{}` standing for its line: what is submitted twice under a name is done once; without it each
    /// line is a job of its own
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,

    /// Jobs with a higher priority go first
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) priority: u8,

    /// Jobs with the same order key are done one after the other; `{}` stands for the line
    #[arg(long, value_name = "KEY")]
    pub(crate) order: Option<String>,

    /// Begin when the job of this name has ended well, and skip the job if it has not; `{}` stands for the line
    /// (repeatable)
    #[arg(long, value_name = "KEY")]
    pub(crate) after: Vec<String>,

    /// Only workers with this tag get it (repeatable)
    #[arg(long, value_name = "T")]
    pub(crate) tag: Vec<String>,

    #[command(flatten)]
    pub(crate) limits: Limits,
}

/// What becomes of attempts.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Jobs")]
pub(crate) struct Limits {
    /// Try a job N times at most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) max_attempts: Option<u16>,

    /// Stop an attempt that takes longer than D; it has failed
    #[arg(long, value_name = "D", value_parser = units::pause)]
    pub(crate) hard_limit: Option<Duration>,

    /// Stop an attempt whose command says nothing for D; it has failed
    #[arg(long, value_name = "D", value_parser = units::pause)]
    pub(crate) stall_timeout: Option<Duration>,
}

/// Makes the jobs of one list.
#[derive(Debug)]
pub(crate) struct Jobs<'a> {
    options: &'a JobOptions,
    /// Keeps the names of this list apart from those of others.
    list: String,
}

impl<'a> Jobs<'a> {
    pub(crate) fn new(options: &'a JobOptions) -> Self {
        Self { options, list: format!("{:016x}", fastrand::u64(..)) }
    }

    /// The job that a line stands for, which is the line of this number.
    pub(crate) fn job(&self, number: u64, line: &Bytes) -> Job {
        let JobOptions { key, priority, order, after, tag, limits } = self.options;
        let named = |name: &String| Bytes::from(name_of(name.as_bytes(), line));
        let key = key.as_ref().map_or_else(|| format!("{}-{number}", self.list).into(), named);
        Job {
            priority: *priority,
            order: order.as_ref().map(named),
            after: after.iter().map(named).collect(),
            tags: tag.clone(),
            hard_limit: limits.hard_limit,
            stall_timeout: limits.stall_timeout,
            max_attempts: limits.max_attempts,
            ..Job::new(key, line.clone())
        }
    }
}

/// The name with the line in each place that is for it.
fn name_of(name: &[u8], line: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    let mut rest = name;
    while let Some(at) = rest.windows(2).position(|window| window == b"{}") {
        whole.extend_from_slice(&rest[..at]);
        whole.extend_from_slice(line);
        rest = &rest[at + 2..];
    }
    whole.extend_from_slice(rest);
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_the_payload_and_may_stand_in_names() {
        let options = JobOptions {
            key: Some("archive/{}".to_owned()),
            after: vec!["backup/{}".to_owned(), "disk".to_owned()],
            order: Some("{}{}".to_owned()),
            ..JobOptions::default()
        };
        let job = Jobs::new(&options).job(7, &"alpha".into());
        assert_eq!((&job.key[..], &job.payload[..]), (&b"archive/alpha"[..], &b"alpha"[..]));
        assert_eq!(job.after, ["backup/alpha", "disk"]);
        assert_eq!(job.order.unwrap(), "alphaalpha");
    }

    #[test]
    fn without_a_name_each_line_of_each_list_is_a_job_of_its_own() {
        let options = JobOptions::default();
        let (one, two, line) = (Jobs::new(&options), Jobs::new(&options), Bytes::from("same"));
        let keys = [one.job(1, &line).key, one.job(2, &line).key, two.job(1, &line).key];
        assert!(keys[0] != keys[1] && keys[0] != keys[2], "{keys:?}");
    }
}
