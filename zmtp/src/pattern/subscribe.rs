//! SUB and XSUB: messages of the topics that were subscribed to (RFC 29).
//!
//! Subscriptions are counted on this side: each one is told to the publishers, and its end when the last one of its
//! topic goes. That is what libzmq does and what its publishers count on; R37-PUBSUB-08 would have every end told.

use super::{Behaviour, Conflates, Pattern, Receives, Receiving, Sending, Sends, Splits, count};
use crate::error::SendErrorKind;
use crate::message::Frame;
use crate::monitor::Refusal;
use crate::options::Builder;
use crate::peer::PeerId;
use crate::pipe::{Patience, Pipes, View};
use crate::route::{FairQueue, Trie, distribute};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Arc, Mutex, lock};
use crate::wire::{SocketType, Subscription};

/// Makes a socket a SUB: it receives what its PUB and XPUB peers publish under the topics that it has
/// [subscribed](crate::Socket::subscribe) to; at first that is nothing.
#[derive(Debug)]
pub struct Sub(Subscriber);

/// Makes a socket an XSUB: a SUB that subscribes by sending `\x01topic` and `\x00topic`, can send other messages to
/// its publishers, and receives whatever they send. `send` does not wait.
#[derive(Debug)]
pub struct Xsub {
    subscriber: Subscriber,
    options: XsubOptions,
}

/// What SUB and XSUB have in common.
#[derive(Debug)]
struct Subscriber {
    peers: Vec<PeerId>,
    topics: Arc<Mutex<Topics>>,
    /// The empty topic is among them, so there is nothing to filter.
    everything: Arc<AtomicBool>,
    sources: FairQueue,
}

