//! What workers write down: lines that their commands append to one file.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::process::DEADLINE;

/// A file that many processes append lines to. A line is one write to a file that was opened for appending, so lines
/// stay whole and in the order in which they were written, whoever is killed.
#[derive(Debug)]
pub(crate) struct Log(PathBuf);

impl Log {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// What has been written so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        fs::read_to_string(&self.0).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// Waits until a line satisfies this.
    pub(crate) fn until(&self, found: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(line) = self.lines().into_iter().find(|line| found(line)) {
                return line;
            }
            assert!(Instant::now() < deadline, "it is not in the log: {:?}", self.lines());
            thread::sleep(Duration::from_millis(5));
        }
    }
}
