//! What a worker does with a task.

use std::ffi::OsString;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::sleep;

use crate::units;

/// What is done with each request.
#[derive(Debug, Clone)]
pub(crate) enum Task {
    /// It is the reply.
    Echo(Takes),
    /// A program reads it, and writes the reply.
    Command(Arc<(OsString, Vec<OsString>)>),
}

/// How long a task takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    Always(Duration),
    /// On average; how long each one takes is drawn.
    Drawn(Duration),
}

impl Task {
    pub(crate) fn command(program: &OsString, arguments: &[OsString]) -> Self {
        Self::Command(Arc::new((program.clone(), arguments.to_vec())))
    }

    /// The reply.
    pub(crate) async fn run(self, body: Vec<Bytes>) -> Result<Vec<Bytes>, String> {
        match self {
            Self::Echo(takes) => {
                match takes.draw() {
                    Duration::ZERO => {}
                    time => sleep(time).await,
                }
                Ok(body)
            }
            Self::Command(words) => {
                let (program, arguments) = &*words;
                let cannot = |error| format!("cannot run {}: {error}", program.display());
                let (status, mut output) = piped(program, arguments, body).await.map_err(cannot)?;
                if !status.success() {
                    return Err(format!("{}: {status}", program.display()));
                }
                if output.last() == Some(&b'\n') {
                    output.pop();
                }
                Ok(vec![output.into()])
            }
        }
    }
}

/// What the program writes that reads this.
async fn piped(
    program: &OsString,
    arguments: &[OsString],
    body: Vec<Bytes>,
) -> io::Result<(ExitStatus, Vec<u8>)> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    // A signal from the terminal is for the worker, which lets its commands end.
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command.spawn()?;
    let stdin = child.stdin.take();
    let write = async move {
        let Some(mut stdin) = stdin else { return };
        for part in body {
            // It need not read all of it.
            if stdin.write_all(&part).await.is_err() {
                return;
            }
        }
    };
    let ((), output) = tokio::join!(write, child.wait_with_output());
    output.map(|output| (output.status, output.stdout))
}

impl Takes {
    fn draw(self) -> Duration {
        match self {
            Self::Always(time) => time,
            Self::Drawn(mean) => mean.mul_f64(drawn()),
        }
    }
}

/// A pause of a Poisson process: 1 on average.
pub(crate) fn drawn() -> f64 {
    -(1.0 - fastrand::f64()).ln()
}

impl FromStr for Takes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("exp:") {
            Some(mean) => units::pause(mean).map(Self::Drawn),
            None => units::duration(text).map(Self::Always),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_always_the_same_or_drawn() {
        assert_eq!("20ms".parse(), Ok(Takes::Always(Duration::from_millis(20))));
        assert_eq!("0".parse(), Ok(Takes::Always(Duration::ZERO)));
        assert_eq!("exp:20ms".parse(), Ok(Takes::Drawn(Duration::from_millis(20))));
        for wrong in ["exp:", "exp:0", "20", "often"] {
            assert!(wrong.parse::<Takes>().unwrap_err().contains("expected"), "{wrong}");
        }
        let sum: f64 = (0..10_000).map(|_| drawn()).sum();
        assert!((9_000.0..11_000.0).contains(&sum), "{sum}");
    }
}
