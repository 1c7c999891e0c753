//! What a server writes down, in one file: whoever begins with that file has what the last one had.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use redb::{Database, ReadableDatabase, ReadableTable, Table, TableDefinition, WriteTransaction};

use super::state::{Held, Record};
use super::tree::Entry;
use super::version::Version;
use super::wire::{Changed, Lasts, Update, Writing};
use crate::store::{Records, StoreError, commit};

/// A file that a server writes what it has to.
#[derive(Debug)]
pub struct Store {
    /// What it held when it was opened.
    pub(super) held: Held,
    store: crate::store::Store<Record>,
}

impl Store {
    /// Opens the file, or makes it. Nobody else can have it open.
    ///
    /// # Errors
    /// [`StoreError`], if there is no access to the file, or it is something else, or damaged.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let (held, store) = crate::store::Store::open(path, |database| {
            Ok((read(database).map_err(|error| error.to_string())?, write))
        })?;
        Ok(Self { held, store })
    }

    pub(super) fn store(&self, record: Record) {
        self.store.store(record);
    }

    /// Waits until more records are safe, and says how many are.
    pub(super) async fn synced(&mut self) -> Result<u64, StoreError> {
        self.store.synced().await
    }
}

fn read(database: &Database) -> Result<Held, redb::Error> {
    // They are there from now on.
    commit(database, |writing| {
        writing.open_table(ENTRIES)?;
        writing.open_table(HEAD)?;
        writing.open_table(WRITES)?;
        writing.open_table(ENDS)?;
        writing.open_table(SESSIONS)?;
        Ok(())
    })?;
    let reading = database.begin_read()?;
    let mut held = Held::default();
    if let Some(head) = reading.open_table(HEAD)?.get(())? {
        let (epoch, seq, highest) = head.value();
        (held.version, held.epoch) = (Version { epoch, seq }, highest);
    }
    for entry in reading.open_table(ENTRIES)?.iter()? {
        let (key, entry) = entry?;
        let (epoch, seq, lasts, value) = entry.value();
        let (value, version) = (Bytes::copy_from_slice(value), Version { epoch, seq });
        held.tree.insert(key.value(), Entry { value, version, lasts: lasts_of(lasts) });
    }
    for session in reading.open_table(SESSIONS)?.iter()? {
        let (session, ttl) = session?;
        held.sessions.push((session.value(), Duration::from_millis(ttl.value())));
    }
    for end in reading.open_table(ENDS)?.iter()? {
        let (epoch, seq) = end?;
        held.ends.push(Version { epoch: epoch.value(), seq: seq.value() });
    }
    for entry in reading.open_table(WRITES)?.iter()? {
        let (key, write) = entry?;
        let ((writer, _), (number, epoch, seq)) = (key.value(), write.value());
        held.writes.push((Writing { writer, number }, Version { epoch, seq }));
    }
    held.writes.sort_unstable();
    Ok(held)
}

fn write(writing: &WriteTransaction, records: Records<'_, Record>) -> Result<(), redb::Error> {
    let mut entries = writing.open_table(ENTRIES)?;
    let mut head = writing.open_table(HEAD)?;
    let mut writes = writing.open_table(WRITES)?;
    let mut ends = writing.open_table(ENDS)?;
    let mut sessions = writing.open_table(SESSIONS)?;
    let was = head.get(())?.map(|head| head.value());
    let (mut epoch, mut seq, mut highest) = was.unwrap_or_default();
    for record in records {
        match record {
            Record::Epoch(promised, all) => {
                highest = highest.max(promised);
                write_ends(&mut ends, &all)?;
            }
            Record::Forget(writer) => {
                writes.retain_in((writer, 0)..=(writer, u64::MAX), |_, _| false)?;
            }
            Record::Batch(updates) => {
                for Update { version, until, key, change, writer } in updates {
                    (epoch, seq) = (version.epoch, version.seq);
                    match change {
                        Changed::Set { value, lasts } => {
                            entries.insert(&key[..], (epoch, seq, number_of(lasts), &value[..]))?;
                        }
                        Changed::Deleted | Changed::Expired => _ = entries.remove(&key[..])?,
                        Changed::Epoch | Changed::Noted => {}
                        Changed::Opened { session, ttl } => _ = sessions.insert(session, millis(ttl))?,
                        Changed::Closed(session) => _ = sessions.remove(session)?,
                    }
                    if let Some(Writing { writer, number }) = writer {
                        writes.insert((writer, number % REMEMBERED), (number, epoch, until))?;
                    }
                }
            }
            Record::Whole(held) => {
                (epoch, seq) = (held.version.epoch, held.version.seq);
                highest = highest.max(held.epoch);
                entries.retain(|_, _| false)?;
                writes.retain(|_, _| false)?;
                sessions.retain(|_, _| false)?;
                for (key, Entry { value, version, lasts }) in held.tree.iter(b"") {
                    entries.insert(&key[..], (version.epoch, version.seq, number_of(*lasts), &value[..]))?;
                }
                for (session, ttl) in held.sessions {
                    sessions.insert(session, millis(ttl))?;
                }
                write_ends(&mut ends, &held.ends)?;
                for (Writing { writer, number }, Version { epoch, seq }) in held.writes {
                    writes.insert((writer, number % REMEMBERED), (number, epoch, seq))?;
                }
            }
        }
    }
    head.insert((), (epoch, seq, highest))?;
    Ok(())
}

