//! The destination: private partial copies, and the rename that makes one of them the backup.
//!
//! Every attempt is written to `.partial/RUN/JOB.ATTEMPT`, where nothing else is ever written. Two attempts
//! of a job, of which PUSH and a late death may make two run at once, cannot spoil each other, and `NAME` is
//! always one whole copy: the last one, or that of the day before.

use std::{
    fs::{self, File, Permissions, TryLockError},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use walkdir::WalkDir;

use super::Fault;

#[derive(Debug)]
pub(crate) struct Store {
    root: PathBuf,
    run: PathBuf,
    is_open: bool,
    /// Held as long as the store is open: two servers would clean up each other's partial copies.
    _lock: File,
}

impl Store {
    /// Makes the folder if need be, and clears what an earlier run has left unfinished.
    pub(crate) fn open(root: &Path) -> Result<Self, Fault> {
        fs::create_dir_all(root).map_err(Fault::at(root))?;
        let root = root.canonicalize().map_err(Fault::at(root))?;
        let partial = root.join(PARTIAL);
        fs::create_dir_all(&partial).map_err(Fault::at(&partial))?;

        let lock_at = partial.join("lock");
        let lock = File::create(&lock_at).map_err(Fault::at(&lock_at))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => Fault::at(&root)(io::Error::other("another backup is writing to it")),
            TryLockError::Error(error) => Fault::at(&lock_at)(error),
        })?;
        for old in fs::read_dir(&partial).map_err(Fault::at(&partial))?.flatten() {
            if old.file_name() != "lock" {
                remove(&old.path())?;
            }
        }
        let run = partial.join(std::process::id().to_string());
        fs::create_dir(&run).map_err(Fault::at(&run))?;
        Ok(Self { root, run, is_open: true, _lock: lock })
    }

    /// Where the worker of this attempt writes.
    pub(crate) fn partial(&self, job: usize, attempt: u32) -> PathBuf {
        self.run.join(format!("{job}.{attempt}"))
    }

    /// Makes this attempt the backup `name`. `files` is what the worker says to have copied.
    ///
    /// False if there was nothing to do: a program run in the place of our own copy may have copied
    /// elsewhere, and then has no files and no partial copy to show.
    pub(crate) fn commit(&self, job: usize, attempt: u32, name: &str, files: u64) -> Result<bool, Fault> {
        let (from, to) = (self.partial(job, attempt), self.backup(name));
        if !from.exists() {
            let text = "the worker's files are not here; it must share the destination with the server";
            return if files == 0 { Ok(false) } else { Err(Fault::at(&from)(io::Error::other(text))) };
        }
        if to.symlink_metadata().is_ok() {
            rename(&to, &self.run.join(format!("old-{job}")))?;
        }
        rename(&from, &to)?;
        Ok(true)
    }

    /// Where the backup `name` is, once committed.
    pub(crate) fn backup(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Removes what was not committed, and what was replaced.
    pub(crate) fn close(mut self) -> Result<(), Fault> {
        self.is_open = false;
        remove(&self.root.join(PARTIAL))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if self.is_open {
            // Whoever wants to know what went wrong says `close`; the next `open` tries again.
            let _ = remove(&self.root.join(PARTIAL));
        }
    }
}

/// Renames a folder into another one, for which Linux wants it to be writable.
fn rename(from: &Path, to: &Path) -> Result<(), Fault> {
    let before = fs::symlink_metadata(from).map_err(Fault::at(from))?.permissions();
    let open = before.mode() & 0o200 != 0;
    if !open {
        fs::set_permissions(from, Permissions::from_mode(before.mode() | 0o700)).map_err(Fault::at(from))?;
    }
    fs::rename(from, to).map_err(Fault::at(to))?;
    if !open {
        fs::set_permissions(to, before).map_err(Fault::at(to))?;
    }
    Ok(())
}

/// Removes a file or a folder, also one with folders in it that nobody may write to.
fn remove(path: &Path) -> Result<(), Fault> {
    if path.is_file() {
        return fs::remove_file(path).map_err(Fault::at(path));
    }
    for folder in WalkDir::new(path).into_iter().flatten().filter(|entry| entry.file_type().is_dir()) {
        // If this fails, so does the removal, and says why.
        let _ = fs::set_permissions(folder.path(), Permissions::from_mode(0o700));
    }
    fs::remove_dir_all(path).map_err(Fault::at(path))
}

const PARTIAL: &str = ".partial";

#[cfg(test)]
mod tests {
    use super::*;

    fn write(store: &Store, job: usize, attempt: u32, text: &str) {
        let partial = store.partial(job, attempt);
        fs::create_dir(&partial).unwrap();
        fs::create_dir(partial.join("sub")).unwrap();
        fs::write(partial.join("sub/file"), text).unwrap();
        fs::set_permissions(partial.join("sub"), Permissions::from_mode(0o555)).unwrap();
        fs::set_permissions(&partial, Permissions::from_mode(0o555)).unwrap();
    }

    #[test]
    fn the_committed_attempt_replaces_the_last_backup_and_the_others_vanish() {
        let dir = tempfile::tempdir().unwrap();
        let text = || fs::read_to_string(dir.path().join("etc/sub/file")).unwrap();

        let store = Store::open(dir.path()).unwrap();
        write(&store, 0, 1, "monday");
        assert!(store.commit(0, 1, "etc", 1).unwrap());
        store.close().unwrap();
        assert_eq!(text(), "monday");

        let store = Store::open(dir.path()).unwrap();
        write(&store, 0, 1, "half of tues");
        write(&store, 0, 2, "tuesday");
        assert_eq!(text(), "monday");
        store.commit(0, 2, "etc", 1).unwrap();
        assert_eq!(text(), "tuesday");
        assert_eq!(fs::metadata(dir.path().join("etc")).unwrap().permissions().mode() & 0o777, 0o555);
        store.close().unwrap();

        let left: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["etc"]);
        remove(&dir.path().join("etc")).unwrap();
    }

    #[test]
    fn what_a_killed_run_has_left_is_cleared() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join(PARTIAL).join("4711/0.1")).unwrap();
        let store = Store::open(dir.path()).unwrap();
        assert!(!dir.path().join(PARTIAL).join("4711").exists());
        store.close().unwrap();
    }

    #[test]
    fn two_servers_do_not_write_to_one_destination() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let fault = Store::open(dir.path()).unwrap_err().to_string();
        assert!(fault.ends_with("another backup is writing to it"), "{fault}");
        store.close().unwrap();
        Store::open(dir.path()).unwrap().close().unwrap();
    }

    #[test]
    fn a_worker_on_another_disk_is_found_out() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        assert!(
            store.commit(0, 1, "etc", 12).unwrap_err().to_string().contains("must share the destination")
        );
        assert!(!store.commit(0, 1, "etc", 0).unwrap());
        assert!(!store.backup("etc").exists());
        store.close().unwrap();
    }
}
