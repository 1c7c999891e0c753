//! A listening socket, a good peer at work on it, and the checks that follow every attack.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use support::{ANY_PORT, Peer, Zmq, descriptors, resident, until, within};
use tokio::sync::mpsc::{Receiver, Sender, UnboundedReceiver, UnboundedSender, channel, unbounded_channel};
use tokio::sync::{Mutex, MutexGuard, oneshot};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use zmtp::{
    Budget, Builder, Cause, Drops, Event, Heartbeat, Message, Monitor, Pattern, PeerInfo, Progress,
    PubSocket, PullSocket, PushSocket, Receives, RepSocket, RouterSocket, Sends, Socket as Ours, XpubSocket,
    wire,
};
use zmtp_libzmq::{Error, Opt, RawMsg, Socket, SocketType};

use crate::guard::Guard;

/// What the attacked socket is set to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) handshake_timeout: Duration,
    pub(crate) progress: Progress,
    pub(crate) max_message_size: u64,
    pub(crate) max_frames: usize,
    pub(crate) pending_handshakes: usize,
    pub(crate) budget: Budget,
    pub(crate) heartbeat: Option<Heartbeat>,
    pub(crate) least_ttl: Duration,
    pub(crate) stall_timeout: Option<Duration>,
    pub(crate) send_hwm: usize,
    pub(crate) recv_hwm: usize,
    pub(crate) recv_hwm_bytes: usize,
    /// Whether an XPUB receives what peers send to it, from the beginning.
    pub(crate) reads: bool,
    /// Whether a ROUTER gives a routing id to who comes with it later.
    pub(crate) handover: bool,
    /// How much longer the messages of a PUB or XPUB are than they have to be.
    pub(crate) padding: usize,
    pub(crate) guard: Guard,
}

/// What every socket is set to, for attacks that no deadline has to end.
pub(crate) const DEFAULTS: Settings = Settings {
    handshake_timeout: Duration::from_secs(10),
    progress: Progress { bytes: 1024, every: Duration::from_secs(60) },
    max_message_size: 64 << 20,
    max_frames: 65_536,
    pending_handshakes: 1024,
    budget: Budget { commands: 10_000, subscriptions: 200_000, unwanted: 10_000 },
    heartbeat: None,
    least_ttl: Duration::from_millis(100),
    stall_timeout: None,
    send_hwm: 1000,
    recv_hwm: 1000,
    recv_hwm_bytes: 64 << 20,
    reads: true,
    handover: false,
    padding: 0,
    guard: Guard::Null,
};

/// The type of the socket that is attacked, and of the good peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A PUSH of libzmq sends to it.
    Pull,
    /// A PULL of libzmq receives from it.
    Push,
    /// A SUB of libzmq receives all it publishes.
    Pub,
    /// The same; what peers send is received.
    Xpub,
    /// A REQ of libzmq asks it, and gets its question back.
    Rep,
    /// The same, from a REQ with the routing id `good`.
    Router,
}

/// Runs an attack against a PULL, and then against a PUSH.
pub(crate) async fn both(settings: Settings, attack: impl AsyncFn(&mut Arena)) {
    each(&[Kind::Pull, Kind::Push], settings, attack).await;
}

/// Runs an attack against sockets of these types, one after the other.
pub(crate) async fn each(kinds: &[Kind], settings: Settings, attack: impl AsyncFn(&mut Arena)) {
    // Memory and descriptors belong to the whole process, so one row at a time.
    let _alone = alone().await;
    for kind in kinds {
        let mut arena = Arena::open(settings, *kind).await;
        attack(&mut arena).await;
        arena.close().await;
    }
}

/// Keeps other rows of this process waiting.
pub(crate) async fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::const_new(());
    support::allow_descriptors();
    ALONE.lock().await
}

