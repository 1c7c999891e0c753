//! What happens, told once: as a line of text (`Display`) and as an object (`Serialize`).

use std::{fmt, path::PathBuf, time::Duration};

use indicatif::{BinaryBytes, HumanCount};
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(crate) enum Event {
    /// Bound, to one endpoint for everything or to two.
    Listening {
        orders: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        reports: Option<String>,
    },
    WorkerStarted {
        worker: String,
        pid: u32,
    },
    Ready {
        worker: String,
        ready: usize,
        attached: usize,
    },
    /// The barrier is open.
    Work {
        jobs: usize,
        wanted: usize,
        ready: usize,
        attached: usize,
    },
    Sent {
        job: usize,
        attempt: u32,
        folder: String,
    },
    Started {
        job: usize,
        attempt: u32,
        folder: String,
        worker: String,
    },
    Done {
        job: usize,
        attempt: u32,
        folder: String,
        worker: String,
        files: u64,
        bytes: u64,
        digest: String,
    },
    Failed {
        job: usize,
        attempt: u32,
        folder: String,
        worker: String,
        text: String,
    },
    /// An order is taken for lost.
    Lost {
        job: usize,
        attempt: u32,
        folder: String,
    },
    /// The job waits to be sent again.
    Again {
        job: usize,
        folder: String,
    },
    GivenUp {
        job: usize,
        folder: String,
    },
    Duplicate {
        job: usize,
        attempt: u32,
        folder: String,
        worker: String,
    },
    WorkerExited {
        worker: String,
        how: String,
    },
    PeerLost {
        attached: usize,
    },
    /// `KILL` is being sent.
    Stopping {
        why: String,
        attached: usize,
    },
    Bye {
        worker: String,
    },
    /// The grace time is over for somebody.
    Overstayed {
        workers: Vec<String>,
        processes: usize,
        attached: usize,
    },
    /// A report that made no sense.
    Ignored {
        what: String,
    },
    /// Remarks of no consequence for the result.
    Note {
        text: String,
    },
    Archived {
        folder: String,
        kind: &'static str,
        files: u64,
        bytes: u64,
        file: PathBuf,
    },
    NotArchived {
        folder: String,
        text: String,
    },
    Summary(Summary),
}

