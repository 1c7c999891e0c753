//! A broker with sockets and a clock around its state machine.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::yield_now;
use zmtp::{
    BindError, Builder, Hwm, Message, Router, RouterEvent, RouterSocket, RoutingId, Sub, SubSocket, Xpub,
    XpubSocket,
};

use super::place::Place;
use super::shell::{PROPERTY, frames, message};
use super::state::{self, Config, Dial, Event, Face, Input, Notice, Output};
use super::wire::{Card, State, Status};
use crate::Machine;
use crate::answer::answer;
use crate::clock::{now, until};

/// A broker that runs, until it has left or is dropped.
///
/// ```
/// use zmtp_patterns::peering::{Broker, Client, Place, Resend, Sockets, Worker};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let places = ["one", "two"].map(|name| format!("ipc://{}/{name}", folder.path().display()));
/// let (one, two): (Place, Place) = (places[0].parse()?, places[1].parse()?);
/// let first = Broker::start("DC1", Sockets::bind(&one).await?, |_| {});
/// let second = Broker::start("DC2", Sockets::bind(&two).await?, |_| {});
/// second.join(&one.cloud);
///
/// // A worker of the first, and a client of the second.
/// let socket = Worker::socket().build();
/// socket.connect(one.workers.clone())?;
/// let worker = Worker::start(socket, 1, async |body| {
///     Ok::<_, std::convert::Infallible>(vec![body[0].to_ascii_uppercase().into()])
/// });
/// let socket = Client::socket().build();
/// socket.connect(two.clients.clone())?;
/// let client = Client::start(socket);
/// let reply = client.request(vec!["hello".into()], Resend::default()).await?;
/// assert_eq!(reply, ["HELLO"]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Broker {
    orders: mpsc::UnboundedSender<Order>,
    notices: broadcast::Sender<Notice>,
    left: watch::Receiver<Option<usize>>,
}

/// The six sockets of a broker, by the names that the design has for them.
#[derive(Debug)]
pub struct Sockets {
    /// For clients and operators.
    pub localfe: RouterSocket,
    /// For workers.
    pub localbe: RouterSocket,
    /// For tasks of other brokers.
    pub cloudfe: RouterSocket,
    /// For tasks to other brokers: it dials each one.
    pub cloudbe: RouterSocket,
    /// For what the others publish: it follows each one.
    pub statefe: SubSocket,
    /// For those who follow this one.
    pub statebe: XpubSocket,
    /// Where others find it: what the first and the last but one of these were bound to.
    pub place: Place,
}

#[derive(Debug)]
enum Order {
    Status(oneshot::Sender<Status>),
    Join(String),
    Leave(Duration),
}

impl Sockets {
    /// The settings that the four sockets need on which tasks go. Add to them what the network asks for.
    pub fn tasks() -> Builder<Router> {
        // Who does not read what it is told is disconnected: by octets, since a broker may have many tasks.
        RouterSocket::builder().send_hwm(Hwm::Unlimited).linger(Duration::from_secs(1))
    }

    /// The settings of the one that follows.
    pub fn follows() -> Builder<Sub> {
        SubSocket::builder()
    }

    /// The settings of the one that publishes.
    pub fn publishes() -> Builder<Xpub> {
        XpubSocket::builder()
    }

    /// Sockets as they are usual, bound there.
    ///
    /// # Errors
    /// [`BindError`]
    pub async fn bind(place: &Place) -> Result<Self, BindError> {
        Self::bind_with(place, Self::tasks(), Self::tasks(), Self::follows(), Self::publishes()).await
    }

