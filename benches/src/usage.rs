//! What this process has used, and may use.

use std::time::Duration;

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};
use nix::sys::time::TimeVal;

/// User and system time.
///
/// # Panics
/// Never: a process may ask for its own usage.
pub fn cpu_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("a process may ask for its own usage");
    let duration = |time: TimeVal| Duration::new(time.tv_sec() as u64, time.tv_usec() as u32 * 1000);
    duration(usage.user_time()) + duration(usage.system_time())
}

/// The most memory it ever held.
pub fn peak_rss_kib() -> Option<u64> {
    of_status("self", "VmHWM:")
}

/// The memory that a process holds now.
pub fn resident_kib(process: &str) -> Option<u64> {
    of_status(process, "VmRSS:")
}

fn of_status(process: &str, field: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().split(' ').next()?.parse().ok()
}

/// Raises the limit on descriptors as far as the system lets us, and says how far that was.
///
/// # Panics
/// When the system does not say what the limit is.
pub fn raise_descriptors() -> usize {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    let (now, _) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    usize::try_from(now).unwrap_or(usize::MAX)
}
