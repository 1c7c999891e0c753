//! What authenticators read from files, always as it stands there now.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tokio::task::spawn_blocking;

use crate::wire::Denial;

/// A file, or all files of a folder, read line by line into a `T`, and again when something there has changed.
pub(super) struct Files<T> {
    path: PathBuf,
    known: Mutex<(State, Arc<T>)>,
}

/// What tells that a file is another one: its name, when it was changed, and its length.
type State = Vec<(PathBuf, SystemTime, u64)>;

/// What is made of lines.
pub(super) trait Lines: Default + Send + Sync + 'static {
    /// Takes a line that is neither empty nor a comment, or says what is wrong with it.
    fn take(&mut self, line: &str) -> Result<(), String>;
}

impl<T: Lines> Files<T> {
    /// Reads for the first time.
    pub(super) fn open(path: &Path) -> Result<Arc<Self>, FileError> {
        let state = state(path).map_err(|source| FileError::Unreadable { path: path.into(), source })?;
        let read = read(&state)?;
        Ok(Arc::new(Self { path: path.into(), known: Mutex::new((state, Arc::new(read))) }))
    }

    /// What stands there now. Looking costs a thread of the runtime that may block.
    pub(super) async fn current(self: Arc<Self>) -> Result<Arc<T>, FileError> {
        let looked = spawn_blocking(move || self.look()).await;
        looked.unwrap_or_else(|error| {
            Err(FileError::Unreadable { path: PathBuf::new(), source: io::Error::other(error) })
        })
    }

    fn look(&self) -> Result<Arc<T>, FileError> {
        let now =
            state(&self.path).map_err(|source| FileError::Unreadable { path: self.path.clone(), source })?;
        // Held while it is read: who comes meanwhile would read the same.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0 != now {
            let read = Arc::new(read(&now)?);
            *known = (now, read);
        }
        Ok(Arc::clone(&known.1))
    }
}

/// The file, or the files of a folder but for hidden ones, in the order of their names.
fn state(path: &Path) -> io::Result<State> {
    let of = |path: PathBuf| {
        let metadata = std::fs::metadata(&path)?;
        Ok::<_, io::Error>((path, metadata.modified()?, metadata.len()))
    };
    if !std::fs::metadata(path)?.is_dir() {
        return Ok(vec![of(path.into())?]);
    }
    let mut all = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !is_hidden && entry.path().is_file() {
            all.push(of(entry.path())?);
        }
    }
    all.sort();
    Ok(all)
}

fn read<T: Lines>(state: &State) -> Result<T, FileError> {
    let mut read = T::default();
    for (path, ..) in state {
        let text = std::fs::read_to_string(path)
            .map_err(|source| FileError::Unreadable { path: path.clone(), source })?;
        let lines = text.lines().map(str::trim).enumerate();
        // A key may begin with `#`; a comment has a blank behind it.
        for (number, line) in
            lines.filter(|(_, line)| !line.is_empty() && *line != "#" && !line.starts_with("# "))
        {
            read.take(line).map_err(|what| FileError::Line { path: path.clone(), line: number + 1, what })?;
        }
    }
    Ok(read)
}

/// A file of keys or passwords that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The system does not let us read it.
    #[error("{}: {source}", .path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A line is not what it has to be.
    #[error("{}, line {line}: {what}", .path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line of it, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
}

impl FileError {
    /// What a peer is told meanwhile. A file that is being replaced, or a system without descriptors, may be in order a
    /// moment later, so that the peer is to come again; a wrong line stays until somebody mends it.
    pub(super) fn denial(&self) -> Denial {
        match self {
            Self::Unreadable { source, .. } if source.kind() != io::ErrorKind::InvalidData => Denial::ForNow,
            _ => Denial::Failed,
        }
    }
}

impl<T> fmt::Debug for Files<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").field("path", &self.path).finish_non_exhaustive()
    }
}
