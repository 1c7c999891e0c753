//! REQ: one question, one answer, by turns (RFC 28).

use super::{Behaviour, Identified, Pattern, Receives, Receiving, Sending, Sends, count, probe};
use crate::error::{RecvError, SendErrorKind};
use crate::message::{Frame, Message};
use crate::monitor::Refusal;
use crate::options::Builder;
use crate::peer::PeerId;
use crate::pipe::{Delivery, Parcel, Patience, Pipes, View};
use crate::random::random;
use crate::route::{FairQueue, LoadBalancer};
use crate::wire::{self, Misbehaved, SocketType};

/// Makes a socket a REQ: it asks one of its REP or ROUTER peers, in turn, and waits for that one's answer. See
/// [`request`](crate::Socket::request).
#[derive(Debug)]
pub struct Req {
    out: LoadBalancer,
    replies: FairQueue,
    turn: Turn,
    /// The number of the latest request.
    number: u32,
    /// What stands before the user's frames: a number if so wanted, and the empty delimiter (R28-REQ-04, 06).
    envelope: Vec<Frame>,
    options: ReqOptions,
}

/// Whose move it is. The lock-step of REQ is this and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Ours,
    /// `None` when the pipe of the one who was asked is gone: then anybody may answer, as in libzmq.
    Theirs(Option<PeerId>),
}

#[derive(Debug, Clone, Default)]
pub(crate) struct ReqOptions {
    relaxed: bool,
    correlate: bool,
    probe: bool,
}

impl Builder<Req> {
    /// Lets the next request overtake an answer that is still due, which is then discarded when it comes. Off unless
    /// set. Together with [`correlate`](Self::correlate), or a late answer may be taken for the new one.
    #[must_use]
    pub fn relaxed(mut self, on: bool) -> Self {
        self.own.relaxed = on;
        self
    }

    /// Puts a number in front of each request, which REP and ROUTER peers send back as part of the envelope, and
    /// discards answers to other requests than the last. Off unless set.
    #[must_use]
    pub fn correlate(mut self, on: bool) -> Self {
        self.own.correlate = on;
        self
    }

    /// Sends an empty message to each peer as soon as it is there, so that a ROUTER learns of this socket before it
    /// has asked anything. Off unless set; REP peers discard it.
    #[must_use]
    pub fn probe_router(mut self, on: bool) -> Self {
        self.own.probe = on;
        self
    }
}

impl Req {
    /// The user's frames of an answer to the latest request. Of any other answer: `Err`, and whether it was at least
    /// an answer.
    fn open(&self, answer: Message) -> Result<Message, bool> {
        let mut answer = Some(answer);
        let mut next = |expected: &[u8]| {
            let (frame, rest): (Frame, _) = answer.take()?.split_first();
            answer = rest;
            Some(*frame == *expected)
        };
        if self.options.correlate && next(&self.number.to_ne_bytes()) != Some(true) {
            return Err(true);
        }
        match next(b"") {
            Some(true) => answer.ok_or(false),
            _ => Err(false),
        }
    }
}

impl Pattern for Req {}
impl Sends for Req {}
impl Receives for Req {}
impl Identified for Req {}

impl Behaviour for Req {
    const TYPE: SocketType = SocketType::Req;
    type Options = ReqOptions;
    type Intake = ();

    fn new(options: &ReqOptions) -> Self {
        Self {
            out: LoadBalancer::default(),
            replies: FairQueue::default(),
            turn: Turn::Ours,
            number: random(),
            envelope: vec!["".into(); if options.correlate { 2 } else { 1 }],
            options: options.clone(),
        }
    }

    fn intake(&self, _options: &Self::Options) {}

    fn attach(&mut self, _pipes: &mut Pipes, peer: PeerId) {
        self.out.attach(peer);
    }

    fn detach(&mut self, _pipes: &mut Pipes, peer: PeerId) {
        self.out.detach(peer);
        if self.turn == Turn::Theirs(Some(peer)) {
            self.turn = Turn::Theirs(None);
        }
    }

    fn join(&mut self, pipes: &mut Pipes, peer: PeerId) -> Result<(), Refusal> {
        if self.options.probe {
            probe(pipes, peer);
        }
        Ok(())
    }

    fn writable(&mut self, peer: PeerId) {
        self.out.writable(peer);
    }

    fn eased(&mut self, peer: PeerId) {
        self.out.eased(peer);
    }

    fn readable(&mut self, peer: PeerId) {
        self.replies.readable(peer);
    }

    /// What has come before a question cannot be its answer.
    fn forget(&mut self) -> Option<PeerId> {
        self.replies.next()
    }

    /// Whoever leaves out the delimiter is no REP or ROUTER: libzmq closes the connection too.
    fn take_in(
        &mut self,
        pipes: &mut Pipes,
        _peer: PeerId,
        delivery: Delivery,
    ) -> Result<Option<Parcel>, wire::Error> {
        let Delivery::Messages(chunk) = delivery else { return Ok(None) };
        if !chunk.begin_well(|len, more| more && matches!(len, 0 | 4)) {
            count(&mut pipes.drops.malformed, 1);
            return Err(Misbehaved::Envelope.into());
        }
        Ok(Some(chunk.into()))
    }
}

impl Sending for Req {
    fn may_send(&self) -> Result<(), SendErrorKind> {
        // R28-REQ-02: send one message, then receive one.
        if self.turn == Turn::Ours || self.options.relaxed { Ok(()) } else { Err(SendErrorKind::OutOfTurn) }
    }

    fn send(
        &mut self,
        pipes: &mut Pipes,
        message: View<'_>,
        _patience: Patience,
    ) -> Result<(), SendErrorKind> {
        if !self.out.has_room(pipes) {
            return Err(SendErrorKind::Full);
        }
        // An answer that is still due is given up now, and what is queued of it is nobody's.
        self.turn = Turn::Ours;
        self.number = self.number.wrapping_add(1);
        if let [number, _delimiter] = &mut self.envelope[..] {
            *number = Frame::from(&self.number.to_ne_bytes());
        }
        // A single message in flight sets no pace.
        let asked = self.out.send(pipes, View::Enveloped(&self.envelope, &message), Patience::None);
        let Some(peer) = asked else { return Err(SendErrorKind::Full) };
        self.turn = Turn::Theirs(Some(peer));
        Ok(())
    }

    fn has_room(&self, pipes: &mut Pipes) -> bool {
        self.out.has_room(pipes)
    }
}

impl Receiving for Req {
    const IN_TURN: bool = true;

    fn next(&mut self) -> Option<PeerId> {
        self.replies.next()
    }

    fn may_recv(&self) -> Result<(), RecvError> {
        if self.turn == Turn::Ours { Err(RecvError::OutOfTurn) } else { Ok(()) }
    }

    /// R28-REQ-10, 11: take an answer only from the peer that was asked, and discard silently what others send.
    fn accept_in_turn(&mut self, pipes: &mut Pipes, peer: PeerId, message: Message) -> Option<Message> {
        let Turn::Theirs(asked) = self.turn else {
            count(&mut pipes.drops.unwanted, 1);
            return None;
        };
        if asked.is_some_and(|asked| asked != peer) {
            count(&mut pipes.drops.unwanted, 1);
            return None;
        }
        match self.open(message) {
            Ok(answer) => {
                self.turn = Turn::Ours;
                Some(answer)
            }
            Err(is_answer) => {
                let dropped = if is_answer { &mut pipes.drops.unwanted } else { &mut pipes.drops.malformed };
                count(dropped, 1);
                None
            }
        }
    }
}
