//! The modules of one of two systems, each with a server of its own: they are on while that server decides, and never while
//! those of the other system are. Pure; [`Machine`] says how it is driven.
//!
//! ```text
//!                   own server decides, and the others are off for sure
//!        ┌──► Off ──────────────────────────────────────────────────────► Claiming ──it is done──► On
//!        │     │  says that they are off, under the key                                            │
//!        │     └── to whoever decides                                                              │
//!        └───────────────────── they are off ◄── Stopping ◄────────────────────────────────────────┘
//!                                                    another decides, or the session is nearly over
//! ```
//!
//! A key of the clone says which system is on, as long as its session lasts; or which was, and is off. That this key is
//! right cannot be known of what was there before the epoch: the last changes may be lost. So in each epoch a system waits
//! until the other one has said in this epoch that it is off, or until a session of it would be over for sure, or it has
//! been made sure by other means (a fence).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::Machine;
use crate::clone::tree::Entry;
use crate::clone::version::Version;
use crate::clone::wire::{Lasts, When};

/// How the modules of a system are looked after. The other system's has the same, but for `system`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModulesConfig {
    /// The name of the system. The other one has another.
    pub system: Bytes,
    /// Which of the servers is its own: counted from 0. The first.
    pub own: usize,
    /// The key that says which system is on. `modules`.
    pub key: Bytes,
    /// How long a system that is not heard counts as on. 3 s.
    pub ttl: Duration,
    /// How long its modules may take to stop. 1 s; at most half of `ttl`.
    pub grace: Duration,
    /// Whether there is a way to make sure that the other system is off: [`ModulesOutput::Fence`]. There is none.
    pub can_fence: bool,
}

impl ModulesConfig {
    /// Of the system with this name.
    pub fn of(system: impl Into<Bytes>) -> Self {
        Self {
            system: system.into(),
            own: 0,
            key: "modules".into(),
            ttl: Duration::from_secs(3),
            grace: Duration::from_secs(1),
            can_fence: false,
        }
    }
}

/// What can happen to a system's modules.
#[derive(Debug, Clone)]
pub enum ModulesInput {
    /// This is what the replica has.
    Seen(Sight),
    /// The claim is done by this change, and its session is open until then; or it was not done.
    Claimed(Option<(Version, u64, Instant)>),
    /// The session is open until then for sure, or it is over.
    Sure(Option<Instant>),
    /// What was said of the key is done, or was not.
    Said(bool),
    /// The modules are off.
    Stopped,
    /// The other system is off for sure, or that could not be done.
    Fenced(bool),
    /// Switch them off and leave.
    Leave,
}

/// What a replica has, as far as it concerns modules.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sight {
    /// Which server it follows, if it does follow one that decides.
    pub server: Option<usize>,
    /// Up to which change.
    pub version: Version,
    /// What the key stands for.
    pub entry: Option<Entry>,
}

/// What a system's modules want done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModulesOutput {
    /// Open a session, and let the key stand for this with it, on this condition.
    Claim(Bytes, When),
    /// Let the key stand for this, on this condition.
    Say(Bytes, When),
    /// Close the session, if there is one.
    Abandon,
    /// Switch the modules on.
    Start {
        /// In this epoch.
        epoch: u64,
    },
    /// Switch them off; what is not off by then is to be killed. Also said at the beginning, since nobody knows how they
    /// are.
    Stop {
        /// When they have to be off.
        by: Instant,
    },
    /// Make sure that the other system is off.
    Fence,
    /// They are off, and that is the end.
    Left,
}

