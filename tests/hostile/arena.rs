//! A listening socket, a good peer at work on it, and the checks that follow every attack.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use support::{ANY_PORT, Peer, Zmq, descriptors, resident, until, within};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Mutex, oneshot};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use zmtp::{
    Builder, Cause, Event, Message, Monitor, Pattern, PeerInfo, Progress, PullSocket, PushSocket, wire,
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
    pub(crate) guard: Guard,
}

/// What every socket is set to, for attacks that no deadline has to end.
pub(crate) const DEFAULTS: Settings = Settings {
    handshake_timeout: Duration::from_secs(10),
    progress: Progress { bytes: 1024, every: Duration::from_secs(60) },
    max_message_size: 64 << 20,
    max_frames: 65_536,
    guard: Guard::Null,
};

/// Runs an attack against a PULL, and then against a PUSH.
pub(crate) async fn both(settings: Settings, attack: impl AsyncFn(&mut Arena)) {
    static ALONE: Mutex<()> = Mutex::const_new(());
    // Memory and descriptors belong to the whole process, so one row at a time.
    let _alone = ALONE.lock().await;
    for is_pull in [true, false] {
        let mut arena = Arena::open(settings, is_pull).await;
        attack(&mut arena).await;
        arena.close().await;
    }
}

/// One socket of ours under attack.
#[derive(Debug)]
pub(crate) struct Arena {
    pub(crate) at: String,
    pub(crate) is_pull: bool,
    monitor: Monitor,
    /// Asks the task that holds the socket who is there.
    asks: UnboundedSender<oneshot::Sender<Vec<PeerInfo>>>,
    ours: JoinHandle<()>,
    theirs: Zmq,
    /// How many messages of the good peer, or to it, have arrived.
    served: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    /// What attackers got through.
    delivered: UnboundedReceiver<Message>,
    memory: u64,
    descriptors: usize,
}

impl Arena {
    async fn open(settings: Settings, is_pull: bool) -> Self {
        let (served, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (strangers, delivered) = unbounded_channel();
        let (asks, questions) = unbounded_channel();
        let (at, monitor, ours, theirs);
        if is_pull {
            let pull = settings.apply(PullSocket::builder()).build();
            monitor = pull.monitor();
            at = pull.bind(ANY_PORT).await.unwrap().to_string();
            theirs = settings.guard.connected(SocketType::Push, &at).await;
            within(20, pull.wait_for_peers(1)).await;
            ours = tokio::spawn(receive(pull, questions, Arc::clone(&served), strangers));
            drop(theirs.call(keep_sending(&stop)));
        } else {
            let push = settings.apply(PushSocket::builder()).build();
            monitor = push.monitor();
            at = push.bind(ANY_PORT).await.unwrap().to_string();
            theirs = settings.guard.connected(SocketType::Pull, &at).await;
            within(20, push.wait_for_peers(1)).await;
            ours = tokio::spawn(send(push, questions));
            theirs.set(Opt::RcvTimeo, 10).await;
            drop(theirs.call(keep_receiving(&stop, &served)));
        }
        let (memory, descriptors_before) = (resident(), descriptors());
        let arena = Self {
            at,
            is_pull,
            monitor,
            asks,
            ours,
            theirs,
            served,
            stop,
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
        if self.is_pull { "PUSH" } else { "PULL" }
    }

    /// Who is there: the good peer, and attackers that got through the handshake.
    pub(crate) async fn peers(&self) -> Vec<PeerInfo> {
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

    /// The next message that came from an attacker.
    pub(crate) async fn delivered(&mut self) -> Message {
        within(20, self.delivered.recv()).await.unwrap()
    }

    /// Memory that the process has now beyond what it had before the attack.
    pub(crate) fn memory(&self) -> u64 {
        resident().saturating_sub(self.memory)
    }

    /// From here on memory counts anew. For rows whose frames are so large that glibc keeps blocks of that size.
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
        // Ours first: without a peer our PUSH would wait for one.
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
        builder
            .handshake_timeout(self.handshake_timeout)
            .progress(self.progress)
            .max_message_size(self.max_message_size)
            .max_frames(self.max_frames)
            .security(self.guard.security())
            .linger(Duration::ZERO)
    }
}

/// What was wrong with the peer's octets, if that was the cause.
pub(crate) fn blame(cause: Cause) -> wire::Error {
    match cause {
        Cause::Wire(error) => error,
        other => panic!("it ended because {other}"),
    }
}

type Questions = UnboundedReceiver<oneshot::Sender<Vec<PeerInfo>>>;

/// Our PULL at work, until nobody can ask any more.
async fn receive(
    mut pull: PullSocket,
    mut questions: Questions,
    served: Arc<AtomicU64>,
    strangers: UnboundedSender<Message>,
) {
    loop {
        tokio::select! {
            question = questions.recv() => match question {
                Some(answer) => drop(answer.send(pull.peers())),
                None => break,
            },
            message = pull.recv() => {
                let message = message.unwrap();
                match message.first().strip_prefix(GOOD) {
                    Some(number) => assert_eq!(number, served.fetch_add(1, Ordering::Relaxed).to_le_bytes()),
                    None => strangers.send(message).unwrap(),
                }
            }
        }
    }
}

/// Our PUSH at work, until nobody can ask any more.
async fn send(push: PushSocket, mut questions: Questions) {
    let mut number = 0;
    loop {
        tokio::select! {
            question = questions.recv() => match question {
                Some(answer) => drop(answer.send(push.peers())),
                None => break,
            },
            () = sleep(PAUSE) => {
                push.send(good(number)).await.unwrap();
                number += 1;
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
            let number = frame.data().strip_prefix(GOOD).and_then(|number| number.try_into().ok());
            let number = u64::from_le_bytes(number.expect("what our PUSH has sent"));
            assert!(number >= next && !frame.more(), "{number} after {next}");
            next = number + 1;
            served.fetch_add(1, Ordering::Relaxed);
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

const GOOD: &[u8] = b"good ";
/// Between two messages of the good peer.
const PAUSE: Duration = Duration::from_millis(1);
/// Memory that the allocator may keep.
const SLACK: u64 = 24 << 20;
