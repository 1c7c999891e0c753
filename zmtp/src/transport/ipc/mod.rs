//! Unix domain sockets: a file, or a name in Linux's abstract namespace.

mod file;

use std::io;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::unix::UCred;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::spawn_blocking;

use self::file::{Directory, Place, SocketFile};
use super::{Accept, Dial, not_let_in, unsupported};
use crate::endpoint::Endpoint;
use crate::options::IpcOptions;

/// Dials a path.
#[derive(Debug)]
pub(crate) struct Dialer {
    path: String,
}

impl Dialer {
    /// # Errors
    /// Abstract names where the system has none.
    pub(crate) fn new(path: String) -> io::Result<Self> {
        address(&path)?;
        Ok(Self { path })
    }
}

impl Dial for Dialer {
    type Stream = UnixStream;

    async fn dial(&self) -> io::Result<UnixStream> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        // It connects at once or not at all, and never blocks.
        socket.connect(&address(&self.path)?)?;
        UnixStream::from_std(socket.into())
    }

    fn address(io: &UnixStream) -> Option<String> {
        io.peer_cred().ok().map(|who| name(&who))
    }
}

/// A bound path.
#[derive(Debug)]
pub(crate) struct Listener {
    // First: a file is only known to be ours while the socket is open.
    _file: Option<SocketFile>,
    socket: UnixListener,
    options: IpcOptions,
}

/// Binds, and says where: a wildcard becomes a path.
pub(crate) async fn listen(
    path: &str,
    options: &IpcOptions,
    backlog: i32,
) -> io::Result<(Listener, Endpoint)> {
    let (path, mode) = (path.to_owned(), options.mode);
    // Files may be slow. If nobody waits for the result any more, it is dropped and the file with it.
    let (file, socket, path) =
        spawn_blocking(move || bind(&path, mode, backlog)).await.map_err(io::Error::other)??;
    let socket = UnixListener::from_std(socket.into())?;
    let listener = Listener { _file: file, socket, options: options.clone() };
    Ok((listener, Endpoint::Ipc { path }))
}

fn bind(path: &str, mode: Option<u32>, backlog: i32) -> io::Result<(Option<SocketFile>, Socket, String)> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    if path.starts_with('@') {
        socket.bind(&address(path)?)?;
        socket.listen(backlog)?;
        return Ok((None, socket, path.to_owned()));
    }
    let (private, path) = match path {
        "*" => Directory::create().map(|(directory, path)| (Some(directory), path))?,
        _ => (None, path.to_owned()),
    };
    let at = address(&path)?;
    let place = Place::new(&path)?;
    let file = SocketFile::take(&place, private, || socket.bind(&at))?;
    if let Some(mode) = mode {
        std::fs::set_permissions(file.path(), PermissionsExt::from_mode(mode))?;
    }
    // Until this moment the system refuses whoever connects: nobody comes in before the permissions are set.
    socket.listen(backlog)?;
    Ok((Some(file), socket, path))
}

impl Accept for Listener {
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<(UnixStream, String)> {
        let (io, _) = self.socket.accept().await?;
        let who = io.peer_cred()?;
        Ok((io, name(&who)))
    }

    fn from(_io: &UnixStream) -> Option<IpAddr> {
        None
    }

    fn admit(&self, io: &UnixStream) -> io::Result<()> {
        let IpcOptions { accept_uids, accept_gids, accept_pids, .. } = &self.options;
        if accept_uids.is_empty() && accept_gids.is_empty() && accept_pids.is_empty() {
            return Ok(());
        }
        let who = io.peer_cred()?;
        let pid = who.pid().and_then(|pid| u32::try_from(pid).ok());
        if accept_uids.contains(&who.uid())
            || accept_gids.contains(&who.gid())
            || pid.is_some_and(|pid| accept_pids.contains(&pid))
        {
            Ok(())
        } else {
            Err(not_let_in(&format!("{} gid {}", name(&who), who.gid())))
        }
    }
}

/// The address of a path, or of an abstract name.
fn address(path: &str) -> io::Result<SockAddr> {
    match path.strip_prefix('@') {
        Some(name) if cfg!(any(target_os = "linux", target_os = "android")) => {
            SockAddr::unix(format!("\0{name}"))
        }
        Some(_) => Err(unsupported("there are no abstract names for sockets")),
        None => SockAddr::unix(Path::new(path)),
    }
}

/// Who is at the other end, as the system knows it.
fn name(who: &UCred) -> String {
    match who.pid() {
        Some(pid) => format!("pid {pid} uid {}", who.uid()),
        None => format!("uid {}", who.uid()),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn as_many_wait_as_the_backlog_says() {
        let (_listener, bound) = listen("*", &IpcOptions::default(), 2).await.unwrap();
        let Endpoint::Ipc { path } = bound else { panic!() };
        let dialer = Dialer::new(path).unwrap();
        let mut waiting = Vec::new();
        let refused = loop {
            match dialer.dial().await {
                Ok(io) => waiting.push(io),
                Err(error) => break error,
            }
        };
        // Linux lets one more in.
        assert_eq!((waiting.len(), refused.kind()), (3, io::ErrorKind::WouldBlock));
        // They still count as somebody who listens.
        let taken = listen(&dialer.path, &IpcOptions::default(), 2).await.unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
    }
}