/// The modules of one system.
#[derive(Debug)]
pub struct Modules {
    config: ModulesConfig,
    sight: Sight,
    /// The epoch in which the own server decides, and since when that is known.
    epoch: Option<(u64, Instant)>,
    /// What the key says in this epoch is right.
    trusted: Option<u64>,
    fence: Fence,
    state: State,
    /// Nothing is asked of the server before that.
    rest: Instant,
    is_leaving: bool,
    /// When time alone changes something.
    deadline: Option<Instant>,
    output: VecDeque<ModulesOutput>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// They are off.
    Off,
    /// They are off, and there is no answer yet to that word.
    Saying,
    /// They are off, and there is no answer yet to a claim of this epoch.
    Claiming(u64),
    /// They are on, by this change, in a session with this number that is open until then.
    On(Version, u64, Instant),
    /// They are on, and have to be off by then.
    Stopping(Instant),
    /// All is over.
    Left,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fence {
    No,
    Asked(u64),
    Done(u64),
    Failed(u64),
}

/// What the key stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Nothing,
    /// A system is on.
    On,
    /// This one has said that it is off.
    WeAreOff,
    /// The other one has.
    TheyAreOff,
}

impl Modules {
    /// Modules of which nobody knows how they are: first of all they are switched off.
    pub fn new(config: ModulesConfig, now: Instant) -> Self {
        let by = now + config.grace.min(config.ttl / 2);
        let mut modules = Self {
            config,
            sight: Sight::default(),
            epoch: None,
            trusted: None,
            fence: Fence::No,
            state: State::Stopping(by),
            rest: now,
            is_leaving: false,
            deadline: None,
            output: VecDeque::new(),
        };
        modules.output.push_back(ModulesOutput::Stop { by });
        modules
    }

    /// Whether the modules are on, or may be.
    pub fn is_on(&self) -> bool {
        matches!(self.state, State::On(..) | State::Stopping(_))
    }

    fn see(&mut self, now: Instant, sight: Sight) {
        if sight.server == Some(self.config.own) {
            let epoch = sight.version.epoch;
            if self.epoch.is_none_or(|(known, _)| known != epoch) {
                self.epoch = Some((epoch, now));
            }
        } else if sight.server.is_some() {
            self.epoch = None;
        }
        self.sight = sight;
        let said = self.said();
        if let (Some((epoch, _)), Some(entry)) = (self.epoch, &self.sight.entry) {
            // Who has claimed it in this epoch was sure, and the other one's word is its word.
            if entry.version.epoch == epoch && matches!(said, Said::On | Said::TheyAreOff) {
                self.trusted = Some(epoch);
            }
        }
    }

    fn said(&self) -> Said {
        let Some(entry) = &self.sight.entry else { return Said::Nothing };
        match entry.value.strip_prefix(OFF) {
            Some(system) if *system == self.config.system => Said::WeAreOff,
            Some(_) => Said::TheyAreOff,
            None => Said::On,
        }
    }

    /// On this condition the key is as it is seen.
    fn as_seen(&self) -> When {
        self.sight.entry.as_ref().map_or(When::Absent, |entry| When::Unchanged(entry.version))
    }

    fn decide(&mut self, now: Instant) {
        self.deadline = None;
        match self.state {
            State::Off | State::Saying | State::Claiming(_) if self.is_leaving => {
                self.state = State::Left;
                self.output.push_back(ModulesOutput::Left);
            }
            State::Off if now >= self.rest => self.decide_off(now),
            State::Off => self.until(self.rest),
            State::On(version, session, until) => self.decide_on(now, version, session, until),
            State::Saying | State::Claiming(_) | State::Stopping(_) | State::Left => {}
        }
    }

    fn decide_off(&mut self, now: Instant) {
        if self.sight.server.is_none() {
            return;
        }
        let said = self.said();
        if let Some((epoch, since)) = self.epoch {
            let is_over = now >= since + self.config.ttl;
            let is_fenced = self.fence == Fence::Done(epoch);
            let is_free = matches!(said, Said::Nothing | Said::WeAreOff | Said::TheyAreOff);
            if is_over || is_fenced {
                self.trusted = Some(epoch);
            }
            if self.trusted == Some(epoch) && (is_free || is_fenced && self.is_of_before(epoch)) {
                self.state = State::Claiming(epoch);
                let on = [ON, &self.config.system].concat().into();
                return self.output.push_back(ModulesOutput::Claim(on, self.as_seen()));
            }
            if !is_over {
                self.until(since + self.config.ttl);
            }
            return self.ask_for_fence(now, epoch, since);
        }
        // The other one's server decides, and waits to hear that these are off.
        let epoch = self.sight.version.epoch;
        if said != Said::On && (said != Said::WeAreOff || self.is_of_before(epoch)) {
            self.state = State::Saying;
            let off = [OFF, &self.config.system].concat().into();
            self.output.push_back(ModulesOutput::Say(off, self.as_seen()));
        }
    }

