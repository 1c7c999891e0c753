//! What is done to whom, and when: all of it follows from a seed.

use std::fmt;
use std::time::Duration;

use fastrand::Rng;

use crate::process::Name;

/// What can be done to a process or to a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Blow {
    /// SIGKILL; then it is started again.
    Kill,
    /// SIGSTOP; then SIGCONT.
    Freeze,
    Cut,
    Slow,
    Silence,
}

/// All that can be done to a process.
pub(crate) const PROCESS: &[Blow] = &[Blow::Kill, Blow::Freeze];
/// All that can be done to a link.
pub(crate) const LINK: &[Blow] = &[Blow::Cut, Blow::Slow, Blow::Silence];

/// One blow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Act {
    pub(crate) at: Duration,
    pub(crate) whom: Name,
    pub(crate) blow: Blow,
    /// Then it is mended.
    pub(crate) lasts: Duration,
}

/// One act each second, each upon somebody who is well.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    pub(crate) seed: u64,
    pub(crate) lasts: Duration,
    pub(crate) acts: Vec<Act>,
}

impl Schedule {
    /// For so many seconds, upon those who may be hit so.
    pub(crate) fn new(seed: u64, seconds: u64, targets: &[(Name, &[Blow])]) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut acts: Vec<Act> = Vec::new();
        for second in 0..seconds {
            let at = Duration::from_secs(second);
            let is_well = |name| acts.iter().all(|act| act.whom != name || act.at + act.lasts < at);
            let well: Vec<_> = targets.iter().filter(|(name, _)| is_well(*name)).collect();
            let Some((whom, blows)) = rng.choice(well) else { continue };
            let Some(blow) = rng.choice(blows.iter()) else { continue };
            // Around the few seconds after which those who say nothing count as gone.
            let lasts = Duration::from_millis(rng.u64(100..6000));
            acts.push(Act { at, whom, blow: *blow, lasts });
        }
        Self { seed, lasts: Duration::from_secs(seconds), acts }
    }

    /// The same, as the environment wants it: `SEED`, and `CHAOS_SECONDS`, 20 unless set.
    pub(crate) fn from_environment(targets: &[(Name, &[Blow])]) -> Self {
        let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect(name));
        let seed = number("SEED").unwrap_or_else(|| fastrand::u64(..1_000_000));
        Self::new(seed, number("CHAOS_SECONDS").unwrap_or(20), targets)
    }

    /// How many acts there are of each kind.
    pub(crate) fn kinds(&self) -> String {
        let count = |blow| self.acts.iter().filter(|act| act.blow == blow).count();
        let kinds = PROCESS.iter().chain(LINK).map(|blow| format!("{blow:?} {}", count(*blow)));
        kinds.collect::<Vec<_>>().join(", ").to_lowercase()
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SEED={} CHAOS_SECONDS={}", self.seed, self.lasts.as_secs())
    }
}

impl Drop for Schedule {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{self} cargo test -p zmtp-cli --test chaos has the same acts again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGETS: [(Name, &[Blow]); 3] = [("one", PROCESS), ("two", &[Blow::Freeze]), ("link", LINK)];

    #[test]
    fn a_seed_has_the_same_acts_each_time_and_another_one_has_others() {
        let acts = |seed| Schedule::new(seed, 60, &TARGETS).acts.clone();
        assert_eq!(acts(7), acts(7));
        assert_ne!(acts(7), acts(8));
    }

    #[test]
    fn who_is_hit_is_well_by_then_and_may_be_hit_so() {
        for seed in 0..100 {
            let schedule = Schedule::new(seed, 60, &TARGETS);
            for (number, act) in schedule.acts.iter().enumerate() {
                let may = TARGETS.iter().any(|(name, blows)| *name == act.whom && blows.contains(&act.blow));
                assert!(may, "{act:?}");
                for before in schedule.acts[..number].iter().filter(|before| before.whom == act.whom) {
                    assert!(before.at + before.lasts < act.at, "{before:?} {act:?}");
                }
            }
        }
    }
}
