//! RFC 12, the Clustered Hashmap Protocol: for clients that speak what the guide's clone speaks, on sockets of their own.
//!
//! ```text
//! DEALER ──► ROUTER   ICANHAZ?  subtree                          ──►  KVSYNC ... KVSYNC KTHXBAI
//! SUB    ◄── PUB      KVPUB: key  sequence  uuid  properties  value;  HUGZ once a second
//! PUB    ──► SUB      KVSET: key  0         uuid  properties  value
//! ```
//!
//! They have RFC 12's faults: a change may be missed between snapshot and updates, an empty value deletes, and keys that
//! are words of the protocol (`KTHXBAI`, `HUGZ`) are not told to them. What they write is not answered.

use std::time::Duration;

use bytes::Bytes;
use zmtp::{
    BindError, Hwm, Message, PubSocket, RouterEvent, RouterSocket, RoutingId, Security, SendErrorKind,
    SubSocket,
};

use super::place::Place;
use super::tree::Tree;
use super::version::Version;
use super::wire::{Change, Changed, Lasts, To, Update, When};

/// The sockets for clients of RFC 12.
#[derive(Debug)]
pub struct Chp {
    /// Who asks for a snapshot.
    pub snapshots: RouterSocket,
    /// Who follows.
    pub updates: PubSocket,
    /// Who writes. It is to be subscribed to everything.
    pub changes: SubSocket,
}

impl Chp {
    /// Sockets with this security, to be bound.
    pub fn new(security: impl Into<Security>) -> Self {
        let security = security.into();
        let chp = Self {
            snapshots: RouterSocket::builder().send_hwm(Hwm::Unlimited).security(security.clone()).build(),
            updates: PubSocket::builder().send_hwm(Hwm::Unlimited).security(security.clone()).build(),
            changes: SubSocket::builder().security(security).build(),
        };
        chp.changes.subscribe("");
        chp
    }

    /// Binds them: a port and the two after it, as RFC 12 wants it.
    ///
    /// # Errors
    /// [`BindError`]
    pub async fn bind(&self, place: &Place) -> Result<(), BindError> {
        self.snapshots.bind(place.control.clone()).await?;
        self.updates.bind(place.updates.clone()).await?;
        self.changes.bind(place.changes.clone()).await?;
        Ok(())
    }

    /// What somebody wants to be changed, or to know, next.
    pub(super) async fn next(&mut self) -> Option<Wish> {
        tokio::select! {
            event = self.snapshots.recv_event() => match event {
                Ok(RouterEvent::Message(peer, message)) => subtree(&message).map(|it| Wish::Snapshot(peer, it)),
                _ => None,
            },
            message = self.changes.recv() => message.ok().and_then(|message| kvset(&message)).map(Wish::Change),
        }
    }

    /// Tells it everything under its subtree. Who does not read it is disconnected.
    pub(super) fn snapshot(&self, peer: &RoutingId, subtree: &Bytes, tree: &Tree, version: Version) {
        let rows = tree.iter(subtree).filter(|(key, entry)| !is_word(key) && !entry.value.is_empty());
        let rows = rows.map(|(key, entry)| kvmsg(key, entry.version.seq, &entry.value, entry.lasts));
        for message in rows.chain([kvmsg(KTHXBAI, version.seq, subtree, Lasts::Forever)]) {
            let Err(error) = self.snapshots.send_to(peer, message) else { continue };
            if error.kind() == SendErrorKind::Full
                && let Some(peer) = self.snapshots.peer(peer)
            {
                self.snapshots.disconnect_peer(peer.id);
            }
            return;
        }
    }

    pub(super) async fn publish(&self, update: &Update) {
        if is_word(&update.key) || update.key.is_empty() {
            return;
        }
        let (value, lasts) = match &update.change {
            Changed::Set { value, lasts } => (value.clone(), *lasts),
            _ => (Bytes::new(), Lasts::Forever),
        };
        // A publisher takes what there is to say.
        let _ = self.updates.send(kvmsg(&update.key, update.version.seq, &value, lasts)).await;
    }