    /// If it has not said that it is off for long enough.
    fn ask_for_fence(&mut self, now: Instant, epoch: u64, since: Instant) {
        let is_asked =
            matches!(self.fence, Fence::Asked(it) | Fence::Done(it) | Fence::Failed(it) if it == epoch);
        if !self.config.can_fence || is_asked || self.said() != Said::On || !self.is_of_before(epoch) {
            return;
        }
        if now >= since + self.config.grace {
            self.fence = Fence::Asked(epoch);
            self.output.push_back(ModulesOutput::Fence);
        } else {
            self.until(since + self.config.grace);
        }
    }

    /// Whether the key was set before this epoch.
    fn is_of_before(&self, epoch: u64) -> bool {
        self.sight.entry.as_ref().is_none_or(|entry| entry.version.epoch < epoch)
    }

    fn decide_on(&mut self, now: Instant, version: Version, session: u64, until: Instant) {
        let is_others = self.sight.server.is_some_and(|server| server != self.config.own);
        let is_taken = self.sight.version >= version
            && self.sight.entry.as_ref().is_none_or(|entry| entry.lasts != Lasts::With(session));
        let last = until - self.grace();
        if is_others || is_taken || now >= last || self.is_leaving {
            self.stop(now, until);
        } else {
            self.until(last);
        }
    }

    fn grace(&self) -> Duration {
        self.config.grace.min(self.config.ttl / 2)
    }

    fn stop(&mut self, now: Instant, until: Instant) {
        let by = until.min(now + self.grace());
        self.state = State::Stopping(by);
        self.output.push_back(ModulesOutput::Stop { by });
    }

    fn claimed(&mut self, now: Instant, epoch: u64, claimed: Option<(Version, u64, Instant)>) {
        let Some((version, session, until)) = claimed else { return self.rest_from(now) };
        let is_own = self.epoch.is_some_and(|(own, _)| own == epoch) && version.epoch == epoch;
        self.state = State::Off;
        if !is_own || self.is_leaving || now + self.grace() >= until {
            // It has taken too long, or what it was sure of is over.
            self.output.push_back(ModulesOutput::Abandon);
            return self.rest_from(now);
        }
        self.state = State::On(version, session, until);
        self.output.push_back(ModulesOutput::Start { epoch });
    }

    /// They are off, and wait a little before anything is asked again.
    fn rest_from(&mut self, now: Instant) {
        self.state = State::Off;
        self.rest = now + PAUSE;
    }

    fn until(&mut self, at: Instant) {
        self.deadline = Some(self.deadline.map_or(at, |deadline| deadline.min(at)));
    }
}

impl Machine for Modules {
    type Input = ModulesInput;
    type Output = ModulesOutput;

    fn handle(&mut self, now: Instant, input: ModulesInput) {
        match (input, self.state) {
            (ModulesInput::Seen(sight), _) => self.see(now, sight),
            (ModulesInput::Claimed(claimed), State::Claiming(epoch)) => self.claimed(now, epoch, claimed),
            (ModulesInput::Sure(until), State::On(version, session, before)) => match until {
                Some(until) => self.state = State::On(version, session, until.max(before)),
                None => self.stop(now, now),
            },
            (ModulesInput::Said(done), State::Saying) => {
                self.state = State::Off;
                if !done {
                    self.rest_from(now);
                }
            }
            (ModulesInput::Stopped, State::Stopping(_)) => {
                self.state = State::Off;
                self.output.push_back(ModulesOutput::Abandon);
            }
            (ModulesInput::Fenced(done), _) => {
                if let Fence::Asked(epoch) = self.fence {
                    self.fence = if done { Fence::Done(epoch) } else { Fence::Failed(epoch) };
                }
            }
            (ModulesInput::Leave, _) => self.is_leaving = true,
            _ => {}
        }
        self.decide(now);
    }

