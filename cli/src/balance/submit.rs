//! Submits the lines of standard input, and waits until each has an outcome.

use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use zmtp_patterns::balancer::{Client, Ending, Handle, Outcome, SubmitError};

use super::jobs::{JobOptions, Jobs};
use super::report::Report;
use crate::exit::Exit;
use crate::format::Format;
use crate::input::{Input, NotRead};
use crate::patience::Patience;
use crate::trouble::Trouble;
use crate::units::show;

/// One list of jobs, from standard input.
#[derive(Debug)]
pub(crate) struct Submission {
    client: Client,
    options: JobOptions,
    report: Report,
    patience: Patience,
    trouble: Trouble,
    wanted: watch::Receiver<Wanted>,
    /// Jobs without an outcome.
    open: u64,
    /// Jobs that were withdrawn in time.
    withdrawn: u64,
    /// The input was read to its end.
    is_whole: bool,
}

/// How much of the list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wanted {
    All,
    /// What was submitted; no line more is to be read.
    Submitted,
    /// What has ended.
    Nothing,
}

/// A line that was submitted, and the room that it takes.
#[derive(Debug)]
struct Submitted {
    line: Bytes,
    key: Bytes,
    handle: Result<Handle, SubmitError>,
    room: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct Ended {
    line: Bytes,
    key: Bytes,
    end: Result<Outcome, SubmitError>,
    _room: OwnedSemaphorePermit,
}

impl Submission {
    /// A list, and what tells how much of it is wanted.
    pub(crate) fn new(
        client: Client,
        options: &JobOptions,
        report: Report,
        patience: Patience,
    ) -> (Self, watch::Sender<Wanted>) {
        let (want, wanted) = watch::channel(Wanted::All);
        let (options, trouble) = (options.clone(), Trouble::default());
        (
            Self {
                client,
                options,
                report,
                patience,
                trouble,
                wanted,
                open: 0,
                withdrawn: 0,
                is_whole: false,
            },
            want,
        )
    }

    /// Submits everything and waits for everything. Fails when that has become pointless. Cancel-safe, in that
    /// [`end`](Self::end) knows what is open.
    pub(crate) async fn work(&mut self) -> Result<(), Exit> {
        let Self { client, options, report, patience, trouble, wanted, open, withdrawn, is_whole } = self;
        let (sender, mut submitted) = mpsc::unbounded_channel();
        let mut feeding = pin!(feed(client, options, trouble, wanted.clone(), sender));
        let (mut ends, mut is_fed) = (JoinSet::new(), false);
        loop {
            let next = async {
                tokio::select! {
                    biased;
                    Some(ended) = ends.join_next(), if *open > 0 => Next::Ended(ended),
                    Some(new) = submitted.recv() => Next::New(new),
                    fed = &mut feeding, if !is_fed => Next::Fed(fed),
                    else => Next::Over,
                }
            };
            let next = if *open == 0 {
                report.during(next).await?
            } else {
                report.during(patience.wait(next)).await?.map_err(|over| {
                    let limit = show(over.limit);
                    Exit::TimedOut(format!(
                        "no job has ended within {limit}, {open} have not; see that the broker and its workers are there"
                    ))
                })?
            };
            match next {
                Next::New(Submitted { line, key, handle, room }) => {
                    if *open == 0 {
                        patience.renew();
                    }
                    *open += 1;
                    report.begun();
                    let (client, wanted) = (client.clone(), wanted.clone());
                    ends.spawn(async move {
                        let end = match handle {
                            Ok(handle) => outcome(&client, handle, wanted).await,
                            Err(error) => Err(error),
                        };
                        Ended { line, key, end, _room: room }
                    });
                }
                Next::Ended(ended) => {
                    patience.renew();
                    // Such a task does not panic.
                    let Ok(Ended { line, key, end, .. }) = ended else { continue };
                    *open -= 1;
                    let is_cancelled = end.as_ref().is_ok_and(|outcome| outcome.ending == Ending::Cancelled);
                    if is_cancelled && *wanted.borrow() == Wanted::Nothing {
                        *withdrawn += 1;
                    } else {
                        report.ended(&line, &key, end).await?;
                    }
                }
                Next::Fed(fed) => {
                    *is_whole = fed?;
                    is_fed = true;
                }
                Next::Over => return Ok(()),
            }
        }
    }

    /// What it came to.
    pub(crate) async fn end(self) -> Exit {
        let exit = self.report.end(self.open + self.withdrawn, self.is_whole).await;
        self.trouble.settle(exit)
    }
}

enum Next {
    New(Submitted),
    Ended(Result<Ended, tokio::task::JoinError>),
    Fed(Result<bool, Exit>),
    Over,
}

/// Waits for the end of a job, which comes soon once it is not wanted.
async fn outcome(
    client: &Client,
    handle: Handle,
    mut wanted: watch::Receiver<Wanted>,
) -> Result<Outcome, SubmitError> {
    let key = handle.key().clone();
    let mut outcome = pin!(handle.outcome());
    tokio::select! {
        biased;
        outcome = &mut outcome => return outcome,
        Ok(_) = wanted.wait_for(|wanted| *wanted == Wanted::Nothing) => client.withdraw(key),
        else => {}
    }
    outcome.await
}

/// Reads lines and submits them, one after the other: their order is that of the jobs. Says whether
/// it came to the end of the input.
async fn feed(
    client: &Client,
    options: &JobOptions,
    trouble: &Trouble,
    mut wanted: watch::Receiver<Wanted>,
    submitted: mpsc::UnboundedSender<Submitted>,
) -> Result<bool, Exit> {
    let (jobs, rooms) = (Jobs::new(options), Arc::new(Semaphore::new(MOST_OPEN)));
    let mut input = Input::lines(Format::text(false), LONGEST_LINE);
    let mut number = 0;
    loop {
        let line = async {
            // Nobody closes the semaphore.
            let room = Arc::clone(&rooms).acquire_owned().await.ok()?;
            Some((input.next(std::future::ready(())).await?, room))
        };
        let line = tokio::select! {
            biased;
            Ok(_) = wanted.wait_for(|wanted| *wanted > Wanted::All) => None,
            line = line => line,
        };
        let Some((line, room)) = line else { return Ok(*wanted.borrow() == Wanted::All) };
        number += 1;
        match line {
            Ok(message) => {
                let line = Bytes::copy_from_slice(message.first());
                let job = jobs.job(number, &line);
                let (key, handle) = (job.key.clone(), client.submit(job).await);
                // Whoever waits for it waits for us as well.
                let _ = submitted.send(Submitted { line, key, handle, room });
            }
            Err(NotRead::Line { number, expected }) => trouble.bad_line(number, &expected),
            Err(NotRead::Input(error)) => {
                return Err(Exit::Usage(format!("cannot read standard input: {error}")));
            }
        }
    }
}

/// Jobs that may be open at a time; the next lines are read when some have ended.
const MOST_OPEN: usize = 50_000;
/// The longest line that makes a job.
const LONGEST_LINE: u64 = 16 << 20;
