//! The socket as its engines see it.

use std::sync::atomic::Ordering;
use std::task::{Context, Waker};

use super::core::Core;
use crate::monitor::{Cause, Event};
use crate::pattern::Pattern;
use crate::peer::{PeerId, PeerInfo, Queued};
use crate::pipe::{Batch, Ending, Origin, Outbound, Patience, Port, Taken};
use crate::sync::lock;
use crate::wire::{Chunk, Remote};

impl<P: Pattern> Port for Core<P> {
    fn open(&self, origin: Origin) -> Option<PeerId> {
        self.with(|state| (state.ending == Ending::No).then(|| state.open(origin)))
    }

    fn join(
        &self,
        id: Option<PeerId>,
        origin: &Origin,
        remote: &Remote,
        address: Option<String>,
        wanted: &dyn Fn() -> bool,
    ) -> Option<PeerId> {
        let peer = self.with(|state| {
            let id = match id {
                Some(id) => id,
                None if state.ending > Ending::No || !wanted() => return None,
                None => state.open(origin.clone()),
            };
            let pipe = state.pipes.get_mut(id)?;
            if pipe.ending == Ending::Now || pipe.gone.is_some() {
                return None;
            }
            let peer = PeerInfo {
                id,
                endpoint: origin.endpoint.clone(),
                address,
                socket_type: remote.socket_type,
                identity: remote.identity.clone(),
                version: remote.version,
                queued: Queued::default(),
                received: Queued::default(),
            };
            pipe.peer = Some(peer.clone());
            state.peers += 1;
            state.wake_watchers();
            Some(peer)
        })?;
        let id = peer.id;
        self.report(Event::HandshakeSucceeded { endpoint: peer.endpoint.clone(), peer });
        Some(id)
    }

    fn take(&self, id: PeerId, batch: &mut Batch, limit: usize, cx: &Context<'_>) -> Taken {
        self.with(|state| {
            if state.pipes.get_mut(id).is_none_or(|pipe| pipe.ending == Ending::Now) {
                return Taken::EndNow;
            }
            state.pipes.take(id, batch, limit);
            let Some(pipe) = state.pipes.get_mut(id) else { return Taken::EndNow };
            pipe.out.flowing = true;
            if !batch.is_empty() {
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

    fn deliver(&self, id: PeerId, chunk: Chunk) -> usize {
        self.with(|state| {
            let Some(pipe) = state.pipes.get_mut(id).filter(|pipe| pipe.ending == Ending::No) else {
                return 0;
            };
            if !P::RECEIVES {
                // Messages against the direction of the pattern are read and dropped.
                return pipe.inbound.room();
            }
            let is_new = pipe.inbound.deliver(chunk);
            let room = pipe.inbound.room();
            if is_new {
                state.pattern.readable(id);
                self.arrivals.store(true, Ordering::Relaxed);
                state.pipes.wakes.extend(state.receiver.take());
            }
            room
        })
    }

    fn stalled(&self, id: PeerId) {
        self.with(|state| {
            if let Some(pipe) = state.pipes.get_mut(id) {
                pipe.out.flowing = false;
                state.offer(id, |out| out.has_room(Patience::Paced));
            }
        });
    }

    fn part(&self, id: PeerId, batch: Batch, cause: Cause, comes_back: bool) {
        let left = batch.unwritten();
        let parted = self.with(|state| {
            let pipe = state.pipes.get_mut(id)?;
            pipe.out.restore(left);
            pipe.out.flowing = false;
            let peer = state.unjoin(id)?;
            state.offer(id, |out| out.has_room(Patience::Paced));
            let discarded = if comes_back { 0 } else { state.remove(id) };
            state.wake_watchers();
            Some((peer, discarded))
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

    fn report(&self, event: Event) {
        let wakes = lock(&self.monitors).report(&event);
        wakes.into_iter().for_each(Waker::wake);
    }
}
