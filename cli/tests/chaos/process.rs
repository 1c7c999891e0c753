//! A process of the command that is killed, frozen and started again, always with the same command line.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::folder::Folder;

/// What a process or a link is called.
pub(crate) type Name = &'static str;

/// Nothing that is to happen takes that long, on the slowest of machines, once the weather is good.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A process in its lives, of which it has one at a time. Killed when dropped, frozen or not.
#[derive(Debug)]
pub(crate) struct Process {
    name: Name,
    command: Command,
    /// Its standard input, from the beginning in each life.
    input: Option<std::path::PathBuf>,
    events: Sender<Event>,
    /// Counted from 1.
    life: u32,
    /// While it lives, or has ended and nobody has looked.
    running: Option<(Child, JoinHandle<()>)>,
}

/// Something that a process did.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) process: Name,
    pub(crate) life: u32,
    pub(crate) what: What,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// It wrote this line on standard output, with its end.
    Said(String),
    /// Its standard output is closed: it has ended, or was killed.
    Over,
}

impl Process {
    /// A process that was not started yet. Its standard error goes to a file of the folder.
    pub(crate) fn new(name: Name, arguments: &[&str], folder: &Folder, events: &Sender<Event>) -> Self {
        let errors = File::options().create(true).append(true).open(folder.file(&format!("{name}.err")));
        let mut command = Command::new(env!("CARGO_BIN_EXE_zmtp"));
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors.unwrap());
        Self { name, command, input: None, events: events.clone(), life: 0, running: None }
    }

    /// What it reads from now on, in this life and those that follow.
    pub(crate) fn give(&mut self, folder: &Folder, input: &str) {
        let path = folder.file(&format!("{}.in", self.name));
        fs::write(&path, input).unwrap();
        self.input = Some(path);
    }

    /// Begins a life, if it has none.
    pub(crate) fn start(&mut self) {
        if self.running.is_some() {
            return;
        }
        self.life += 1;
        if let Some(input) = &self.input {
            self.command.stdin(File::open(input).unwrap());
        }
        let mut child = self.command.spawn().unwrap();
        let output = child.stdout.take().unwrap();
        let (process, life, events) = (self.name, self.life, self.events.clone());
        let listening = thread::spawn(move || {
            // Nobody need listen any more.
            listen(output, |what| _ = events.send(Event { process, life, what }));
        });
        self.running = Some((child, listening));
    }

    /// Ends its life by SIGKILL. All that it has said by then is among the events.
    pub(crate) fn kill(&mut self) {
        if let Some((mut child, listening)) = self.running.take() {
            let _ = child.kill();
            let _ = child.wait();
            let _ = listening.join();
        }
    }

    /// Stops it without ending it: its connections stay open, and nothing answers.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    pub(crate) fn life(&self) -> u32 {
        self.life
    }

    /// Whether it has ended in this life, by itself.
    pub(crate) fn has_ended(&self, event: &Event) -> bool {
        event.what == What::Over && event.life == self.life && self.running.is_some()
    }

    /// The exit code of one that has ended.
    pub(crate) fn code(&mut self) -> Option<i32> {
        let (mut child, listening) = self.running.take()?;
        let _ = listening.join();
        child.wait().unwrap().code()
    }

    fn signal(&self, signal: Signal) {
        if let Some((child, _)) = &self.running {
            // Nobody has waited for it, so the number is nobody else's.
            let _ = kill_process(Pid::from_child(child), signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Hands over each whole line. What one that is killed leaves unfinished was never said.
fn listen(output: impl Read, mut hand_over: impl FnMut(What)) {
    let (mut output, mut line) = (BufReader::new(output), String::new());
    while output.read_line(&mut line).is_ok_and(|octets| octets > 0) {
        if line.pop() == Some('\n') {
            hand_over(What::Said(std::mem::take(&mut line)));
        }
    }
    hand_over(What::Over);
}

/// The next event, which comes in time.
pub(crate) fn next(events: &Receiver<Event>, deadline: Instant) -> Event {
    let left = deadline.saturating_duration_since(Instant::now());
    events.recv_timeout(left).expect("nothing has happened in time")
}

/// Where a process may bind, as often as it is started.
pub(crate) fn free_place() -> String {
    // An address of its own, where the system lets us: nobody gets this port by chance while its process is dead, not even
    // somebody who dials it.
    let host = if cfg!(target_os = "linux") { "127.0.1.1" } else { "127.0.0.1" };
    TcpListener::bind((host, 0)).unwrap().local_addr().unwrap().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_an_end_was_never_said() {
        let mut said = vec![];
        listen(&b"one\n\ntwo\nthr"[..], |what| said.push(what));
        let lines = ["one", "", "two"].map(|line| What::Said(line.to_owned()));
        assert_eq!(said, lines.into_iter().chain([What::Over]).collect::<Vec<_>>());
    }
}
