//! What PUB and XPUB have in common: who gets a message, and what subscribers say (RFC 29).

use super::{Pub, Xpub, greet};
use crate::error::SendErrorKind;
use crate::message::{Frame, Message};
use crate::options::Builder;
use crate::peer::PeerId;
use crate::pipe::{Delivery, Patience, Pipes, Toll, View};
use crate::route::{Subscriptions, TooMany, distribute};
use crate::wire::{self, Misbehaved, Subscription};

/// What PUB and XPUB have in common.
#[derive(Debug)]
pub(super) struct Publisher {
    pub(super) peers: Vec<PeerId>,
    pub(super) subscriptions: Subscriptions,
    /// Who gets the message at hand; kept for its capacity.
    matched: Vec<PeerId>,
    pub(super) options: PublisherOptions,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct PublisherOptions {
    pub(super) nodrop: bool,
    welcome: Option<Message>,
    invert: bool,
    only_first: bool,
}

macro_rules! publisher_settings {
    ($($pattern:ty: $($field:ident).+;)*) => {$(
        impl Builder<$pattern> {
            /// Lets `send` wait while any peer that wants the message is full, and `try_send` say
            /// [`Full`](crate::SendErrorKind::Full), instead of dropping the message for that peer. Off unless set. One peer
            /// that never reads then stops the socket.
            #[must_use]
            pub fn nodrop(mut self, on: bool) -> Self {
                self.$($field).+.nodrop = on;
                self
            }

            /// Sends this message first on every connection, whatever is subscribed to. A SUB shows it if it has
            /// subscribed to how it begins.
            #[must_use]
            pub fn welcome(mut self, message: impl Into<Message>) -> Self {
                self.$($field).+.welcome = Some(message.into());
                self
            }

            /// Sends each message to the peers that have *not* subscribed to how it begins. Off unless set. SUB peers
            /// must be set the same way.
            #[must_use]
            pub fn invert_matching(mut self, on: bool) -> Self {
                self.$($field).+.invert = on;
                self
            }

            /// In what a peer sends, takes only the first frame of a message for a subscription. Off unless set:
            /// every frame that begins with an octet 0 or 1 is one.
            #[must_use]
            pub fn only_first_subscribe(mut self, on: bool) -> Self {
                self.$($field).+.only_first = on;
                self
            }
        }
    )*};
}

publisher_settings! {
    Pub: own;
    Xpub: own.publisher;
}

impl Publisher {
    pub(super) fn new(options: &PublisherOptions) -> Self {
        Self {
            peers: Vec::new(),
            subscriptions: Subscriptions::default(),
            matched: Vec::new(),
            options: options.clone(),
        }
    }

    pub(super) fn attach(&mut self, peer: PeerId) {
        self.peers.push(peer);
    }

    pub(super) fn join(&self, pipes: &mut Pipes, peer: PeerId) {
        greet(pipes, peer, self.options.welcome.as_ref());
    }

    pub(super) fn send(
        &mut self,
        pipes: &mut Pipes,
        message: View<'_>,
        patience: Patience,
    ) -> Result<(), SendErrorKind> {
        if self.options.invert {
            self.subscriptions.not_matching(message.first(), &self.peers, &mut self.matched);
        } else {
            self.subscriptions.matching(message.first(), &mut self.matched);
        }
        let sent = distribute(pipes, &self.matched, message, patience, self.options.nodrop);
        if sent { Ok(()) } else { Err(SendErrorKind::Full) }
    }

    /// What a peer has sent, in order. Whoever delivers a command knows what it costs; in messages it is counted here.
    pub(super) fn read(&self, pipes: &mut Pipes, delivery: Delivery) -> Vec<Upstream> {
        let mut chunk = match delivery {
            Delivery::Subscription(subscription) => return vec![Upstream::Asked(subscription)],
            Delivery::Messages(chunk) => chunk,
        };
        let mut read = Vec::new();
        while let Some(message) = chunk.next_message() {
            let mut others: Vec<Frame> = Vec::new();
            for (i, frame) in message.into_frames().enumerate() {
                match Subscription::of_frame(&frame).filter(|_| i == 0 || !self.options.only_first) {
                    Some(subscription) => {
                        pipes.toll.add(Toll { subscriptions: 1, unwanted: 0 });
                        read.push(Upstream::Asked(subscription));
                    }
                    None => others.push(frame),
                }
            }
            read.extend(Message::try_from(others).ok().map(Upstream::User));
        }
        read
    }
}

/// What subscribers send.
pub(super) enum Upstream {
    Asked(Subscription),
    User(Message),
}

pub(super) fn too_many(what: TooMany) -> wire::Error {
    let what = match what {
        TooMany::Topics => "more than 100,000 topics",
        TooMany::Bytes => "more than 8 MiB of topics",
        TooMany::TopicBytes => "a topic of more than 64 KiB",
    };
    Misbehaved::TooManySubscriptions(what).into()
}
