//! What this process holds: memory and descriptors, as Linux counts them. Elsewhere both are 0, so that a comparison
//! with an earlier value holds.

use std::fs;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Octets of memory in use (VmRSS).
pub fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kib: u64 = line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default();
    kib * 1024
}

/// Open file descriptors.
pub fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// Lets this process open as many as the system allows it.
pub fn allow_descriptors() {
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }).expect("what we may have");
}

/// How many of this process's descriptors are TCP sockets with this port at either end: connections, and listeners.
pub fn connections(port: u16) -> usize {
    let table = fs::read_to_string("/proc/self/net/tcp").unwrap_or_default();
    let port = format!(":{port:04X}");
    let inodes: Vec<String> = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|row| row.len() > 9 && (row[1].ends_with(&port) || row[2].ends_with(&port)))
        .map(|row| format!("socket:[{}]", row[9]))
        .collect();
    let ours = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let names = ours.filter_map(|fd| fs::read_link(fd.path()).ok());
    names.filter(|name| inodes.iter().any(|inode| name.as_os_str() == inode.as_str())).count()
}

/// A port that nobody uses, and that the system does not give to anybody who asks for just any: it stays free while
/// its owner is away, and who dials it meanwhile does not meet himself.
pub fn quiet_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() % 10_000) as u16;
    loop {
        let port = 20_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
