//! XPUB: a PUB that sees what its peers subscribe to (RFC 29).

use super::publisher::{Publisher, PublisherOptions, Upstream, too_many};
use super::{Behaviour, Pattern, Receives, Receiving, Sending, Sends, Source, Splits};
use crate::error::SendErrorKind;
use crate::message::Message;
use crate::monitor::Refusal;
use crate::options::Builder;
use crate::peer::PeerId;
use crate::pipe::{Delivery, Parcel, Patience, Pipes, View};
use crate::route::{FairQueue, Subscriptions};
use crate::wire::{self, SocketType, Subscription};

/// Makes a socket an XPUB: a PUB that receives the subscriptions of its peers, `\x01topic` for a new one and
/// `\x00topic` for the end of one, and whatever else they send.
#[derive(Debug)]
pub struct Xpub {
    publisher: Publisher,
    sources: FairQueue,
    report: Report,
    manual: Option<Manual>,
}

/// Which subscriptions an XPUB receives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Report {
    /// The first subscription to each topic, and the end of the last.
    #[default]
    Distinct,
    /// Every subscription, and the end of the last to each topic; libzmq's `ZMQ_XPUB_VERBOSE`.
    Subscriptions,
    /// Every subscription and every end of one; libzmq's `ZMQ_XPUB_VERBOSER`.
    All,
}

/// An XPUB whose user decides what is subscribed to.
#[derive(Debug)]
pub(crate) struct Manual {
    /// What the peers asked for.
    asked: Subscriptions,
    /// Whether what follows a subscription goes to its peer alone.
    last_value: bool,
    /// The peer of the latest subscription, until something was sent.
    next: Option<PeerId>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct XpubOptions {
    pub(super) publisher: PublisherOptions,
    report: Report,
    manual: bool,
    last_value: bool,
}

impl Builder<Xpub> {
    /// Which subscriptions are received.
    #[must_use]
    pub fn report(mut self, report: Report) -> Self {
        self.own.report = report;
        self
    }

    /// Leaves it to the user what is subscribed to: subscriptions are received, all of them, and change nothing until
    /// [`subscribe`](crate::Socket::subscribe) is called. Off unless set.
    #[must_use]
    pub fn manual(mut self, on: bool) -> Self {
        self.own.manual = on;
        self
    }

    /// The same as [`manual`](Self::manual), and the message that is sent next after a `subscribe` goes to that peer
    /// alone: the last value of a topic for whoever has just come. Off unless set.
    #[must_use]
    pub fn manual_last_value(mut self, on: bool) -> Self {
        self.own.last_value = on;
        self
    }
}

impl Pattern for Xpub {}
impl Sends for Xpub {}
impl Receives for Xpub {}
impl Splits for Xpub {}

impl Xpub {
    pub(crate) fn subscriptions(&mut self) -> &mut Subscriptions {
        &mut self.publisher.subscriptions
    }

    /// What the user decides in manual mode: this peer is subscribed to this topic from now on, or no longer.
    pub(crate) fn decide(&mut self, peer: PeerId, topic: &[u8], wanted: bool) -> bool {
        let Some(manual) = &mut self.manual else { return false };
        if !self.publisher.peers.contains(&peer) {
            return false;
        }
        if !wanted {
            return self.publisher.subscriptions.cancel(peer, topic).was_there;
        }
        if manual.last_value {
            manual.next = Some(peer);
        }
        self.publisher.subscriptions.subscribe(peer, topic).is_ok()
    }

