//! What only the types with subscriptions can.

use std::future::poll_fn;

use super::core::{Core, Waiting};
use super::{RecvHalf, SendHalf, Socket, Turn};
use crate::pattern::{Pattern, Pub, Sub, Subscribes, Xpub, Xsub};
use crate::peer::PeerId;
use crate::wire::Subscription;

macro_rules! subscriber {
    ($($handle:ident<$pattern:ty>),*) => {$(
        impl $handle<$pattern> {
            /// Subscribes to everything whose first frame begins with `topic`; the empty topic is everything. Each
            /// publisher is told, now and whenever it comes back.
            ///
            /// Subscriptions are counted: what was subscribed to twice must be unsubscribed from twice.
            pub fn subscribe(&self, topic: impl AsRef<[u8]>) {
                self.core.change_topic(topic.as_ref(), true);
            }

            /// Takes one subscription back. False if there was none. Messages that have arrived and are no longer
            /// wanted are not received.
            pub fn unsubscribe(&self, topic: impl AsRef<[u8]>) -> bool {
                self.core.change_topic(topic.as_ref(), false)
            }

            /// How many different topics are subscribed to.
            pub fn topics_count(&self) -> usize {
                self.core.ask(|pattern: &mut $pattern, _| pattern.topics_count())
            }
        }
    )*};
}

subscriber!(Socket<Sub>, Socket<Xsub>, SendHalf<Xsub>);

macro_rules! publisher {
    ($($handle:ident<$pattern:ty>),*) => {$(
        impl $handle<$pattern> {
            /// How many different topics the peers have subscribed to, all of them together.
            pub fn topics_count(&self) -> usize {
                self.core.ask(|pattern: &mut $pattern, _| pattern.subscriptions().topics_count())
            }

            /// Waits until at least `n` peers would get some message that begins with `topic`; with the empty topic,
            /// until `n` peers have subscribed to anything. This is how to publish without losing the first messages
            /// to subscriptions that are still on their way.
            ///
            /// # Cancel safety
            /// If you drop the future, nothing has happened.
            pub async fn wait_for_subscribers(&self, topic: impl AsRef<[u8]>, n: usize) {
                let topic = topic.as_ref();
                wait(&self.core, |pattern: &mut $pattern| pattern.subscriptions().interested(topic) >= n).await;
            }
        }
    )*};
}

publisher!(Socket<Pub>, Socket<Xpub>, SendHalf<Xpub>);

async fn wait<P: Pattern>(core: &Core<P>, done: impl Fn(&mut P) -> bool) {
    let mut turn = Turn::new(core, Waiting::ForPeers);
    poll_fn(|cx| turn.core.poll_until(&done, &mut turn.turn.ticket, cx)).await;
}

macro_rules! manual {
    ($($handle:ident),*) => {$(
        impl $handle<Xpub> {
            /// In [manual](crate::Builder::manual) mode: subscribes the peer whose message was received last to
            /// `topic`, which need not be what it asked for. False if that peer has gone, or in other modes.
            pub fn subscribe(&self, topic: impl AsRef<[u8]>) -> bool {
                self.core.decide(self.receiver.intake, topic.as_ref(), true)
            }

            /// In [manual](crate::Builder::manual) mode: ends that peer's subscription to `topic`. False if it had
            /// none.
            pub fn unsubscribe(&self, topic: impl AsRef<[u8]>) -> bool {
                self.core.decide(self.receiver.intake, topic.as_ref(), false)
            }
        }
    )*};
}

manual!(Socket, RecvHalf);

impl Core<Xpub> {
    fn decide(&self, latest: Option<PeerId>, topic: &[u8], wanted: bool) -> bool {
        let Some(peer) = latest else { return false };
        self.ask(|xpub: &mut Xpub, _| xpub.decide(peer, topic, wanted))
    }
}

impl<P: Subscribes + Pattern> Core<P> {
    fn change_topic(&self, topic: &[u8], wanted: bool) -> bool {
        let subscription = Subscription { topic: bytes::Bytes::copy_from_slice(topic), wanted };
        self.ask(|pattern, pipes| pattern.subscribe(pipes, subscription))
    }
}
