//! The server with sockets and a clock around its state machine.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::yield_now;
use tokio::time::interval;
use zmtp::{
    BindError, Builder, Hwm, Message, Pull, PullSocket, Router, RouterEvent, RouterSocket, RoutingId,
    SendErrorKind, Xpub, XpubSocket,
};

use super::chp::{Chp, Wish};
use super::pair::{Links, Paired};
use super::place::Place;
use super::state::{Config, Held, Input, Node, NodeInput, NodeOutput, Output, Status};
use super::store::Store;
use super::version::Version;
use super::wire::{Command, Durable, Order, Publication, Role};
use crate::Machine;
use crate::clock::{now, until};
use crate::store::StoreError;
use crate::wire::Header;

/// A server that runs, until it is dropped.
///
/// ```
/// use zmtp_patterns::clone::{Client, ClientConfig, Place, Server, Sockets};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let at = format!("ipc://{}/clone", folder.path().display());
/// let place: Place = at.parse()?;
/// let server = Server::start(Sockets::bind(&place).await?, Default::default());
///
/// let client = Client::start(vec![place], ClientConfig::default());
/// client.ready().await;
/// let version = client.set("lamp", "on").await?;
/// client.wait_for(version).await;
/// assert_eq!(client.get(b"lamp").unwrap().value, "on");
/// assert_eq!(server.status().await.unwrap().keys, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Server {
    asks: mpsc::UnboundedSender<Ask>,
    role: watch::Receiver<Role>,
    stopped: watch::Receiver<Option<StoreError>>,
}

/// The sockets of a server.
#[derive(Debug)]
pub struct Sockets {
    /// For clients that ask and write.
    pub control: RouterSocket,
    /// For everybody who follows.
    pub updates: XpubSocket,
    /// For those who write and want no answer.
    pub changes: PullSocket,
    /// For clients of RFC 12, if there are to be some.
    pub chp: Option<Chp>,
}

#[derive(Debug)]
enum Ask {
    Status(oneshot::Sender<Status>),
    Order(Order, oneshot::Sender<bool>),
}

impl Sockets {
    /// The settings that the socket for clients needs. Add to them what the network asks for: security, heartbeats.
    pub fn control() -> Builder<Router> {
        // Who does not read what it is told is disconnected: by octets, since it may have asked for much.
        RouterSocket::builder().send_hwm(Hwm::Unlimited)
    }

    /// The settings that the socket for everybody who follows needs.
    pub fn updates() -> Builder<Xpub> {
        // Who is slow misses something, by octets: it finds that out with the next beat, and asks.
        XpubSocket::builder().send_hwm(Hwm::Unlimited)
    }

    /// The settings that the socket for writes without an answer needs.
    pub fn changes() -> Builder<Pull> {
        PullSocket::builder()
    }

    /// Sockets with these settings, bound there.
    ///
    /// # Errors
    /// [`BindError`]
    pub async fn bind(place: &Place) -> Result<Self, BindError> {
        let sockets = Self {
            control: Self::control().build(),
            updates: Self::updates().build(),
            changes: Self::changes().build(),
            chp: None,
        };
        sockets.control.bind(place.control.clone()).await?;
        sockets.updates.bind(place.updates.clone()).await?;
        sockets.changes.bind(place.changes.clone()).await?;
        Ok(sockets)
    }
}

impl Server {
    /// A server on these sockets, which have been bound or will be. It is their only user.
    ///
    /// What it has is in memory, whatever [`Config::store`] says: it begins with nothing, in a later epoch than any server
    /// that was started before it. Should the machine's clock have been set back, it learns of that from the first client
    /// that remembers.
    ///
    /// # Panics
    /// Outside a tokio runtime with a clock.
    pub fn start(sockets: Sockets, config: Config) -> Self {
        Self::launch(sockets, config, None, None)
    }

    /// The same, and it begins with what is in the store, and writes down whatever changes before it answers. What is
    /// published may be ahead of that: when the server dies, some of it may have been seen and be lost, but nothing that was
    /// answered.
    ///
    /// When the store cannot be written any more, the server stops: see [`stopped`](Self::stopped).
    ///
    /// # Panics
    /// Outside a tokio runtime with a clock.
    pub fn start_with(sockets: Sockets, config: Config, store: Store) -> Self {
        Self::launch(sockets, config, Some(store), None)
    }

    /// One of a pair. It decides when it is the one, and otherwise has what the other one has: [`role`](Self::role). With a
    /// store it begins with what is in there.
    ///
    /// # Panics
    /// Outside a tokio runtime with a clock.
    pub fn start_paired(sockets: Sockets, config: Config, paired: Paired, store: Option<Store>) -> Self {
        Self::launch(sockets, config, store, Some(paired))
    }

