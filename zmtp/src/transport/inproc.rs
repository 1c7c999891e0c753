//! Between two sockets of one process: the outgoing pipe of one is poured into the incoming pipe of the other, batch
//! by batch. No bytes are copied and no protocol is spoken; what the handshake would have checked is checked here.
//!
//! Names are known process-wide. A connect may come before the bind. When the binder closes, the connecter's pipe
//! ends for good.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::endpoint::Endpoint;
use crate::engine::Settings;
use crate::monitor::{Cause, Event};
use crate::peer::PeerId;
use crate::pipe::{Batch, Delivery, Join, Origin, Port, Taken};
use crate::sync::{Mutex, lock};
use crate::wire::{self, Config, Incompatible, Metadata, Remote, Version};

/// Gives a name to a socket, and joins it with those who wait for that name. `stop` takes the name back.
pub(crate) fn bind(
    name: &str,
    port: Arc<dyn Port>,
    settings: Arc<Settings>,
    stop: CancellationToken,
    tasks: &TaskTracker,
) -> io::Result<()> {
    let bound = Bound { port, config: settings.config.clone(), stop };
    let mut names = lock(&NAMES);
    let entry = names.entry(name.to_owned()).or_default();
    if entry.bound.as_ref().is_some_and(|other| !other.stop.is_cancelled()) {
        return Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "another socket of this process is bound to this name",
        ));
    }
    let waiting = std::mem::take(&mut entry.waiting);
    entry.bound = Some(bound.clone());
    drop(names);
    for waiting in waiting {
        // One that no longer waits does not matter.
        let _ = waiting.send(bound.clone());
    }
    let endpoint = Endpoint::Inproc { name: name.to_owned() };
    bound.port.report(Event::Listening { endpoint: endpoint.clone() });
    tasks.spawn(async move {
        bound.stop.cancelled().await;
        forget(&endpoint);
        bound.port.report(Event::Closed { endpoint });
    });
    Ok(())
}

/// Joins a pipe with the socket of this name, now or when there is one.
pub(crate) async fn connect(
    name: String,
    origin: Origin,
    id: PeerId,
    port: Arc<dyn Port>,
    settings: Arc<Settings>,
) {
    let mut binder = find(&name);
    let found = poll_fn(|cx| {
        if port.is_over(id, cx) {
            return Poll::Ready(None);
        }
        Pin::new(&mut binder).poll(cx).map(Result::ok)
    });
    match found.await {
        Some(bound) => join(bound, &origin, id, &port, &settings.config).await,
        None => {
            drop(binder);
            forget(&origin.endpoint);
        }
    }
    port.remove(id);
}

async fn join(bound: Bound, origin: &Origin, id: PeerId, port: &Arc<dyn Port>, config: &Config) {
    let (ours, theirs) = (config.socket_type, bound.config.socket_type);
    let endpoint = origin.endpoint.clone();
    if !ours.goes_with(theirs) {
        let wrong = Incompatible::SocketType { theirs: theirs.to_string(), ours: ours.as_str() };
        let cause = Cause::Wire(wrong.into());
        port.report(Event::HandshakeFailed { endpoint, address: None, cause, retry: false });
        return;
    }
    let accepted = Origin { endpoint, accepted: true };
    let wanted = || !bound.stop.is_cancelled();
    let Join::Yes(other) = bound.port.join(None, &accepted, &remote(config), None, &wanted) else { return };
    let Join::Yes(_) = port.join(Some(id), origin, &remote(&bound.config), None, &|| true) else {
        bound.port.part(other, Batch::default(), Cause::PeerClosed, false);
        return;
    };
    let mut there = Direction { from: (&**port, id), to: (&*bound.port, other), batch: Batch::default() };
    let mut back = Direction { from: (&*bound.port, other), to: (&**port, id), batch: Batch::default() };
    let (here, over_there) = poll_fn(|cx| {
        if let Poll::Ready(causes) = there.poll(cx) {
            return Poll::Ready(causes);
        }
        back.poll(cx).map(|(over_there, here)| (here, over_there))
    })
    .await;
    port.part(id, Batch::default(), here, false);
    bound.port.part(other, Batch::default(), over_there, false);
}

/// From one pipe into another.
struct Direction<'a> {
    from: (&'a dyn Port, PeerId),
    to: (&'a dyn Port, PeerId),
    batch: Batch,
}

impl Direction<'_> {
    /// Pours as much as there is room for. Ready when it is over: why, for the source and for the other side.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<(Cause, Cause)> {
        let ((from, id), (to, _)) = (self.from, self.to);
        for _ in 0..TURNS {
            let room = to.room(self.to.1, cx);
            if room == 0 {
                let is_over = from.is_over(id, cx);
                return if is_over { Poll::Ready((Cause::Closed, Cause::PeerClosed)) } else { Poll::Pending };
            }
            match from.take(id, &mut self.batch, room, cx) {
                Taken::Some => {
                    if let Err(error) = self.deliver() {
                        return Poll::Ready((Cause::PeerClosed, Cause::Wire(error)));
                    }
                }
                Taken::Nothing => return Poll::Pending,
                Taken::Over | Taken::EndNow => return Poll::Ready((Cause::Closed, Cause::PeerClosed)),
            }
        }
        // Others get the thread.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn deliver(&mut self) -> Result<(), wire::Error> {
        let (to, other) = self.to;
        let mut batch = std::mem::take(&mut self.batch);
        for subscription in std::mem::take(&mut batch.subscriptions) {
            to.deliver(other, Delivery::Subscription(subscription))?;
        }
        if !batch.is_empty() {
            to.deliver(other, Delivery::Messages(batch.into_chunk()))?;
        }
        Ok(())
    }
}

/// What a handshake would have told of a socket.
fn remote(config: &Config) -> Remote {
    let metadata = Metadata::of(config);
    Remote {
        version: Version::V3_1,
        socket_type: Some(config.socket_type),
        identity: metadata.identity(),
        metadata,
        user: None,
    }
}

/// The socket of this name, once there is one.
fn find(name: &str) -> oneshot::Receiver<Bound> {
    let (sender, receiver) = oneshot::channel();
    let mut names = lock(&NAMES);
    let entry = names.entry(name.to_owned()).or_default();
    match entry.bound.as_ref().filter(|bound| !bound.stop.is_cancelled()) {
        Some(bound) => drop(sender.send(bound.clone())),
        None => {
            entry.waiting.retain(|waiting| !waiting.is_closed());
            entry.waiting.push(sender);
        }
    }
    receiver
}

/// Takes a name back, unless another socket has it by now.
fn forget(endpoint: &Endpoint) {
    let Endpoint::Inproc { name } = endpoint else { return };
    let mut names = lock(&NAMES);
    let Some(entry) = names.get_mut(name) else { return };
    if entry.bound.as_ref().is_some_and(|bound| bound.stop.is_cancelled()) {
        entry.bound = None;
    }
    if entry.bound.is_none() && entry.waiting.iter().all(oneshot::Sender::is_closed) {
        names.remove(name);
    }
}

#[derive(Debug, Default)]
struct Entry {
    bound: Option<Bound>,
    waiting: Vec<oneshot::Sender<Bound>>,
}

#[derive(Debug, Clone)]
struct Bound {
    port: Arc<dyn Port>,
    config: Config,
    stop: CancellationToken,
}

/// Batches that are poured before other tasks run.
const TURNS: usize = 16;

static NAMES: LazyLock<Mutex<HashMap<String, Entry>>> = LazyLock::new(Mutex::default);
