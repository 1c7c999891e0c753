//! What came of many requests.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};
use zmtp::Message;

/// Counts, and how long replies have taken.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) requests: u64,
    pub(crate) replies: u64,
    pub(crate) failed: u64,
    /// Requests whose clients were closed meanwhile.
    pub(crate) withdrawn: u64,
    /// Why one has failed.
    pub(crate) why: Option<String>,
    /// In microseconds.
    taken: Histogram<u64>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        // The bounds are as they have to be.
        let taken = Histogram::new_with_bounds(1, LONGEST, 3).expect("a lower bound of 1, and 3 digits");
        Self { requests: 0, replies: 0, failed: 0, withdrawn: 0, why: None, taken }
    }

    /// A reply has come, after so long.
    pub(crate) fn replied(&mut self, taken: Duration) {
        self.replies += 1;
        self.taken.saturating_record(u64::try_from(taken.as_micros()).unwrap_or(LONGEST).max(1));
    }

    /// None has, or a wrong one.
    pub(crate) fn failed(&mut self, why: impl ToString) {
        self.failed += 1;
        self.why.get_or_insert_with(|| why.to_string());
    }

    /// A line for each figure: its name, how much, and the unit.
    pub(crate) fn lines(&self, time: Duration) -> Vec<Message> {
        let count = |what: &str, number: u64| Message::new(what).with(number.to_string());
        let mut lines = vec![
            count("requests", self.requests),
            count("replies", self.replies),
            count("failed", self.failed),
            count("withdrawn", self.withdrawn),
            Message::new("rate").with(format!("{:.0}", self.rate(time))).with("replies/s"),
        ];
        let latencies = self.latencies();
        lines.extend(
            latencies.map(|(what, millis)| Message::new(what).with(format!("{millis:.1}")).with("ms")),
        );
        lines
    }

    /// The same for a program.
    pub(crate) fn object(&self, time: Duration) -> Value {
        let mut object = json!({
            "requests": self.requests,
            "replies": self.replies,
            "failed": self.failed,
            "withdrawn": self.withdrawn,
            "rate": self.rate(time),
        });
        for (what, millis) in self.latencies() {
            object[format!("{what}_ms")] = millis.into();
        }
        object
    }

    fn rate(&self, time: Duration) -> f64 {
        self.replies as f64 / time.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    fn latencies(&self) -> [(&'static str, f64); 4] {
        let at = |quantile: f64| self.taken.value_at_quantile(quantile) as f64 / 1e3;
        [("p50", at(0.5)), ("p99", at(0.99)), ("p99.9", at(0.999)), ("max", self.taken.max() as f64 / 1e3)]
    }
}

/// An hour.
const LONGEST: u64 = 3_600_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_of_requests_is_counted_and_measured() {
        let mut tally = Tally::new();
        for number in 1..=1000 {
            tally.requests += 1;
            tally.replied(Duration::from_millis(number));
        }
        tally.requests += 1;
        tally.failed("the first");
        tally.failed("the second");
        let object = tally.object(Duration::from_secs(10));
        assert_eq!((object["requests"].as_u64(), object["failed"].as_u64()), (Some(1001), Some(2)));
        assert_eq!(object["rate"].as_f64(), Some(100.0));
        for (what, expected) in [("p50_ms", 500.0), ("p99_ms", 990.0), ("max_ms", 1000.0)] {
            let measured = object[what].as_f64().unwrap();
            assert!((measured - expected).abs() / expected < 0.01, "{what} {measured}");
        }
        assert_eq!(tally.why.as_deref(), Some("the first"));
        assert_eq!(tally.lines(Duration::from_secs(10)).len(), 9);
    }
}
