//! The fuzz target that plays all sides of a socket: its users, its engines, its peers.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;

use crate::endpoint::Endpoint;
use crate::error::SendErrorKind;
use crate::message::Message;
use crate::monitor::{Cause, Event, Monitor};
use crate::options::Builder;
use crate::pattern::{
    Dealer, Pair, Pattern, Pub, Pull, Push, Receives, Rep, Req, Router, Sends, Sub, Subscribes, Xpub, Xsub,
};
use crate::peer::PeerId;
use crate::pipe::{Batch, Delivery, Join, Origin, Parcel, Port, Taken};
use crate::socket::core::Core;
use crate::socket::inbox::Inbox;
use crate::socket::receiver::Receiver;
use crate::socket::state::SendTurn;
use crate::wire::{Metadata, Remote, SocketType, Subscription, Version};

/// Whatever users, engines and peers do, in any order: nothing panics, no message that was accepted disappears
/// without being counted, and what is received was sent by somebody.
pub fn patterns(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    let mark = usize::from(kind >> 4) % 4 + 1;
    match kind % 16 {
        0 => Play::<Push>::new(mark, |push| push).run(data, try_send, nobody, none),
        1 => Play::<Pull>::new(mark, |pull| pull).run(data, mute, try_recv, none),
        2 => Play::<Dealer>::new(mark, |dealer| dealer).run(data, try_send, try_recv, none),
        3 => Play::<Pair>::new(mark, |pair| pair).run(data, try_send, try_recv, none),
        4 => Play::<Req>::new(mark, |req| req).run(data, try_send, try_recv, none),
        5 => {
            let relaxed = |req: Builder<Req>| req.relaxed(true).correlate(true).probe_router(true);
            Play::new(mark, relaxed).run(data, try_send, try_recv, none);
        }
        6 => Play::<Rep>::new(mark, |rep| rep).run(data, try_send, try_recv, none),
        7 => Play::<Router>::new(mark, |router| router).run(data, try_send, try_recv, none),
        8 => {
            let strict = |router: Builder<Router>| router.mandatory(true).handover(true).hello("hello");
            Play::new(mark, strict).run(data, try_send, try_recv, none);
        }
        9 => Play::<Pub>::new(mark, |publisher| publisher).run(data, try_send, nobody, none),
        10 => Play::<Pub>::new(mark, |publisher| publisher.nodrop(true).invert_matching(true))
            .run(data, try_send, nobody, none),
        11 => Play::<Xpub>::new(mark, |xpub| xpub).run(data, try_send, try_recv, none),
        12 => {
            let manual = |xpub: Builder<Xpub>| xpub.manual_last_value(true).welcome("welcome");
            Play::new(mark, manual).run(data, try_send, try_recv, decide);
        }
        13 => Play::<Sub>::new(mark, |sub| sub).run(data, mute, try_recv, subscribe),
        14 => Play::<Xsub>::new(mark, |xsub| xsub).run(data, try_send, try_recv, subscribe),
        _ => Play::<Dealer>::new(mark, |dealer| dealer.conflate(true).immediate(true))
            .run(data, try_send, try_recv, none),
    }
}

/// A socket and who is connected to it.
struct Play<P: Pattern> {
    core: Core<P>,
    receiver: Receiver<P>,
    /// Pipes, and whether their peer has joined.
    pipes: Vec<(PeerId, bool)>,
    monitor: Monitor,
    /// Messages that were accepted for sending, that engines took, and that went with their peers.
    accepted: usize,
    taken: usize,
    discarded: usize,
}

impl<P: Pattern> Play<P> {
    fn new(mark: usize, settings: impl FnOnce(Builder<P>) -> Builder<P>) -> Self {
        let mut builder = settings(Builder::new());
        (builder.options.marks.send, builder.options.marks.recv) = (mark, mark);
        let core = Core::new(builder.options, &builder.own);
        let intake = core.ask(|pattern: &mut P, _| pattern.intake(&builder.own));
        let receiver = Receiver { inbox: Inbox::default(), intake };
        let monitor = core.monitor();
        Self { core, receiver, pipes: Vec::new(), monitor, accepted: 0, taken: 0, discarded: 0 }
    }

    /// Each step is an octet that says what, one that says who or with what, and for messages some more.
    fn run(
        mut self,
        data: &[u8],
        send: fn(&Core<P>, Message) -> bool,
        recv: fn(&mut Receiver<P>, &Core<P>) -> Option<Message>,
        other: fn(&Self, &[u8]),
    ) {
        let mut steps = data.chunks(4);
        while let Some(&[what, who, ref rest @ ..]) = steps.next() {
            let at = usize::from(who) % self.pipes.len().max(1);
            let pipe = self.pipes.get(at).copied();
            match (what % 10, pipe) {
                (0, _) if self.pipes.len() < 8 => self.accept(who),
                (1, _) if self.pipes.len() < 8 => self.dial(),
                (2, Some((id, false))) => self.pipes[at].1 = self.join(Some(id), who),
                (3, Some((id, true))) => self.part(at, id, who > 127),
                (4, Some((id, _))) => self.take(id, usize::from(who % 4) + 1),
                (5, Some((id, true))) => self.deliver(id, message(rest, what)),
                (6, Some((id, true))) => {
                    let topic = rest.to_vec().into();
                    let asked = Delivery::Subscription(Subscription { topic, wanted: who % 3 > 0 });
                    let _ = self.core.deliver(id, asked);
                }
                (7, _) => self.accepted += usize::from(send(&self.core, message(rest, what))),
                (8, _) => drop(recv(&mut self.receiver, &self.core)),
                (9, _) => other(&self, rest),
                _ => {}
            }
            self.check();
        }
        self.core.close();
        self.core.abort();
        while let Some((id, _)) = self.pipes.pop() {
            self.core.remove(id);
        }
        assert!(recv(&mut self.receiver, &self.core).is_none());
    }

