//! What goes wrong without ending the verb: it is told when it happens, and shows in the exit code at the end.

use std::cell::Cell;

use zmtp::Message;

use crate::exit::{Exit, say};
use crate::text;

/// The worst so far.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    bad_line: Cell<bool>,
    unroutable: Cell<bool>,
}

impl Trouble {
    /// A line of the input is no message.
    pub(crate) fn bad_line(&self, number: u64, expected: &str) {
        say(format_args!("line {number}: {expected}"));
        self.bad_line.set(true);
    }

    /// Nobody is called what the first frame of `message` says.
    pub(crate) fn unroutable(&self, message: &Message) {
        let mut name = Vec::new();
        // Writing to a vector does not fail.
        let _ = text::escape(message.first(), &mut name);
        say(format_args!("nobody is called `{}`: the message was not sent", String::from_utf8_lossy(&name)));
        self.unroutable.set(true);
    }

    /// How a verb ends that would end like this without its trouble: a failure of our own comes before a good
    /// end and before waiting in vain.
    pub(crate) fn settle(&self, exit: Exit) -> Exit {
        let told = match (self.bad_line.get(), self.unroutable.get()) {
            (true, _) => Exit::BadInput,
            (false, true) => Exit::Unroutable,
            (false, false) => return exit,
        };
        match exit {
            Exit::Done => told,
            Exit::TimedOut(why) => {
                say(format_args!("timed out: {why}"));
                told
            }
            _ => exit,
        }
    }
}