/// One socket of ours under attack.
#[derive(Debug)]
pub(crate) struct Arena {
    pub(crate) at: String,
    pub(crate) kind: Kind,
    pub(crate) is_pull: bool,
    monitor: Monitor,
    /// Asks the task that holds the socket who is there.
    asks: UnboundedSender<Question>,
    ours: JoinHandle<()>,
    theirs: Zmq,
    /// How many messages of the good peer, or to it, have arrived.
    served: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    /// Whether an XPUB receives.
    reads: Arc<AtomicBool>,
    /// What attackers got through: how much, and the first of it that nobody has taken.
    strange: Arc<AtomicU64>,
    delivered: Receiver<Message>,
    memory: u64,
    descriptors: usize,
}

impl Arena {
    async fn open(settings: Settings, kind: Kind) -> Self {
        let (served, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (strange, reads) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(settings.reads)));
        let (sender, delivered) = channel(KEPT);
        let (asks, questions) = unbounded_channel();
        let strangers = Strangers { sender, count: Arc::clone(&strange) };
        let (at, monitor, ours, theirs);
        match kind {
            Kind::Pull => {
                let pull = settings.apply(PullSocket::builder()).build();
                monitor = pull.monitor();
                (at, theirs) = meet(&pull, SocketType::Push, settings.guard).await;
                ours = tokio::spawn(receive(pull, questions, Arc::clone(&served), strangers));
                drop(theirs.call(keep_sending(&stop)));
            }
            Kind::Push => {
                let push = settings.apply(PushSocket::builder()).build();
                monitor = push.monitor();
                (at, theirs) = meet(&push, SocketType::Pull, settings.guard).await;
                ours = tokio::spawn(send(push, questions, 0));
                theirs.set(Opt::RcvTimeo, 10).await;
                drop(theirs.call(keep_receiving(&stop, &served)));
            }
            Kind::Pub => {
                let publisher = settings.apply(PubSocket::builder()).build();
                monitor = publisher.monitor();
                (at, theirs) = meet(&publisher, SocketType::Sub, settings.guard).await;
                theirs.set_bytes(Opt::Subscribe, GOOD).await;
                within(20, publisher.wait_for_subscribers(GOOD, 1)).await;
                ours = tokio::spawn(send(publisher, questions, settings.padding));
                theirs.set(Opt::RcvTimeo, 10).await;
                drop(theirs.call(keep_receiving(&stop, &served)));
            }
            Kind::Xpub => {
                let mut publisher = settings.apply(XpubSocket::builder()).build();
                monitor = publisher.monitor();
                (at, theirs) = meet(&publisher, SocketType::Sub, settings.guard).await;
                theirs.set_bytes(Opt::Subscribe, GOOD).await;
                assert_eq!(within(20, publisher.recv()).await.unwrap(), [&[1], GOOD].concat()[..]);
                ours = tokio::spawn(publish(
                    publisher,
                    questions,
                    strangers,
                    Arc::clone(&reads),
                    settings.padding,
                ));
                theirs.set(Opt::RcvTimeo, 10).await;
                drop(theirs.call(keep_receiving(&stop, &served)));
            }
            Kind::Rep => {
                let rep = settings.apply(RepSocket::builder()).build();
                monitor = rep.monitor();
                (at, theirs) = meet(&rep, SocketType::Req, settings.guard).await;
                ours = tokio::spawn(answer(rep, questions, strangers));
                drop(theirs.call(keep_asking(&stop, &served)));
            }
            Kind::Router => {
                let router = settings.apply(RouterSocket::builder().handover(settings.handover)).build();
                monitor = router.monitor();
                at = router.bind(ANY_PORT).await.unwrap().to_string();
                theirs = settings.guard.client(SocketType::Req).await;
                theirs.set_bytes(Opt::RoutingId, "good").await;
                theirs.connect(&at).await;
                within(20, router.wait_for_peers(1)).await;
                ours = tokio::spawn(answer(router, questions, strangers));
                drop(theirs.call(keep_asking(&stop, &served)));
            }
        }
        let (memory, descriptors_before) = (resident(), descriptors());
        let arena = Self {
            at,
            kind,
            is_pull: kind == Kind::Pull,
            monitor,
            asks,
            ours,
            theirs,
            served,
            stop,
            reads,
            strange,
            delivered,
            memory,
            descriptors: descriptors_before,
        };
        arena.expect_service().await;
        arena
    }

    /// Someone who dials and is up to no good.
    pub(crate) async fn attacker(&self) -> Peer {
        Peer::connect(&self.at).await
    }

    /// An attacker that has got through the handshake.
    pub(crate) async fn attacker_within(&self) -> Peer {
        let mut peer = self.attacker().await;
        peer.shake(self.partner()).await;
        peer
    }

    /// The type of socket that the attacked one talks to.
    pub(crate) fn partner(&self) -> &'static str {
        match self.kind {
            Kind::Pull => "PUSH",
            Kind::Push => "PULL",
            Kind::Pub | Kind::Xpub => "SUB",
            Kind::Rep => "REQ",
            Kind::Router => "DEALER",
        }
    }

    /// Who is there: the good peer, and attackers that got through the handshake.
    pub(crate) async fn peers(&self) -> Vec<PeerInfo> {
        self.ask().await.0
    }

    /// What the socket has dropped so far.
    pub(crate) async fn drops(&self) -> Drops {
        self.ask().await.1
    }

    async fn ask(&self) -> (Vec<PeerInfo>, Drops) {
        let (sender, answer) = oneshot::channel();
        self.asks.send(sender).unwrap();
        within(20, answer).await.unwrap()
    }

    /// Why the next handshake that failed did so.
    pub(crate) async fn handshake_failed(&mut self) -> Cause {
        loop {
            match self.next_event().await {
                Event::HandshakeFailed { cause, .. } => return cause,
                Event::Disconnected { cause, .. } => panic!("it was after the handshake: {cause}"),
                _ => {}
            }
        }
    }

    /// Why the next connection that was up has ended.
    pub(crate) async fn disconnected(&mut self) -> Cause {
        loop {
            match self.next_event().await {
                Event::Disconnected { cause, .. } => return cause,
                Event::HandshakeFailed { cause, .. } => panic!("it was before the handshake's end: {cause}"),
                _ => {}
            }
        }
    }

    /// Waits until a connection that was up has ended, whatever handshakes fail meanwhile.
    pub(crate) async fn left(&mut self) -> Cause {
        loop {
            if let Event::Disconnected { cause, .. } = self.next_event().await {
                return cause;
            }
        }
    }

    /// The next message that came from an attacker.
    pub(crate) async fn delivered(&mut self) -> Message {
        within(20, self.delivered.recv()).await.unwrap()
    }

    /// How many messages have come from attackers.
    pub(crate) fn strange(&self) -> u64 {
        self.strange.load(Ordering::Relaxed)
    }

    /// How many messages the good peer has got through, or its answers.
    pub(crate) fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }

    /// An XPUB that did not receive does so from now on.
    pub(crate) fn read(&self) {
        self.reads.store(true, Ordering::Relaxed);
    }

    /// It was to be expected that all this came from attackers.
    pub(crate) fn forgive_delivered(&mut self) {
        while self.delivered.try_recv().is_ok() {}
    }

    /// Memory that the process has now beyond what it had before the attack.
    pub(crate) fn memory(&self) -> u64 {
        resident().saturating_sub(self.memory)
    }

    /// From here on memory counts anew. For rows whose frames are so large, or so many, that glibc keeps blocks of them.
    pub(crate) fn forgive_memory(&mut self) {
        self.memory = resident();
    }

    /// Waits until all attackers have gone.
    pub(crate) async fn expect_good_peer_alone(&self) {
        within(20, async { while self.peers().await.len() > 1 {} }).await;
    }

    /// The good peer goes on.
    pub(crate) async fn expect_service(&self) {
        let before = self.served.load(Ordering::Relaxed);
        until(20, || self.served.load(Ordering::Relaxed) >= before + 5).await;
    }

    /// All attackers have gone: is everything as it was?
    async fn close(mut self) {
        self.expect_service().await;
        self.expect_good_peer_alone().await;
        until(20, || descriptors() <= self.descriptors + others()).await;
        until(20, || self.memory() <= SLACK).await;
        let unexpected = self.delivered.try_recv();
        assert!(unexpected.is_err(), "an attacker got through with {unexpected:?}");
        self.expect_service().await;
        self.stop.store(true, Ordering::Relaxed);
        // No question of theirs stays open. Then ours first: without a peer our PUSH would wait for one.
        self.theirs.call(|_| ()).await;
        drop(self.asks);
        within(20, self.ours).await.unwrap();
        self.theirs.close().await;
    }

    async fn next_event(&mut self) -> Event {
        within(20, self.monitor.next()).await.unwrap()
    }
}

