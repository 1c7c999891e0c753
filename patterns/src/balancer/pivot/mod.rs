//! A process for each task: the "pivot" that runs a command, hears how it went, and lets nothing of it go on.
//!
//! The command gets the payload as an argument, where it says `{}`, or else on its standard input. No shell sees it. A
//! payload that begins with `-` may look like an option: `--` in front of the `{}` is the usual remedy.
//!
//! A process inherits standard input, output and error, and no other descriptor of ours. On Unix it leads a process
//! group, so that what it has started itself is stopped with it.

mod kept;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, Command};
use tokio::time::{Instant, timeout};

use super::worker::{Failure, Task};
use crate::process::{self, Group};
use kept::{Head, Tail};

/// A command that is run for each task. Clones are the same.
///
/// ```
/// use zmtp_patterns::balancer::{Balancer, Client, Job, Pivot, Worker, WorkerConfig};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let socket = Balancer::socket().build();
/// # let at = socket.bind("tcp://127.0.0.1:*").await?.to_string();
/// # let balancer = Balancer::start(socket, Default::default());
/// let pivot = Pivot::new("echo", ["hello", "{}"]);
/// let socket = Worker::socket().build();
/// socket.connect(at.as_str())?;
/// let worker = Worker::start(socket, WorkerConfig::default(), move |task| pivot.run(task));
/// # let client = Client::socket().build();
/// # client.connect(at.as_str())?;
/// # let client = Client::start(client);
///
/// let outcome = client.submit(Job::new("greeting", "world")).await?.outcome().await?;
/// assert_eq!(outcome.payload, "hello world\n");
/// # balancer.drain(false).await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Pivot(Arc<Line>);

#[derive(Debug)]
struct Line {
    program: OsString,
    arguments: Vec<OsString>,
}

impl Pivot {
    /// Runs `program` with these arguments. In each argument `{}` stands for the payload; what comes of it stays one
    /// argument. The program is always the same.
    pub fn new<A: Into<OsString>>(
        program: impl Into<OsString>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        Self(Arc::new(Line { program: program.into(), arguments }))
    }

    /// Runs the command for this task. Its result is standard output, up to [`MOST_RESULT`] octets: the rest is cut off,
    /// which a last line says. What the process leaves running in the background is not waited for.
    ///
    /// What it says on either counts as progress of a job with a [`stall_timeout`](super::Job::stall_timeout).
    ///
    /// When the task is cancelled the process group gets SIGTERM, and SIGKILL when the future is dropped.
    ///
    /// # Errors
    /// An exit code other than 0: may go better another time, with the code and the end of standard error; a process that
    /// ended by signal *n* has 128 + *n*. A command that cannot be started never will, unless the system lacked something.
    pub fn run(&self, task: Task) -> impl Future<Output = Result<Bytes, Failure>> + Send + use<> {
        let line = Arc::clone(&self.0);
        async move { line.run(task).await }
    }
}

impl Line {
    async fn run(&self, task: Task) -> Result<Bytes, Failure> {
        let mut command = Command::new(&self.program);
        let mut takes_input = true;
        for argument in &self.arguments {
            match replaced(argument, task.payload()) {
                Ok(Some(argument)) => {
                    command.arg(argument);
                    takes_input = false;
                }
                Ok(None) => _ = command.arg(argument),
                Err(why) => return Err(self.cannot_start(why, false)),
            }
        }
        command.stdin(if takes_input { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        process::lead(&mut command);
        let mut child = command.spawn().map_err(|error| self.refused(&error))?;
        // Dropped before the child, whose group it is.
        let mut group = Group::of(&child);

        let (mut out, mut err) = (Head::new(MOST_RESULT), Tail::new(MOST_COMPLAINT));
        let (mut speaks, mut complains) = (Pulse::new(&task), Pulse::new(&task));
        let (input, output, error) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let status = {
            let mut talk = pin!(async {
                tokio::join!(
                    feed(input, task.payload()),
                    listen(output, |octets| {
                        out.push(octets);
                        speaks.beat();
                    }),
                    listen(error, |octets| {
                        err.push(octets);
                        complains.beat();
                    }),
                )
            });
            let (mut is_silent, mut is_stopped) = (false, false);
            let status = loop {
                tokio::select! {
                    status = child.wait() => break status,
                    _ = &mut talk, if !is_silent => is_silent = true,
                    () = task.cancelled(), if !is_stopped => {
                        is_stopped = true;
                        group.terminate();
                    }
                }
            };
            group.is_over();
            if !is_silent {
                // All that it has said is there. Only what it leaves in the background could say more.
                let _ = timeout(REST, talk).await;
            }
            status
        };
        match status {
            Ok(status) if status.success() => Ok(out.end()),
            Ok(status) => {
                let (code, signal) = code(status);
                Err(Failure { again: true, code, payload: err.end(signal) })
            }
            Err(error) => Err(Failure::again(format!("cannot wait for the process: {error}"))),
        }
    }

    fn refused(&self, error: &io::Error) -> Failure {
        let remedy = match error.kind() {
            io::ErrorKind::NotFound => "see that it is installed, and in the PATH of this worker",
            io::ErrorKind::PermissionDenied => "see that this worker may execute it",
            io::ErrorKind::ArgumentListTooLong => TOO_LONG,
            io::ErrorKind::InvalidInput => "a NUL stands in it or in the payload, which no argument can have",
            io::ErrorKind::ExecutableFileBusy | io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory => {
                return self.cannot_start(format_args!("{error}"), true);
            }
            _ if process::is_short_of_descriptors(error) => {
                return self
                    .cannot_start(format_args!("{error}; raise `ulimit -n`, or take fewer slots"), true);
            }
            _ => "see that it runs from a terminal on this worker's machine",
        };
        self.cannot_start(format_args!("{error}; {remedy}"), false)
    }

    fn cannot_start(&self, why: impl fmt::Display, again: bool) -> Failure {
        let said = format!("cannot start `{}`: {why}", self.program.display());
        Failure { again, code: CANNOT_START, payload: said.into() }
    }
}

/// Tells the broker that a process has said something, as often as it need know.
struct Pulse<'a> {
    task: &'a Task,
    last: Option<Instant>,
}

impl<'a> Pulse<'a> {
    fn new(task: &'a Task) -> Self {
        Self { task, last: None }
    }

