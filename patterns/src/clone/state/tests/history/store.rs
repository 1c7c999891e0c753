//! Keys and values with conditions, as simple as they can be: what the server is held against.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::clone::version::Version;
use crate::clone::wire::{Change, Changed, Lasts, To, Update, When};

/// What each key stands for, and since when.
#[derive(Debug, Clone, Default)]
pub(super) struct Store(BTreeMap<Bytes, (Version, Changed)>);

impl Store {
    /// The first of these changes that may not be done, and since when its key stands for what it does.
    pub(super) fn conflict(&self, changes: &[Change]) -> Option<(u16, Option<Version>)> {
        let since = |key: &Bytes| self.0.get(key).map(|(version, _)| *version);
        let may_not = |change: &Change| match change.when {
            When::Always => false,
            When::Absent => since(&change.key).is_some(),
            When::Unchanged(version) => since(&change.key) != Some(version),
            When::Held(session) => !self.lasts_with(&change.key, session),
        };
        let number = changes.iter().position(may_not)?;
        Some((number as u16, since(&changes[number].key)))
    }

    /// Whether that comes of these changes.
    pub(super) fn would(&self, changes: &[Change], updates: &[&Update]) -> Result<(), String> {
        if let Some(conflict) = self.conflict(changes) {
            return Err(format!("it was done in spite of {conflict:?}"));
        }
        let asked = changes.iter().flat_map(|change| self.becomes(change));
        if asked.eq(updates.iter().map(|update| (update.key.clone(), update.change.clone()))) {
            return Ok(());
        }
        Err(format!("it was to be {changes:?}"))
    }

    /// This happens.
    pub(super) fn change(&mut self, update: &Update) -> Result<(), String> {
        match &update.change {
            Changed::Set { .. } => {
                self.0.insert(update.key.clone(), (update.version, update.change.clone()));
            }
            Changed::Deleted => _ = self.0.remove(&update.key),
            Changed::Expired => match self.0.remove(&update.key) {
                Some((_, Changed::Set { lasts: Lasts::For(_) | Lasts::With(_), .. })) => {}
                it => return Err(format!("it was to stay: {it:?}")),
            },
            Changed::Closed(session) if self.keys_of(*session).next().is_some() => {
                return Err("what lasts with it is to go first".to_owned());
            }
            Changed::Epoch | Changed::Opened { .. } | Changed::Closed(_) => {}
            Changed::Noted => return Err("nobody publishes that".to_owned()),
        }
        Ok(())
    }

    /// What there is under these prefixes.
    pub(super) fn under(&self, prefixes: &[Bytes]) -> impl Iterator<Item = (&Bytes, Version, &Changed)> {
        let is_wanted = |key: &Bytes| prefixes.iter().any(|prefix| key.starts_with(prefix));
        let entries = self.0.iter().filter(move |(key, _)| is_wanted(key));
        entries.map(|(key, (version, change))| (key, *version, change))
    }

    fn lasts_with(&self, key: &Bytes, session: u64) -> bool {
        let lasts = Lasts::With(session);
        matches!(self.0.get(key), Some((_, Changed::Set { lasts: its, .. })) if *its == lasts)
    }

    fn keys_of(&self, session: u64) -> impl Iterator<Item = &Bytes> {
        self.0.keys().filter(move |key| self.lasts_with(key, session))
    }

    /// What is to come of a change.
    fn becomes(&self, change: &Change) -> Vec<(Bytes, Changed)> {
        let key = change.key.clone();
        match change.to.clone() {
            To::Value { value, lasts } => vec![(key, Changed::Set { value, lasts })],
            To::Nothing => vec![(key, Changed::Deleted)],
            To::Open { session, ttl } => vec![(key, Changed::Opened { session, ttl })],
            To::Close(session) => {
                let keys = self.keys_of(session).map(|key| (key.clone(), Changed::Deleted));
                keys.chain([(key, Changed::Closed(session))]).collect()
            }
        }
    }
}
