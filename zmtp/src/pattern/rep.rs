//! REP: one question, one answer, by turns; the answer goes back the way the question came (RFC 28).

use super::{Behaviour, Pattern, Receives, Receiving, Sending, Sends, count};
use crate::error::{RecvError, SendErrorKind};
use crate::message::{Frame, Message};
use crate::peer::PeerId;
use crate::pipe::{Patience, Pipes, View};
use crate::route::FairQueue;
use crate::wire::SocketType;

/// Makes a socket a REP: it answers the questions of its REQ and DEALER peers, one after the other, everyone in turn.
///
/// `send` never waits: the answer to somebody who has gone, or who does not read, is dropped and counted in
/// [`drops`](crate::Socket::drops).
#[derive(Debug)]
pub struct Rep {
    requests: FairQueue,
    turn: Turn,
}

/// Whose move it is.
#[derive(Debug)]
enum Turn {
    Theirs,
    /// Who asked, and the frames that led the question here, the empty delimiter included.
    Ours {
        asker: PeerId,
        envelope: Vec<Frame>,
    },
}

impl Pattern for Rep {}
impl Sends for Rep {}
impl Receives for Rep {}

impl Behaviour for Rep {
    const TYPE: SocketType = SocketType::Rep;
    type Options = ();
    type Intake = ();

    fn new((): &()) -> Self {
        Self { requests: FairQueue::default(), turn: Turn::Theirs }
    }

    fn intake(&self, _options: &Self::Options) {}

    fn attach(&mut self, _pipes: &mut Pipes, _peer: PeerId) {}

    fn detach(&mut self, _pipes: &mut Pipes, _peer: PeerId) {}

    fn readable(&mut self, peer: PeerId) {
        self.requests.readable(peer);
    }
}

impl Sending for Rep {
    fn waits(&self) -> bool {
        false
    }

    fn may_send(&self) -> Result<(), SendErrorKind> {
        match self.turn {
            Turn::Ours { .. } => Ok(()),
            Turn::Theirs => Err(SendErrorKind::OutOfTurn),
        }
    }

    /// R28-REP-12 to 15: envelope and delimiter before the answer, to the asker, without ever waiting.
    fn send(
        &mut self,
        pipes: &mut Pipes,
        message: View<'_>,
        _patience: Patience,
    ) -> Result<(), SendErrorKind> {
        let Turn::Ours { asker, envelope } = std::mem::replace(&mut self.turn, Turn::Theirs) else {
            return Err(SendErrorKind::OutOfTurn);
        };
        pipes.offer(asker, View::Enveloped(&envelope, &message));
        Ok(())
    }

    fn has_room(&self, _pipes: &mut Pipes) -> bool {
        true
    }
}

impl Receiving for Rep {
    const IN_TURN: bool = true;

    fn next(&mut self) -> Option<PeerId> {
        self.requests.next()
    }

    fn may_recv(&self) -> Result<(), RecvError> {
        match self.turn {
            Turn::Theirs => Ok(()),
            Turn::Ours { .. } => Err(RecvError::OutOfTurn),
        }
    }

    /// R28-REP-09, 10: keep the envelope with its delimiter, hand over the rest. A message without them is dropped.
    fn accept_in_turn(&mut self, pipes: &mut Pipes, peer: PeerId, message: Message) -> Option<Message> {
        let mut frames: Vec<Frame> = message.into_frames().collect();
        let delimiter = frames.iter().take(MAX_HOPS + 1).position(|frame| frame.is_empty());
        let body = delimiter.map(|at| frames.split_off(at.saturating_add(1)));
        match body.and_then(|body| Message::try_from(body).ok()) {
            Some(body) => {
                self.turn = Turn::Ours { asker: peer, envelope: frames };
                Some(body)
            }
            None => {
                count(&mut pipes.drops.malformed, 1);
                None
            }
        }
    }
}

/// The most routing ids that may stand before the delimiter: a question has not passed more brokers than that.
pub(crate) const MAX_HOPS: usize = 64;
