//! What a broker writes down, in one file: whoever begins with that file goes on where the last one stopped.
//!
//! Those records of a job whose result was claimed are taken out.

use std::path::Path;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

use super::state::Record;
use crate::store::{Records, Store, StoreError, commit};

/// A file that a broker writes its jobs to.
#[derive(Debug)]
pub struct Journal {
    /// What it held when it was opened.
    pub(crate) records: Vec<Record>,
    store: Store<Record>,
}

impl Journal {
    /// Opens the file, or makes it. Nobody else can have it open.
    ///
    /// # Errors
    /// [`StoreError`], if there is no access to the file, or it is no journal, or one that is damaged.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let (records, store) = Store::open(path, |database| {
            let records = read(database).map_err(|error| error.to_string())?;
            let numbered: Result<Vec<_>, _> = records
                .iter()
                .map(|(number, octets)| Record::decode(octets).map(|record| (*number, record)))
                .collect();
            let mut numbered = numbered.map_err(|error| format!("it holds something else: {error}"))?;
            numbered.sort_by_key(|(number, _)| *number);
            let mut next = numbered.last().map_or(0, |(number, _)| number + 1);
            let records: Vec<_> = numbered.into_iter().map(|(_, record)| record).collect();
            let write = move |writing: &WriteTransaction, records: Records<'_, Record>| {
                write(writing, records, &mut next)
            };
            Ok((records, write))
        })?;
        Ok(Self { records, store })
    }

    pub(crate) fn store(&self, record: Record) {
        self.store.store(record);
    }

    /// Waits until more records are safe, and says how many are.
    pub(crate) async fn synced(&mut self) -> Result<u64, StoreError> {
        self.store.synced().await
    }
}

fn read(database: &Database) -> Result<Vec<(u64, Vec<u8>)>, redb::Error> {
    // It is there from now on.
    commit(database, |writing| writing.open_table(RECORDS).map(drop).map_err(Into::into))?;
    let table = database.begin_read()?.open_table(RECORDS)?;
    let mut records = Vec::new();
    for entry in table.iter()? {
        let (key, octets) = entry?;
        records.push((key.value().1, octets.value().to_owned()));
    }
    Ok(records)
}

fn write(
    writing: &WriteTransaction,
    records: Records<'_, Record>,
    next: &mut u64,
) -> Result<(), redb::Error> {
    let mut table = writing.open_table(RECORDS)?;
    for record in records {
        let task = record.task().0;
        if matches!(record, Record::Claimed { .. }) {
            table.retain_in((task, 0)..=(task, u64::MAX), |_, _| false)?;
        } else {
            table.insert((task, *next), &record.encode()[..])?;
        }
        *next += 1;
    }
    Ok(())
}

/// By task and by number; numbers count all records.
const RECORDS: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("balancer-1");

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use super::*;
    use crate::balancer::job::{Ending, Job, Outcome, TaskId};

    fn submitted(number: u64) -> Record {
        Record::Submitted {
            task: TaskId(number),
            job: Arc::new(Job::new(format!("job {number}"), "payload")),
        }
    }

    async fn safe(journal: &mut Journal, records: u64) {
        while journal.synced().await.unwrap() < records {}
    }

    #[tokio::test]
    async fn what_is_safe_is_there_in_its_order_for_the_next_one_and_what_was_claimed_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Journal::open(&path).unwrap();
        assert_eq!(journal.records, []);
        let outcome = Outcome { ending: Ending::Done, attempts: 1, code: 0, payload: "result".into() };
        let ended = Record::Ended { task: TaskId(2), outcome };
        let records =
            [submitted(2), submitted(3), submitted(1), ended.clone(), Record::Claimed { task: TaskId(3) }];
        for record in records {
            journal.store(record);
        }
        safe(&mut journal, 5).await;
        assert!(Journal::open(&path).unwrap_err().to_string().contains("already open"));
        drop(journal);
        // Its thread lets go of the file when it has seen that nobody writes any more.
        let mut journal = loop {
            if let Ok(journal) = Journal::open(&path) {
                break journal;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(journal.records, [submitted(2), submitted(1), ended]);
        journal.store(submitted(9));
        safe(&mut journal, 1).await;
    }

    /// A broker may be killed at any moment, also in its first ones.
    #[test]
    fn a_new_file_is_a_journal_from_the_moment_when_it_is_there() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..20 {
            let path = folder.path().join(format!("journal {number}"));
            let its = path.clone();
            let look = std::thread::spawn(move || {
                loop {
                    if let Ok(octets) = fs::read(&its) {
                        return octets;
                    }
                }
            });
            Journal::open(&path).unwrap();
            let first = look.join().unwrap();
            assert!(first.starts_with(b"redb"), "{:?}", &first[..first.len().min(16)]);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 20, "something is left behind");
    }

    #[test]
    fn what_is_no_journal_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("letter");
        fs::write(&path, "Dear Sir").unwrap();
        let refused = Journal::open(&path).unwrap_err().to_string();
        assert!(refused.contains("letter cannot be used"), "{refused}");
        assert!(Journal::open(folder.path().join("nowhere/journal")).is_err());
    }
}
