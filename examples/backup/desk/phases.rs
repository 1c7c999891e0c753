//! The desk's phases: when one ends, and what the next one begins with. The picture is in [`super`].

use std::time::{Duration, Instant};

use super::{Desk, Output, crew::Look};
use crate::{
    events::{Event, Span},
    outcome::Trouble,
};

#[derive(Debug)]
pub(super) enum Phase {
    Gathering,
    Working,
    Draining(Rounds),
    Stopping { rounds: Rounds, deadline: Instant, killed: bool },
    Over,
}

impl Desk {
    /// Moves on as far as it goes.
    pub(super) fn turn(&mut self, now: Instant) {
        match &mut self.phase {
            Phase::Gathering => match self.barrier.look(now, &self.crew) {
                Look::Wait => {}
                Look::Open => self.start(now),
                Look::GiveUp(why) => self.stop(now, &why.clone(), Some(Trouble::TimedOut(why))),
            },
            Phase::Working => self.work(now),
            Phase::Draining(_) => self.drain(now),
            Phase::Stopping { .. } => self.finish(now),
            Phase::Over => {}
        }
    }

    fn start(&mut self, now: Instant) {
        let (ready, attached) = (self.crew.ready(), self.crew.attached());
        self.tell(Event::Work { jobs: self.folders.len(), wanted: self.rules.workers, ready, attached });
        self.phase = Phase::Working;
        self.work(now);
    }

    fn work(&mut self, now: Instant) {
        if self.ledger.all_settled() {
            return self.stop(now, "all folders are settled", None);
        }
        if self.crew.is_bereft() {
            return self.stop(now, "no worker is left", Some(Trouble::NobodyLeft));
        }
        if self.crew.attached() > 0 {
            self.lonely_since = None;
        } else if now >= *self.lonely_since.get_or_insert(now) + self.rules.ready_timeout {
            let why = format!("no worker attached for {}", Span(self.rules.ready_timeout));
            return self.stop(now, &why.clone(), Some(Trouble::TimedOut(why)));
        }
        self.dispatch(now);
        if self.crew.named() == 0 && self.crew.unnamed() > 0 && !self.ledger.has_waiting() {
            self.phase = Phase::Draining(Rounds::new(now));
            self.drain(now);
        }
    }

    fn dispatch(&mut self, now: Instant) {
        if self.no_room_until.is_some_and(|until| now < until) || self.crew.attached() == 0 {
            return;
        }
        self.no_room_until = None;
        // Nameless workers need not tell when they are through with an order, so for them there is no window.
        let window = if self.crew.unnamed() > 0 { usize::MAX } else { self.crew.named() };
        while self.ledger.in_flight() < window {
            let Some((job, attempt)) = self.ledger.next(now) else { break };
            self.outputs.push_back(Output::Send { job, attempt });
        }
    }

    fn drain(&mut self, now: Instant) {
        let gone = self.crew.is_gone();
        if gone && !self.nameless_report {
            let count = self.ledger.settle_unreported();
            self.tell(Event::Note {
                text: format!(
                    "{count} folders were handed to workers that do not report, and they have all left"
                ),
            });
        }
        if gone || self.ledger.in_flight() == 0 {
            return self.stop(now, "all orders are handed out", None);
        }
        if let Phase::Draining(rounds) = &mut self.phase
            && rounds.is_due(now)
        {
            self.outputs.push_back(Output::Stop(self.crew.attached()));
        }
    }

    pub(super) fn stop(&mut self, now: Instant, why: &str, trouble: Option<Trouble>) {
        self.ledger.give_up(match trouble {
            None => "its worker has left without a word",
            Some(_) => why,
        });
        self.trouble = trouble;
        self.tell(Event::Stopping { why: why.to_owned(), attached: self.crew.attached() });
        let deadline = now + self.rules.grace;
        self.phase = Phase::Stopping { rounds: Rounds::new(now), deadline, killed: false };
        self.finish(now);
    }

    fn finish(&mut self, now: Instant) {
        let Phase::Stopping { rounds, deadline, killed } = &mut self.phase else { return };
        let (attached, processes) = (self.crew.attached(), self.crew.children());
        if self.crew.is_gone() {
            self.phase = Phase::Over;
        } else if now >= *deadline {
            if *killed || processes == 0 {
                self.phase = Phase::Over;
            } else {
                (*killed, *deadline) = (true, now + KILL_TIME);
                self.outputs.push_back(Output::Kill);
            }
            let workers = self.crew.staying().map(ToOwned::to_owned).collect();
            self.tell(Event::Overstayed { workers, processes, attached });
        } else if !*killed && rounds.is_due(now) {
            self.outputs.push_back(Output::Stop(attached));
        }
    }
}

/// The rounds of `KILL`, ever further apart.
#[derive(Debug)]
pub(super) struct Rounds {
    pub(super) next: Instant,
    pause: Duration,
}

impl Rounds {
    fn new(now: Instant) -> Self {
        Self { next: now, pause: FIRST_PAUSE }
    }

    fn is_due(&mut self, now: Instant) -> bool {
        let due = now >= self.next;
        if due {
            self.next = now + self.pause;
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
        due
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long a killed process may take to be seen dead.
const KILL_TIME: Duration = Duration::from_secs(2);
