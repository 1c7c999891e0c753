//! The server or the visitors, as a process that answers each line with a line.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde::de::DeserializeOwned;

/// A running process. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
}

impl Process {
    /// Starts this program in another role.
    pub(crate) fn start(name: &'static str, arguments: &[&str]) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{name}: {error}"))?;
        let stdin = child.stdin.take().expect("piped");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).for_each(|line| drop(tell.send(line)));
        });
        Ok(Self { name, child, stdin, lines })
    }

    /// Says a line, and returns the answer.
    pub(crate) fn ask<T: DeserializeOwned>(&mut self, question: &str) -> Result<T, String> {
        let said = writeln!(self.stdin, "{question}");
        said.map_err(|error| format!("{}: {error}", self.name))?;
        self.hear()
    }

    /// The next line.
    pub(crate) fn hear<T: DeserializeOwned>(&mut self) -> Result<T, String> {
        let line = self.lines.recv_timeout(PATIENCE).map_err(|error| match error {
            RecvTimeoutError::Timeout => format!("{} said nothing for {PATIENCE:?}", self.name),
            RecvTimeoutError::Disconnected => format!("{} ended early", self.name),
        })?;
        serde_json::from_str(&line).map_err(|error| format!("{} said {line}: {error}", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Longer than any visit.
const PATIENCE: Duration = Duration::from_secs(90);
