//! A client: a replica with sockets and a clock around it, and whoever reads, writes and watches.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, mpsc, oneshot, watch};
use tokio::task::yield_now;
use zmtp::{Builder, Dealer, DealerSocket, Hwm, Sub, SubSocket};

use super::place::Place;
use super::session::{self, Session, SessionState};
use super::state::{Health, News, Replica, ReplicaConfig, ReplicaCounters, ReplicaOutput};
use super::tree::{Entry, Tree};
use super::version::Version;
use super::watch::{Look, Watch};
use super::wire::{Change, Durable, Lasts, MAX_CHANGES, MAX_KEY, Outcome, Refusal, To, When};
use super::wires::Wires;
use crate::Machine;
use crate::clock::{now, until};

/// A client that runs. Clones are handles of the same; it ends with the last of them.
#[derive(Debug, Clone)]
pub struct Client {
    orders: mpsc::UnboundedSender<Order>,
    view: View,
    progress: watch::Receiver<Progress>,
    news: broadcast::WeakSender<Arc<News>>,
    room: Arc<Semaphore>,
}

/// How a client goes about it.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// What it follows.
    pub replica: ReplicaConfig,
    /// The settings of the socket that asks and writes. Add what the network asks for: security.
    pub control: Builder<Dealer>,
    /// The settings of the socket that follows.
    pub updates: Builder<Sub>,
}

impl Default for ClientConfig {
    /// Everything.
    fn default() -> Self {
        Self {
            replica: ReplicaConfig::default(),
            // What is said to a server that is not there is said again when it is. What finds no room on its way there would be
            // said again a second later.
            control: DealerSocket::builder()
                .immediate(true)
                .linger(Duration::ZERO)
                .send_hwm(Hwm::Unlimited)
                .send_hwm_bytes(Hwm::Unlimited),
            updates: SubSocket::builder().recv_hwm(Hwm::Unlimited),
        }
    }
}

impl ClientConfig {
    /// A client that follows the keys that begin with one of these.
    pub fn of(prefixes: impl IntoIterator<Item = impl Into<Bytes>>) -> Self {
        let prefixes = prefixes.into_iter().map(Into::into).collect();
        Self { replica: ReplicaConfig { prefixes, ..ReplicaConfig::default() }, ..Self::default() }
    }
}

/// What a client has and how it is, at some moment.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// All that it follows.
    pub tree: Tree,
    /// Up to this change.
    pub version: Version,
    /// Whether that can be believed to be what the server has.
    pub health: Health,
    /// Which of its servers it follows, counted from 0, if that one says that it decides.
    pub server: Option<usize>,
    /// What has happened since it was started.
    pub counters: ReplicaCounters,
}

/// The replica, to look at. It is locked for as long as it takes to follow one message.
#[derive(Debug, Clone)]
struct View(Arc<Mutex<Replica>>);

/// What can be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Progress {
    version: Version,
    health: Health,
    server: Option<usize>,
}

impl View {
    fn replica(&self) -> MutexGuard<'_, Replica> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> State {
        let replica = self.replica();
        State {
            tree: replica.tree().clone(),
            version: replica.version(),
            health: replica.health(),
            server: replica.server(),
            counters: replica.counters(),
        }
    }
}

/// Why nothing, or nobody knows what, came of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A condition did not hold.
    #[error("the condition of change {change} did not hold: {}", Since(*.current))]
    Conflict {
        /// Of which change, counted from 0.
        change: u16,
        /// Since when its key stands for what it does, if it stands for anything.
        current: Option<Version>,
    },
    /// The server does not take it.
    #[error("the server does not take the write: {0}")]
    Refused(#[from] Refusal),
    /// The client was closed before there was an answer.
    #[error("the client was closed before the server had answered; the write may have been done")]
    Closed,
}

struct Since(Option<Version>);

impl std::fmt::Display for Since {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(version) => write!(f, "its key was changed by {version}"),
            None => f.write_str("its key stands for nothing"),
        }
    }
}

#[derive(Debug)]
enum Order {
    Write(Durable, Vec<Change>, OwnedSemaphorePermit, oneshot::Sender<Outcome>),
    /// Keep this session open, which was to be opened then.
    Hold(u64, Duration, Instant, watch::Sender<SessionState>),
    /// And not any more; and close it, unless that was done.
    Release(u64, bool),
}

impl Client {
    /// A client of these servers, which begins with the first.
    ///
    /// # Panics
    /// Outside a tokio runtime with a clock, and without a server.
    pub fn start(servers: Vec<Place>, config: ClientConfig) -> Self {
        assert!(!servers.is_empty(), "a client needs a server");
        let (orders, taken) = mpsc::unbounded_channel();
        let (shown, progress) = watch::channel(Progress::default());
        let (news, _) = broadcast::channel(NEWS);
        let replica = ReplicaConfig { servers: servers.len(), ..config.replica };
        let view = View(Arc::new(Mutex::new(Replica::new(replica, fastrand::u64(..), now()))));
        let driver = Driver {
            view: view.clone(),
            wires: Wires::new(fastrand::u64(..), servers, config.control, config.updates),
            waiting: HashMap::new(),
            sessions: HashMap::new(),
            shown,
            news: news.clone(),
        };
        tokio::spawn(driver.run(taken));
        Self { orders, view, progress, news: news.downgrade(), room: Arc::new(Semaphore::new(UNANSWERED)) }
    }

