//! Connections between hosts: what is under way, in which order, and who has noticed that one is gone.

use std::collections::BTreeSet;
use std::time::Instant;

use super::{Frames, Host, Link, Port};

/// Which end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Dialler,
    Dialled,
}

/// One connection, from its making until nobody has it any more.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) dialler: Host,
    /// Which of the dialler's dials it belongs to.
    pub(crate) dial: usize,
    pub(crate) dialled: Host,
    /// What the dialled host calls it.
    pub(crate) link: Link,
    /// Nothing goes through any more.
    pub(crate) is_cut: bool,
    /// Who has learned of that.
    pub(crate) noticed: [bool; 2],
    /// When the latest message arrives, by the side that it arrives at: those of one connection stay in order.
    pub(crate) latest: [Instant; 2],
    /// Came to a host while it was parted from the other: it gets through when they meet again.
    pub(crate) held: Vec<(Side, Frames)>,
}

impl Connection {
    pub(crate) fn host(&self, side: Side) -> Host {
        match side {
            Side::Dialler => self.dialler,
            Side::Dialled => self.dialled,
        }
    }
}

/// What one host dials.
#[derive(Debug)]
pub(crate) struct Dial {
    pub(crate) to: Host,
    pub(crate) port: Port,
    /// The number of its connection.
    pub(crate) connection: Option<usize>,
    /// Waits for a connection.
    pub(crate) waiting: Vec<Frames>,
}

/// Who cannot reach whom.
#[derive(Debug, Default)]
pub(crate) struct Partings(BTreeSet<(Host, Host)>);

impl Partings {
    pub(crate) fn part(&mut self, one: Host, other: Host) {
        self.0.insert((one.min(other), one.max(other)));
    }

    pub(crate) fn join(&mut self, one: Host, other: Host) {
        self.0.remove(&(one.min(other), one.max(other)));
    }

    pub(crate) fn are_parted(&self, one: Host, other: Host) -> bool {
        self.0.contains(&(one.min(other), one.max(other)))
    }
}