    fn launch(sockets: Sockets, config: Config, mut store: Option<Store>, paired: Option<Paired>) -> Self {
        let (asks, asked) = mpsc::unbounded_channel();
        let (stops, stopped) = watch::channel(None);
        let config = Config { store: store.is_some(), ..config };
        let held = store.as_mut().map_or_else(Held::default, |store| std::mem::take(&mut store.held));
        let session = fastrand::u64(..);
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let epoch = since.map_or(1, |time| time.as_millis() as u64);
        let (machine, links) = match paired {
            Some(paired) => {
                let (links, pair) = Links::new(session, paired);
                (Node::paired(config, pair, held, session, epoch, now()), Some(links))
            }
            None => (Node::alone(config, held, epoch, now()), None),
        };
        let (roles, role) = watch::channel(machine.role());
        let driver = Driver { machine, session, sockets, links, asked, store, roles, stops };
        tokio::spawn(driver.run());
        Self { asks, role, stopped }
    }

    /// What it is, and is from then on. A server by itself is active.
    pub fn role(&self) -> watch::Receiver<Role> {
        self.role.clone()
    }

    /// Does what an operator wants. False if it cannot be done now, or a socket was closed: only an active server with a
    /// standby that follows hands over; only one that does not decide is promoted, and not against a witness.
    pub async fn order(&self, order: Order) -> bool {
        let (asked, answer) = oneshot::channel();
        self.asks.send(Ask::Order(order, asked)).is_ok() && answer.await.unwrap_or(false)
    }

    /// Waits until the server has stopped, and says why, if it was not told to.
    pub async fn stopped(&self) -> Option<StoreError> {
        let mut stopped = self.stopped.clone();
        stopped.wait_for(Option::is_some).await.ok().and_then(|why| why.clone())
    }

    /// How things are. `None` if a socket was closed.
    pub async fn status(&self) -> Option<Status> {
        let (asked, answer) = oneshot::channel();
        self.asks.send(Ask::Status(asked)).ok()?;
        answer.await.ok()
    }
}

/// The server's task.
struct Driver {
    machine: Node<RoutingId>,
    session: u64,
    sockets: Sockets,
    /// To the other one, if there is one.
    links: Option<Links>,
    asked: mpsc::UnboundedReceiver<Ask>,
    store: Option<Store>,
    roles: watch::Sender<Role>,
    stops: watch::Sender<Option<StoreError>>,
}

impl Driver {
    async fn run(mut self) {
        let mut beats = interval(CHP_BEAT);
        loop {
            let is_all = self.take_what_is_there();
            self.act().await;
            let deadline = self.machine.next_deadline();
            let Sockets { control, updates, changes, chp } = &mut self.sockets;
            let has_chp = chp.is_some();
            let input = tokio::select! {
                event = control.recv_event() => event.map(heard),
                message = updates.recv() => message.map(|message| subscribed(&message)),
                message = changes.recv() => message.map(|message| Some(fired(message))),
                wish = wished(chp.as_mut()) => Ok(wish.and_then(|wish| self.grant(wish))),
                _ = beats.tick(), if has_chp => {
                    if let Some(chp) = &self.sockets.chp {
                        chp.beat().await;
                    }
                    continue;
                }
                // So that others of this thread have their turn.
                () = yield_now(), if !is_all => continue,
                ask = self.asked.recv() => match ask {
                    Some(ask) => {
                        self.answer(ask);
                        continue;
                    }
                    // Whoever had started it has dropped it.
                    None => return,
                },
                input = linked(self.links.as_mut()) => match input {
                    Some(input) => {
                        self.machine.handle(now(), input);
                        continue;
                    }
                    None => return,
                },
                safe = synced(self.store.as_mut()) => match safe {
                    Ok(records) => Ok(Some(Input::Synced(records))),
                    Err(error) => {
                        self.stops.send_replace(Some(error));
                        return;
                    }
                },
                () = until(deadline) => {
                    // What has come in the meantime first: who was away does not take its own absence for another's.
                    self.take_what_is_there();
                    self.machine.wake(now());
                    continue;
                }
            };
            match input {
                Ok(Some(input)) => self.machine.handle(now(), NodeInput::Server(input)),
                Ok(None) => {}
                Err(_) => return,
            }
        }
    }

    /// Whoever asked may have gone.
    fn answer(&mut self, ask: Ask) {
        match ask {
            Ask::Status(asked) => _ = asked.send(self.machine.status()),
            Ask::Order(order, asked) => _ = asked.send(self.machine.order(now(), order)),
        }
    }