/// What is subscribed to. Shared with the receiving task, which filters by it.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    /// How many times.
    counts: Trie<usize>,
    /// Messages that came and that nothing was subscribed to.
    unwanted: u64,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct SubOptions {
    topics: Vec<Vec<u8>>,
    invert: bool,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct XsubOptions {
    only_first: bool,
    verbose: bool,
}

impl Builder<Sub> {
    /// Subscribes to a topic from the beginning; repeatable. The empty topic is everything.
    #[must_use]
    pub fn subscribe(mut self, topic: impl AsRef<[u8]>) -> Self {
        self.own.topics.push(topic.as_ref().to_vec());
        self
    }

    /// Receives what is *not* subscribed to. Off unless set. Publishers must be set the same way.
    #[must_use]
    pub fn invert_matching(mut self, on: bool) -> Self {
        self.own.invert = on;
        self
    }
}

impl Builder<Xsub> {
    /// In what is sent, takes only the first frame of a message for a subscription. Off unless set: every frame that
    /// begins with an octet 0 or 1 is one.
    #[must_use]
    pub fn only_first_subscribe(mut self, on: bool) -> Self {
        self.own.only_first = on;
        self
    }

    /// Tells the publishers of every end of a subscription, also when the topic is still subscribed to or never was.
    /// Off unless set.
    #[must_use]
    pub fn verbose_unsubscribe(mut self, on: bool) -> Self {
        self.own.verbose = on;
        self
    }
}

/// A type that subscribes.
pub(crate) trait Subscribes: Behaviour {
    /// Says whether there was something to change: always, but for the end of what was not subscribed to.
    fn subscribe(&mut self, pipes: &mut Pipes, subscription: Subscription) -> bool;

    fn topics_count(&self) -> usize;
}

impl Subscriber {
    fn new() -> Self {
        let everything = Arc::new(AtomicBool::new(false));
        Self { peers: Vec::new(), topics: Arc::default(), everything, sources: FairQueue::default() }
    }

    fn detach(&mut self, peer: PeerId) {
        self.peers.retain(|other| *other != peer);
    }

    /// A publisher that has come, or come back, is told of each topic once.
    fn join(&self, pipes: &mut Pipes, peer: PeerId) {
        for topic in lock(&self.topics).counts.topics() {
            pipes.announce(peer, Subscription { topic, wanted: true }, true);
        }
    }

    /// Says how many subscriptions to the topic there were, and how many there are.
    fn note(&self, subscription: &Subscription) -> (usize, usize) {
        let mut topics = lock(&self.topics);
        let noted = topics.note(subscription);
        self.everything.store(topics.counts.get(b"").is_some(), Ordering::Relaxed);
        noted
    }

    fn subscribe(&self, pipes: &mut Pipes, subscription: Subscription, verbose: bool) -> bool {
        let (before, after) = self.note(&subscription);
        let ended = before == 1 && after == 0;
        if subscription.wanted || ended || verbose {
            for peer in &self.peers {
                pipes.announce(*peer, subscription.clone(), before == 0);
            }
        }
        before != after
    }
}

impl Topics {
    /// Says how many subscriptions to the topic there were, and how many there are.
    fn note(&mut self, subscription: &Subscription) -> (usize, usize) {
        let topic = &subscription.topic;
        let before = self.counts.get(topic).copied().unwrap_or_default();
        let after = if subscription.wanted { before.saturating_add(1) } else { before.saturating_sub(1) };
        match after {
            0 => drop(self.counts.remove(topic)),
            _ => *self.counts.entry(topic) = after,
        }
        (before, after)
    }
}

impl Pattern for Sub {}
impl Conflates for Sub {}
impl Receives for Sub {}

impl Subscribes for Sub {
    fn subscribe(&mut self, pipes: &mut Pipes, subscription: Subscription) -> bool {
        self.0.subscribe(pipes, subscription, false)
    }

    fn topics_count(&self) -> usize {
        lock(&self.0.topics).counts.len()
    }
}

/// What a SUB shows of what has come.
#[derive(Debug)]
pub(crate) struct Filter {
    topics: Arc<Mutex<Topics>>,
    everything: Arc<AtomicBool>,
    invert: bool,
}

impl Filter {
    #[inline(never)]
    fn look(&self, first_frame: &[u8]) -> bool {
        let mut topics = lock(&self.topics);
        let is_wanted = topics.counts.prefixes(first_frame).next().is_some() != self.invert;
        count(&mut topics.unwanted, usize::from(!is_wanted));
        is_wanted
    }
}

impl Behaviour for Sub {
    const TYPE: SocketType = SocketType::Sub;
    type Options = SubOptions;
    type Intake = Filter;

    fn new(options: &SubOptions) -> Self {
        let sub = Self(Subscriber::new());
        for topic in &options.topics {
            sub.0.note(&Subscription { topic: topic.clone().into(), wanted: true });
        }
        sub
    }

    fn intake(&self, options: &SubOptions) -> Filter {
        let Subscriber { topics, everything, .. } = &self.0;
        Filter { topics: Arc::clone(topics), everything: Arc::clone(everything), invert: options.invert }
    }

    fn unwanted(&self) -> u64 {
        lock(&self.0.topics).unwanted
    }

    #[cfg(feature = "metrics")]
    fn subscription_count(&self) -> usize {
        self.topics_count()
    }

    fn attach(&mut self, _pipes: &mut Pipes, peer: PeerId) {
        self.0.peers.push(peer);
    }

    fn detach(&mut self, _pipes: &mut Pipes, peer: PeerId) {
        self.0.detach(peer);
    }

    fn join(&mut self, pipes: &mut Pipes, peer: PeerId) -> Result<(), Refusal> {
        self.0.join(pipes, peer);
        Ok(())
    }

    fn readable(&mut self, peer: PeerId) {
        self.0.sources.readable(peer);
    }
}

impl Receiving for Sub {
    fn next(&mut self) -> Option<PeerId> {
        self.0.sources.next()
    }

    /// R29-SUB-13: filter by prefix on this side too. A publisher may be behind the times, or send everything.
    #[inline(always)]
    fn wants(filter: &mut Filter, first_frame: &[u8]) -> bool {
        filter.everything.load(Ordering::Relaxed) && !filter.invert || filter.look(first_frame)
    }
}

impl Pattern for Xsub {}
impl Sends for Xsub {}
impl Receives for Xsub {}
impl Splits for Xsub {}

impl Subscribes for Xsub {
    fn subscribe(&mut self, pipes: &mut Pipes, subscription: Subscription) -> bool {
        self.subscriber.subscribe(pipes, subscription, self.options.verbose)
    }

    fn topics_count(&self) -> usize {
        lock(&self.subscriber.topics).counts.len()
    }
}

impl Behaviour for Xsub {
    const TYPE: SocketType = SocketType::Xsub;
    type Options = XsubOptions;
    type Intake = ();

    fn new(options: &XsubOptions) -> Self {
        Self { subscriber: Subscriber::new(), options: options.clone() }
    }

    fn intake(&self, _options: &XsubOptions) {}

    #[cfg(feature = "metrics")]
    fn subscription_count(&self) -> usize {
        self.topics_count()
    }

    fn attach(&mut self, _pipes: &mut Pipes, peer: PeerId) {
        self.subscriber.peers.push(peer);
    }

    fn detach(&mut self, _pipes: &mut Pipes, peer: PeerId) {
        self.subscriber.detach(peer);
    }

    fn join(&mut self, pipes: &mut Pipes, peer: PeerId) -> Result<(), Refusal> {
        self.subscriber.join(pipes, peer);
        Ok(())
    }

    fn readable(&mut self, peer: PeerId) {
        self.subscriber.sources.readable(peer);
    }
}

impl Sending for Xsub {
    fn waits(&self) -> bool {
        false
    }

    /// R29-XSUB-16 to 20: subscriptions are counted and told else goes to every publisher that has room.
    fn send(
        &mut self,
        pipes: &mut Pipes,
        message: View<'_>,
        patience: Patience,
    ) -> Result<(), SendErrorKind> {
        if !matches!(message.first(), [0 | 1, ..]) && (self.options.only_first || message.rest().is_none()) {
            let sent = distribute(pipes, &self.subscriber.peers, message, patience, false);
            return if sent { Ok(()) } else { Err(SendErrorKind::Full) };
        }
        let mut others: Vec<Frame> = Vec::new();
        for (i, frame) in message.to_frames().into_iter().enumerate() {
            match Subscription::of_frame(&frame).filter(|_| i == 0 || !self.options.only_first) {
                Some(subscription) => drop(self.subscribe(pipes, subscription)),
                None => others.push(frame),
            }
        }
        if let [first, rest @ ..] = &others[..] {
            let others = View::Frames(first, rest);
            let _ = distribute(pipes, &self.subscriber.peers, others, Patience::None, false);
        }
        Ok(())
    }

    fn has_room(&self, _pipes: &mut Pipes) -> bool {
        true
    }
}

impl Receiving for Xsub {
    fn next(&mut self) -> Option<PeerId> {
        self.subscriber.sources.next()
    }
}