    /// The same, with these settings: of those that are bound for tasks, of the one that delegates, of the one that follows
    /// and of the one that publishes.
    ///
    /// # Errors
    /// [`BindError`]
    pub async fn bind_with(
        place: &Place,
        tasks: Builder<Router>,
        delegates: Builder<Router>,
        follows: Builder<Sub>,
        publishes: Builder<Xpub>,
    ) -> Result<Self, BindError> {
        let router = || tasks.clone().build();
        let (localfe, localbe, cloudfe) = (router(), router(), router());
        let statebe = publishes.build();
        let place = Place {
            clients: localfe.bind(place.clients.clone()).await?,
            workers: localbe.bind(place.workers.clone()).await?,
            cloud: cloudfe.bind(place.cloud.clone()).await?,
            state: statebe.bind(place.state.clone()).await?,
        };
        Ok(Self {
            localfe,
            localbe,
            cloudfe,
            cloudbe: delegates.build(),
            statefe: follows.build(),
            statebe,
            place,
        })
    }
}

impl Broker {
    /// A broker of this name on these sockets, whose only user it is. Others find it where [`Sockets::place`] says: set
    /// that if it is another place for them than for this machine. `change` changes what is usual.
    ///
    /// # Panics
    /// Outside a tokio runtime with a clock.
    pub fn start(name: &str, sockets: Sockets, change: impl FnOnce(&mut Config)) -> Self {
        let Place { cloud, state, .. } = &sockets.place;
        let card = Card { name: name.to_owned(), cloud: cloud.to_string(), state: state.to_string() };
        let mut config = Config::new(card);
        change(&mut config);
        let (orders, taken) = mpsc::unbounded_channel();
        let (notices, _) = broadcast::channel(NOTICES);
        let (leaves, left) = watch::channel(None);
        sockets.statefe.subscribe(State::topic());
        let driver = Driver {
            machine: state::Broker::new(config, fastrand::u64(..), now()),
            sockets,
            dials: HashMap::new(),
            dialled: 0,
            orders: taken,
            notices: notices.clone(),
            leaves,
        };
        tokio::spawn(driver.run());
        Self { orders, notices, left }
    }

    /// Works with the broker that takes tasks there, and with all of whom that one knows.
    pub fn join(&self, cloud: &zmtp::Endpoint) {
        // If the driver is gone there is nobody to work with anybody.
        let _ = self.orders.send(Order::Join(cloud.to_string()));
    }

    /// How it is. None once it has left.
    ///
    /// # Cancel safety
    /// If you drop the future, nothing is lost.
    pub async fn status(&self) -> Option<Status> {
        let (asked, status) = oneshot::channel();
        self.orders.send(Order::Status(asked)).ok()?;
        answer(status, &self.orders).await
    }

    /// What happens from now on. Whoever does not listen for long misses the oldest of it, and is told how much.
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }

    /// Leaves the cloud: takes nothing more, offers what waits to others, ends what it has, and tells everybody. Says how
    /// many requests are left undone when the time is up.
    ///
    /// # Cancel safety
    /// If you drop the future, it leaves nevertheless, unless you drop the broker too.
    pub async fn leave(&self, grace: Duration) -> usize {
        let _ = self.orders.send(Order::Leave(grace));
        self.left().await
    }

    /// Waits until it has left, as it was told to by [`leave`](Self::leave) or by an operator. Says how many requests are
    /// left undone.
    ///
    /// # Cancel safety
    /// If you drop the future, nothing is lost.
    pub async fn left(&self) -> usize {
        let mut left = self.left.clone();
        left.wait_for(Option::is_some).await.map_or(0, |left| left.unwrap_or_default())
    }
}

/// The broker's task.
struct Driver {
    machine: state::Broker<RoutingId>,
    sockets: Sockets,
    /// Who is dialled, and under which routing id: with each new connection that is another one.
    dials: HashMap<Dial, (String, RoutingId)>,
    dialled: u32,
    orders: mpsc::UnboundedReceiver<Order>,
    notices: broadcast::Sender<Notice>,
    leaves: watch::Sender<Option<usize>>,
}

