//! Settings of `ipc://`.

/// Who may connect to the `ipc://` endpoints that a socket binds.
///
/// ```
/// use zmtp::{IpcOptions, PullSocket};
///
/// // Read and write for us and our group, nothing for others.
/// let pull = PullSocket::builder().ipc(IpcOptions { mode: Some(0o660), ..IpcOptions::default() }).build();
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IpcOptions {
    /// The permissions of the socket's file, set before anybody can connect: who may write to it may connect. What
    /// the process's umask leaves, unless set. It does not apply to abstract names, which have no permissions; a
    /// wildcard's file lies in a directory that only the same user may enter.
    pub mode: Option<u32>,
    /// Users whose processes are let in. If this and the next two lists are empty everybody is; else who matches any
    /// entry of any of them. Who is not let in is an `AcceptFailed` in the monitor.
    pub accept_uids: Vec<u32>,
    /// Groups whose processes are let in; what counts is a process's effective group.
    pub accept_gids: Vec<u32>,
    /// Processes that are let in, by id.
    pub accept_pids: Vec<u32>,
}
