//! The witness of pairs of servers: says to one of the two at a time that the other one does not decide. Pure;
//! [`Machine`] says how it is driven.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustc_hash::FxHashMap;

use crate::Machine;
use crate::clone::version::Version;
use crate::clone::wire::Testimony;
use crate::wire::{Header, Malformed};

/// Something was said to a witness. `P` names a connection.
#[derive(Debug)]
pub struct WitnessInput<P>(pub P, pub Result<(Header, Testimony), Malformed>);

/// The witness. It has nothing on a disk: one that has just been started grants nothing that another may have granted.
#[derive(Debug)]
pub struct Witness<P> {
    born: Instant,
    leases: FxHashMap<Bytes, Lease>,
    malformed: u64,
    said: u64,
    output: VecDeque<(P, u64, Testimony)>,
}

#[derive(Debug)]
struct Lease {
    holder: u64,
    until: Instant,
    /// What whoever held it had.
    latest: Version,
    /// The highest epoch of those who held it.
    epoch: u64,
}

impl<P> Witness<P> {
    /// One that has granted nothing.
    pub fn new(now: Instant) -> Self {
        Self { born: now, leases: FxHashMap::default(), malformed: 0, said: 0, output: VecDeque::new() }
    }

    /// Messages that are of no such protocol.
    pub fn malformed(&self) -> u64 {
        self.malformed
    }

    /// How many pairs it knows of.
    pub fn pairs(&self) -> usize {
        self.leases.len()
    }

    fn claim(
        &mut self,
        now: Instant,
        header: &Header,
        pair: Bytes,
        lease: Duration,
        (has, epoch): (Version, u64),
    ) -> Testimony {
        let (holder, claim) = (header.session, header.number);
        if lease > LONGEST {
            return Testimony::Held { claim, rest: lease };
        }
        if self.leases.len() >= PAIRS && !self.leases.contains_key(&pair) {
            self.leases.retain(|_, lease| lease.until > now);
        }
        // Clocks need not run alike.
        let lease = lease.mul_f64(1.1);
        let known = self.leases.get(&pair);
        let free = match known {
            Some(other) if other.holder != holder => other.until,
            Some(_) => now,
            // Whoever was granted it by another witness at this place may go on for so long.
            None if now < self.born + lease => self.born + lease,
            None if self.leases.len() >= PAIRS => now + lease,
            None => now,
        };
        if free > now {
            return Testimony::Held { claim, rest: free - now };
        }
        let latest = known.map_or(has, |known| known.latest.max(has));
        let epoch = known.map_or(epoch, |known| known.epoch.max(epoch));
        self.leases.insert(pair, Lease { holder, until: now + lease, latest, epoch });
        Testimony::Granted { claim, latest, epoch }
    }
}

impl<P> Machine for Witness<P> {
    type Input = WitnessInput<P>;
    /// Say this to somebody, with this number.
    type Output = (P, u64, Testimony);

    fn handle(&mut self, now: Instant, WitnessInput(peer, said): WitnessInput<P>) {
        match said {
            Ok((header, Testimony::Claim { pair, lease, version, epoch })) => {
                let testimony = self.claim(now, &header, pair, lease, (version, epoch));
                self.output.push_back((peer, self.said, testimony));
                self.said += 1;
            }
            Ok(_) | Err(_) => self.malformed += 1,
        }
    }

    fn wake(&mut self, _now: Instant) {}

    fn poll_output(&mut self) -> Option<Self::Output> {
        self.output.pop_front()
    }

    fn next_deadline(&self) -> Option<Instant> {
        None
    }
}

/// The longest lease that is granted.
pub(in crate::clone) const LONGEST: Duration = Duration::from_secs(60);
/// The most pairs.
const PAIRS: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    struct Court {
        witness: Witness<u8>,
        start: Instant,
    }

    impl Court {
        /// What one of the two hears at this millisecond.
        fn claim(&mut self, millis: u64, holder: u64, pair: &'static str) -> Testimony {
            let now = self.start + Duration::from_millis(millis);
            let version = Version { epoch: holder, seq: millis };
            let (pair, lease, epoch) = (pair.into(), Duration::from_secs(1), 10 * holder);
            let claim = Testimony::Claim { pair, lease, version, epoch };
            let header = Header { command: 0, session: holder, number: millis };
            self.witness.handle(now, WitnessInput(3, Ok((header, claim))));
            let (peer, _, testimony) = self.witness.poll_output().unwrap();
            assert_eq!(peer, 3);
            testimony
        }
    }

    #[test]
    fn one_of_a_pair_holds_the_lease_and_the_other_one_is_told_for_how_long() {
        let start = Instant::now();
        let mut court = Court { witness: Witness::new(start), start };
        let held = |claim, millis| Testimony::Held { claim, rest: Duration::from_millis(millis) };
        let granted = |claim, epoch| Testimony::Granted {
            claim,
            latest: Version { epoch, seq: claim },
            epoch: 10 * epoch,
        };
        // It does not know what was before it.
        assert_eq!(court.claim(100, 1, "a"), held(100, 1000));
        assert_eq!(court.claim(1100, 1, "a"), granted(1100, 1));
        assert_eq!(court.claim(1200, 2, "a"), held(1200, 1000));
        assert_eq!(court.claim(1200, 2, "b"), granted(1200, 2));
        assert_eq!(court.claim(1900, 1, "a"), granted(1900, 1));
        assert_eq!(court.claim(2900, 2, "a"), held(2900, 100));
        assert_eq!(court.claim(3000, 2, "a"), granted(3000, 2));
        assert_eq!(court.claim(3000, 1, "a"), held(3000, 1100));
        assert_eq!(court.witness.pairs(), 2);
    }

    #[test]
    fn many_names_are_not_all_kept() {
        let start = Instant::now();
        let mut witness = Witness::new(start);
        let later = start + Duration::from_secs(5);
        for number in 0..2 * PAIRS {
            let pair = number.to_string().into();
            let (lease, version) = (Duration::from_secs(1), Version::default());
            let claim = Testimony::Claim { pair, lease, version, epoch: 0 };
            witness.handle(later, WitnessInput(1, Ok((Header { command: 0, session: 1, number: 0 }, claim))));
        }
        assert_eq!(witness.pairs(), PAIRS);
        witness.handle(later, WitnessInput(1, Err(Malformed::Magic)));
        assert_eq!(witness.malformed(), 1);
    }
}
