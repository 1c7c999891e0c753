//! What the desk wants done and told.

use super::{
    Desk,
    job::{Lost, Next},
};
use crate::{events::Event, outcome::Outcome};

/// What the shell has to do.
#[derive(Debug, PartialEq)]
pub(crate) enum Output {
    /// Send this order and say [`Desk::handle_sent`] or, if there is no room, [`Desk::handle_no_room`].
    Send {
        job: usize,
        attempt: u32,
    },
    /// Send so many `KILL`, as far as there is room.
    Stop(usize),
    /// Put the result of this attempt in place and say [`Desk::handle_committed`].
    Commit {
        job: usize,
        outcome: Outcome,
    },
    /// Ask our processes to leave their jobs and go: `KILL` waits in line behind the orders before it.
    Terminate,
    /// Kill the processes that are left.
    Kill,
    Tell(Event),
}

impl Desk {
    pub(super) fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Tell(event));
    }

    pub(super) fn ignore(&mut self, what: String) {
        self.tell(Event::Ignored { what });
    }

    pub(super) fn tell_ready(&mut self, worker: String) {
        let (ready, attached) = (self.crew.ready(), self.crew.attached());
        self.tell(Event::Ready { worker, ready, attached });
    }

    pub(super) fn tell_failed(&mut self, worker: String, job: usize, attempt: u32, text: String, next: Next) {
        self.tell(Event::Failed { job, attempt, folder: self.folders[job].clone(), worker, text });
        self.tell_next(job, next);
    }

    pub(super) fn tell_lost(&mut self, lost: Vec<Lost>) {
        for (job, attempt, next) in lost.into_iter().filter(|(_, _, next)| *next != Next::Settled) {
            self.tell(Event::Lost { job, attempt, folder: self.folders[job].clone() });
            self.tell_next(job, next);
        }
    }

    pub(super) fn tell_next(&mut self, job: usize, next: Next) {
        let folder = self.folders[job].clone();
        match next {
            Next::Again => self.tell(Event::Again { job, folder }),
            Next::GivenUp => self.tell(Event::GivenUp { job, folder }),
            Next::StillTrying | Next::Settled => {}
        }
    }
}
