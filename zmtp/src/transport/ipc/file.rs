//! The file of a bound socket: who may have it, and who removes it.
//!
//! A file that a dead process left behind is taken over, one where somebody listens is not. Looking and taking is one
//! step among those who lock the directory for it, as we do.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

/// Where a file is to be. While it exists others who ask are kept away from the directory, if it is ours to lock:
/// keep it until the socket listens, for a file where nobody listens yet looks like one that was left behind.
#[derive(Debug)]
pub(super) struct Place {
    /// The same, wherever the process goes.
    path: PathBuf,
    _lock: Option<File>,
}

impl Place {
    pub(super) fn new(path: &str) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        let lock = lock(&path, PATIENCE);
        Ok(Self { path, _lock: lock })
    }
}

/// The file of a bound socket. Removed in the end if it is still that of the socket: drop it before the socket, which
/// keeps the system from giving the file's number to another.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    id: (u64, u64),
    /// Removed after the file.
    _private: Option<Directory>,
}

impl SocketFile {
    /// Binds, and takes a file over that somebody left behind.
    ///
    /// # Errors
    /// `AddrInUse` when somebody listens there, or the file is no socket; whatever `bind` says.
    pub(super) fn take(
        place: &Place,
        private: Option<Directory>,
        bind: impl Fn() -> io::Result<()>,
    ) -> io::Result<Self> {
        let path = &place.path;
        match bind() {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                check_left_behind(path)?;
                fs::remove_file(path)?;
                bind()?;
            }
            result => result?,
        }
        Ok(Self { path: path.clone(), id: id(path)?, _private: private })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _lock = lock(&self.path, Duration::ZERO);
        if id(&self.path).is_ok_and(|id| id == self.id) {
            // If it cannot be removed it stays, and the next to bind takes it over.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A directory that only we may enter, removed in the end.
#[derive(Debug)]
pub(super) struct Directory(PathBuf);

impl Directory {
    /// A new one among the temporary files, and the path of a socket in it.
    pub(super) fn create() -> io::Result<(Self, String)> {
        let parent = std::env::temp_dir();
        loop {
            let path = parent.join(format!("zmtp-{:08x}", fastrand::u32(..)));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => {
                    let socket = path.join("socket").into_os_string().into_string();
                    let directory = Self(path);
                    return socket.map(|socket| (directory, socket)).map_err(|_| {
                        io::Error::new(io::ErrorKind::InvalidInput, "TMPDIR is not valid UTF-8")
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // It stays if somebody else has put something in.
        let _ = fs::remove_dir(&self.0);
    }
}

/// Whether this is the file of a socket that nobody listens at any more.
fn check_left_behind(path: &Path) -> io::Result<()> {
    let in_use = |what| Err(io::Error::new(io::ErrorKind::AddrInUse, what));
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        return in_use("there is a file of this name, and it is no socket");
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // One whose queue is full refuses in another way than one that nobody listens at.
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
        _ => in_use("somebody listens at this path"),
    }
}

fn id(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()))
}

/// Keeps others who ask away from the directory, if it is ours to lock, until the file is closed. Waits no longer
/// than so: whoever may read a directory may lock it, and must not stop us for ever.
fn lock(path: &Path, patience: Duration) -> Option<File> {
    let directory = File::open(path.parent()?).ok()?;
    let mut left = patience;
    while let Err(fs::TryLockError::WouldBlock) = directory.try_lock() {
        if left.is_zero() {
            return None;
        }
        sleep(LOOK.min(left));
        left = left.saturating_sub(LOOK);
    }
    Some(directory)
}

const PATIENCE: Duration = Duration::from_secs(1);
/// Between two looks at the lock.
const LOOK: Duration = Duration::from_millis(5);
