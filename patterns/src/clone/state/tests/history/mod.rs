//! What everybody was told, held against what was done: is there one order of all writes and reads that explains it?
//!
//! The order is that of the versions; who decides later begins with what another had, and perhaps not with the last of it.
//! So each epoch is a branch. A write that was done has its place there, a write that was not done and a read have one
//! that fits what was told. If one thing was answered before another was asked for, its place is the earlier one.

mod store;
mod tests;

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;

use self::store::Store;
use super::town::Seen;
use crate::clone::state::News;
use crate::clone::version::Version;
use crate::clone::wire::{Change, Durable, Outcome, Role, Update, Writing};

/// All that was done, and what was told of it.
#[derive(Debug, Default)]
pub(super) struct History {
    changes: BTreeMap<Version, Update>,
    /// What each epoch has begun with.
    before: BTreeMap<u64, Version>,
    /// Up to which change each epoch is part of what there is in the end.
    counts: BTreeMap<u64, u64>,
    operations: Vec<Operation>,
    /// What a replica had, and the change of a later epoch that it has told after that as if nothing else had changed.
    steps: Vec<(Version, Version)>,
    promised: Promised,
}

/// What is so in the town in which it all was.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Promised {
    /// Versions grow with time: one server decides at a time.
    pub(super) is_in_time: bool,
    /// What a server has is not gone when the server is.
    pub(super) is_safe: bool,
    /// What was answered is so, whoever decides later. Of two servers the one may have done what the other one, who has
    /// taken over meanwhile, refuses, or does again; and then go on with what it has itself.
    pub(super) is_final: bool,
}

/// Something that somebody wanted.
#[derive(Debug, Clone)]
struct Operation {
    asked: Instant,
    answered: Option<Instant>,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    /// If it is kept, what it was told is to be part of what there is in the end.
    Write {
        write: Writing,
        changes: Vec<Change>,
        outcome: Option<Outcome>,
        is_kept: bool,
    },
    Read {
        prefixes: Vec<Bytes>,
        version: Version,
        rows: Vec<Update>,
    },
}

/// What was done: at which version the changes of a write, or of the server itself, end.
type Done<'a> = BTreeMap<Version, Vec<&'a Update>>;
/// What there was at each version.
type Stores = BTreeMap<Version, Store>;

impl History {
    /// What has been seen, when all has ended in this epoch; and which answers are to be kept if anything is.
    pub(super) fn of(
        chronicle: &[(Instant, Seen)],
        epoch: u64,
        promised: Promised,
        is_kept: impl Fn(Durable, Outcome) -> bool,
    ) -> Self {
        let mut history = Self { promised, ..Self::default() };
        let mut latest: BTreeMap<usize, Version> = BTreeMap::new();
        let mut open = BTreeMap::new();
        let mut told: BTreeMap<(usize, u32), Version> = BTreeMap::new();
        for (at, seen) in chronicle {
            match seen.clone() {
                Seen::Begun { server, version } | Seen::Role { server, role: Role::Promoting, version } => {
                    latest.insert(server, version);
                }
                Seen::Published { server, update } => {
                    let before = latest.insert(server, update.version).unwrap_or_default();
                    history.before.entry(update.version.epoch).or_insert(before);
                    history.changes.insert(update.version, update);
                }
                Seen::Invoked { replica, write, changes } => {
                    open.insert((replica, write.number), history.operations.len());
                    let what = What::Write { write, changes, outcome: None, is_kept: false };
                    history.operations.push(Operation { asked: *at, answered: None, what });
                }
                Seen::Written { replica, number, durable, outcome } => {
                    let operation = &mut history.operations[open[&(replica, number)]];
                    operation.answered = Some(*at);
                    if let What::Write { outcome: told, is_kept: kept, .. } = &mut operation.what {
                        *told = Some(outcome);
                        *kept = promised.is_safe && is_kept(durable, outcome);
                    }
                }
                Seen::Read { since, prefixes, version, rows } => {
                    let what = What::Read { prefixes, version, rows };
                    history.operations.push(Operation { asked: since, answered: Some(*at), what });
                }
                Seen::News { replica, news: News::Changed(updates) } => {
                    for Update { version, .. } in updates {
                        let before = told.insert(replica, version).unwrap_or_default();
                        history.steps.extend((before.epoch < version.epoch).then_some((before, version)));
                    }
                }
                Seen::News { replica, news: News::Resync { to, .. } } => _ = told.insert(replica, to),
                _ => {}
            }
        }
        history.end(epoch);
        history
    }

    /// What there is in the end is what this epoch has.
    fn end(&mut self, epoch: u64) {
        let (mut epoch, mut end) = (epoch, u64::MAX);
        while let Some(version) = self.before.get(&epoch) {
            self.counts.insert(epoch, end);
            (epoch, end) = (version.epoch, version.seq);
        }
        self.operations.sort_by_key(|operation| operation.asked);
    }

    /// Whether this change is part of what there is in the end.
    pub(super) fn counts(&self, version: Version) -> bool {
        self.counts.get(&version.epoch).is_some_and(|end| version.seq <= *end)
    }

