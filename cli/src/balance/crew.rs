//! Commands as workers.

use std::ffi::OsString;
use std::time::Duration;

use bytes::Bytes;
use zmtp::DealerSocket;
use zmtp_patterns::balancer::job::WorkerId;
use zmtp_patterns::balancer::{Pivot, Worker, WorkerConfig};

use super::sink::Results;

/// A worker on this socket that runs the command, the program first, for each task. Its results go to the broker, or to
/// a third program.
pub(crate) fn start(
    socket: DealerSocket,
    config: WorkerConfig,
    command: &[OsString],
    results: Option<Results>,
) -> Worker {
    // Clap wants one word at least.
    let (program, arguments) = command
        .split_first()
        .map_or_else(Default::default, |(program, arguments)| (program.clone(), arguments));
    let pivot = Pivot::new(program, arguments);
    Worker::start(socket, config, move |task| {
        let (key, results) = (task.key().clone(), results.clone());
        let run = pivot.run(task);
        async move {
            let result = run.await?;
            let Some(results) = results else { return Ok(result) };
            results.send(key, result).await?;
            Ok(Bytes::new())
        }
    })
}

/// The name that a broker knows a worker by: up to 16 octets, which are filled up with zeros.
pub(crate) fn name(text: &str) -> Result<WorkerId, String> {
    let mut name = [0; 16];
    match name.get_mut(..text.len()) {
        Some(room) if !text.is_empty() => room.copy_from_slice(text.as_bytes()),
        _ => return Err(format!("`{}` has {} octets; expected 1 to 16", text.escape_debug(), text.len())),
    }
    Ok(WorkerId(name))
}

/// Where we are.
pub(crate) fn host() -> String {
    #[cfg(unix)]
    return rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(unix))]
    return String::new();
}

/// As long as it takes.
pub(crate) const FOR_EVER: Duration = Duration::from_secs(10 * 365 * 24 * 3_600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_to_sixteen_octets() {
        assert_eq!(name("alpha").unwrap().0, *b"alpha\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(name("sixteen octets!!").unwrap().0, *b"sixteen octets!!");
        for wrong in ["", "seventeen octets!", "ééééééééé"] {
            assert!(name(wrong).unwrap_err().contains("expected 1 to 16"), "{wrong}");
        }
    }
}
