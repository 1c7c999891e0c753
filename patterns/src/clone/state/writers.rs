//! What became of each client's writes, so that one that is said again is done once.
//!
//! A client numbers what it writes, says it in that order, and after a new connection says again, in that order,
//! whatever it has no answer to. With each it says which one it said before. So what comes with a number that was there is a
//! repetition, and what comes behind one that was lost waits until both are said again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use crate::clone::version::Version;
use crate::clone::wire::{Outcome, Refusal, Writing};

/// All clients that have written lately.
#[derive(Debug, Default)]
pub(in crate::clone) struct Writers {
    writers: FxHashMap<u64, Writer>,
    /// By when they were heard last, about.
    idle: BTreeSet<(Instant, u64)>,
    /// Those that were forgotten since somebody asked.
    forgotten: Vec<u64>,
}

#[derive(Debug)]
struct Writer {
    /// The last number.
    last: u64,
    /// What became of those that the client may ask for again.
    outcomes: BTreeMap<u64, Outcome>,
    heard: Instant,
}

/// Whether a write was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// It is new, and the next one.
    First,
    /// It was, and this became of it.
    Again(Outcome),
    /// One that was said before it has not come.
    Early,
}

impl Writers {
    /// Whether this one was there before: behind `after`, and when its client knows what became of all up to `settled`.
    pub(super) fn said(&mut self, now: Instant, write: Writing, settled: u64, after: u64) -> Said {
        let writer = self.hear(now, write.writer);
        // The last one that was done stays: whoever is told of what was done knows by it that none before it is new.
        let mut last_done = None;
        while let Some(first) = writer.outcomes.first_entry().filter(|it| *it.key() <= settled) {
            let (number, outcome) = first.remove_entry();
            if matches!(outcome, Outcome::Done(_)) {
                last_done = Some((number, outcome));
            }
        }
        writer.outcomes.extend(last_done);
        if write.number <= writer.last {
            let forgotten = Outcome::Refused(Refusal::Forgotten);
            Said::Again(writer.outcomes.get(&write.number).copied().unwrap_or(forgotten))
        } else if after > writer.last {
            Said::Early
        } else {
            Said::First
        }
    }

    /// This became of it.
    pub(super) fn settle(&mut self, now: Instant, write: Writing, outcome: Outcome) {
        // So that many clients that settle nothing do not have them all kept.
        let most = (ALL_OUTCOMES / self.writers.len().max(1)).clamp(1, OUTCOMES);
        let writer = self.hear(now, write.writer);
        writer.last = writer.last.max(write.number);
        writer.outcomes.insert(write.number, outcome);
        while writer.outcomes.len() > most {
            writer.outcomes.pop_first();
        }
    }

    /// Writes that were done and may be said again, and what came of them: in the order of their numbers.
    pub(super) fn done(&self) -> Vec<(Writing, Version)> {
        let of = |(writer, it): (&u64, &Writer)| {
            let writer = *writer;
            it.outcomes.clone().into_iter().filter_map(move |(number, outcome)| match outcome {
                Outcome::Done(version) => Some((Writing { writer, number }, version)),
                _ => None,
            })
        };
        let mut done: Vec<_> = self.writers.iter().flat_map(of).collect();
        done.sort_unstable();
        done
    }

    /// Who was forgotten since this was asked last.
    pub(super) fn forgotten(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.forgotten)
    }

    pub(super) fn len(&self) -> usize {
        self.writers.len()
    }

    fn hear(&mut self, now: Instant, name: u64) -> &mut Writer {
        let heard = self.writers.get(&name).map(|writer| writer.heard);
        if heard.is_none_or(|heard| now.duration_since(heard) > COARSELY) {
            if let Some(heard) = heard {
                self.idle.remove(&(heard, name));
            }
            self.idle.insert((now, name));
        }
        while let Some((heard, oldest)) = self.idle.first().copied()
            && (now.duration_since(heard) > IDLE || self.idle.len() > WRITERS)
        {
            self.idle.pop_first();
            self.writers.remove(&oldest);
            self.forgotten.push(oldest);
        }
        let new = || Writer { last: 0, outcomes: BTreeMap::new(), heard: now };
        let writer = self.writers.entry(name).or_insert_with(new);
        if now.duration_since(writer.heard) > COARSELY {
            writer.heard = now;
        }
        writer
    }
}