    /// What this key stands for. Never waits for anybody but this client's own task, and for that no longer than it takes to
    /// follow one message.
    pub fn get(&self, key: &[u8]) -> Option<Entry> {
        self.view.replica().tree().get(key).cloned()
    }

    /// What there is and how things are, all of one moment. Takes no time, however much it is.
    pub fn state(&self) -> State {
        self.view.state()
    }

    /// Waits until it has been told what there is.
    pub async fn ready(&self) -> State {
        self.until(|progress| progress.health == Health::Live).await
    }

    /// Waits until it has this change, or a later one, as after a write of one's own.
    pub async fn wait_for(&self, version: Version) -> State {
        self.until(|progress| progress.version >= version).await
    }

    async fn until(&self, is_so: impl FnMut(&Progress) -> bool) -> State {
        if self.progress.clone().wait_for(is_so).await.is_err() {
            // Its task ends when the last handle is dropped, and this is one.
            std::future::pending::<()>().await;
        }
        self.state()
    }

    /// What there is under this prefix, and then everything that changes.
    pub fn watch(&self, prefix: impl Into<Bytes>) -> Watch {
        let view = self.view.clone();
        let look = Look(Box::new(move || view.state()));
        Watch::new(look, self.news.upgrade().map(|news| news.subscribe()), prefix.into())
    }

    /// Opens a session, and keeps it open as long as there is the [`Session`]: for keys that are to be there as long as
    /// this client is. The server closes it when it has not heard the client for `ttl`, which is asked for three times.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    ///
    /// # Cancel safety
    /// If you drop the future, the server closes the session after `ttl`.
    pub async fn session(&self, ttl: Duration) -> Result<Session, WriteError> {
        self.session_with(ttl, Durable::Server, |_| Vec::new()).await.map(|(session, _)| session)
    }

    /// The same, and changes this with it, all of it or nothing: as to take what nobody else has.
    ///
    /// # Errors
    /// As [`write_durably`](Self::write_durably); if a condition does not hold no session is opened.
    ///
    /// # Cancel safety
    /// As [`session`](Self::session).
    pub async fn session_with(
        &self,
        ttl: Duration,
        durable: Durable,
        changes: impl FnOnce(Lasts) -> Vec<Change>,
    ) -> Result<(Session, Version), WriteError> {
        let (number, since) = (fastrand::u64(1..), now());
        let mut all = vec![session::opened(number, ttl)];
        all.extend(changes(Lasts::With(number)));
        let version = match self.write_durably(durable, all).await {
            Err(WriteError::Conflict { change, current }) => {
                // The first one is not the caller's.
                return Err(WriteError::Conflict { change: change.saturating_sub(1), current });
            }
            done => done?,
        };
        let (known, state) = watch::channel(SessionState::Open((since + ttl).into()));
        self.orders.send(Order::Hold(number, ttl, since, known)).map_err(|_| WriteError::Closed)?;
        Ok((Session::new(self.clone(), number, state), version))
    }

    /// Wakes whoever waits when there is something new.
    pub(super) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// This session is not kept open any more.
    pub(super) fn release(&self, session: u64, is_closed: bool) {
        // If its task has ended nothing is.
        let _ = self.orders.send(Order::Release(session, is_closed));
    }

    /// The key stands for this from now on.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    ///
    /// # Cancel safety
    /// As [`write`](Self::write).
    pub async fn set(&self, key: impl Into<Bytes>, value: impl Into<Bytes>) -> Result<Version, WriteError> {
        let to = To::Value { value: value.into(), lasts: Lasts::Forever };
        self.write(vec![Change { key: key.into(), to, when: When::Always }]).await
    }

    /// The key stands for nothing from now on.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    ///
    /// # Cancel safety
    /// As [`write`](Self::write).
    pub async fn delete(&self, key: impl Into<Bytes>) -> Result<Version, WriteError> {
        self.write(vec![Change { key: key.into(), to: To::Nothing, when: When::Always }]).await
    }

    /// Changes all of this, or nothing, and waits until the server has. What it says twice, since an answer was lost, is
    /// done once. Waits too while a thousand other writes of this client have no answer.
    ///
    /// # Errors
    /// [`WriteError`]
    ///
    /// # Cancel safety
    /// If you drop the future, the write may be done.
    pub async fn write(&self, changes: Vec<Change>) -> Result<Version, WriteError> {
        self.write_durably(Durable::Server, changes).await
    }