    /// Whether all of it can be explained, and if not, what cannot.
    pub(super) fn check(&self) -> Result<(), String> {
        let done = self.done();
        let stores = self.replay(&done)?;
        if let Some((had, told)) = self.steps.iter().find(|(had, told)| !self.has(*told, *had)) {
            return Err(format!(
                "a replica with {had} took {told} for the next change, which is no successor"
            ));
        }
        let mut answered: Vec<(Instant, Version, bool)> = Vec::new();
        for operation in &self.operations {
            let Operation { asked, what, .. } = operation;
            let known = answered.iter().filter(|(at, ..)| self.promised.is_in_time && at < asked);
            let known: Vec<_> = known.map(|(_, version, is_kept)| (*version, *is_kept)).collect();
            let place = match what {
                What::Write { .. } => self.place_of_write(what, &known, &done, &stores),
                What::Read { .. } => place_of_read(what, &stores),
            };
            let place = place.map_err(|error| format!("{error}: {operation:?}"))?;
            let Some(version) = place else { continue };
            if !self.is_after(version, &known) {
                return Err(format!("{version} has not all that was known by then: {operation:?}"));
            }
            let is_kept = matches!(what, What::Write { is_kept: true, .. });
            answered.extend(operation.answered.map(|at| (at, version, is_kept)));
        }
        Ok(())
    }

    /// What was done together, by the version of its last change.
    fn done(&self) -> Done<'_> {
        let mut done = Done::new();
        for (version, update) in &self.changes {
            done.entry(Version { seq: update.until, ..*version }).or_default().push(update);
        }
        done
    }

    /// What there was at each version, if all was done as it was asked for, and no more than once.
    fn replay(&self, done: &Done<'_>) -> Result<Stores, String> {
        let write = |it: &Operation| match &it.what {
            What::Write { write, changes, .. } => Some((*write, changes.clone())),
            What::Read { .. } => None,
        };
        let writes: BTreeMap<_, _> = self.operations.iter().filter_map(write).collect();
        let mut stores = Stores::from([(Version::default(), Store::default())]);
        let mut once = BTreeMap::new();
        for (version, updates) in done {
            let first = updates[0].version;
            let previous = self.changes.range(..first).next_back().map(|(version, _)| *version);
            let before = match previous.filter(|previous| previous.epoch == first.epoch) {
                Some(previous) => previous,
                None => self.before.get(&first.epoch).copied().unwrap_or_default(),
            };
            let store = stores
                .get(&before)
                .ok_or_else(|| format!("{first} comes after {before}, which is nowhere"))?;
            let mut store = store.clone();
            if let Some(write) = updates[0].writer {
                let changes =
                    writes.get(&write).ok_or_else(|| format!("nobody has written {version}: {updates:?}"))?;
                store.would(changes, updates).map_err(|error| format!("{error}: {updates:?}"))?;
                if self.counts(*version)
                    && let Some(other) = once.insert(write, *version)
                {
                    return Err(format!("{write:?} was done twice, as {other} and {version}"));
                }
            }
            for update in updates {
                store.change(update).map_err(|error| format!("{error}: {update:?}"))?;
            }
            stores.insert(*version, store);
        }
        Ok(stores)
    }

    /// Where it has its place, if it is known that it has one.
    fn place_of_write(
        &self,
        what: &What,
        known: &[(Version, bool)],
        done: &Done<'_>,
        stores: &Stores,
    ) -> Result<Option<Version>, String> {
        let What::Write { write, changes, outcome, is_kept } = what else { return Ok(None) };
        let its = || done.iter().filter(|(_, updates)| updates[0].writer == Some(*write)).map(|(at, _)| *at);
        let latest = known.iter().map(|(version, _)| *version).max().unwrap_or_default();
        if let Some(at) = its().find(|at| *at <= latest) {
            return Err(format!("it was done as {at}, and {latest} was known before it was asked for"));
        }
        let counted = its().find(|at| self.counts(*at));
        match outcome {
            None => Ok(None),
            Some(Outcome::Done(version)) => {
                if !its().any(|at| at == *version) {
                    return Err("it was not done as that".to_owned());
                }
                match counted {
                    None if *is_kept => Err("it is lost".to_owned()),
                    // What was lost with a server may be done again by the next one.
                    Some(at) if at != *version && (*is_kept || self.promised.is_final) => {
                        Err(format!("it was done as {at}"))
                    }
                    _ => Ok(Some(*version)),
                }
            }
            Some(outcome) => {
                if let Some(at) = counted.filter(|_| self.promised.is_final) {
                    return Err(format!("it was done as {at} all the same"));
                }
                let Outcome::Conflict { change, current } = outcome else { return Ok(None) };
                let may_be = |version| (!is_kept || self.counts(version)) && self.is_after(version, known);
                let is_so = |store: &Store| store.conflict(changes) == Some((*change, *current));
                // The earliest leaves most room for what was asked for later.
                let place = stores.range(latest..).find(|(version, store)| may_be(**version) && is_so(store));
                place
                    .map(|(version, _)| Some(*version))
                    .ok_or_else(|| format!("it was never so since {latest}"))
            }
        }
    }

    /// Whether this is no earlier than what was known, and has what is to be kept of that.
    fn is_after(&self, version: Version, known: &[(Version, bool)]) -> bool {
        known
            .iter()
            .all(|(earlier, is_kept)| *earlier <= version && (!is_kept || self.has(version, *earlier)))
    }

    /// Whether what there is at the one version comes from the other one.
    fn has(&self, version: Version, earlier: Version) -> bool {
        let mut at = version;
        while at.epoch > earlier.epoch {
            let Some(before) = self.before.get(&at.epoch) else { return false };
            at = *before;
        }
        at.epoch == earlier.epoch && earlier <= at
    }
}

fn place_of_read(what: &What, stores: &Stores) -> Result<Option<Version>, String> {
    let What::Read { prefixes, version, rows } = what else { return Ok(None) };
    let store = stores.get(version).ok_or("there was never such a version")?;
    if store.under(prefixes).eq(rows.iter().map(|it| (&it.key, it.version, &it.change))) {
        return Ok(Some(*version));
    }
    Err(format!("there was something else then: {store:?}"))
}
