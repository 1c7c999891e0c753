//! Deadlines by name: each name has one at most.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// What is due when.
#[derive(Debug, Clone)]
pub struct Timers<K> {
    by_time: BTreeSet<(Instant, K)>,
    by_name: BTreeMap<K, Instant>,
}

impl<K: Clone + Ord> Timers<K> {
    /// This is due then, and at no other time.
    pub fn set(&mut self, name: K, at: Instant) {
        if self.by_name.get(&name) == Some(&at) {
            return;
        }
        self.clear(name.clone());
        self.by_time.insert((at, name.clone()));
        self.by_name.insert(name, at);
    }

    /// This is due then, unless it is due at some time already.
    pub fn set_first(&mut self, name: K, at: Instant) {
        if !self.by_name.contains_key(&name) {
            self.set(name, at);
        }
    }

    /// This is not due any more.
    pub fn clear(&mut self, name: K) {
        if let Some(at) = self.by_name.remove(&name) {
            self.by_time.remove(&(at, name));
        }
    }

    /// When the next is due.
    pub fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes out one that is due by now: the earliest.
    pub fn pop(&mut self, now: Instant) -> Option<K> {
        self.by_time.first().filter(|(at, _)| *at <= now)?;
        let (_, name) = self.by_time.pop_first()?;
        self.by_name.remove(&name);
        Some(name)
    }
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Self { by_time: BTreeSet::new(), by_name: BTreeMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_name_is_due_once_and_at_the_time_that_was_set_last() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut timers = Timers::default();
        timers.set("a", at(1));
        timers.set("b", at(2));
        timers.set("a", at(3));
        timers.set("c", at(1));
        timers.clear("c");
        timers.clear("d");
        assert_eq!(timers.next(), Some(at(2)));
        assert_eq!(timers.pop(at(1)), None);
        assert_eq!(timers.pop(at(5)), Some("b"));
        assert_eq!(timers.pop(at(5)), Some("a"));
        assert_eq!((timers.pop(at(5)), timers.next()), (None, None));
    }
}