/// The most answers of one client that are kept. It has no more than a thousand writes under way.
const OUTCOMES: usize = 2048;
/// About the most answers of all of them, when there are many: then each has fewer.
const ALL_OUTCOMES: usize = 131_072;
/// The most clients.
const WRITERS: usize = 65_536;
/// How long a client is remembered that writes nothing. It does not repeat for so long.
const IDLE: Duration = Duration::from_secs(600);
/// How exactly that is known.
const COARSELY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn write(number: u64) -> Writing {
        Writing { writer: 7, number }
    }

    fn done(seq: u64) -> Outcome {
        Outcome::Done(Version { epoch: 1, seq })
    }

    const FORGOTTEN: Said = Said::Again(Outcome::Refused(Refusal::Forgotten));

    #[test]
    fn what_comes_behind_one_that_was_lost_waits_until_both_are_said_again() {
        let (mut writers, now) = (Writers::default(), Instant::now());
        writers.settle(now, write(1), done(1));
        // 2 is lost.
        for number in [3, 4] {
            assert_eq!(writers.said(now, write(number), 1, number - 1), Said::Early);
        }
        for number in [2, 3, 4] {
            assert_eq!(
                writers.said(now, write(number), 1, if number == 2 { 0 } else { number - 1 }),
                Said::First
            );
            writers.settle(now, write(number), done(number));
        }
        // To another server that knows of nothing what waits is all that there is.
        let mut others = Writers::default();
        assert_eq!(others.said(now, write(4), 1, 2), Said::Early);
        assert_eq!(others.said(now, write(2), 1, 0), Said::First);
    }

    #[test]
    fn what_is_said_again_has_its_old_answer_until_the_client_has_heard_it() {
        let (mut writers, now) = (Writers::default(), Instant::now());
        for number in [1, 2, 4] {
            assert_eq!(writers.said(now, write(number), 0, 0), Said::First);
            writers.settle(now, write(number), done(number));
        }
        assert_eq!(writers.said(now, write(2), 0, 1), Said::Again(done(2)));
        assert_eq!(writers.said(now, write(4), 2, 3), Said::Again(done(4)));
        for number in [1, 3] {
            assert_eq!(writers.said(now, write(number), 2, 0), FORGOTTEN);
        }
        // So that whoever is told of what was done knows of this one, and that the first one is older.
        assert_eq!(writers.done().first().map(|(write, _)| write.number), Some(2));
        assert_eq!(writers.said(now, write(5), 4, 0), Said::First);
        assert_eq!(writers.said(now, Writing { writer: 8, number: 1 }, 0, 0), Said::First);
    }

    #[test]
    fn clients_and_answers_are_forgotten_the_oldest_first() {
        let (mut writers, start) = (Writers::default(), Instant::now());
        for writer in 0..WRITERS as u64 + 10 {
            let at = start + Duration::from_millis(writer);
            writers.settle(at, Writing { writer, number: 1 }, done(1));
        }
        assert_eq!(writers.len(), WRITERS);
        writers.settle(start + 3 * IDLE, write(1), done(1));
        assert_eq!((writers.len(), writers.idle.len()), (1, 1));
        for number in 2..2 * OUTCOMES as u64 {
            writers.settle(start + 3 * IDLE, write(number), done(number));
        }
        assert_eq!(writers.writers[&7].outcomes.len(), OUTCOMES);
    }

    #[test]
    fn many_clients_that_settle_nothing_do_not_have_every_answer_kept() {
        let (mut writers, now) = (Writers::default(), Instant::now());
        for round in 0..20 {
            for writer in 0..20_000 {
                writers.settle(now, Writing { writer, number: round + 1 }, done(1));
            }
        }
        let kept: usize = writers.writers.values().map(|it| it.outcomes.len()).sum();
        assert_eq!(kept, writers.done().len());
        assert!((20_000..=ALL_OUTCOMES).contains(&kept), "{kept}");
        assert_eq!(writers.said(now, Writing { writer: 5, number: 1 }, 0, 0), FORGOTTEN);
    }
}