fn write_ends(table: &mut Table<'_, u64, u64>, ends: &[Version]) -> Result<(), redb::Error> {
    table.retain(|_, _| false)?;
    for Version { epoch, seq } in ends {
        table.insert(epoch, seq)?;
    }
    Ok(())
}

fn millis(ttl: Duration) -> u64 {
    ttl.as_millis().try_into().unwrap_or(u64::MAX)
}

/// How long a key lasts, as a kind and a number.
fn number_of(lasts: Lasts) -> (u8, u64) {
    match lasts {
        Lasts::Forever => (0, 0),
        Lasts::For(ttl) => (1, millis(ttl)),
        Lasts::With(session) => (2, session),
    }
}

fn lasts_of((kind, number): (u8, u64)) -> Lasts {
    match kind {
        0 => Lasts::Forever,
        1 => Lasts::For(Duration::from_millis(number)),
        _ => Lasts::With(number),
    }
}

/// Version, how long it lasts, value.
const ENTRIES: TableDefinition<'_, &[u8], Written<'_>> = TableDefinition::new("clone-1 entries");
type Written<'a> = (u64, u64, (u8, u64), &'a [u8]);
/// Milliseconds that a session stays open when its client is not heard.
const SESSIONS: TableDefinition<'_, u64, u64> = TableDefinition::new("clone-1 sessions");
/// The last version, and the highest epoch that was heard of.
const HEAD: TableDefinition<'_, (), (u64, u64, u64)> = TableDefinition::new("clone-1 head");
/// Where epochs have ended.
const ENDS: TableDefinition<'_, u64, u64> = TableDefinition::new("clone-1 ends");
/// By writer and the rest of the number, the number of a write and what came of it.
const WRITES: TableDefinition<'_, (u64, u64), (u64, u64, u64)> = TableDefinition::new("clone-1 writes");
/// So many of the last writes of each writer are kept. It has no more under way.
const REMEMBERED: u64 = 1024;

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::*;

    fn batch(rng: &mut Rng, version: &mut Version) -> Record {
        match rng.u8(..40) {
            0..4 => return Record::Forget(rng.u64(..3)),
            4 => {
                let ends = (0..rng.u64(..4)).map(|epoch| Version { epoch, seq: rng.u64(..9) }).collect();
                return Record::Epoch(rng.u64(..20), ends);
            }
            5 => {
                let whole = [batch(rng, version), batch(rng, version)];
                let mut held = Held { epoch: rng.u64(..20), ..Held::default() };
                whole.into_iter().for_each(|record| held.apply(record));
                return Record::Whole(held);
            }
            _ => {}
        }
        let len = rng.u64(1..4);
        let until = version.seq + len;
        let writer = rng.bool().then(|| Writing { writer: rng.u64(..3), number: rng.u64(..3000) });
        let mut update = |rng: &mut Rng| {
            version.seq += 1;
            let ttl = Duration::from_millis(rng.u64(1..10_000));
            let session = rng.u64(..5);
            let lasts = [Lasts::Forever, Lasts::For(ttl), Lasts::With(session)][rng.usize(..3)];
            let change = match rng.u8(..7) {
                0 => Changed::Deleted,
                1 => Changed::Expired,
                2 => Changed::Opened { session, ttl },
                3 => Changed::Closed(session),
                _ => Changed::Set { value: vec![rng.u8(..); rng.usize(..9)].into(), lasts },
            };
            let is_of_none = matches!(change, Changed::Opened { .. } | Changed::Closed(_));
            let key = if is_of_none { Bytes::new() } else { vec![rng.u8(..20)].into() };
            Update { version: *version, until, key, change, writer }
        };
        Record::Batch((0..len).map(|_| update(rng)).collect())
    }

    async fn open(path: &Path) -> Store {
        loop {
            // The last one's thread lets go of the file when it has seen that nobody writes any more.
            match Store::open(path) {
                Ok(store) => return store,
                Err(error) => assert!(error.to_string().contains("already open"), "{error}"),
            }
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn what_is_safe_is_there_for_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clone");
        let mut rng = Rng::with_seed(5);
        let mut expected = Held::default();
        let mut version = Version { epoch: 7, seq: 0 };
        for _ in 0..5 {
            let mut store = open(&path).await;
            assert_eq!(store.held, expected.clone().in_order());
            let records: Vec<_> = (0..200).map(|_| batch(&mut rng, &mut version)).collect();
            for record in records {
                expected.apply(record.clone());
                store.store(record);
            }
            while store.synced().await.unwrap() < 200 {}
        }
    }

    #[test]
    fn what_is_something_else_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("letter");
        std::fs::write(&path, "Dear Sir").unwrap();
        let refused = Store::open(&path).unwrap_err().to_string();
        assert!(refused.contains("letter cannot be used"), "{refused}");
    }
}
