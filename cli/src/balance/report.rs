//! How each job ended: a line on standard output, a bar on the terminal, and the exit code in the end.

use std::io::{IsTerminal, stderr, stdout};

use bytes::Bytes;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use zmtp::Message;
use zmtp_patterns::balancer::{Ending, Outcome, SubmitError};

use crate::exit::Exit;
use crate::format::Format;
use crate::json::octets;
use crate::output::Output;

/// The report on one list of jobs.
#[derive(Debug)]
pub(crate) struct Report {
    output: Output,
    is_json: bool,
    bar: Option<ProgressBar>,
    ended: u64,
    not_done: u64,
}

impl Report {
    pub(crate) fn new(is_json: bool) -> Self {
        let format = if is_json { Format::LINES } else { Format::text(false) };
        // Where the lines themselves are to be seen they show how far it is.
        let shows = stderr().is_terminal() && !stdout().is_terminal();
        Self { output: Output::new(format), is_json, bar: shows.then(bar), ended: 0, not_done: 0 }
    }

    /// There is one job more.
    pub(crate) fn begun(&self) {
        if let Some(bar) = &self.bar {
            bar.inc_length(1);
        }
    }

    /// A job has ended, or will not be done.
    pub(crate) async fn ended(
        &mut self,
        line: &Bytes,
        key: &Bytes,
        end: Result<Outcome, SubmitError>,
    ) -> Result<(), Exit> {
        let (ending, outcome) = match end {
            Ok(outcome) => (name(outcome.ending), outcome),
            Err(error) => ("refused", refused(&error)),
        };
        self.ended += 1;
        self.not_done += u64::from(ending != "done");
        if let Some(bar) = &self.bar {
            bar.inc(1);
            if self.not_done > 0 {
                bar.set_message(format!(", {} not done", self.not_done));
            }
        }
        let Outcome { attempts, code, payload, .. } = outcome;
        let message = if self.is_json {
            let object = json!({
                "job": octets(line), "key": octets(key), "ending": ending, "code": code, "attempts": attempts,
                "result": octets(&payload),
            });
            Message::from(object.to_string())
        } else {
            let result = payload.strip_suffix(b"\n").unwrap_or(&payload).to_vec();
            let columns = Message::new(ending).with(line.clone());
            columns.with(code.to_string()).with(attempts.to_string()).with(result)
        };
        self.output.print(message).await
    }

    /// What `future` yields, unless nobody reads the report any more.
    pub(crate) async fn during<F: Future>(&mut self, future: F) -> Result<F::Output, Exit> {
        self.output.during(future).await
    }

    /// The end of a list of which so many jobs have not ended, and which may not have been read to its end.
    pub(crate) async fn end(mut self, left: u64, is_whole: bool) -> Exit {
        if let Some(bar) = self.bar.take() {
            bar.finish();
        }
        let exit = match (self.not_done, left) {
            (0, 0) => Exit::Done,
            (0, left) => Exit::Failed(format!("{} left undone", are(left))),
            (not_done, 0) => Exit::Failed(format!("{not_done} of {} jobs did not end well", self.ended)),
            (not_done, left) => Exit::Failed(format!(
                "{not_done} of {} jobs did not end well, and {} left undone",
                self.ended,
                are(left)
            )),
        };
        let exit = match exit {
            Exit::Done if !is_whole => Exit::Failed(UNREAD.to_owned()),
            Exit::Failed(why) if !is_whole => Exit::Failed(format!("{why}; {UNREAD}")),
            exit => exit,
        };
        exit.after_writing(&mut self.output).await
    }
}

fn are(jobs: u64) -> String {
    if jobs == 1 { "1 job is".to_owned() } else { format!("{jobs} jobs are") }
}

/// As operators know them.
fn name(ending: Ending) -> &'static str {
    match ending {
        Ending::Done => "done",
        Ending::Dead => "failed",
        Ending::Skipped => "skipped",
        Ending::Cancelled => "cancelled",
    }
}

fn refused(error: &SubmitError) -> Outcome {
    Outcome { ending: Ending::Cancelled, attempts: 0, code: 0, payload: error.to_string().into() }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} jobs{msg}, {elapsed}");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

const UNREAD: &str = "the rest of the input was not read";
