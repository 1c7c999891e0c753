//! What senders write into their payloads: when, and who.

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
pub struct Shares(Vec<u64>);

impl Shares {
    /// None so far.
    pub fn new(many: usize) -> Self {
        Self(vec![0; many])
    }

    /// Writes a sender's number into a payload of at least 8 octets.
    pub fn sign(payload: &mut [u8], number: usize) {
        payload[4..8].copy_from_slice(&(number as u32).to_ne_bytes());
    }

    /// Counts a message for the sender that signed it.
    #[inline]
    pub fn count(&mut self, payload: &[u8]) {
        let number = payload[4..8].try_into().map(u32::from_ne_bytes).expect("four octets");
        self.add(number as usize);
    }

    /// Counts a message.
    #[inline]
    pub fn add(&mut self, number: usize) {
        self.0[number] += 1;
    }

    /// Whether everybody had one.
    pub fn all_there(&self) -> bool {
        self.0.iter().all(|share| *share > 0)
    }

    /// Begins again.
    pub fn reset(&mut self) {
        self.0.fill(0);
    }

    /// Notes Jain's fairness index (1 is perfectly fair, 1/n is one for all) and the extremes.
    pub fn note(&self, meter: &mut Meter) {
        let (sum, squares) = self.0.iter().fold((0.0, 0.0), |(sum, squares), share| {
            let share = *share as f64;
            (sum + share, squares + share * share)
        });
        meter.note("fairness", sum * sum / (squares * self.0.len() as f64));
        meter.note("least", self.0.iter().min().copied());
        meter.note("most", self.0.iter().max().copied());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_tells_who_sent_it_and_when() {
        let mut payload = [0; 16];
        Clock::stamp(&mut payload);
        Shares::sign(&mut payload, 2);
        let mut shares = Shares::new(3);
        shares.count(&payload);
        assert_eq!(shares.0, [0, 0, 1]);
        assert!(Clock::since(&payload) < Duration::from_secs(10));
    }
}
