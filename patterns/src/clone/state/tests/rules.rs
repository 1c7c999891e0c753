//! Who decides: the rules, one by one.

use std::time::{Duration, Instant};

use crate::clone::state::pair::{Decision, Own, Pair, PairConfig};
use crate::clone::version::Version;
use crate::clone::wire::{Beat, Order, Role};

const BEAT: Duration = Duration::from_millis(100);
const FAILOVER: Duration = Duration::from_secs(1);

/// One of a pair, and what the test says as the other one.
struct Stage {
    pair: Pair,
    now: Instant,
    said: u64,
    /// What it has said last.
    beat: (u64, Beat),
    epoch: u64,
}

impl Stage {
    fn new(config: PairConfig) -> Self {
        let now = Instant::now();
        let config = PairConfig { beat: BEAT, failover: FAILOVER, lease: FAILOVER, ..config };
        let pair = Pair::new(config, 1, 10, Vec::new(), now);
        let mut stage = Self { pair, now, said: 0, beat: (0, Beat::default()), epoch: 0 };
        stage.pass(Duration::ZERO);
        stage
    }

    /// So much time passes, and it lives through it.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            while let Some(decision) = self.pair.poll() {
                match decision {
                    Decision::Beat(number, beat) => self.beat = (number, beat),
                    Decision::Become(role, epoch) => {
                        self.epoch = epoch;
                        if role == Role::Promoting {
                            self.pair.promoted(self.now);
                        }
                    }
                    _ => {}
                }
            }
            let next = self.pair.next_deadline();
            if next > end {
                break;
            }
            self.now = next.max(self.now);
            self.pair.wake(self.now);
        }
        self.now = end;
    }

    /// It is not there for so long.
    fn freeze(&mut self, time: Duration) {
        self.now += time;
    }

    /// The other one says that it is this, has that, and has heard the last beat.
    fn hear(&mut self, role: Role, version: Version) {
        self.said += 1;
        let echo = Some((1, self.beat.0));
        let is_primary = !self.beat.1.is_primary;
        let beat = Beat { is_primary, role, version, epoch: version.epoch, ends: Vec::new(), echo };
        self.pair.heard(self.now, 0, (2, self.said), beat);
        self.pass(Duration::ZERO);
    }

    /// The same, again and again.
    fn hear_for(&mut self, time: Duration, role: Role, version: Version) {
        let end = self.now + time;
        while self.now < end {
            self.hear(role, version);
            self.pass(BEAT);
        }
    }

    fn has(&mut self, version: Version, is_live: bool) {
        self.pair.update(self.now, Own { version, safe: version, is_live });
        self.pass(Duration::ZERO);
    }

    fn role(&self) -> Role {
        self.pair.role()
    }
}

fn version(epoch: u64, seq: u64) -> Version {
    Version { epoch, seq }
}

/// A standby of an active one in epoch 11, which has everything.
fn standby(config: PairConfig) -> Stage {
    let mut stage = Stage::new(config);
    stage.hear(Role::Active, version(11, 5));
    stage.has(version(11, 5), true);
    stage.hear_for(3 * BEAT, Role::Active, version(11, 5));
    assert_eq!(stage.role(), Role::Standby);
    stage
}

/// One that decides, and whose other one follows.
fn active(config: PairConfig) -> Stage {
    let mut stage = Stage::new(PairConfig { is_primary: true, ..config });
    stage.hear(Role::Starting, version(0, 0));
    stage.hear_for(2 * BEAT, Role::Starting, version(0, 0));
    assert_eq!(stage.role(), Role::Active);
    let own = version(stage.epoch, 1);
    stage.has(own, false);
    stage.hear_for(3 * BEAT, Role::Standby, own);
    stage
}

#[test]
fn a_standby_takes_over_after_the_silence_when_a_client_asks_for_it_and_not_before() {
    let mut stage = standby(PairConfig::default());
    stage.pair.asked(stage.now, version(11, 5));
    stage.pass(Duration::ZERO);
    assert_eq!(stage.role(), Role::Standby, "it was not silent for long enough");
    stage.pass(10 * FAILOVER);
    assert_eq!(stage.role(), Role::Standby, "nobody asks any more");
    stage.pair.asked(stage.now, version(11, 2000));
    stage.pass(Duration::ZERO);
    assert_eq!(stage.role(), Role::Standby, "whoever asks knows of much that it lacks");
    stage.pair.asked(stage.now, version(11, 5));
    stage.pass(Duration::ZERO);
    assert_eq!((stage.role(), stage.epoch), (Role::Active, 12));
}