    /// Notes what a peer asks for, and says whether the user is to hear of it.
    fn ask(&mut self, peer: PeerId, asked: &Subscription) -> Result<bool, wire::Error> {
        let all = self.manual.is_some() || self.report == Report::All;
        let subscriptions = match &mut self.manual {
            Some(manual) => &mut manual.asked,
            None => &mut self.publisher.subscriptions,
        };
        Ok(if asked.wanted {
            let added = subscriptions.subscribe(peer, &asked.topic).map_err(too_many)?;
            added.is_first_of_topic || all || self.report == Report::Subscriptions
        } else {
            // Also of a topic that nobody had, as libzmq does.
            !subscriptions.cancel(peer, &asked.topic).others_remain || all
        })
    }
}

/// A subscription as its user sees it.
fn shown(topic: &[u8], wanted: bool) -> Message {
    let mut frame = Vec::with_capacity(topic.len().saturating_add(1));
    frame.push(u8::from(wanted));
    frame.extend_from_slice(topic);
    frame.into()
}

impl Behaviour for Xpub {
    const TYPE: SocketType = SocketType::Xpub;
    const ANY_ROOM_DOES: bool = false;
    type Options = XpubOptions;
    /// Whose message the user got last.
    type Intake = Option<PeerId>;

    fn new(options: &XpubOptions) -> Self {
        let manual = (options.manual || options.last_value).then(|| Manual {
            asked: Subscriptions::default(),
            last_value: options.last_value,
            next: None,
        });
        Self {
            publisher: Publisher::new(&options.publisher),
            sources: FairQueue::default(),
            report: options.report,
            manual,
        }
    }

    #[cfg(feature = "metrics")]
    fn subscription_count(&self) -> usize {
        self.publisher.subscriptions.len()
    }

    fn intake(&self, _options: &XpubOptions) -> Option<PeerId> {
        None
    }

    fn attach(&mut self, _pipes: &mut Pipes, peer: PeerId) {
        self.publisher.attach(peer);
    }

    /// R29-XPUB-21: report the end of subscriptions in the name of a subscriber that drops off.
    fn detach(&mut self, pipes: &mut Pipes, peer: PeerId) {
        self.publisher.peers.retain(|other| *other != peer);
        let mut left = self.publisher.subscriptions.leave(peer);
        let mut all = self.report == Report::All;
        if let Some(manual) = &mut self.manual {
            left = manual.asked.leave(peer);
            all = true;
            manual.next = manual.next.filter(|next| *next != peer);
        }
        let told = left.iter().filter(|ended| all || !ended.others_remain);
        let told: Vec<_> = told.map(|ended| shown(&ended.topic, false)).collect();
        if !told.is_empty() {
            pipes.deliver(peer, Parcel::messages(&told));
        }
    }

    fn join(&mut self, pipes: &mut Pipes, peer: PeerId) -> Result<(), Refusal> {
        self.publisher.join(pipes, peer);
        Ok(())
    }

    fn readable(&mut self, peer: PeerId) {
        self.sources.readable(peer);
    }

    /// R29-XPUB-18, 19: take subscriptions and show them.
    fn take_in(
        &mut self,
        pipes: &mut Pipes,
        peer: PeerId,
        delivery: Delivery,
    ) -> Result<Option<Parcel>, wire::Error> {
        let mut seen = Vec::new();
        for item in self.publisher.read(pipes, delivery) {
            match item {
                Upstream::User(message) => seen.push(message),
                Upstream::Asked(asked) => {
                    if self.ask(peer, &asked)? {
                        seen.push(shown(&asked.topic, asked.wanted));
                    }
                }
            }
        }
        Ok((!seen.is_empty()).then(|| Parcel::messages(&seen)))
    }
}

impl Sending for Xpub {
    fn waits(&self) -> bool {
        self.publisher.options.nodrop
    }

    fn send(
        &mut self,
        pipes: &mut Pipes,
        message: View<'_>,
        patience: Patience,
    ) -> Result<(), SendErrorKind> {
        if let Some(peer) = self.manual.as_mut().and_then(|manual| manual.next.take()) {
            pipes.offer(peer, message);
            return Ok(());
        }
        self.publisher.send(pipes, message, patience)
    }

    fn has_room(&self, _pipes: &mut Pipes) -> bool {
        true
    }
}

impl Receiving for Xpub {
    fn next(&mut self) -> Option<PeerId> {
        self.sources.next()
    }

    fn accept(latest: &mut Option<PeerId>, source: Source<'_>, message: Message) -> Option<Message> {
        *latest = Some(source.peer);
        Some(message)
    }
}
