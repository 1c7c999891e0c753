//! One side of a benchmark, as a process with a deadline.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::Instant;

use serde_json::{Map, Value};

use crate::run::Contender;

/// A running contender. Dropping it kills it.
pub(crate) struct Peer {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    /// Collects its standard error to the end, so that it never waits for a reader.
    said: Option<JoinHandle<String>>,
    role: String,
    deadline: Instant,
}

impl Peer {
    pub(crate) fn start(
        contender: &Contender,
        role: &str,
        arguments: &[String],
        deadline: Instant,
    ) -> Result<Self, String> {
        let mut child = Command::new(&contender.program)
            .arg(role)
            .args(arguments)
            .args(&contender.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}; build it first", contender.program.display()))?;
        let (tell, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).for_each(|line| drop(tell.send(line)));
        });
        let mut stderr = child.stderr.take().expect("piped");
        let said = std::thread::spawn(move || {
            let mut said = String::new();
            let _ = stderr.read_to_string(&mut said);
            said
        });
        let stdin = child.stdin.take();
        Ok(Self { child, stdin, lines, said: Some(said), role: role.to_owned(), deadline })
    }

    pub(crate) fn id(&self) -> String {
        self.child.id().to_string()
    }

    /// Waits for this very line.
    pub(crate) fn expect(&mut self, word: &str) -> Result<(), String> {
        match self.line()? {
            line if line == word => Ok(()),
            line => Err(format!("{} said {line} instead of {word}", self.role)),
        }
    }

    /// Waits for a line of figures.
    pub(crate) fn result(&mut self) -> Result<Map<String, Value>, String> {
        let line = self.line()?;
        serde_json::from_str(&line).map_err(|error| format!("{} said {line}: {error}", self.role))
    }

    /// Says that it may begin.
    pub(crate) fn say_go(&mut self) -> Result<(), String> {
        let stdin = self.stdin.as_mut().expect("open until it is closed");
        stdin.write_all(b"go\n").map_err(|error| format!("{}: {error}", self.role))
    }

    /// Says that it may end.
    pub(crate) fn close(&mut self) {
        self.stdin = None;
    }

    fn line(&mut self) -> Result<String, String> {
        match self.lines.recv_timeout(self.deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => Ok(line),
            Err(RecvTimeoutError::Timeout) => Err(self.end("did not end in time")),
            Err(RecvTimeoutError::Disconnected) => Err(self.end("ended early")),
        }
    }

    /// Ends it, and tells what it said.
    fn end(&mut self, what: &str) -> String {
        let _ = self.child.kill();
        let said = self.said.take().and_then(|said| said.join().ok()).unwrap_or_default();
        let said: String = said.trim().replace('\n', " ").chars().take(LONGEST).collect();
        format!("{} {what}: {said}", self.role)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Characters of what a contender said that are told.
const LONGEST: usize = 300;