    /// The same, and answered when it is as safe as that.
    ///
    /// # Errors
    /// As [`write`](Self::write); [`Refusal::NoStandby`] if it is to be safe at a standby, and there is none.
    ///
    /// # Cancel safety
    /// As [`write`](Self::write).
    pub async fn write_durably(&self, durable: Durable, changes: Vec<Change>) -> Result<Version, WriteError> {
        // What has no room in a message is no message to whoever reads it.
        if changes.len() > MAX_CHANGES {
            return Err(Refusal::Changes.into());
        }
        if changes.iter().any(|change| change.key.len() > MAX_KEY) {
            return Err(Refusal::Key.into());
        }
        let values = changes.iter().map(|change| match &change.to {
            To::Value { value, .. } => value.len(),
            To::Nothing | To::Open { .. } | To::Close(_) => 0,
        });
        if values.sum::<usize>() > MAX_VALUES {
            return Err(Refusal::Value.into());
        }
        let room = Arc::clone(&self.room).acquire_owned().await.map_err(|_| WriteError::Closed)?;
        let (settled, outcome) = oneshot::channel();
        self.orders.send(Order::Write(durable, changes, room, settled)).map_err(|_| WriteError::Closed)?;
        match outcome.await.map_err(|_| WriteError::Closed)? {
            Outcome::Done(version) => Ok(version),
            Outcome::Conflict { change, current } => Err(WriteError::Conflict { change, current }),
            Outcome::Refused(refusal) => Err(refusal.into()),
        }
    }
}

/// The client's task.
struct Driver {
    view: View,
    wires: Wires,
    waiting: HashMap<u64, (OwnedSemaphorePermit, oneshot::Sender<Outcome>)>,
    sessions: HashMap<u64, watch::Sender<SessionState>>,
    shown: watch::Sender<Progress>,
    news: broadcast::Sender<Arc<News>>,
}

impl Driver {
    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        loop {
            let is_all = self.take_what_is_there(&mut orders);
            self.act();
            let deadline = self.view.replica().next_deadline();
            tokio::select! {
                input = self.wires.next() => match input {
                    Some(input) => self.view.replica().handle(now(), input),
                    None => return,
                },
                // So that others of this thread have their turn.
                () = yield_now(), if !is_all => {}
                order = orders.recv() => match order {
                    Some(order) => self.obey(order),
                    // Nobody has a handle any more.
                    None => return,
                },
                () = until(deadline) => {
                    // So that what was asked for goes out before what has come is read.
                    yield_now().await;
                    self.view.replica().wake(now());
                }
            }
        }
    }

    /// What has come already, some together. Says whether it took all that there is.
    fn take_what_is_there(&mut self, orders: &mut mpsc::UnboundedReceiver<Order>) -> bool {
        let now = now();
        for _ in 0..TOGETHER {
            if let Some(input) = self.wires.take() {
                self.view.replica().handle(now, input);
            } else if let Ok(order) = orders.try_recv() {
                self.obey(order);
            } else {
                return true;
            }
        }
        false
    }

    fn obey(&mut self, order: Order) {
        let mut replica = self.view.replica();
        match order {
            Order::Write(durable, changes, room, settled) => {
                let number = replica.write(now(), durable, changes);
                self.waiting.insert(number, (room, settled));
            }
            Order::Hold(session, ttl, since, known) => {
                replica.hold(now(), session, ttl, since);
                self.sessions.insert(session, known);
            }
            Order::Release(session, is_closed) => {
                replica.release(session);
                self.sessions.remove(&session);
                if !is_closed {
                    // Nobody waits for that.
                    replica.write(now(), Durable::Server, vec![session::closed(session)]);
                }
            }
        }
    }

    /// Does what the replica wants. What there is could be seen before anybody is told that it has changed.
    fn act(&mut self) {
        let mut all_news = Vec::new();
        while let Some(output) = self.poll_output() {
            match self.wires.act(output) {
                Some(ReplicaOutput::Written(number, outcome)) => {
                    if let Some((_, settled)) = self.waiting.remove(&number) {
                        // Whoever wrote it may not care.
                        let _ = settled.send(outcome);
                    }
                }
                Some(ReplicaOutput::Session { session, until }) => {
                    let state = until.map_or(SessionState::Over, |until| SessionState::Open(until.into()));
                    if let Some(known) = self.sessions.get(&session) {
                        known.send_replace(state);
                    }
                }
                Some(ReplicaOutput::News(news)) => all_news.push(news),
                _ => {}
            }
        }
        let progress = {
            let replica = self.view.replica();
            Progress { version: replica.version(), health: replica.health(), server: replica.server() }
        };
        self.shown.send_if_modified(|shown| std::mem::replace(shown, progress) != progress);
        // Who listens from now on has seen it.
        if self.news.receiver_count() > 0 {
            for news in all_news {
                // Nobody need listen.
                let _ = self.news.send(Arc::new(news));
            }
        }
    }

    fn poll_output(&self) -> Option<ReplicaOutput> {
        self.view.replica().poll_output()
    }
}

/// News that a watcher may be behind.
const NEWS: usize = 4096;
/// Writes without an answer.
const UNANSWERED: usize = 1000;
/// The most octets of the values of a write: together they fit into a message.
const MAX_VALUES: usize = 32 << 20;
/// The most messages and orders that are taken together.
const TOGETHER: usize = 256;
