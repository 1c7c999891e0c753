//! Histories that cannot have been are refused, each for what is wrong with it.

use std::time::{Duration, Instant};

use super::{History, Operation, Promised, What};
use crate::clone::version::Version;
use crate::clone::wire::{Change, Changed, Lasts, Outcome, Refusal, To, Update, When, Writing};

/// A history of a server by itself, whose versions grow with time. Times are milliseconds.
struct Tale {
    history: History,
    start: Instant,
}

impl Tale {
    fn new() -> Self {
        let history = History {
            promised: Promised { is_in_time: true, is_safe: true, is_final: true },
            ..History::default()
        };
        Self { history, start: Instant::now() }
    }

    /// Somebody wants this, which is write number so much, and is told so.
    fn asks(self, number: u64, from: u64, to: u64, change: Change, outcome: Outcome) -> Self {
        let what = What::Write {
            write: write(number),
            changes: vec![change],
            outcome: Some(outcome),
            is_kept: true,
        };
        self.wants(from, Some(to), what)
    }

    /// The same, and nobody ever answers.
    fn asks_in_vain(self, number: u64, from: u64, change: Change) -> Self {
        let what = What::Write { write: write(number), changes: vec![change], outcome: None, is_kept: false };
        self.wants(from, None, what)
    }

    /// Somebody reads everything, and is told that it is this.
    fn reads(self, from: u64, to: u64, version: Version, rows: &[Update]) -> Self {
        self.wants(from, Some(to), What::Read { prefixes: vec!["".into()], version, rows: rows.to_vec() })
    }

    fn wants(mut self, from: u64, to: Option<u64>, what: What) -> Self {
        let at = |millis| self.start + Duration::from_millis(millis);
        self.history.operations.push(Operation { asked: at(from), answered: to.map(at), what });
        self
    }

    /// The server does this.
    fn does(mut self, update: Update) -> Self {
        self.history.changes.insert(update.version, update);
        self
    }

    /// Why it cannot have been so, when all has ended in this epoch.
    fn ends(mut self, epoch: u64) -> Result<(), String> {
        self.history.before.entry(1).or_default();
        self.history.end(epoch);
        self.history.check()
    }

    #[track_caller]
    fn cannot_be(self, why: &str) {
        let refused = self.ends(1);
        assert!(refused.as_ref().is_err_and(|error| error.contains(why)), "{refused:?}");
    }
}

fn write(number: u64) -> Writing {
    Writing { writer: 7, number }
}

fn at(seq: u64) -> Version {
    Version { epoch: 1, seq }
}

fn done(seq: u64) -> Outcome {
    Outcome::Done(at(seq))
}

fn conflict(current: Option<Version>) -> Outcome {
    Outcome::Conflict { change: 0, current }
}

/// The lamp is to be so, if it was changed last by this, or by nothing.
fn lamp(value: &'static str, when: When) -> Change {
    Change { key: "lamp".into(), to: To::Value { value: value.into(), lasts: Lasts::Forever }, when }
}

/// It is so since then, by this write.
fn lit(seq: u64, number: u64, value: &'static str) -> Update {
    let change = Changed::Set { value: value.into(), lasts: Lasts::Forever };
    Update { version: at(seq), until: seq, key: "lamp".into(), change, writer: Some(write(number)) }
}

/// One write was done, another one was not for it, and a third one on its condition; somebody reads between them.
fn good() -> Tale {
    Tale::new()
        .asks(1, 0, 10, lamp("on", When::Absent), done(1))
        .does(lit(1, 1, "on"))
        .asks(2, 5, 20, lamp("red", When::Absent), conflict(Some(at(1))))
        .asks(3, 15, 40, lamp("off", When::Unchanged(at(1))), done(2))
        .does(lit(2, 3, "off"))
        .reads(15, 45, at(1), &[Update { writer: None, ..lit(1, 1, "on") }])
}

#[test]
fn what_can_be_explained_is_accepted_whether_the_last_was_done_or_not() {
    assert_eq!(good().ends(1), Ok(()));
    let more = || good().asks_in_vain(4, 30, lamp("red", When::Always));
    assert_eq!(more().ends(1), Ok(()));
    assert_eq!(more().does(lit(3, 4, "red")).ends(1), Ok(()));
}

#[test]
fn what_was_answered_before_another_was_asked_for_comes_first() {
    let late = |from| {
        let tale = Tale::new().asks(1, 0, 10, lamp("on", When::Always), done(2));
        let tale = tale.asks(2, from, 40, lamp("off", When::Always), done(1));
        tale.does(lit(1, 2, "off")).does(lit(2, 1, "on"))
    };
    assert_eq!(late(9).ends(1), Ok(()));
    late(11).cannot_be("was known before it was asked for");
    // And if nobody was told that it was done.
    let tale = Tale::new().asks(1, 0, 10, lamp("on", When::Always), done(2));
    let tale = tale.asks_in_vain(2, 11, lamp("off", When::Always));
    tale.does(lit(1, 2, "off")).does(lit(2, 1, "on")).cannot_be("was known before it was asked for");
}