    fn wake(&mut self, now: Instant) {
        self.decide(now);
    }

    fn poll_output(&mut self) -> Option<ModulesOutput> {
        self.output.pop_front()
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

/// What the key stands for begins with one of these, and the name of a system comes next.
const ON: &[u8] = b"on ";
const OFF: &[u8] = b"off ";
/// What was refused is not tried again sooner.
const PAUSE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(1);
    const GRACE: Duration = Duration::from_millis(200);

    /// The modules of `a`, which are off, and what they want next.
    struct Stage {
        modules: Modules,
        now: Instant,
    }

    impl Stage {
        fn new(can_fence: bool) -> Self {
            let now = Instant::now();
            let config = ModulesConfig { ttl: TTL, grace: GRACE, can_fence, ..ModulesConfig::of("a") };
            let mut stage = Self { modules: Modules::new(config, now), now };
            assert_eq!(stage.wanted(), [ModulesOutput::Stop { by: now + GRACE }]);
            assert_eq!(stage.hear(ModulesInput::Stopped), [ModulesOutput::Abandon]);
            stage
        }

        fn wanted(&mut self) -> Vec<ModulesOutput> {
            std::iter::from_fn(|| self.modules.poll_output()).collect()
        }

        fn hear(&mut self, input: ModulesInput) -> Vec<ModulesOutput> {
            self.modules.handle(self.now, input);
            self.wanted()
        }

        /// This server decides in epoch 5, and the key stands for this since that epoch.
        fn see(&mut self, server: usize, entry: Option<(&'static str, u64)>) -> Vec<ModulesOutput> {
            let entry = entry.map(|(value, epoch)| {
                let lasts = if value.starts_with("on") { Lasts::With(SESSION) } else { Lasts::Forever };
                Entry { value: value.into(), version: Version { epoch, seq: 9 }, lasts }
            });
            let sight = Sight { server: Some(server), version: Version { epoch: 5, seq: 10 }, entry };
            self.hear(ModulesInput::Seen(sight))
        }

        fn wait(&mut self, time: Duration) -> Vec<ModulesOutput> {
            self.now += time;
            self.modules.wake(self.now);
            self.wanted()
        }

        /// They claim, and it is done in this epoch.
        fn claim(&mut self, epoch: u64) -> Vec<ModulesOutput> {
            self.see(0, Some(("off b", 5)));
            let done = (Version { epoch, seq: 11 }, SESSION, self.now + TTL);
            self.hear(ModulesInput::Claimed(Some(done)))
        }
    }

    const SESSION: u64 = 7;
    const MOMENT: Duration = Duration::from_millis(1);

    fn is_claim(wanted: &[ModulesOutput]) -> bool {
        matches!(wanted, [ModulesOutput::Claim(value, _)] if value == "on a")
    }

    #[test]
    fn c17_they_begin_at_once_only_if_the_others_have_said_in_this_epoch_that_they_are_off() {
        assert!(is_claim(&Stage::new(false).see(0, Some(("off b", 5)))));
        for unsure in [None, Some(("off b", 4)), Some(("off a", 4)), Some(("off a", 5))] {
            let mut stage = Stage::new(false);
            assert_eq!(stage.see(0, unsure), [], "{unsure:?}");
            assert_eq!(stage.wait(TTL - MOMENT), [], "{unsure:?}");
            assert!(is_claim(&stage.wait(MOMENT)), "{unsure:?}");
        }
        let mut stage = Stage::new(false);
        assert_eq!(stage.see(0, Some(("on b", 4))), []);
        assert_eq!(stage.wait(10 * TTL), []);
        // Then its session was over.
        assert!(is_claim(&stage.see(0, None)));
    }

    #[test]
    fn c17_they_stop_before_their_session_may_be_over() {
        let mut stage = Stage::new(false);
        assert_eq!(stage.claim(5), [ModulesOutput::Start { epoch: 5 }]);
        let until = stage.now + TTL;
        assert_eq!(stage.wait(TTL / 2), []);
        assert_eq!(stage.hear(ModulesInput::Sure(Some(until + TTL / 2))), []);
        assert_eq!(stage.wait(TTL - GRACE - MOMENT), []);
        assert_eq!(stage.wait(MOMENT), [ModulesOutput::Stop { by: until + TTL / 2 }]);
        // Nothing else is done until they are off.
        assert_eq!(stage.see(0, Some(("off b", 5))), []);
        assert_eq!(stage.hear(ModulesInput::Stopped)[0], ModulesOutput::Abandon);
    }

    #[test]
    fn c11_they_stop_when_another_server_decides_or_the_key_is_anothers() {
        let mut stage = Stage::new(false);
        stage.claim(5);
        // What is older than the claim says nothing against it.
        assert_eq!(stage.see(0, Some(("off b", 5))), []);
        assert_eq!(stage.see(1, Some(("on a", 5))), [ModulesOutput::Stop { by: stage.now + GRACE }]);
        let mut stage = Stage::new(false);
        stage.claim(5);
        let sight = Sight { server: Some(0), version: Version { epoch: 5, seq: 12 }, entry: None };
        assert_eq!(stage.hear(ModulesInput::Seen(sight)), [ModulesOutput::Stop { by: stage.now + GRACE }]);
    }

    #[test]
    fn a_claim_that_was_done_in_another_epoch_or_too_late_starts_nothing() {
        assert_eq!(Stage::new(false).claim(6), [ModulesOutput::Abandon]);
        let mut stage = Stage::new(false);
        stage.see(0, Some(("off b", 5)));
        let until = stage.now + TTL;
        stage.now += TTL - GRACE;
        let done = (Version { epoch: 5, seq: 11 }, SESSION, until);
        assert_eq!(stage.hear(ModulesInput::Claimed(Some(done))), [ModulesOutput::Abandon]);
    }

    #[test]
    fn who_is_off_says_so_once_to_who_decides() {
        let mut stage = Stage::new(false);
        for (entry, is_said) in [
            (None, true),
            (Some(("off a", 4)), true),
            (Some(("off b", 5)), true),
            (Some(("off a", 5)), false),
            (Some(("on b", 5)), false),
        ] {
            let wanted = stage.see(1, entry);
            let says = |it: &ModulesOutput| matches!(it, ModulesOutput::Say(value, _) if value == "off a");
            assert_eq!(wanted.iter().any(says), is_said, "{entry:?}");
            stage.hear(ModulesInput::Said(true));
            stage = Stage::new(false);
        }
    }

    #[test]
    fn a_fence_is_asked_for_when_the_others_have_had_time_to_stop_and_lets_these_begin() {
        let mut stage = Stage::new(true);
        assert_eq!(stage.see(0, Some(("on b", 4))), []);
        assert_eq!(stage.wait(GRACE), [ModulesOutput::Fence]);
        assert!(is_claim(&stage.hear(ModulesInput::Fenced(true))));

        let mut stage = Stage::new(true);
        stage.see(0, Some(("on b", 4)));
        stage.wait(GRACE);
        assert_eq!(stage.hear(ModulesInput::Fenced(false)), []);
        assert_eq!(stage.wait(10 * TTL), []);
        // Who is on in this epoch is no old thing.
        let mut stage = Stage::new(true);
        stage.see(0, Some(("on b", 5)));
        assert_eq!(stage.wait(10 * TTL), []);
    }

    #[test]
    fn who_leaves_stops_first() {
        let mut stage = Stage::new(false);
        stage.claim(5);
        assert_eq!(stage.hear(ModulesInput::Leave), [ModulesOutput::Stop { by: stage.now + GRACE }]);
        assert_eq!(stage.hear(ModulesInput::Stopped), [ModulesOutput::Abandon, ModulesOutput::Left]);
        // What is off waits for nobody.
        let mut stage = Stage::new(false);
        assert!(is_claim(&stage.see(0, Some(("off b", 5)))));
        assert_eq!(stage.hear(ModulesInput::Leave), [ModulesOutput::Left]);
    }
}
