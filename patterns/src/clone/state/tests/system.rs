//! A system of modules as a process of the simulated world: a replica, whoever looks after the modules, and the modules,
//! which take their time to stop.

use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fastrand::Rng;

use super::town::{Chronicle, ReplicaProcess, Seen};
use crate::Machine;
use crate::backoff::Backoff;
use crate::clone::state::{
    Health, Modules, ModulesConfig, ModulesInput, ModulesOutput, ReplicaConfig, Sight,
};
use crate::clone::wire::{Change, Durable, Lasts, Outcome, To, When};
use crate::sim::{Act, Boot, Happening};

pub(super) struct SystemProcess {
    inner: ReplicaProcess,
    modules: Modules,
    config: ModulesConfig,
    own: usize,
    /// The claim without an answer: its number, its session, and since when.
    claim: Option<(u64, u64, Instant)>,
    /// The word without an answer.
    word: Option<u64>,
    session: Option<u64>,
    /// Whether its modules run, and until when they may.
    is_on: bool,
    sure: Option<Instant>,
    /// When its modules are off, and by when they have to be.
    stop: Option<(Instant, Instant)>,
    rng: Rng,
}

impl SystemProcess {
    pub(super) fn start(boot: &Boot<'_>, own: usize, chronicle: Chronicle) -> Self {
        let config = ModulesConfig {
            own,
            ttl: Duration::from_millis(600),
            grace: Duration::from_millis(200),
            ..ModulesConfig::of(if own == 0 { "primary" } else { "backup" })
        };
        let replica = ReplicaConfig {
            prefixes: vec![config.key.clone()],
            servers: 2,
            backoff: Backoff { first: Duration::from_millis(20), longest: Duration::from_millis(500) },
            ..ReplicaConfig::default()
        };
        // Modules end with their process.
        chronicle.borrow_mut().push((boot.now, Seen::Off(own)));
        let mut process = Self {
            inner: ReplicaProcess::start(boot, 10 + own, replica, &[], chronicle, Rc::default()),
            modules: Modules::new(config.clone(), boot.now),
            config,
            own,
            claim: None,
            word: None,
            session: None,
            is_on: false,
            sure: None,
            stop: None,
            rng: Rng::with_seed(boot.seed),
        };
        process.turn(boot.now);
        process
    }

    fn turn(&mut self, now: Instant) {
        self.inner.now = now;
        if let Some((off, by)) = self.stop
            && now >= off.min(by)
        {
            (self.stop, self.is_on) = (None, false);
            self.inner.see(Seen::Off(self.own));
            self.modules.handle(now, ModulesInput::Stopped);
        }
        for (number, outcome) in std::mem::take(&mut self.inner.outcomes) {
            self.answered(now, number, outcome);
        }
        for (session, until) in std::mem::take(&mut self.inner.sure) {
            if self.session == Some(session) {
                self.modules.handle(now, ModulesInput::Sure(until));
                until.into_iter().for_each(|until| self.sure(until));
            }
        }
        let replica = &self.inner.replica;
        let sight = Sight {
            server: replica.server().filter(|_| replica.health() == Health::Live),
            version: replica.version(),
            entry: replica.tree().get(&self.config.key).cloned(),
        };
        self.modules.handle(now, ModulesInput::Seen(sight));
        while let Some(output) = self.modules.poll_output() {
            self.act(now, output);
        }
        self.inner.turn();
    }

    fn answered(&mut self, now: Instant, number: u64, outcome: Outcome) {
        if self.word.take_if(|word| *word == number).is_some() {
            self.modules.handle(now, ModulesInput::Said(matches!(outcome, Outcome::Done(_))));
        }
        if let Some((_, session, since)) = self.claim.take_if(|(claim, ..)| *claim == number) {
            let Outcome::Done(version) = outcome else {
                return self.modules.handle(now, ModulesInput::Claimed(None));
            };
            self.session = Some(session);
            self.inner.replica.hold(now, session, self.config.ttl, since);
            let until = since + self.config.ttl;
            self.modules.handle(now, ModulesInput::Claimed(Some((version, session, until))));
            self.sure(until);
        }
    }

    /// Its modules, if they are on, may be until then.
    fn sure(&mut self, until: Instant) {
        if self.modules.is_on() {
            self.sure = self.sure.max(Some(until));
            self.inner.see(Seen::Sure(self.own, until));
        }
    }

    /// J5: whenever it has had its turn, its modules are off if those of the other one may run.
    fn check(&self, now: Instant) {
        assert!(!self.is_on || self.sure > Some(now), "modules of system {} run for too long", self.own);
    }

    fn act(&mut self, now: Instant, output: ModulesOutput) {
        let set = |value: Bytes, lasts, when| Change {
            key: self.config.key.clone(),
            to: To::Value { value, lasts },
            when,
        };
        match output {
            ModulesOutput::Claim(value, when) => {
                let (session, ttl) = (self.rng.u64(1..), self.config.ttl);
                let open = Change { key: Bytes::new(), to: To::Open { session, ttl }, when: When::Always };
                let changes = vec![set(value, Lasts::With(session), when), open];
                let number = self.inner.write(Durable::Server, changes);
                self.claim = Some((number, session, now));
            }
            ModulesOutput::Say(value, when) => {
                let changes = vec![set(value, Lasts::Forever, when)];
                self.word = Some(self.inner.write(Durable::Server, changes));
            }
            ModulesOutput::Abandon => {
                if let Some(session) = self.session.take() {
                    self.inner.replica.release(session);
                    let close = Change { key: Bytes::new(), to: To::Close(session), when: When::Always };
                    self.inner.write(Durable::Server, vec![close]);
                }
            }
            ModulesOutput::Start { .. } => {
                self.is_on = true;
                self.inner.see(Seen::On(self.own));
            }
            ModulesOutput::Stop { by } => {
                let off = now + Duration::from_millis(self.rng.u64(..300));
                self.stop = Some((off, by));
            }
            ModulesOutput::Fence | ModulesOutput::Left => panic!("nobody wants that"),
        }
    }
}

impl Machine for SystemProcess {
    type Input = Happening;
    type Output = Act;

    fn handle(&mut self, now: Instant, happening: Happening) {
        self.wake(now);
        self.inner.handle(now, happening);
        self.turn(now);
        self.check(now);
    }

    fn wake(&mut self, now: Instant) {
        // What they may not do any more they do not do, whatever else has come.
        self.modules.wake(now);
        self.turn(now);
        self.inner.wake(now);
        self.turn(now);
        self.check(now);
    }

    fn poll_output(&mut self) -> Option<Act> {
        self.inner.poll_output()
    }

    fn next_deadline(&self) -> Option<Instant> {
        let stop = self.stop.map(|(off, by)| off.min(by));
        [self.inner.next_deadline(), self.modules.next_deadline(), stop].into_iter().flatten().min()
    }
}
