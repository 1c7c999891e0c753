//! Many keys from standard input: some are written at once, and some writes are on their way at a time.

use std::collections::VecDeque;
use std::future::ready;
use std::io::{IsTerminal, stderr};
use std::pin::Pin;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::unconstrained;
use tokio::time::{Instant, timeout_at};
use zmtp::Message;
use zmtp_patterns::clone::{Change, Client, To, Version, WriteError};

use super::entry::loaded;
use super::servers::{Servers, refused};
use crate::exit::Exit;
use crate::format::Format;
use crate::input::{Input, NotRead};
use crate::trouble::Trouble;

/// Writes the lines of standard input.
#[derive(Debug)]
pub(crate) struct Loading<'a> {
    servers: &'a Servers,
    client: Client,
    trouble: Trouble,
    bar: Option<ProgressBar>,
    batch: Batch,
    /// What has no answer yet, in its order.
    open: VecDeque<Open>,
    /// When there is to be one.
    deadline: Instant,
    done: Loaded,
}

/// What was written.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Loaded {
    pub(crate) keys: usize,
    pub(crate) version: Option<Version>,
}

#[derive(Debug, Default)]
struct Batch {
    changes: Vec<Change>,
    bytes: usize,
    first: u64,
    last: u64,
}

struct Open {
    keys: usize,
    first: u64,
    last: u64,
    write: Pin<Box<dyn Future<Output = Result<Version, WriteError>>>>,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open").field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl<'a> Loading<'a> {
    pub(crate) fn new(servers: &'a Servers) -> Self {
        Self {
            servers,
            client: servers.writer(),
            trouble: Trouble::default(),
            bar: stderr().is_terminal().then(bar),
            batch: Batch::default(),
            open: VecDeque::new(),
            deadline: Instant::now(),
            done: Loaded::default(),
        }
    }

    /// Reads to the end. Says what was written, and how the verb ends.
    pub(crate) async fn run(mut self) -> (Loaded, Exit) {
        let exit = self.read().await.err().unwrap_or(Exit::Done);
        if let Some(bar) = &self.bar {
            bar.finish();
        }
        (self.done, self.trouble.settle(exit))
    }

    async fn read(&mut self) -> Result<(), Exit> {
        let mut input = Input::lines(Format::LINES, LONGEST_LINE);
        let (mut is_over, mut number) = (false, 0);
        loop {
            let has_room = self.open.len() < TOGETHER;
            tokio::select! {
                biased;
                answer = answered(&mut self.open, self.deadline), if !self.open.is_empty() => self.settle(answer)?,
                line = input.next(ready(())), if has_room && !is_over => match line {
                    Some(line) => {
                        number += 1;
                        self.take(number, line).await?;
                    }
                    None => is_over = true,
                },
                // Nothing follows at once.
                () = ready(()), if has_room && !self.batch.changes.is_empty() => self.send().await,
                else => return Ok(()),
            }
        }
    }

    async fn take(&mut self, number: u64, line: Result<Message, NotRead>) -> Result<(), Exit> {
        let line = match line {
            Ok(line) => loaded(line.first()),
            Err(NotRead::Line { .. }) => Err(format!("expected at most {LONGEST_LINE} bytes")),
            Err(NotRead::Input(error)) => {
                return Err(Exit::Failed(format!("cannot read standard input: {error}")));
            }
        };
        let change = match line {
            Ok(change) => change,
            Err(expected) => {
                self.trouble.bad_line(number, &expected);
                return Ok(());
            }
        };
        let value = match &change.to {
            To::Value { value, .. } => value.len(),
            _ => 0,
        };
        if self.batch.bytes + value > BATCH_BYTES {
            self.send().await;
        }
        let Batch { changes, bytes, first, last } = &mut self.batch;
        if changes.is_empty() {
            *first = number;
        }
        changes.push(change);
        (*bytes, *last) = (*bytes + value, number);
        if changes.len() == BATCH {
            self.send().await;
        }
        Ok(())
    }

    /// Hands over what there is. The answer comes later.
    async fn send(&mut self) {
        let Batch { changes, first, last, .. } = std::mem::take(&mut self.batch);
        if changes.is_empty() {
            return;
        }
        if self.open.is_empty() {
            self.deadline = Instant::now() + self.servers.timeout();
        }
        let (client, keys) = (self.client.clone(), changes.len());
        // So that nothing but room for it keeps it from being handed over when it is first asked.
        let mut write = Box::pin(unconstrained(async move { client.write(changes).await }));
        let write: Pin<Box<dyn Future<Output = _>>> = tokio::select! {
            biased;
            answer = &mut write => Box::pin(ready(answer)),
            () = ready(()) => write,
        };
        self.open.push_back(Open { keys, first, last, write });
    }

    /// There is an answer to the first of those that had none, or the time for it is up.
    fn settle(&mut self, answer: Option<Result<Version, WriteError>>) -> Result<(), Exit> {
        self.deadline = Instant::now() + self.servers.timeout();
        let Some(answer) = answer else {
            let keys = self.done.keys;
            return Err(self.servers.too_late(&format!("; {keys} keys are loaded, others may be")));
        };
        let Some(Open { keys, first, last, .. }) = self.open.pop_front() else { return Ok(()) };
        match answer {
            Ok(version) => {
                self.done = Loaded { keys: self.done.keys + keys, version: Some(version) };
                if let Some(bar) = &self.bar {
                    bar.inc(keys as u64);
                }
                Ok(())
            }
            Err(error) => {
                let before = self.done.keys;
                let where_ =
                    format!("lines {first} to {last} are not loaded, {before} keys before them are: ");
                Err(match refused(error) {
                    Exit::Refused(why) => Exit::Refused(where_ + &why),
                    Exit::Failed(why) => Exit::Failed(where_ + &why),
                    exit => exit,
                })
            }
        }
    }
}

/// The answer to the first of these, if it comes in time.
async fn answered(open: &mut VecDeque<Open>, deadline: Instant) -> Option<Result<Version, WriteError>> {
    match open.front_mut() {
        Some(first) => timeout_at(deadline, &mut first.write).await.ok(),
        None => std::future::pending().await,
    }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {human_pos} keys, {per_sec}, {elapsed}");
    ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}

/// The most keys of a write.
const BATCH: usize = 100;
/// The most octets of their values, if there is more than one.
const BATCH_BYTES: usize = 4 << 20;
/// The most writes without an answer.
const TOGETHER: usize = 8;
/// The longest value, every octet of it escaped.
const LONGEST_LINE: u64 = 256 << 20;