    fn origin(accepted: bool) -> Origin {
        Origin { endpoint: Endpoint::Inproc { name: "fuzz".to_owned() }, accepted }
    }

    fn accept(&mut self, who: u8) {
        self.join(None, who);
    }

    fn dial(&mut self) {
        let opened = self.core.open(&Self::origin(false), None).expect("no name is asked for");
        self.pipes.extend(opened.map(|id| (id, false)));
    }

    fn join(&mut self, id: Option<PeerId>, who: u8) -> bool {
        let identity = if who.is_multiple_of(3) { vec![] } else { vec![who % 5 + 1] };
        let remote = Remote {
            version: Version::V3_1,
            socket_type: None,
            identity: identity.into(),
            metadata: Metadata::default(),
            user: None,
        };
        match self.core.join(id, &Self::origin(id.is_none()), &remote, None, &|| true) {
            Join::Yes(joined) => {
                if id.is_none() {
                    self.pipes.push((joined, true));
                }
                true
            }
            Join::NotNow | Join::Over => false,
        }
    }

    fn part(&mut self, at: usize, id: PeerId, comes_back: bool) {
        self.core.part(id, Batch::default(), Cause::PeerClosed, comes_back);
        if comes_back {
            self.pipes[at].1 = false;
        } else {
            self.pipes.swap_remove(at);
        }
    }

    fn take(&mut self, id: PeerId, limit: usize) {
        let mut batch = Batch::default();
        let cx = &Context::from_waker(Waker::noop());
        if self.core.take(id, &mut batch, limit, cx) == Taken::Some {
            let mut chunk = batch.into_chunk();
            assert!(chunk.messages() <= limit);
            while chunk.next_message().is_some() {
                self.taken += 1;
            }
        }
    }

    fn deliver(&mut self, id: PeerId, message: Message) {
        let cx = &Context::from_waker(Waker::noop());
        if self.core.room(id, cx) > 0 {
            let _ = self.core.deliver(id, Delivery::Messages(Parcel::message(&message).chunk));
        }
    }

    /// Nobody is known who has not joined, and every message that was accepted for one peer is somewhere.
    fn check(&mut self) {
        let joined = self.pipes.iter().filter(|(_, joined)| *joined).count();
        assert!(self.core.peer_count() <= joined);
        assert_eq!(self.core.peers().len(), self.core.peer_count());
        let cx = &mut Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(event)) = Pin::new(&mut self.monitor).poll_next(cx) {
            if let Event::Disconnected { discarded, .. } = event {
                self.discarded += discarded;
            }
        }
        if matches!(P::TYPE, SocketType::Push | SocketType::Pair | SocketType::Rep) {
            let drops = self.core.drops();
            let dropped = (drops.no_peer + drops.peer_full) as usize;
            let queued = self.core.unsent().messages;
            assert_eq!(self.accepted, self.taken + queued + self.discarded + dropped);
        }
    }
}

fn message(octets: &[u8], what: u8) -> Message {
    let (first, rest) = octets.split_at(octets.len().min(1));
    match what / 10 % 5 {
        0 => Message::from(octets),
        1 => Message::new(first).with(rest),
        2 => Message::new("").with(octets),
        3 => Message::new(first).with("").with(rest),
        _ => Message::new(octets).with("").with("").with(first),
    }
}

fn try_send<P: Sends>(core: &Core<P>, message: Message) -> bool {
    match core.try_send(message.clone()) {
        Ok(()) => true,
        Err((kind, back)) => {
            assert_eq!(back, message);
            assert!(kind != SendErrorKind::Closed);
            // And a sender that waits is not forgotten when it gives up.
            let mut turn = SendTurn::default();
            let cx = &Context::from_waker(Waker::noop());
            let sent = matches!(core.poll_send(&mut Some(back), &mut turn, cx), Poll::Ready(Ok(())));
            core.leave(crate::socket::core::Waiting::ForRoom, &mut turn.ticket);
            sent
        }
    }
}

fn try_recv<P: Receives>(receiver: &mut Receiver<P>, core: &Core<P>) -> Option<Message> {
    receiver.try_next(core).ok()
}

fn mute<P: Pattern>(_core: &Core<P>, _message: Message) -> bool {
    false
}

fn nobody<P: Pattern>(_receiver: &mut Receiver<P>, _core: &Core<P>) -> Option<Message> {
    None
}

fn none<P: Pattern>(_play: &Play<P>, _octets: &[u8]) {}

fn subscribe<P: Subscribes + Pattern>(play: &Play<P>, octets: &[u8]) {
    let (topic, wanted) = (octets.to_vec().into(), octets.len().is_multiple_of(2));
    play.core.ask(|pattern, pipes| pattern.subscribe(pipes, Subscription { topic, wanted }));
}

fn decide(play: &Play<Xpub>, octets: &[u8]) {
    if let Some(peer) = play.receiver.intake {
        play.core.ask(|xpub, _| xpub.decide(peer, octets, octets.len().is_multiple_of(2)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_hold_whatever_is_done_to_them() {
        for seed in 0..1000 {
            println!("seed {seed}");
            let mut rng = fastrand::Rng::with_seed(seed);
            let data: Vec<u8> = std::iter::repeat_with(|| rng.u8(..)).take(600).collect();
            patterns(&data);
        }
    }
}