#[test]
fn an_old_state_is_not_read_any_more() {
    let on = [Update { writer: None, ..lit(1, 1, "on") }];
    assert_eq!(good().reads(39, 50, at(1), &on).ends(1), Ok(()));
    good().reads(41, 50, at(1), &on).cannot_be("has not all that was known");
    good().reads(39, 50, at(2), &on).cannot_be("there was something else then");
    good().reads(39, 50, at(3), &[]).cannot_be("there was never such a version");
}

#[test]
fn a_conflict_was_so_at_some_time_since_it_was_asked_about() {
    let asks = |from, to, current| good().asks(4, from, to, lamp("red", When::Absent), conflict(current));
    assert_eq!(asks(12, 50, Some(at(1))).ends(1), Ok(()));
    assert_eq!(asks(12, 50, Some(at(2))).ends(1), Ok(()));
    asks(41, 50, Some(at(1))).cannot_be("it was never so since 1.2");
    asks(12, 50, None).cannot_be("it was never so since 1.1");
    asks(12, 50, Some(at(3))).cannot_be("it was never so");
    // It was told of what nobody had asked for yet.
    asks(12, 14, Some(at(2))).cannot_be("was known before it was asked for");
}

#[test]
fn what_was_told_to_be_done_was_done_as_that_and_what_was_not_was_not() {
    let asks = |outcome| good().asks(4, 50, 60, lamp("red", When::Always), outcome);
    asks(done(3)).cannot_be("it was not done as that");
    asks(done(2)).cannot_be("it was not done as that");
    asks(done(4)).does(lit(3, 4, "red")).cannot_be("it was not done as that");
    for outcome in [Outcome::Refused(Refusal::NoStandby), conflict(Some(at(2)))] {
        asks(outcome).does(lit(3, 4, "red")).cannot_be("it was done as 1.3 all the same");
    }
    // Unless whoever had refused it has died.
    let mut died = asks(Outcome::Refused(Refusal::NoStandby)).does(lit(3, 4, "red"));
    (died.history.promised.is_safe, died.history.promised.is_final) = (false, false);
    assert_eq!(died.ends(1), Ok(()));
    asks(done(3)).does(lit(3, 4, "red")).does(lit(4, 4, "red")).cannot_be("was done twice");
    good().does(lit(3, 4, "red")).cannot_be("nobody has written");
}

#[test]
fn what_is_done_is_what_was_asked_for_on_its_condition() {
    let asks = |when| good().asks(4, 50, 60, lamp("red", when), done(3));
    asks(When::Always).does(lit(3, 4, "green")).cannot_be("it was to be");
    for when in [When::Absent, When::Unchanged(at(1))] {
        asks(when).does(lit(3, 4, "red")).cannot_be("it was done in spite of");
    }
    let expired = Update { change: Changed::Expired, writer: None, ..lit(3, 4, "") };
    good().does(expired).cannot_be("it was to stay");
}

#[test]
fn a_later_epoch_begins_with_all_that_is_to_be_kept() {
    let ends = |with| {
        let mut tale = good();
        tale.history.before.insert(2, at(with));
        let version = Version { epoch: 2, seq: with + 1 };
        let epoch =
            Update { version, until: version.seq, key: "".into(), change: Changed::Epoch, writer: None };
        tale.does(epoch)
    };
    assert_eq!(ends(2).ends(2), Ok(()));
    assert!(ends(1).ends(2).is_err_and(|error| error.contains("it is lost")));
    // Somebody read there, before all was over.
    let on = Update { writer: None, ..lit(1, 1, "on") };
    let read = ends(1).reads(50, 60, Version { epoch: 2, seq: 2 }, &[on]);
    assert!(read.ends(1).is_err_and(|error| error.contains("has not all that was known")));
}

#[test]
fn a_change_is_told_only_after_what_it_has_come_after() {
    let step = |had, epoch, seq| {
        let mut tale = good();
        tale.history.promised.is_safe = false;
        tale.history.before.insert(2, at(1));
        tale.history.steps.push((had, Version { epoch, seq }));
        tale.ends(1)
    };
    assert_eq!(step(at(1), 2, 2), Ok(()));
    assert!(step(at(2), 2, 2).is_err_and(|error| error.contains("which is no successor")));
    assert!(step(at(1), 3, 2).is_err_and(|error| error.contains("which is no successor")));
}