impl Settings {
    fn apply<P: Pattern>(self, builder: Builder<P>) -> Builder<P> {
        let builder = builder
            .handshake_timeout(self.handshake_timeout)
            .progress(self.progress)
            .max_message_size(self.max_message_size)
            .max_frames(self.max_frames)
            .pending_handshakes(self.pending_handshakes)
            .budget(self.budget)
            .least_ttl(self.least_ttl)
            .send_hwm(self.send_hwm)
            .recv_hwm(self.recv_hwm)
            .recv_hwm_bytes(self.recv_hwm_bytes)
            .security(self.guard.security())
            .linger(Duration::ZERO);
        let builder = match self.stall_timeout {
            Some(timeout) => builder.stall_timeout(timeout),
            None => builder,
        };
        match self.heartbeat {
            Some(heartbeat) => builder.heartbeat(heartbeat),
            None => builder,
        }
    }
}

/// What was wrong with the peer's octets, if that was the cause.
pub(crate) fn blame(cause: Cause) -> wire::Error {
    match cause {
        Cause::Wire(error) => error,
        other => panic!("it ended because {other}"),
    }
}

type Question = oneshot::Sender<(Vec<PeerInfo>, Drops)>;
type Questions = UnboundedReceiver<Question>;

/// Where messages of attackers go.
#[derive(Debug)]
struct Strangers {
    sender: Sender<Message>,
    count: Arc<AtomicU64>,
}

