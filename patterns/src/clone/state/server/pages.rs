//! What clients are being told, page by page, as fast as each asks for it.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::clone::state::log::Log;
use crate::clone::tree::Tree;
use crate::clone::version::Version;
use crate::clone::wire::{Changed, Command, Next, Rows, Update, What, Writing};

/// What there is besides keys.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// Writes that may be said again, and what came of them.
    pub(super) writes: Vec<(Writing, Version)>,
    /// Sessions that are open.
    pub(super) sessions: Vec<(u64, Duration)>,
}

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
    /// As it was when the client asked; if it asked for everything, with what else a server needs to go on.
    Snapshot(Tree, Version, Rest),
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
        rest: impl FnOnce() -> Rest,
    ) -> Self {
        let prefixes = tidy(prefixes);
        let rest = if prefixes.iter().any(Bytes::is_empty) { rest() } else { Rest::default() };
        let source = Source::Snapshot(tree, version, rest);
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
            Source::Snapshot(tree, version, rest) => {
                let (mut rows, next) = self.snapshot_page(&from, most, tree, *version);
                if matches!(next, Next::End { .. }) {
                    rest.updates(*version).for_each(|update| rows.push(&update));
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
            let entries = tree.sweep(from.max(prefix)).take_while(|(key, _)| key.starts_with(prefix));
            for (key, entry) in entries {
                if rows.len() >= most {
                    return (rows, Next::Page(key.clone()));
                }
                rows.push_entry(key, entry);
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

impl Rest {
    fn updates(&self, version: Version) -> impl Iterator<Item = Update> {
        let opened = self.sessions.iter().map(move |(session, ttl)| {
            let change = Changed::Opened { session: *session, ttl: *ttl };
            Update { version, until: version.seq, key: Bytes::new(), change, writer: None }
        });
        let noted = self.writes.iter().map(|(write, version)| {
            let (version, until, writer) = (*version, version.seq, Some(*write));
            Update { version, until, key: Bytes::new(), change: Changed::Noted, writer }
        });
        opened.chain(noted)
    }
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
