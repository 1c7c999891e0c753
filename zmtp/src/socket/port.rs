//! The socket as its engines see it.

use std::task::{Context, Waker};
use std::time::Duration;

use super::core::Core;
#[cfg(feature = "tracing")]
use crate::monitor::trace;
use crate::monitor::{Cause, Event};
use crate::pattern::Pattern;
use crate::peer::{PeerId, PeerInfo, Queued};
use crate::pipe::{Batch, Delivered, Delivery, Ending, Join, Origin, Outbound, Patience, Port, Taken, Timed};
use crate::sync::lock;
use crate::wire::{self, Remote};

impl<P: Pattern> Port for Core<P> {
    fn join(
        &self,
        id: Option<PeerId>,
        origin: &Origin,
        remote: &Remote,
        address: Option<String>,
        wanted: &dyn Fn() -> bool,
    ) -> Join {
        let joined = self.with(|state| {
            let id = match id {
                Some(id) => id,
                None if state.ending > Ending::No || !wanted() => return None,
                None => state.pipes.insert(origin.clone()),
            };
            let pipe = state.pipes.get_mut(id)?;
            if pipe.ending == Ending::Now || pipe.gone.is_some() {
                return None;
            }
            let peer = PeerInfo {
                id,
                endpoint: origin.endpoint.clone(),
                address: address.clone(),
                socket_type: remote.socket_type,
                identity: remote.identity.clone(),
                routing_id: None,
                metadata: remote.metadata.clone(),
                version: remote.version,
                user: remote.user.clone(),
                queued: Queued::default(),
                received: Queued::default(),
                dropped: 0,
            };
            Some(state.join(id, peer))
        });
        let endpoint = origin.endpoint.clone();
        match joined {
            None => Join::Over,
            Some(Ok(peer)) => {
                let id = peer.id;
                self.report(Event::HandshakeSucceeded { endpoint, peer });
                Join::Yes(id)
            }
            Some(Err(refusal)) => {
                let cause = Cause::Refused(refusal);
                let retry = !origin.accepted;
                self.report(Event::HandshakeFailed { endpoint, address, cause, retry });
                Join::NotNow
            }
        }
    }

    fn take(&self, id: PeerId, batch: &mut Batch, limit: usize, cx: &Context<'_>) -> Taken {
        self.with(|state| {
            if state.pipes.get_mut(id).is_none_or(|pipe| pipe.ending == Ending::Now) {
                return Taken::EndNow;
            }
            state.pipes.take(id, batch, limit);
            #[cfg(feature = "metrics")]
            state.flow.handle_taken(batch);
            let Some(pipe) = state.pipes.get_mut(id) else { return Taken::EndNow };
            pipe.out.set_flowing(true);
            if !batch.is_idle() {
                state.sends = 0;
                state.offer(id, Outbound::is_relieved);
                return Taken::Some;
            }
            if pipe.ending == Ending::Lingering {
                return Taken::Over;
            }
            pipe.sleep(cx, true);
            Taken::Nothing
        })
    }

    fn must_end(&self, id: PeerId, cx: &Context<'_>) -> bool {
        self.with(|state| {
            let Some(pipe) = state.pipes.get_mut(id) else { return true };
            pipe.sleep(cx, false);
            pipe.ending == Ending::Now
        })
    }

    fn is_over(&self, id: PeerId, cx: &Context<'_>) -> bool {
        self.with(|state| {
            let Some(pipe) = state.pipes.get_mut(id) else { return true };
            pipe.sleep(cx, false);
            pipe.ending == Ending::Now || pipe.ending == Ending::Lingering && pipe.out.is_empty()
        })
    }

    fn room(&self, id: PeerId, cx: &Context<'_>) -> usize {
        self.with(|state| {
            let Some(pipe) = state.pipes.get_mut(id) else { return 0 };
            let room = if pipe.ending == Ending::No { pipe.inbound.room() } else { 0 };
            if room == 0 {
                pipe.sleep(cx, false);
                pipe.wants_room = true;
            }
            room
        })
    }

    fn deliver(&self, id: PeerId, delivery: Delivery) -> Result<Delivered, wire::Error> {
        let is_subscription = matches!(delivery, Delivery::Subscription(_));
        self.with(|state| {
            #[cfg(feature = "metrics")]
            state.flow.handle_delivery(&delivery);
            let delivered = state.deliver(id, delivery);
            if is_subscription || P::TYPE.publishes() {
                state.wake_watchers();
            }
            delivered
        })
    }

    fn stalled(&self, id: PeerId) {
        self.with(|state| {
            if let Some(pipe) = state.pipes.get_mut(id) {
                pipe.out.set_flowing(false);
                state.offer(id, |out| out.has_room(Patience::Paced));
            }
        });
    }

    fn part(&self, id: PeerId, batch: Batch, cause: Cause, comes_back: bool) {
        let left = batch.unwritten();
        let parted = self.with(|state| {
            #[cfg(feature = "metrics")]
            left.iter().for_each(|segment| state.flow.handle_returned(segment.messages, segment.len()));
            let pipe = state.pipes.get_mut(id)?;
            pipe.out.restore(left);
            pipe.out.set_flowing(false);
            pipe.forget_announced();
            state.offer(id, |out| out.has_room(Patience::Paced));
            state.part(id, &cause, comes_back)
        });
        if let Some((peer, discarded)) = parted {
            self.report(Event::Disconnected { endpoint: peer.endpoint.clone(), peer, cause, discarded });
        }
    }

    fn remove(&self, id: PeerId) {
        let discarded = self.with(|state| {
            let endpoint = state.pipes.get_mut(id)?.origin.endpoint.clone();
            Some((endpoint, state.remove(id)))
        });
        if let Some((endpoint, messages @ 1..)) = discarded {
            self.report(Event::Discarded { endpoint, messages });
        }
    }

    fn took(&self, what: Timed, time: Duration) {
        #[cfg(feature = "metrics")]
        match what {
            Timed::Handshake => self.meter.handle_handshake(time),
            Timed::RoundTrip => self.meter.handle_round_trip(time),
        }
        #[cfg(not(feature = "metrics"))]
        let _ = (what, time);
    }

    fn report(&self, event: Event) {
        #[cfg(feature = "metrics")]
        self.meter.handle_event(&event);
        #[cfg(feature = "tracing")]
        trace::tell(P::TYPE, &self.options.name, &event);
        let wakes = lock(&self.monitors).report(&event);
        wakes.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests;
