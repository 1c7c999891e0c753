//! The jobs, and the reports of their ends: one is accepted for each.
//!
//! A report without a name ends some job. Which one need not be decided: it stands for one that nobody has named. When
//! there are more reports than jobs sent, one of those without a name was one too many, and a name is worth more.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::classic::wire::Job;

/// What has become of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// A worker says that it went well.
    Done,
    /// A worker says that it did not, and why.
    Failed(String),
    /// It has ended. Nobody has named it, but there are as many reports without a name as there are such jobs.
    Nameless,
    /// Nobody has reported. If there are reports without a name, but not enough of them, one of them may be this job's.
    Unreported,
}

/// Two jobs have this name, so that a report would end both.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("two jobs are called {0:?}")]
pub struct Twice(pub Bytes);

#[derive(Debug)]
pub(super) struct Ledger {
    jobs: Vec<(Job, Option<Ending>)>,
    by_name: BTreeMap<Bytes, usize>,
    /// The first so many have been sent.
    sent: usize,
    named: usize,
    pub(super) nameless: usize,
    pub(super) duplicates: u64,
    pub(super) unknown: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Accepted,
    /// As many ends are known as there can be, or this one's is.
    Duplicate,
    /// No job of this name was sent.
    Unknown,
}

impl Ledger {
    pub(super) fn new(jobs: impl IntoIterator<Item = Job>) -> Result<Self, Twice> {
        let jobs: Vec<_> = jobs.into_iter().map(|job| (job, None)).collect();
        let mut by_name = BTreeMap::new();
        for (number, (job, _)) in jobs.iter().enumerate() {
            if by_name.insert(job.name().clone(), number).is_some() {
                return Err(Twice(job.name().clone()));
            }
        }
        Ok(Self { jobs, by_name, sent: 0, named: 0, nameless: 0, duplicates: 0, unknown: 0 })
    }

    /// The order to be sent next.
    pub(super) fn next(&self) -> Option<&Bytes> {
        self.jobs.get(self.sent).map(|(job, _)| job.order())
    }

    pub(super) fn handle_sent(&mut self) {
        self.sent += 1;
    }

    pub(super) fn handle_named(&mut self, name: &[u8], ending: Ending) -> Verdict {
        let verdict = match self.by_name.get(name) {
            Some(number) if *number < self.sent => match &mut self.jobs[*number].1 {
                Some(_) => Verdict::Duplicate,
                empty => {
                    *empty = Some(ending);
                    self.named += 1;
                    Verdict::Accepted
                }
            },
            _ => Verdict::Unknown,
        };
        if self.named + self.nameless > self.sent {
            self.nameless -= 1;
            self.duplicates += 1;
        }
        self.count(verdict)
    }

    pub(super) fn handle_nameless(&mut self) -> Verdict {
        if self.ended() == self.sent {
            return self.count(Verdict::Duplicate);
        }
        self.nameless += 1;
        Verdict::Accepted
    }

    fn count(&mut self, verdict: Verdict) -> Verdict {
        match verdict {
            Verdict::Accepted => {}
            Verdict::Duplicate => self.duplicates += 1,
            Verdict::Unknown => self.unknown += 1,
        }
        verdict
    }

    /// Reports that were accepted.
    pub(super) fn ended(&self) -> usize {
        self.named + self.nameless
    }

    pub(super) fn is_done(&self) -> bool {
        self.ended() == self.jobs.len()
    }

    /// What became of each, by name.
    pub(super) fn endings(&mut self) -> Vec<(Bytes, Ending)> {
        let rest = if self.is_done() { Ending::Nameless } else { Ending::Unreported };
        self.jobs
            .drain(..)
            .map(|(job, ending)| (job.name().clone(), ending.unwrap_or_else(|| rest.clone())))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(names: &[&'static str], sent: usize) -> Ledger {
        let mut ledger = Ledger::new(names.iter().map(|name| Job::new(*name).unwrap())).unwrap();
        (0..sent).for_each(|_| ledger.handle_sent());
        ledger
    }

    #[test]
    fn b07_the_first_report_of_a_job_is_accepted_and_later_ones_are_counted() {
        let mut ledger = ledger(&["A", "B"], 2);
        assert_eq!(ledger.handle_named(b"A", Ending::Done), Verdict::Accepted);
        assert_eq!(ledger.handle_named(b"A", Ending::Failed("late".into())), Verdict::Duplicate);
        assert_eq!(ledger.handle_named(b"C", Ending::Done), Verdict::Unknown);
        assert!(!ledger.is_done());
        assert_eq!(ledger.handle_named(b"B", Ending::Failed("no".into())), Verdict::Accepted);
        assert!(ledger.is_done());
        assert_eq!((ledger.duplicates, ledger.unknown), (1, 1));
        let failed = Ending::Failed("no".into());
        assert_eq!(ledger.endings(), [("A".into(), Ending::Done), ("B".into(), failed)]);
    }

    #[test]
    fn b07_reports_without_a_name_end_as_many_jobs_and_give_way_to_names() {
        let mut ledger = ledger(&["A", "B"], 2);
        assert_eq!(ledger.handle_nameless(), Verdict::Accepted);
        assert_eq!(ledger.handle_nameless(), Verdict::Accepted);
        assert_eq!(ledger.handle_nameless(), Verdict::Duplicate);
        assert_eq!(ledger.handle_named(b"B", Ending::Done), Verdict::Accepted);
        assert_eq!((ledger.ended(), ledger.nameless, ledger.duplicates), (2, 1, 2));
        assert_eq!(ledger.endings(), [("A".into(), Ending::Nameless), ("B".into(), Ending::Done)]);
    }

    #[test]
    fn nothing_ends_before_it_was_sent() {
        let mut ledger = ledger(&["A", "B"], 1);
        assert_eq!(ledger.handle_named(b"B", Ending::Done), Verdict::Unknown);
        assert_eq!(ledger.handle_nameless(), Verdict::Accepted);
        assert_eq!(ledger.handle_nameless(), Verdict::Duplicate);
        assert_eq!(
            ledger.endings(),
            [("A".into(), Ending::Unreported), ("B".into(), Ending::Unreported)],
            "one of two, and nobody knows which"
        );
    }

    #[test]
    fn two_jobs_of_one_name_are_refused() {
        let jobs = ["A\t1", "B", "A\t2"].map(|order| Job::new(order).unwrap());
        assert_eq!(Ledger::new(jobs).unwrap_err(), Twice("A".into()));
    }
}