#[test]
fn a_standby_that_was_frozen_does_not_take_its_own_absence_for_the_others() {
    let mut stage = standby(PairConfig::default());
    stage.freeze(100 * FAILOVER);
    stage.pair.asked(stage.now, version(11, 5));
    stage.pass(BEAT);
    assert_eq!(stage.role(), Role::Standby);
    stage.hear_for(FAILOVER, Role::Active, version(11, 5));
    assert_eq!(stage.role(), Role::Standby);
}

#[test]
fn a_standby_that_lacks_too_much_does_not_take_over() {
    let mut stage = standby(PairConfig { max_lag: 10, ..PairConfig::default() });
    stage.hear(Role::Active, version(11, 16));
    stage.pass(2 * FAILOVER);
    stage.pair.asked(stage.now, version(11, 5));
    stage.pass(BEAT);
    assert_eq!(stage.role(), Role::Standby);
    // Unless it is told to.
    assert!(stage.pair.order(stage.now, Order::Promote));
    stage.pass(Duration::ZERO);
    assert_eq!(stage.role(), Role::Active);
}

#[test]
fn an_active_one_that_was_away_for_longer_than_the_failover_does_not_decide_when_it_is_back() {
    for frozen in [FAILOVER - BEAT, FAILOVER] {
        let mut stage = active(PairConfig::default());
        stage.freeze(frozen);
        stage.pair.check(stage.now);
        let is_away = stage.role() == Role::Fenced;
        assert_eq!(is_away, frozen >= FAILOVER, "{frozen:?}");
    }
}

#[test]
fn an_active_one_that_hears_of_a_later_epoch_stops_and_follows() {
    let mut stage = active(PairConfig::default());
    let later = version(stage.epoch + 1, 2);
    stage.hear(Role::Active, later);
    assert_eq!(stage.role(), Role::Fenced);
    stage.hear(Role::Active, later);
    assert_eq!(stage.role(), Role::Syncing);
}

#[test]
fn each_of_the_two_has_epochs_of_its_own() {
    assert_eq!(active(PairConfig::default()).epoch % 2, 1);
    let mut backup = Stage::new(PairConfig { bootstrap: true, ..PairConfig::default() });
    backup.pass(3 * FAILOVER);
    assert_eq!((backup.role(), backup.epoch % 2), (Role::Active, 0));
}

#[test]
fn with_a_witness_an_active_one_that_nobody_hears_stops_before_the_other_one_may_begin() {
    let mut stage = active(PairConfig { has_witness: true, ..PairConfig::default() });
    // It hears the other one, which does not hear it.
    let heard = stage.beat.0;
    while stage.role() == Role::Active {
        stage.said += 1;
        let (beat, now) =
            (Beat { role: Role::Standby, echo: Some((1, heard)), ..Beat::default() }, stage.now);
        stage.pair.heard(now, 0, (2, stage.said), beat);
        stage.pass(BEAT);
        assert!(stage.said < 20);
    }
    assert!((8..=10).contains(&stage.said.saturating_sub(5)), "it stopped after {} beats", stage.said);
}

#[test]
fn the_one_who_hands_over_stops_at_once_and_the_other_one_begins_when_it_has_everything() {
    let mut stage = active(PairConfig::default());
    assert!(stage.pair.order(stage.now, Order::HandOver));
    stage.pass(Duration::ZERO);
    assert_eq!((stage.role(), stage.beat.1.role), (Role::Leaving, Role::Leaving));
    // Nobody takes it: then it may begin again, in a later epoch.
    let epoch = stage.epoch;
    stage.hear_for(2 * FAILOVER, Role::Standby, version(epoch, 0));
    assert_eq!(stage.role(), Role::Active);
    assert!(stage.epoch > epoch);

    let mut other = standby(PairConfig::default());
    other.hear(Role::Leaving, version(11, 6));
    assert_eq!(other.role(), Role::Standby, "it lacks one");
    other.has(version(11, 6), true);
    assert_eq!((other.role(), other.epoch), (Role::Active, 12));
}

#[test]
fn two_that_are_told_to_be_the_same_do_not_both_decide() {
    let mut stage = Stage::new(PairConfig { bootstrap: true, ..PairConfig::default() });
    for number in 1..50 {
        stage.pair.heard(stage.now, 0, (2, number), Beat::default());
        stage.pass(BEAT);
    }
    assert!(stage.pair.has_twin());
    assert_eq!(stage.role(), Role::Starting);
}