impl Strangers {
    /// Takes it, unless it is the good peer's.
    fn take(&self, message: &Message) {
        if message.frames().last().is_some_and(|frame| frame.starts_with(GOOD)) {
            return;
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        // The first ones will do.
        let _ = self.sender.try_send(message.clone());
    }
}

/// Binds, and lets a good peer come.
async fn meet<P: Pattern>(socket: &Ours<P>, kind: SocketType, guard: Guard) -> (String, Zmq) {
    let at = socket.bind(ANY_PORT).await.unwrap().to_string();
    let theirs = guard.connected(kind, &at).await;
    within(20, socket.wait_for_peers(1)).await;
    (at, theirs)
}

/// Says who is there. False: nobody will ask any more.
fn tell<P: Pattern>(socket: &Ours<P>, question: Option<Question>) -> bool {
    question.map(|answer| answer.send((socket.peers(), socket.drops()))).is_some()
}

/// Our PULL at work, until nobody can ask any more.
async fn receive(
    mut pull: PullSocket,
    mut questions: Questions,
    served: Arc<AtomicU64>,
    strangers: Strangers,
) {
    loop {
        tokio::select! {
            question = questions.recv() => if !tell(&pull, question) { break },
            message = pull.recv() => {
                let message = message.unwrap();
                match message.first().strip_prefix(GOOD) {
                    Some(number) => assert_eq!(number, served.fetch_add(1, Ordering::Relaxed).to_le_bytes()),
                    None => strangers.take(&message),
                }
            }
        }
    }
}

/// Our PUSH or PUB at work, until nobody can ask any more.
async fn send<P: Sends>(socket: Ours<P>, mut questions: Questions, padding: usize) {
    let mut number = 0;
    loop {
        tokio::select! {
            question = questions.recv() => if !tell(&socket, question) { break },
            () = sleep(PAUSE) => {
                socket.send(padded(number, padding)).await.unwrap();
                number += 1;
            }
        }
    }
}

/// Our XPUB at work, until nobody can ask any more.
async fn publish(
    mut publisher: XpubSocket,
    mut questions: Questions,
    strangers: Strangers,
    reads: Arc<AtomicBool>,
    padding: usize,
) {
    let mut number = 0;
    loop {
        tokio::select! {
            question = questions.recv() => if !tell(&publisher, question) { break },
            message = publisher.recv(), if reads.load(Ordering::Relaxed) => strangers.take(&message.unwrap()),
            () = sleep(PAUSE) => {
                publisher.send(padded(number, padding)).await.unwrap();
                number += 1;
            }
        }
    }
}

/// Our REP or ROUTER at work, until nobody can ask any more. Everybody gets back what they say.
async fn answer<P: Sends + Receives>(mut socket: Ours<P>, mut questions: Questions, strangers: Strangers) {
    loop {
        tokio::select! {
            question = questions.recv() => if !tell(&socket, question) { break },
            message = socket.recv() => {
                let message = message.unwrap();
                strangers.take(&message);
                socket.send(message).await.unwrap();
            }
        }
    }
}

/// libzmq's PUSH at work.
fn keep_sending(stop: &Arc<AtomicBool>) -> impl FnOnce(&Socket) + Send + 'static {
    let stop = Arc::clone(stop);
    move |socket| {
        for number in (0..).take_while(|_| !stop.load(Ordering::Relaxed)) {
            socket.send_one(&good(number)).expect("room");
            std::thread::sleep(PAUSE);
        }
    }
}