    fn beat(&mut self) {
        let Some(stall) = self.task.job().stall_timeout else { return };
        let now = Instant::now();
        if self.last.is_none_or(|last| now >= last + stall / 8) {
            self.last = Some(now);
            self.task.progress(0, "");
        }
    }
}

/// The argument with the payload in each place that is for it, if there is one.
#[cfg(unix)]
fn replaced(argument: &OsStr, payload: &[u8]) -> Result<Option<OsString>, &'static str> {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    Ok(fill(argument.as_bytes(), payload).map(OsString::from_vec))
}

#[cfg(not(unix))]
fn replaced(argument: &OsStr, payload: &[u8]) -> Result<Option<OsString>, &'static str> {
    let Some(filled) = argument.to_str().and_then(|argument| fill(argument.as_bytes(), payload)) else {
        return Ok(None);
    };
    let text =
        String::from_utf8(filled).map_err(|_| "the payload is no text, as an argument must be here")?;
    Ok(Some(text.into()))
}

fn fill(argument: &[u8], payload: &[u8]) -> Option<Vec<u8>> {
    let mut filled = Vec::new();
    let mut rest = argument;
    while let Some(at) = rest.windows(PLACE.len()).position(|window| window == PLACE) {
        filled.extend_from_slice(&rest[..at]);
        filled.extend_from_slice(payload);
        rest = &rest[at + PLACE.len()..];
    }
    (rest.len() < argument.len()).then(|| {
        filled.extend_from_slice(rest);
        filled
    })
}

/// Writes all that the process wants to read.
async fn feed(input: Option<ChildStdin>, payload: &[u8]) {
    if let Some(mut input) = input {
        // One that does not read on has what it needs, or will say so by its exit code.
        let _ = input.write_all(payload).await;
    }
}

/// Reads to the end, so that the process never waits for us.
async fn listen(output: Option<impl AsyncRead + Unpin>, mut keep: impl FnMut(&[u8])) {
    let Some(mut output) = output else { return };
    let mut buffer = vec![0; 8 << 10];
    while let Ok(octets @ 1..) = output.read(&mut buffer).await {
        keep(&buffer[..octets]);
    }
}

/// As shells say it, and what there is to say of a signal.
fn code(status: ExitStatus) -> (i32, Option<i32>) {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal = None;
    (status.code().or(signal.map(|signal| 128 + signal)).unwrap_or(1), signal)
}

/// The most octets of a result.
pub const MOST_RESULT: usize = 1 << 20;
/// The most octets of standard error that a failure comes with: the last ones.
pub const MOST_COMPLAINT: usize = 4 << 10;
/// What shells say of a command that they cannot start.
const CANNOT_START: i32 = 127;
/// Stands for the payload.
const PLACE: &[u8] = b"{}";
/// How long what is left in the background may keep standard output open.
const REST: Duration = Duration::from_secs(1);
const TOO_LONG: &str =
    "the payload is too long for an argument: leave out `{}`, and it comes on standard input";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payload_stands_wherever_there_is_a_place_for_it_and_is_not_looked_at_again() {
        let filled = |argument: &str, payload: &str| {
            fill(argument.as_bytes(), payload.as_bytes()).map(|filled| String::from_utf8(filled).unwrap())
        };
        for (argument, payload, expected) in [
            ("{}", "a b", Some("a b")),
            ("{}", "", Some("")),
            ("{}:/home", "host", Some("host:/home")),
            ("/{}/{}", "x", Some("/x/x")),
            ("{{}}", "x", Some("{x}")),
            ("{}", "{}; $(rm) `x`", Some("{}; $(rm) `x`")),
            ("{ }", "x", None),
            ("", "x", None),
        ] {
            assert_eq!(filled(argument, payload).as_deref(), expected, "{argument}");
        }
    }
}