    /// What has come already, some together. Says whether it took all that there is.
    fn take_what_is_there(&mut self) -> bool {
        let now = now();
        let Sockets { control, updates, changes, .. } = &mut self.sockets;
        let mut is_all = true;
        for _ in 0..TOGETHER {
            let Some(input) = self.links.as_mut().and_then(Links::take) else { break };
            self.machine.handle(now, input);
        }
        // Subscriptions first: a fence comes after those that it is to be behind.
        for _ in 0..TOGETHER {
            let Ok(message) = updates.try_recv() else { break };
            if let Some(input) = subscribed(&message) {
                self.machine.handle(now, NodeInput::Server(input));
            }
        }
        for number in 0..TOGETHER {
            let Ok(event) = control.try_recv_event() else { break };
            is_all &= number + 1 < TOGETHER;
            if let Some(input) = heard(event) {
                self.machine.handle(now, NodeInput::Server(input));
            }
        }
        for number in 0..TOGETHER {
            let Ok(message) = changes.try_recv() else { break };
            is_all &= number + 1 < TOGETHER;
            self.machine.handle(now, NodeInput::Server(fired(message)));
        }
        is_all
    }

    /// Does what the machine wants.
    async fn act(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                NodeOutput::Server(output) => self.serve(output).await,
                NodeOutput::Role(role, _) => _ = self.roles.send_replace(role),
                output => {
                    if let Some(links) = &mut self.links {
                        links.act(output).await;
                    }
                }
            }
        }
    }

    async fn serve(&self, output: Output<RoutingId>) {
        match output {
            Output::Send(peer, number, command) => self.send(&peer, number, &command),
            Output::Publish(number, publication) => self.publish(number, &publication).await,
            Output::Record(record) => {
                if let Some(store) = &self.store {
                    store.store(record);
                }
            }
            // The node has heard that.
            Output::Asked(_) | Output::Outrun(_) => {}
        }
    }

    /// What a client of RFC 12 wants to be changed. Who wants to know something is told.
    fn grant(&self, wish: Wish) -> Option<Input<RoutingId>> {
        match wish {
            Wish::Change(change) => {
                let durable = Durable::Server;
                let (header, changes) = (Header { command: 0, session: 0, number: 0 }, vec![change]);
                let (number, settled, after, version) = (0, 0, 0, Version::default());
                let write = Command::Write { number, settled, after, version, durable, changes };
                Some(Input::Fired(Ok((header, write))))
            }
            Wish::Snapshot(peer, subtree) => {
                if let Some(chp) = &self.sockets.chp {
                    chp.snapshot(&peer, &subtree, self.machine.tree(), self.machine.version());
                }
                None
            }
        }
    }

    fn send(&self, peer: &RoutingId, number: u64, command: &Command) {
        let (head, payloads) = command.encode(self.session, number);
        let message = payloads.into_iter().fold(Message::from(head), Message::with);
        if let Err(error) = self.sockets.control.send_to(peer, message)
            && error.kind() == SendErrorKind::Full
            && let Some(peer) = self.sockets.control.peer(peer)
        {
            // It does not read. What it misses it asks for when it comes again.
            self.sockets.control.disconnect_peer(peer.id);
        }
    }

    async fn publish(&self, number: u64, publication: &Publication) {
        if let (Some(chp), Publication::Update(update)) = (&self.sockets.chp, publication) {
            chp.publish(update).await;
        }
        let (topic, head, value) = publication.encode(self.session, number);
        let message = Message::from(topic).with(head);
        let message = match value {
            Some(value) => message.with(value),
            None => message,
        };
        // A publisher takes what there is to say, or it was closed: then receiving says so.
        let _ = self.sockets.updates.send(message).await;
    }
}

/// What a client of RFC 12 wants next.
async fn wished(chp: Option<&mut Chp>) -> Option<Wish> {
    match chp {
        Some(chp) => chp.next().await,
        None => std::future::pending().await,
    }
}

/// What the other one of a pair says, or the witness.
async fn linked(links: Option<&mut Links>) -> Option<NodeInput<RoutingId>> {
    match links {
        Some(links) => links.next().await,
        None => std::future::pending().await,
    }
}

/// How many records are safe, when more are.
async fn synced(store: Option<&mut Store>) -> Result<u64, StoreError> {
    match store {
        Some(store) => store.synced().await,
        None => std::future::pending().await,
    }
}

fn heard(event: RouterEvent) -> Option<Input<RoutingId>> {
    match event {
        RouterEvent::Joined(peer, _) => Some(Input::Joined(peer)),
        RouterEvent::Message(peer, message) => {
            Some(Input::Heard(peer, Command::decode(message.into_frames())))
        }
        RouterEvent::Left(peer, _) => Some(Input::Left(peer)),
        _ => None,
    }
}

fn fired(message: Message) -> Input<RoutingId> {
    Input::Fired(Command::decode(message.into_frames()))
}

/// RFC 29: an octet that says whether it is wanted, and the topic.
fn subscribed(message: &Message) -> Option<Input<RoutingId>> {
    let (wanted, topic) = message.first().split_first()?;
    let topic = Bytes::copy_from_slice(topic);
    match wanted {
        0 => Some(Input::Unsubscribed(topic)),
        1 => Some(Input::Subscribed(topic)),
        _ => None,
    }
}

/// How often RFC 12 wants to hear of a server.
const CHP_BEAT: Duration = Duration::from_secs(1);
/// The most messages of each socket that are taken together.
const TOGETHER: usize = 256;