    pub(super) async fn beat(&self) {
        let _ = self.updates.send(kvmsg(HUGZ, 0, b"", Lasts::Forever)).await;
    }
}

/// What a client of RFC 12 wants.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Snapshot(RoutingId, Bytes),
    Change(Change),
}

fn subtree(message: &Message) -> Option<Bytes> {
    let mut frames = message.frames();
    let (request, subtree) = (frames.next()?, frames.next()?);
    (request[..] == *ICANHAZ && frames.next().is_none()).then(|| Bytes::copy_from_slice(subtree))
}

fn kvset(message: &Message) -> Option<Change> {
    let frames: Vec<_> = message.frames().collect();
    let [key, _sequence, _uuid, properties, value] = frames[..] else { return None };
    let to = match value.is_empty() {
        true => To::Nothing,
        false => To::Value { value: Bytes::copy_from_slice(value), lasts: lasts(properties) },
    };
    Some(Change { key: Bytes::copy_from_slice(key), to, when: When::Always })
}

/// `ttl=SECONDS`, on a line of its own.
fn lasts(properties: &[u8]) -> Lasts {
    let lines = str::from_utf8(properties).unwrap_or_default().lines();
    let ttl = lines.filter_map(|line| line.strip_prefix("ttl=")).next_back();
    let seconds = ttl.and_then(|ttl| ttl.trim().parse().ok()).filter(|seconds| *seconds > 0);
    Lasts::for_or_ever(seconds.map(Duration::from_secs))
}

fn kvmsg(key: &[u8], sequence: u64, value: &[u8], lasts: Lasts) -> Message {
    let properties = lasts.ttl().map_or_else(String::new, |ttl| format!("ttl={}\n", ttl.as_secs().max(1)));
    Message::new(Bytes::copy_from_slice(key))
        .with(Bytes::copy_from_slice(&sequence.to_be_bytes()))
        .with("")
        .with(properties)
        .with(Bytes::copy_from_slice(value))
}

fn is_word(key: &[u8]) -> bool {
    [KTHXBAI, HUGZ].contains(&key)
}

const ICANHAZ: &[u8] = b"ICANHAZ?";
const KTHXBAI: &[u8] = b"KTHXBAI";
const HUGZ: &[u8] = b"HUGZ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_has_five_frames_and_an_empty_value_deletes() {
        let set = |properties: &'static str, value: &'static str| {
            kvset(
                &Message::new("key")
                    .with([0; 8].to_vec())
                    .with([7; 16].to_vec())
                    .with(properties)
                    .with(value),
            )
        };
        let change = |to| Some(Change { key: "key".into(), to, when: When::Always });
        let value = |lasts| change(To::Value { value: "on".into(), lasts });
        assert_eq!(set("", "on"), value(Lasts::Forever));
        assert_eq!(set("a=b\nttl=5\n", "on"), value(Lasts::For(Duration::from_secs(5))));
        assert_eq!(set("ttl=0\n", "on"), value(Lasts::Forever));
        assert_eq!(set("ttl=soon\n", "on"), value(Lasts::Forever));
        assert_eq!(set("", ""), change(To::Nothing));
        assert_eq!(kvset(&Message::new("key").with("value")), None);
    }

    #[test]
    fn a_snapshot_is_asked_for_with_a_subtree() {
        assert_eq!(subtree(&Message::new("ICANHAZ?").with("/a/")), Some("/a/".into()));
        assert_eq!(subtree(&Message::new("ICANHAZ?").with("")), Some("".into()));
        for other in [
            Message::new("ICANHAZ?"),
            Message::new("HI").with(""),
            Message::new("ICANHAZ?").with("").with(""),
        ] {
            assert_eq!(subtree(&other), None);
        }
    }

    #[test]
    fn what_is_told_has_the_sequence_in_network_order() {
        let message = kvmsg(b"key", 258, b"on", Lasts::For(Duration::from_millis(1500)));
        let frames: Vec<_> = message.frames().map(|frame| frame.to_vec()).collect();
        assert_eq!(frames, [&b"key"[..], &[0, 0, 0, 0, 0, 0, 1, 2], b"", b"ttl=1\n", b"on"]);
    }
}