/// libzmq's PULL at work. Attackers that look like peers get their share, so numbers may be missing.
fn keep_receiving(stop: &Arc<AtomicBool>, served: &Arc<AtomicU64>) -> impl FnOnce(&Socket) + Send + 'static {
    let (stop, served) = (Arc::clone(stop), Arc::clone(served));
    move |socket| {
        let (mut frame, mut next) = (RawMsg::new(), 0);
        while !stop.load(Ordering::Relaxed) {
            match socket.recv_into(&mut frame) {
                Err(Error::EAGAIN) => continue,
                result => result.expect("a message"),
            }
            let number = frame.data().strip_prefix(GOOD).and_then(<[u8]>::first_chunk);
            let number = u64::from_le_bytes(*number.expect("what our socket has sent"));
            assert!(number >= next && !frame.more(), "{number} after {next}");
            next = number + 1;
            served.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// libzmq's REQ at work: not one question stays unanswered.
fn keep_asking(stop: &Arc<AtomicBool>, served: &Arc<AtomicU64>) -> impl FnOnce(&Socket) + Send + 'static {
    let (stop, served) = (Arc::clone(stop), Arc::clone(served));
    move |socket| {
        for number in (0..).take_while(|_| !stop.load(Ordering::Relaxed)) {
            socket.send_one(&good(number)).expect("room");
            assert_eq!(socket.recv().expect("an answer"), [good(number)]);
            served.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(PAUSE);
        }
    }
}

/// Descriptors that belong to the runtimes of tests which wait for their turn.
fn others() -> usize {
    8 + 4 * std::thread::available_parallelism().map_or(1, usize::from)
}

fn good(number: u64) -> Vec<u8> {
    [GOOD, &number.to_le_bytes()].concat()
}

fn padded(number: u64, padding: usize) -> Vec<u8> {
    [good(number), vec![0; padding]].concat()
}

const GOOD: &[u8] = b"good ";
/// Messages of attackers that are kept to be looked at.
const KEPT: usize = 1000;
/// Between two messages of the good peer.
const PAUSE: Duration = Duration::from_millis(1);
/// Memory that the allocator may keep.
const SLACK: u64 = 24 << 20;
