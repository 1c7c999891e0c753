//! What clients are being told, page by page, as fast as each asks for it.

use std::time::Instant;

use bytes::Bytes;

use crate::clone::state::log::Log;
use crate::clone::tree::Tree;
use crate::clone::version::Version;
use crate::clone::wire::{Changed, Command, Next, Rows, Update, What, Writing};

/// What one client is being told.
#[derive(Debug)]
pub(super) struct Telling {
    pub(super) request: u64,
    /// In their order, none within another.
    prefixes: Vec<Bytes>,
    source: Source,
    /// Where its first page begins.
    pub(super) first: Bytes,
    /// When the client has asked last.
    pub(super) asked: Instant,
}

#[derive(Debug)]
enum Source {
    /// As it was when the client asked, with the writes that may be said again, if it asked for everything.
    Snapshot(Tree, Version, Vec<(Writing, Version)>),
    /// What has changed since, up to when the last page is asked for.
    Delta,
}

impl Telling {
    pub(super) fn snapshot(
        now: Instant,
        request: u64,
        prefixes: Vec<Bytes>,
        tree: Tree,
        version: Version,
        done: impl FnOnce() -> Vec<(Writing, Version)>,
    ) -> Self {
        let prefixes = tidy(prefixes);
        let done = if prefixes.iter().any(Bytes::is_empty) { done() } else { Vec::new() };
        let source = Source::Snapshot(tree, version, done);
        Self { request, prefixes, source, first: Bytes::new(), asked: now }
    }

    /// All changes from this one on.
    pub(super) fn delta(now: Instant, request: u64, prefixes: Vec<Bytes>, seq: u64) -> Self {
        Self { request, prefixes: tidy(prefixes), source: Source::Delta, first: place(seq), asked: now }
    }

    pub(super) fn is_snapshot(&self) -> bool {
        matches!(self.source, Source::Snapshot(..))
    }

    /// The page that begins here. None if that is not kept any more.
    pub(super) fn page(
        &self,
        from: Bytes,
        most: usize,
        now: &Tree,
        version: Version,
        log: &Log,
    ) -> Option<Command> {
        let (rows, next) = match &self.source {
            Source::Snapshot(tree, version, done) => {
                let (mut rows, next) = self.snapshot_page(&from, most, tree, *version);
                if matches!(next, Next::End { .. }) {
                    done.iter().map(|(write, version)| noted(*write, *version)).for_each(|it| rows.push(&it));
                }
                (rows, next)
            }
            Source::Delta => self.delta_page(&from, most, now, version, log)?,
        };
        let what = if self.is_snapshot() { What::Snapshot } else { What::Delta };
        Some(Command::Rows { request: self.request, what, from, next, rows: rows.end() })
    }

    fn snapshot_page(&self, from: &Bytes, most: usize, tree: &Tree, version: Version) -> (Rows, Next) {
        let mut rows = Rows::default();
        for prefix in &self.prefixes {
            let entries = tree.from(from.max(prefix)).take_while(|(key, _)| key.starts_with(prefix));
            for (key, entry) in entries {
                if rows.len() >= most {
                    return (rows, Next::Page(key.clone()));
                }
                let change = Changed::Set { value: entry.value.clone(), ttl: entry.ttl };
                let (version, until) = (entry.version, entry.version.seq);
                rows.push(&Update { version, until, key: key.clone(), change, writer: None });
            }
        }
        (rows, self.end(tree, version))
    }

    fn delta_page(
        &self,
        from: &Bytes,
        most: usize,
        now: &Tree,
        version: Version,
        log: &Log,
    ) -> Option<(Rows, Next)> {
        let from = from[..].try_into().map(u64::from_be_bytes).ok()?;
        let mut rows = Rows::default();
        for update in log.from(from)? {
            if rows.len() >= most {
                return Some((rows, Next::Page(place(update.version.seq))));
            }
            if self.prefixes.iter().any(|prefix| update.key.starts_with(prefix)) {
                rows.push(update);
            }
        }
        Some((rows, self.end(now, version)))
    }

    fn end(&self, tree: &Tree, version: Version) -> Next {
        Next::End { version, sums: self.prefixes.iter().map(|prefix| tree.sums(prefix)).collect() }
    }
}

/// This write was done, and came to that.
fn noted(write: Writing, version: Version) -> Update {
    let (until, key, writer) = (version.seq, Bytes::new(), Some(write));
    Update { version, until, key, change: Changed::Noted, writer }
}

/// Where a page of changes begins that begins with this one.
fn place(seq: u64) -> Bytes {
    Bytes::copy_from_slice(&seq.to_be_bytes())
}

/// In their order, none within another.
pub(in crate::clone) fn tidy(mut prefixes: Vec<Bytes>) -> Vec<Bytes> {
    prefixes.sort();
    let mut tidy: Vec<Bytes> = Vec::new();
    for prefix in prefixes {
        if !tidy.last().is_some_and(|shorter| prefix.starts_with(shorter)) {
            tidy.push(prefix);
        }
    }
    tidy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_within_another_says_nothing_new() {
        let all = |prefixes: &[&'static str]| tidy(prefixes.iter().map(|it| Bytes::from(*it)).collect());
        assert_eq!(all(&["b", "a/x", "a/", "b", "a/y/z"]), ["a/", "b"]);
        assert_eq!(all(&["b", "", "a"]), [""]);
        assert_eq!(all(&[]), Vec::<Bytes>::new());
    }
}