impl Driver {
    async fn run(mut self) {
        loop {
            let is_all = self.take_what_is_there();
            if let Some(left) = self.act() {
                return self.end(left).await;
            }
            let (deadline, takes_requests) = (self.machine.next_deadline(), self.machine.takes_requests());
            let Sockets { localfe, localbe, cloudfe, cloudbe, statefe, statebe, .. } = &mut self.sockets;
            let input = tokio::select! {
                event = localfe.recv_event(), if takes_requests => match event {
                    Ok(event) => happened(event, Input::Client),
                    Err(_) => return,
                },
                event = localbe.recv_event() => match event {
                    Ok(event) => happened(event, Input::Worker),
                    Err(_) => return,
                },
                event = cloudfe.recv_event() => match event {
                    Ok(event) => happened(event, Input::Guest),
                    Err(_) => return,
                },
                event = cloudbe.recv_event() => match event {
                    Ok(event) => happened(event, |peer, event| Input::Peer(dialled(&peer), event)),
                    Err(_) => return,
                },
                published = statefe.recv() => match published {
                    Ok(published) => Some(Input::State(frames(published))),
                    Err(_) => return,
                },
                asked = statebe.recv() => match asked {
                    Ok(asked) => subscribed(&asked),
                    Err(_) => return,
                },
                // So that others of this thread have their turn.
                () = yield_now(), if !is_all => continue,
                order = self.orders.recv() => match order {
                    Some(order) => self.obey(order),
                    // Whoever had started it has dropped it.
                    None => return,
                },
                () = until(deadline) => None,
            };
            match input {
                Some(input) => self.take(input),
                None => self.machine.wake(now()),
            }
        }
    }

    /// Events that have come already, some together. Says whether it took all that there are.
    fn take_what_is_there(&mut self) -> bool {
        let mut is_all = true;
        for _ in 0..TOGETHER {
            let takes_requests = self.machine.takes_requests();
            let Sockets { localfe, localbe, cloudfe, cloudbe, statefe, .. } = &mut self.sockets;
            let inputs = [
                localbe.try_recv_event().ok().and_then(|event| happened(event, Input::Worker)),
                cloudbe
                    .try_recv_event()
                    .ok()
                    .and_then(|event| happened(event, |peer, event| Input::Peer(dialled(&peer), event))),
                cloudfe.try_recv_event().ok().and_then(|event| happened(event, Input::Guest)),
                statefe.try_recv().ok().map(|published| Input::State(frames(published))),
                takes_requests
                    .then(|| localfe.try_recv_event().ok())
                    .flatten()
                    .and_then(|event| happened(event, Input::Client)),
            ];
            is_all = inputs.iter().all(Option::is_none);
            if is_all {
                break;
            }
            inputs.into_iter().flatten().for_each(|input| self.take(input));
        }
        is_all
    }

    /// What comes from a connection that was dialled before the last one counts for nothing.
    fn take(&mut self, input: Input<RoutingId>) {
        let input = match input {
            Input::Peer(Dial(number), event) => {
                let is_its = |(_, (_, id)): &(&Dial, &(String, RoutingId))| dialled(id) == Dial(number);
                match self.dials.iter().find(is_its) {
                    Some((dial, _)) => Input::Peer(*dial, event),
                    None => return,
                }
            }
            input => input,
        };
        self.machine.handle(now(), input);
    }

    fn obey(&mut self, order: Order) -> Option<Input<RoutingId>> {
        match order {
            Order::Status(asked) => {
                // Whoever asked may have gone.
                let _ = asked.send(self.machine.status(now()));
                None
            }
            Order::Join(cloud) => Some(Input::Join(cloud)),
            Order::Leave(grace) => Some(Input::Leave(grace)),
        }
    }

