//! A file of records that one thread writes: what has come while the last ones were being synced goes together with the
//! next syncing.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};

use redb::{Database, WriteTransaction};
use tokio::sync::watch;

/// A file that is written.
#[derive(Debug)]
pub(crate) struct Store<R> {
    writes: Sender<R>,
    /// So many records are safe, or why no more will be.
    safe: watch::Receiver<Result<u64, String>>,
    path: PathBuf,
}

/// A file of records cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreError {
    path: PathBuf,
    reason: String,
}

/// Some records in a row.
pub(crate) type Records<'a, R> = &'a mut dyn Iterator<Item = R>;

impl<R: Send + 'static> Store<R> {
    /// Opens the file, or makes it. Nobody else can have it open. `read` says what it holds, and how records are written
    /// from then on.
    pub(crate) fn open<T, W>(
        path: impl AsRef<Path>,
        read: impl FnOnce(&Database) -> Result<(T, W), String>,
    ) -> Result<(T, Self), StoreError>
    where
        W: FnMut(&WriteTransaction, Records<'_, R>) -> Result<(), redb::Error> + Send + 'static,
    {
        let path = path.as_ref().to_owned();
        let wrong = |reason: String| StoreError { path: path.clone(), reason };
        if !path.exists() {
            make(&path).map_err(|error| wrong(error.to_string()))?;
        }
        let database = Database::create(&path).map_err(|error| wrong(error.to_string()))?;
        let (held, mut write) = read(&database).map_err(wrong)?;
        let (writes, taken) = channel();
        let (safe, told) = watch::channel(Ok(0));
        std::thread::Builder::new()
            .name("store".into())
            .spawn(move || keep(&database, &taken, &safe, &mut write))
            .map_err(|error| wrong(error.to_string()))?;
        Ok((held, Self { writes, safe: told, path }))
    }

    pub(crate) fn store(&self, record: R) {
        // If the writer is gone, `synced` says why.
        let _ = self.writes.send(record);
    }

    /// Waits until more records are safe, and says how many are.
    pub(crate) async fn synced(&mut self) -> Result<u64, StoreError> {
        let gone = self.safe.changed().await.is_err();
        let safe = self.safe.borrow_and_update().clone();
        let reason = match safe {
            Ok(records) if !gone => return Ok(records),
            Ok(_) => "its thread has ended".to_owned(),
            Err(reason) => reason,
        };
        Err(StoreError { path: self.path.clone(), reason })
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the file {} cannot be used: {}", self.path.display(), self.reason)
    }
}

impl std::error::Error for StoreError {}

/// Makes an empty file, which has its name once it is whole: who is killed meanwhile leaves nothing of that name that
/// nobody could read.
fn make(path: &Path) -> Result<(), redb::Error> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{:016x}", fastrand::u64(..)));
    let unnamed = PathBuf::from(name);
    let linked = Database::create(&unnamed).map(|database| {
        drop(database);
        fs::hard_link(&unnamed, path)
    });
    // Unless there is none.
    let _ = fs::remove_file(&unnamed);
    match linked? {
        Ok(()) => Ok(sync_folder(path)?),
        // Somebody else was faster, or the file system knows no links: then it is made in its place.
        Err(_) => Ok(()),
    }
}

/// The name survives what the records survive.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix) { fs::File::open(folder)?.sync_all() } else { Ok(()) }
}

/// The file's thread: one transaction for all that has come while the last one was being synced.
fn keep<R>(
    database: &Database,
    taken: &Receiver<R>,
    safe: &watch::Sender<Result<u64, String>>,
    write: &mut impl FnMut(&WriteTransaction, Records<'_, R>) -> Result<(), redb::Error>,
) {
    let mut stored = 0;
    while let Ok(first) = taken.recv() {
        let records = std::iter::once(first).chain(taken.try_iter().take(TOGETHER - 1));
        let mut records = records.inspect(|_| stored += 1);
        let committed = commit(database, |writing| write(writing, &mut records));
        drop(records);
        let _ = safe.send_replace(match &committed {
            Ok(()) => Ok(stored),
            // A disk that failed once may have lost what it said was safe: nothing is promised any more.
            Err(error) => Err(error.to_string()),
        });
        if committed.is_err() {
            return;
        }
    }
}

/// All of it is safe afterwards, or nothing was done.
pub(crate) fn commit(
    database: &Database,
    write: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
) -> Result<(), redb::Error> {
    let writing = database.begin_write()?;
    write(&writing)?;
    Ok(writing.commit()?)
}

/// The most records of one transaction.
const TOGETHER: usize = 4096;