/// The closing table.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Summary {
    pub(crate) done: usize,
    pub(crate) failed: usize,
    /// Results that came when another attempt had already counted.
    pub(crate) duplicates: u64,
    pub(crate) resent: u64,
    /// Copies put in place; a program run instead of the copy may have made none.
    pub(crate) copies: usize,
    /// Of them, those whose digest, read back by the server, is the one the worker reported.
    pub(crate) digests_agree: usize,
    pub(crate) seconds: f64,
    /// Why nothing, or not everything, was tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trouble: Option<String>,
    pub(crate) failures: Vec<Failure>,
    pub(crate) workers: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Failure {
    pub(crate) folder: String,
    pub(crate) text: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Row {
    pub(crate) worker: String,
    pub(crate) jobs: usize,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    #[serde(rename = "ms", serialize_with = "milliseconds")]
    pub(crate) took: Duration,
}

impl Event {
    /// Whether a person in front of progress bars wants a line for it.
    pub(crate) fn is_remarkable(&self) -> bool {
        use Event::*;
        match self {
            Failed { .. } | Again { .. } | GivenUp { .. } | PeerLost { .. } => true,
            WorkerExited { how, .. } => how != "exit code 0",
            Overstayed { .. } | Ignored { .. } | Note { .. } | NotArchived { .. } => true,
            Work { ready, wanted, .. } => ready < wanted,
            _ => false,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Event::*;
        match self {
            Listening { orders, reports: None } => write!(f, "orders and reports on {orders}"),
            Listening { orders, reports: Some(reports) } => {
                write!(f, "orders on {orders}, reports on {reports}")
            }
            WorkerStarted { worker, pid } => write!(f, "{worker} started, process {pid}"),
            Ready { worker, ready, attached } => {
                write!(f, "{worker} is ready ({ready} ready, {attached} attached)")
            }
            Work { jobs, wanted, ready, attached } => {
                write!(f, "{ready} of {wanted} workers ready, {attached} attached: {jobs} folders to do")
            }
            Sent { attempt: 1, folder, .. } => write!(f, "{folder}: sent"),
            Sent { attempt, folder, .. } => write!(f, "{folder}: sent, attempt {attempt}"),
            Started { folder, worker, .. } => write!(f, "{folder}: started by {worker}"),
            Done { folder, worker, files, bytes, .. } => {
                let (files, bytes) = (HumanCount(*files), BinaryBytes(*bytes));
                write!(f, "{folder}: done by {worker}, {files} files, {bytes}")
            }
            Failed { folder, worker, attempt, text, .. } => {
                write!(f, "{folder}: attempt {attempt} failed at {worker}: {text}")
            }
            Lost { folder, attempt, .. } => write!(f, "{folder}: attempt {attempt} is lost"),
            Again { folder, .. } => write!(f, "{folder}: waits to be sent again"),
            GivenUp { folder, .. } => write!(f, "{folder}: given up"),
            Duplicate { folder, worker, attempt, .. } => {
                write!(f, "{folder}: attempt {attempt} done by {worker} as well, not counted")
            }
            WorkerExited { worker, how } => write!(f, "{worker} exited: {how}"),
            PeerLost { attached } => write!(f, "a worker has left, {attached} attached"),
            Stopping { why, attached } => write!(f, "{why}: stopping {attached} workers"),
            Bye { worker } => write!(f, "{worker} says bye"),
            Overstayed { workers, processes, attached } => {
                write!(f, "grace time over: {processes} processes to kill, {attached} peers still attached")?;
                if workers.is_empty() { Ok(()) } else { write!(f, ", no bye from {}", workers.join(", ")) }
            }
            Ignored { what } => write!(f, "report ignored: {what}"),
            Note { text } => f.write_str(text),
            Archived { folder, kind, files, bytes, file } => {
                let (files, bytes) = (HumanCount(*files), BinaryBytes(*bytes));
                write!(f, "{folder}: {kind} archive, {files} files, {bytes}, {}", file.display())
            }
            NotArchived { folder, text } => write!(f, "{folder}: not archived: {text}"),
            Summary(summary) => summary.fmt(f),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.workers.iter().map(|row| row.worker.len()).max().unwrap_or(0).max("worker".len());
        writeln!(f)?;
        writeln!(f, "{:width$} {:>6} {:>9} {:>12} {:>13}", "worker", "jobs", "files", "bytes", "time")?;
        for Row { worker, jobs, files, bytes, took } in &self.workers {
            let (files, bytes) = (HumanCount(*files).to_string(), BinaryBytes(*bytes).to_string());
            let took = Span(*took).to_string();
            writeln!(f, "{worker:width$} {jobs:>6} {files:>9} {bytes:>12} {took:>13}")?;
        }
        writeln!(f)?;
        for Failure { folder, text } in &self.failures {
            writeln!(f, "{folder}: FAILED: {text}")?;
        }
        if let Some(trouble) = &self.trouble {
            writeln!(f, "{trouble}")?;
        }
        let took = Span(Duration::from_secs_f64(self.seconds));
        write!(f, "{} done, {} failed in {took}", self.done, self.failed)?;
        if self.copies > 0 {
            write!(f, "; {} of {} digests agree", self.digests_agree, self.copies)?;
        }
        if self.resent + self.duplicates > 0 {
            write!(f, "; {} orders sent again, {} duplicate results", self.resent, self.duplicates)?;
        }
        Ok(())
    }
}

/// A duration the way people write it.
pub(crate) struct Span(pub(crate) Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            tiny if tiny.as_secs() < 1 => write!(f, "{} ms", tiny.as_millis()),
            short if short.as_secs() < 60 => write!(f, "{:.1} s", short.as_secs_f64()),
            long if long.as_secs() < 3600 => {
                write!(f, "{} min {} s", long.as_secs() / 60, long.as_secs() % 60)
            }
            hours => write!(f, "{:.1} h", hours.as_secs_f64() / 3600.0),
        }
    }
}

fn milliseconds<S: serde::Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u128(took.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_line_and_an_object() {
        let event = Event::Sent { job: 3, attempt: 2, folder: "etc".into() };
        assert_eq!(event.to_string(), "etc: sent, attempt 2");
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(json, r#"{"event":"sent","job":3,"attempt":2,"folder":"etc"}"#);
    }

    #[test]
    fn the_table_has_a_row_for_every_worker() {
        let row = |worker: &str, jobs, bytes| Row {
            worker: worker.into(),
            jobs,
            files: 1234,
            bytes,
            took: Duration::from_millis(1250),
        };
        let workers = vec![row("worker-1", 2, 4096), row("worker-2", 11, 5 << 20)];
        let summary =
            Summary { done: 13, copies: 13, digests_agree: 13, seconds: 2.0, workers, ..Summary::default() };
        let table = "
worker     jobs     files        bytes          time
worker-1      2     1,234     4.00 KiB         1.2 s
worker-2     11     1,234     5.00 MiB         1.2 s

13 done, 0 failed in 2.0 s; 13 of 13 digests agree";
        assert_eq!(summary.to_string(), table);
    }
}
