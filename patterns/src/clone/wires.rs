//! The connections of a replica: a DEALER that asks and writes, and a SUB that follows, to one server at a time.

use zmtp::{Builder, Dealer, DealerSocket, Message, Sub, SubSocket};

use super::place::Place;
use super::state::{ReplicaInput, ReplicaOutput};
use super::wire::{Command, Publication};

/// The two sockets, and how new ones are made.
#[derive(Debug)]
pub(super) struct Wires {
    session: u64,
    servers: Vec<Place>,
    makes: (Builder<Dealer>, Builder<Sub>),
    control: DealerSocket,
    updates: SubSocket,
}

impl Wires {
    pub(super) fn new(
        session: u64,
        servers: Vec<Place>,
        control: Builder<Dealer>,
        updates: Builder<Sub>,
    ) -> Self {
        let sockets = (control.clone().build(), updates.clone().build());
        Self { session, servers, makes: (control, updates), control: sockets.0, updates: sockets.1 }
    }

    /// What comes next. None if a socket was closed.
    ///
    /// # Cancel safety
    /// If you drop the future, nothing is lost.
    pub(super) async fn next(&mut self) -> Option<ReplicaInput> {
        tokio::select! {
            message = self.control.recv() => message.ok().map(heard),
            message = self.updates.recv() => message.ok().map(published),
        }
    }

    /// What has come already.
    pub(super) fn take(&mut self) -> Option<ReplicaInput> {
        let message = self.updates.try_recv().map(published);
        message.or_else(|_| self.control.try_recv().map(heard)).ok()
    }

    /// Does what the replica wants, as far as its connections go; gives back the rest.
    pub(super) fn act(&mut self, output: ReplicaOutput) -> Option<ReplicaOutput> {
        match output {
            ReplicaOutput::Dial(server) => self.dial(server),
            ReplicaOutput::Subscribe(topic) => self.updates.subscribe(topic),
            ReplicaOutput::Unsubscribe(topic) => _ = self.updates.unsubscribe(topic),
            ReplicaOutput::Send(number, command) => {
                let (head, payloads) = command.encode(self.session, number);
                // Without a server there is nobody to hear it. It is said again when there is one.
                let _ = self.control.try_send(payloads.into_iter().fold(Message::from(head), Message::with));
            }
            other => return Some(other),
        }
        None
    }

    /// New sockets, since one that was dialled keeps what it had heard.
    fn dial(&mut self, server: usize) {
        (self.control, self.updates) = (self.makes.0.clone().build(), self.makes.1.clone().build());
        if let Some(place) = self.servers.get(server) {
            // What cannot be dialled is silent, and that is noticed.
            let _ = self.control.connect(place.control.clone());
            let _ = self.updates.connect(place.updates.clone());
        }
    }
}

fn heard(message: Message) -> ReplicaInput {
    ReplicaInput::Heard(Command::decode(message.into_frames()))
}

fn published(message: Message) -> ReplicaInput {
    ReplicaInput::Published(Publication::decode(message.into_frames()))
}
