//! What a contender measures, and the line that tells of it.

use std::io::Write;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

use crate::usage::{cpu_time, peak_rss_kib};

/// A measured interval of this process, and what was found in it.
#[derive(Debug)]
pub struct Meter {
    /// When it began.
    pub start: Instant,
    cpu: Duration,
    results: Map<String, Value>,
}

impl Meter {
    /// Begins now.
    pub fn start() -> Self {
        Self { start: Instant::now(), cpu: cpu_time(), results: Map::new() }
    }

    /// Notes the throughput from the start until `end`.
    pub fn throughput(&mut self, messages: u64, size: usize, end: Instant) {
        let seconds = end.duration_since(self.start).as_secs_f64();
        let rate = messages as f64 / seconds;
        self.note("msgs", messages);
        self.note("secs", seconds);
        self.note("msgs_s", rate);
        self.note("mb_s", rate * size as f64 / 1e6);
    }

    /// Notes one figure.
    pub fn note(&mut self, name: &str, value: impl Into<Value>) {
        self.results.insert(name.to_owned(), value.into());
    }

    /// Prints the result line, with the CPU time since the start.
    pub fn print(mut self, role: &str) {
        let cpu = cpu_time().saturating_sub(self.cpu).as_secs_f64();
        self.note("role", role);
        self.note("cpu_s", cpu);
        self.note("maxrss_kib", json!(peak_rss_kib()));
        say(&Value::Object(self.results).to_string());
    }
}

/// How long things took.
#[derive(Debug)]
pub struct Latencies(Histogram<u64>);

impl Latencies {
    /// None yet.
    ///
    /// # Panics
    /// Never: the bounds are good.
    #[allow(clippy::new_without_default, reason = "it is some hundred KiB large")]
    pub fn new() -> Self {
        Self(Histogram::new_with_bounds(100, 60_000_000_000, 3).expect("bounds"))
    }

    /// Adds one.
    #[inline]
    pub fn record(&mut self, took: Duration) {
        self.0.saturating_record(took.as_nanos() as u64);
    }

    /// Notes the quantiles, in microseconds.
    pub fn note(&self, meter: &mut Meter) {
        let quantiles = [("p50_us", 0.5), ("p90_us", 0.9), ("p99_us", 0.99), ("p999_us", 0.999)];
        for (name, quantile) in quantiles {
            meter.note(name, self.0.value_at_quantile(quantile) as f64 / 1e3);
        }
        meter.note("mean_us", self.0.mean() / 1e3);
        meter.note("max_us", self.0.max() as f64 / 1e3);
    }
}

/// Tells the runner that this side can be connected to.
pub fn ready() {
    say("READY");
}

/// One line to the runner.
pub fn say(line: &str) {
    println!("{line}");
    let _ = std::io::stdout().flush();
}

/// Checks one message: its length, and the first and the last eight octets. All of it would be what is measured then.
///
/// # Panics
/// When it is another one.
#[inline]
pub fn check(body: &[u8], expected: &[u8]) {
    let is_it = body.len() == expected.len()
        && body.first_chunk::<8>() == expected.first_chunk::<8>()
        && body.last_chunk::<8>() == expected.last_chunk::<8>()
        && (body.len() >= 8 || body == expected);
    assert!(
        is_it,
        "a message of {} octets that begins with {:?} instead of {} and {:?}",
        body.len(),
        body.first(),
        expected.len(),
        expected.first()
    );
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    #[should_panic(expected = "a message of 3 octets")]
    fn a_short_message_is_compared_whole() {
        check(b"Mab", b"Mac");
    }

    #[test]
    #[should_panic(expected = "a message of 40 octets")]
    fn a_long_message_is_compared_at_both_ends() {
        let mut other = [7; 40];
        other[33] = 8;
        check(&[7; 40], &[7; 40]);
        check(&other, &[7; 40]);
    }
}
