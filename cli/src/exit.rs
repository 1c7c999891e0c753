//! How the command ends: an exit code, and the sentence on standard error that goes with it.
//!
//! 0 done; 1 work failed; 2 timed out; 3 usage, bad endpoint, bad input line; 4 refused by the peer; 130 and
//! 143 for SIGINT and SIGTERM.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::output::Output;

/// The end of a verb.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    Failed(String),
    TimedOut(String),
    Usage(String),
    /// Some lines of the input were no messages, and were told one by one.
    BadInput,
    /// Some messages were for nobody, and were told one by one.
    Unroutable,
    Refused(String),
    /// With this code, and why stands in the verb's own report.
    Told(u8),
    /// By the number of the signal.
    Signal(u8),
}

impl Exit {
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed(_) | Self::Unroutable => 1,
            Self::TimedOut(_) => 2,
            Self::Usage(_) | Self::BadInput => USAGE,
            Self::Refused(_) => 4,
            Self::Told(code) => *code,
            Self::Signal(number) => 128 + number,
        }
    }

    /// How a verb ends that ends like this when all that was handed over to `output` is written.
    pub(crate) async fn after_writing(self, output: &mut Output) -> Self {
        match (self, output.finish().await) {
            (Self::Done, written) => written,
            (exit, _) => exit,
        }
    }

    /// Says why, unless all went well or the user knows, and turns into the exit code.
    pub(crate) fn report(self) -> ExitCode {
        match &self {
            Self::Done | Self::BadInput | Self::Unroutable | Self::Told(_) | Self::Signal(_) => {}
            Self::TimedOut(why) => say(format_args!("timed out: {why}")),
            Self::Refused(why) => say(format_args!("refused: {why}")),
            Self::Failed(why) | Self::Usage(why) => say(why),
        }
        self.code().into()
    }
}

/// A sentence on standard error. Nobody may be there to read it; that is no reason to fail.
pub(crate) fn say(sentence: impl Display) {
    let _ = writeln!(io::stderr().lock(), "zmtp: {sentence}");
}

pub(crate) const USAGE: u8 = 3;
