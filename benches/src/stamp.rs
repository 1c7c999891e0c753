//! What senders write into their payloads, between the ends that [`check`](crate::check) compares: when, and who.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::Meter;

/// The system's monotonic clock, which all processes of a machine share.
#[derive(Debug)]
pub struct Clock;

impl Clock {
    /// Writes the time into a payload of at least 16 octets.
    pub fn stamp(payload: &mut [u8]) {
        payload[8..16].copy_from_slice(&Self::now().to_ne_bytes());
    }

    /// How long ago a payload was stamped.
    pub fn since(payload: &[u8]) -> Duration {
        let stamped = payload[8..16].try_into().map(u64::from_ne_bytes).expect("eight octets");
        Duration::from_nanos(Self::now().saturating_sub(stamped))
    }

    fn now() -> u64 {
        let time = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("a clock");
        Duration::from(time).as_nanos() as u64
    }
}

/// How many messages each of many senders, or receivers, had.
#[derive(Debug)]
pub struct Shares {
    since: Vec<u64>,
    /// How many each had when the counting began.
    before: Vec<u64>,
}

impl Shares {
    /// None so far.
    pub fn new(many: usize) -> Self {
        Self { since: vec![0; many], before: vec![0; many] }
    }

    /// Writes a sender's number, and which of its messages this is, into a payload of at least 36 octets.
    pub fn sign(payload: &mut [u8], sender: usize, number: u64) {
        payload[16..20].copy_from_slice(&(sender as u32).to_ne_bytes());
        payload[20..28].copy_from_slice(&number.to_ne_bytes());
    }

    /// Counts a message for the sender that signed it.
    ///
    /// # Panics
    /// When it is not the one that comes next from there.
    #[inline]
    pub fn count(&mut self, payload: &[u8]) {
        let sender = payload[16..20].try_into().map(u32::from_ne_bytes).expect("four octets") as usize;
        let number = payload[20..28].try_into().map(u64::from_ne_bytes).expect("eight octets");
        assert_eq!(number, self.before[sender] + self.since[sender], "of sender {sender}");
        self.add(sender);
    }

    /// Counts a message.
    #[inline]
    pub fn add(&mut self, number: usize) {
        self.since[number] += 1;
    }

    /// Whether everybody had one.
    pub fn all_there(&self) -> bool {
        self.since.iter().all(|share| *share > 0)
    }

    /// Begins again.
    pub fn reset(&mut self) {
        self.before
            .iter_mut()
            .zip(&mut self.since)
            .for_each(|(before, since)| *before += std::mem::take(since));
    }

    /// Notes Jain's fairness index (1 is perfectly fair, 1/n is one for all) and the extremes.
    pub fn note(&self, meter: &mut Meter) {
        let (sum, squares) = self.since.iter().fold((0.0, 0.0), |(sum, squares), share| {
            let share = *share as f64;
            (sum + share, squares + share * share)
        });
        meter.note("fairness", sum * sum / (squares * self.since.len() as f64));
        meter.note("least", self.since.iter().min().copied());
        meter.note("most", self.since.iter().max().copied());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_tells_who_sent_it_and_when() {
        let mut payload = [0; 36];
        Clock::stamp(&mut payload);
        let mut shares = Shares::new(3);
        for number in 0..2 {
            Shares::sign(&mut payload, 2, number);
            shares.count(&payload);
            assert_eq!(shares.since, [0, 0, 1]);
            shares.reset();
        }
        assert!(Clock::since(&payload) < Duration::from_secs(10));
    }
}