    /// Does what the machine wants. Once there is nothing more to do, ever, says how many requests are left undone.
    fn act(&mut self) -> Option<usize> {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Say(face, peer, frames) => {
                    if let Some(message) = message(frames) {
                        say(self.face(face), &peer, message);
                    }
                }
                Output::Evict(face, peer) => evict(self.face(face), &peer),
                Output::Tell(dial, frames) => {
                    if let (Some((_, id)), Some(message)) = (self.dials.get(&dial), message(frames)) {
                        say(&self.sockets.cloudbe, id, message);
                    }
                }
                Output::Dial(dial, cloud) => self.dial(dial, cloud),
                Output::Redial(dial) => {
                    if let Some(cloud) = self.hang_up(dial) {
                        self.dial(dial, cloud);
                    }
                }
                Output::Hangup(dial) => _ = self.hang_up(dial),
                Output::Follow(state) => {
                    // What cannot be followed is silent, and that is noticed.
                    let _ = self.sockets.statefe.connect(state.as_str());
                }
                Output::Unfollow(state) => _ = self.sockets.statefe.disconnect(state.as_str()),
                Output::Publish(frames) => {
                    if let Some(message) = message(frames) {
                        let _ = self.sockets.statebe.try_send(message);
                    }
                }
                // Nobody need listen.
                Output::Notice(notice) => _ = self.notices.send(notice),
                Output::Left(undone) => return Some(undone),
            }
        }
        None
    }

    fn face(&self, face: Face) -> &RouterSocket {
        match face {
            Face::Clients => &self.sockets.localfe,
            Face::Workers => &self.sockets.localbe,
            Face::Cloud => &self.sockets.cloudfe,
        }
    }

    fn dial(&mut self, dial: Dial, cloud: String) {
        self.dialled += 1;
        let id = id(self.dialled);
        // What cannot be dialled does not answer, and that is noticed.
        let _ = self.sockets.cloudbe.connect_as(cloud.as_str(), &id);
        self.dials.insert(dial, (cloud, id));
    }

    fn hang_up(&mut self, dial: Dial) -> Option<String> {
        let (cloud, _) = self.dials.remove(&dial)?;
        self.sockets.cloudbe.disconnect(cloud.as_str());
        Some(cloud)
    }

    /// What was said last goes out: replies, and that it has left.
    async fn end(self, left: usize) {
        let Sockets { localfe, localbe, cloudfe, cloudbe, statebe, .. } = self.sockets;
        for socket in [localfe, localbe, cloudfe, cloudbe] {
            let _ = socket.close().await;
        }
        let _ = statebe.close().await;
        self.leaves.send_replace(Some(left));
    }
}

fn happened(
    event: RouterEvent,
    input: impl FnOnce(RoutingId, Event) -> Input<RoutingId>,
) -> Option<Input<RoutingId>> {
    Some(match event {
        RouterEvent::Message(peer, message) => input(peer, Event::Heard(frames(message))),
        RouterEvent::Joined(peer, info) => {
            input(peer, Event::Joined { speaks: info.metadata.get(PROPERTY).is_some() })
        }
        RouterEvent::Left(peer, _) => input(peer, Event::Left),
        _ => return None,
    })
}

/// What the connection is called that was dialled so many others after the first.
fn id(dialled: u32) -> RoutingId {
    let [a, b, c, d] = dialled.to_be_bytes();
    RoutingId::try_from(&[b'D', a, b, c, d]).expect("five octets, the first of them not 0")
}

/// Which dialling that was: nobody else has such a name there.
fn dialled(id: &RoutingId) -> Dial {
    let number = id.as_ref().split_first().and_then(|(_, number)| number.try_into().ok());
    Dial(number.map_or(u32::MAX, u32::from_be_bytes))
}

/// Somebody follows from now on.
fn subscribed(asked: &Message) -> Option<Input<RoutingId>> {
    (asked.first().first() == Some(&1)).then_some(Input::Subscribed)
}

fn say(socket: &RouterSocket, peer: &RoutingId, message: Message) {
    // If it is not there any more, that is known in a moment.
    if let Err(error) = socket.send_to(peer, message)
        && error.kind() == zmtp::SendErrorKind::Full
    {
        // It does not read. What it misses it asks for again, and what it was to do is done elsewhere.
        evict(socket, peer);
    }
}

fn evict(socket: &RouterSocket, peer: &RoutingId) {
    if let Some(peer) = socket.peer(peer) {
        socket.disconnect_peer(peer.id);
    }
}

/// The most events of each socket that are taken together.
const TOGETHER: usize = 64;
/// Notices that a watcher may be behind.
const NOTICES: usize = 4096;
