//! A broker on a desk: it is told what has happened, and what it wants done is looked at.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::Machine;
use crate::peering::state::{Broker, Config, Dial, Event, Face, Input, Notice, Output};
use crate::peering::wire::{
    Body, Card, ClientCommand, LinkCommand, Report, Spoken, State, Status, WorkerCommand,
};
use crate::wire::{Header, Protocol};

pub(super) struct Desk {
    pub(super) broker: Broker<u32>,
    pub(super) now: Instant,
    /// Counts what each of the others says, by face and who.
    numbers: std::collections::HashMap<(u8, u32), u64>,
    out: Vec<Output<u32>>,
}

pub(super) fn card(name: &str) -> Card {
    Card { name: name.into(), cloud: format!("sim://cloud/{name}"), state: format!("sim://state/{name}") }
}

pub(super) fn body(text: &'static str) -> Body {
    vec![Bytes::from(text)]
}

/// What another broker calls its life.
pub(super) const SESSION: u64 = 77;

impl Desk {
    pub(super) fn new(change: impl FnOnce(&mut Config)) -> Self {
        let (mut config, now) = (Config::new(card("DC1")), Instant::now());
        change(&mut config);
        let broker = Broker::new(config, 1, now);
        Self { broker, now, numbers: Default::default(), out: Vec::new() }
    }

    pub(super) fn tell(&mut self, input: Input<u32>) {
        self.broker.handle(self.now, input);
        self.collect();
    }

    fn collect(&mut self) {
        self.out.extend(std::iter::from_fn(|| self.broker.poll_output()));
        assert_eq!(self.broker.check(), Ok(()));
    }

    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.broker.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.broker.wake(self.now);
            self.collect();
        }
        self.now = end;
    }

    fn number(&mut self, face: u8, who: u32) -> u64 {
        let number = self.numbers.entry((face, who)).or_default();
        *number += 1;
        *number
    }

    /// A worker that takes so many tasks.
    pub(super) fn worker(&mut self, who: u32, slots: u16) {
        self.tell(Input::Worker(who, Event::Joined { speaks: true }));
        self.worker_says(who, &WorkerCommand::Hello { slots });
    }

    pub(super) fn worker_says(&mut self, who: u32, command: &WorkerCommand) {
        let frames = command.encode(1000 + u64::from(who), self.number(0, who));
        self.tell(Input::Worker(who, Event::Heard(frames)));
    }

    pub(super) fn client_says(&mut self, who: u32, command: &ClientCommand) {
        let frames = command.encode(2000 + u64::from(who), self.number(1, who));
        self.tell(Input::Client(who, Event::Heard(frames)));
    }

    pub(super) fn client(&mut self, who: u32) {
        self.tell(Input::Client(who, Event::Joined { speaks: true }));
    }

    /// The client wants this, and will for a minute.
    pub(super) fn asks(&mut self, who: u32, id: u64) {
        let ttl = Duration::from_secs(60);
        self.client_says(who, &ClientCommand::Request { id, ttl, body: body("work") });
    }

    pub(super) fn guest_says(&mut self, who: u32, command: &LinkCommand) {
        let frames = command.encode(SESSION, self.number(2, who));
        self.tell(Input::Guest(who, Event::Heard(frames)));
    }

    /// A broker of this name that delegates to this one.
    pub(super) fn guest(&mut self, who: u32, name: &str) {
        self.tell(Input::Guest(who, Event::Joined { speaks: true }));
        self.guest_says(who, &LinkCommand::Hello { card: card(name) });
    }

    pub(super) fn peer_says(&mut self, dial: u32, command: &LinkCommand) {
        let frames = command.encode(SESSION, self.number(3, dial));
        self.tell(Input::Peer(Dial(dial), Event::Heard(frames)));
    }

    /// A broker of this name, the so-manieth that is dialled, that takes so many tasks.
    pub(super) fn peer(&mut self, dial: u32, name: &str, free: u32) {
        self.tell(Input::Join(card(name).cloud));
        self.peer_says(dial, &LinkCommand::Hail);
        let report = Report { number: 1, free, seen: 0 };
        self.peer_says(dial, &LinkCommand::Welcome { card: card(name), report });
    }

    /// What it publishes.
    pub(super) fn state(&mut self, state: &State) {
        let frames = state.encode(SESSION, 1);
        self.tell(Input::State(frames));
    }

    /// Tasks that workers were given since this was asked last, and to whom.
    pub(super) fn tasks(&mut self) -> Vec<(u32, u64)> {
        self.take(|output| match output {
            Output::Say(Face::Workers, who, frames) => match WorkerCommand::decode(frames.clone()) {
                Ok((_, WorkerCommand::Task { task, .. })) => Some((*who, task)),
                _ => None,
            },
            _ => None,
        })
    }

    /// What clients were told.
    pub(super) fn told(&mut self) -> Vec<(u32, ClientCommand)> {
        self.take(|output| match output {
            Output::Say(Face::Clients, who, frames) => match ClientCommand::decode(frames.clone()) {
                Ok((_, ClientCommand::Hail)) | Err(_) => None,
                Ok((_, command)) => Some((*who, command)),
            },
            _ => None,
        })
    }

    /// What peers were told, but who this is.
    pub(super) fn sent(&mut self) -> Vec<(u32, LinkCommand)> {
        self.take(|output| match output {
            Output::Tell(Dial(dial), frames) => match LinkCommand::decode(frames.clone()) {
                Ok((_, LinkCommand::Hello { .. })) | Err(_) => None,
                Ok((_, command)) => Some((*dial, command)),
            },
            _ => None,
        })
    }

    /// What those were told who delegate, but that they are welcome.
    pub(super) fn answered(&mut self) -> Vec<(u32, LinkCommand)> {
        self.take(|output| match output {
            Output::Say(Face::Cloud, who, frames) => match LinkCommand::decode(frames.clone()) {
                Ok((_, LinkCommand::Hail | LinkCommand::Welcome { .. })) | Err(_) => None,
                Ok((_, command)) => Some((*who, command)),
            },
            _ => None,
        })
    }

    pub(super) fn notices(&mut self) -> Vec<Notice> {
        self.take(|output| match output {
            Output::Notice(notice) => Some(notice.clone()),
            _ => None,
        })
    }

    pub(super) fn published(&mut self) -> Vec<State> {
        self.take(|output| match output {
            Output::Publish(frames) => State::decode(frames.clone()).ok().map(|(_, state)| state),
            _ => None,
        })
    }

    /// Anything else.
    pub(super) fn take<T>(&mut self, wanted: impl Fn(&Output<u32>) -> Option<T>) -> Vec<T> {
        let mut taken = Vec::new();
        self.out.retain(|output| match wanted(output) {
            Some(it) => {
                taken.push(it);
                false
            }
            None => true,
        });
        taken
    }

    /// How many it has dialled. Whoever greets is dialled as well.
    pub(super) fn dials(&self) -> u32 {
        self.status().peers.len() as u32
    }

    /// Its session, which is in all that it says.
    pub(super) fn session(&mut self) -> u64 {
        self.tell(Input::Subscribed);
        let frames = self.take(|output| match output {
            Output::Publish(frames) => Some(frames[0].clone()),
            _ => None,
        });
        Header::decode(Protocol::Peering, &frames[0]).unwrap().0.session
    }

    pub(super) fn status(&self) -> Status {
        self.broker.status(self.now)
    }

    /// The worker has done its task.
    pub(super) fn does(&mut self, who: u32, task: u64) {
        self.worker_says(who, &WorkerCommand::Done { task, body: body("done") });
    }
}
