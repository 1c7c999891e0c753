//! The broker with a socket and a clock around its state machine.

use std::time::Instant;

use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::yield_now;
use zmtp::{Builder, Frame, Hwm, Message, Router, RouterEvent, RouterSocket, RoutingId, SendErrorKind};

use super::job::TaskId;
use super::journal::Journal;
use super::shell;
use super::state::{
    self, Config, Dead, Input, Interpreter, LegacyInput, LegacyOutput, Notice, Output, Status,
};
use crate::Machine;
use crate::answer::answer;
use crate::clock::{now, until};
use crate::store::StoreError;

/// A broker that runs, until it is drained or dropped.
///
/// ```
/// use zmtp_patterns::balancer::{Balancer, Client, Job, Worker, WorkerConfig};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let socket = Balancer::socket().build();
/// let at = socket.bind("tcp://127.0.0.1:*").await?.to_string();
/// let balancer = Balancer::start(socket, Default::default());
///
/// let worker = Worker::socket().build();
/// worker.connect(at.as_str())?;
/// tokio::spawn(Worker::start(worker, WorkerConfig::default(), async |task| Ok(task.payload().to_ascii_uppercase().into())).gone());
///
/// let client = Client::socket().build();
/// client.connect(at.as_str())?;
/// let client = Client::start(client);
/// let outcome = client.submit(Job::new("greeting", "hello")).await?.outcome().await?;
/// assert_eq!(outcome.payload, "HELLO");
/// assert_eq!(balancer.drain(false).await, 0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Balancer {
    orders: mpsc::UnboundedSender<Order>,
    notices: broadcast::Sender<Notice>,
    gate: watch::Receiver<Option<Result<usize, TooFew>>>,
    drained: watch::Receiver<Option<usize>>,
    stopped: watch::Receiver<Option<StoreError>>,
}

/// The time to wait for workers is up, and there are fewer than there must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("only {ready} workers were ready in time; see that they run and reach this broker")]
pub struct TooFew {
    /// How many there are.
    pub ready: usize,
}

#[derive(Debug)]
enum Order {
    Drain { now: bool },
    Status(oneshot::Sender<Status>),
    Dead(oneshot::Sender<Vec<Dead>>),
    Dispose(Vec<TaskId>, Disposal, oneshot::Sender<usize>),
}

/// What becomes of the dead.
#[derive(Debug, Clone, Copy)]
enum Disposal {
    Retry,
    LetGo,
}

impl Balancer {
    /// The settings that a broker's socket needs. Add to them what the network asks for: security, heartbeats, limits.
    pub fn socket() -> Builder<Router> {
        // Who does not read what it is told is disconnected: by octets, since a client may have many jobs.
        RouterSocket::builder().send_hwm(Hwm::Unlimited)
    }

    /// A broker on this socket, which has been bound or will be. It is the socket's only user. It keeps its jobs in
    /// memory, whatever [`Config::journal`] says.
    ///
    /// # Panics
    /// Outside a tokio runtime with a clock.
    pub fn start(socket: RouterSocket, config: Config) -> Self {
        Self::launch(socket, config, None)
    }

    /// The same, and it writes its jobs to a journal before it says anything that stands on them. It goes on with what
    /// the journal holds: jobs, the attempts that they have had, and results that nobody has claimed. Workers that
    /// were at it when the last broker stopped may go on.
    ///
    /// When the journal cannot be written any more, the broker stops: see [`stopped`](Self::stopped).
    ///
    /// # Panics
    /// Outside a tokio runtime with a clock.
    pub fn start_with(socket: RouterSocket, config: Config, journal: Journal) -> Self {
        Self::launch(socket, config, Some(journal))
    }

    fn launch(socket: RouterSocket, config: Config, mut journal: Option<Journal>) -> Self {
        let (orders, taken) = mpsc::unbounded_channel();
        let (notices, _) = broadcast::channel(NOTICES);
        let open = if config.expect.is_none() { Some(Ok(0)) } else { None };
        let (opened, gate) = watch::channel(open);
        let (emptied, drained) = watch::channel(None);
        let (stops, stopped) = watch::channel(None);
        let config = Config { journal: journal.is_some(), ..config };
        let records = journal.as_mut().map(|journal| std::mem::take(&mut journal.records));
        let interpreter = config.legacy.then(|| Interpreter::new(fastrand::u64(..)));
        let driver = Driver {
            interpreter,
            machine: state::Broker::restore(config, fastrand::u64(..), now(), records.unwrap_or_default()),
            journal,
            answers: Vec::new(),
            stops,
            session: fastrand::u64(..),
            socket,
            orders: taken,
            notices: notices.clone(),
            gate: opened,
            drained: emptied,
        };
        tokio::spawn(driver.run());
        Self { orders, notices, gate, drained, stopped }
    }

    /// Waits until the broker has stopped, and says why, if it was not told to.
    pub async fn stopped(&self) -> Option<StoreError> {
        let mut stopped = self.stopped.clone();
        stopped.wait_for(Option::is_some).await.ok().and_then(|why| why.clone())
    }

    /// Waits until as many workers are ready as the configuration expects, and says how many there are.
    ///
    /// # Errors
    /// [`TooFew`], when the time is up.
    ///
    /// # Cancel safety
    /// If you drop the future, nothing was missed.
    pub async fn wait_ready(&self) -> Result<usize, TooFew> {
        let mut gate = self.gate.clone();
        match gate.wait_for(Option::is_some).await {
            Ok(open) => open.unwrap_or(Err(TooFew { ready: 0 })),
            Err(_) => Err(TooFew { ready: 0 }),
        }
    }

    /// How things are. `None` once it has been drained.
    pub async fn status(&self) -> Option<Status> {
        self.ask(Order::Status).await
    }

    /// The tasks that were tried as often as they may be, with what went wrong each time, oldest first; at most
    /// [`Config::dead`] of them are kept, and those whose results nobody has claimed. None once it has been drained.
    pub async fn dead(&self) -> Vec<Dead> {
        // If the driver is gone, so are they.
        self.ask(Order::Dead).await.unwrap_or_default()
    }

    /// Tries these dead tasks again, as if they had never been tried. Says how many: not those that are not dead, whose
    /// keys were submitted again since, or for which the queue has no room. Their results are for whoever submits their
    /// keys. With a journal it is written down by then.
    pub async fn retry(&self, tasks: Vec<TaskId>) -> usize {
        self.dispose(tasks, Disposal::Retry).await
    }

    /// Lets these dead tasks go, and says how many there were. A client that has not heard of the end and submits its job
    /// again has it tried again. With a journal it is written down by then.
    pub async fn let_go(&self, tasks: Vec<TaskId>) -> usize {
        self.dispose(tasks, Disposal::LetGo).await
    }

    async fn dispose(&self, tasks: Vec<TaskId>, disposal: Disposal) -> usize {
        // If the driver is gone, so are they.
        self.ask(|asked| Order::Dispose(tasks, disposal, asked)).await.unwrap_or_default()
    }

    async fn ask<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Option<T> {
        let (asked, answered) = oneshot::channel();
        self.orders.send(order(asked)).ok()?;
        answer(answered, &self.orders).await
    }

    /// What happens from now on. Whoever does not listen for long misses the oldest of it, and is told how much.
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }

    /// Takes no more jobs, and ends when all that there are have been done, or `now`: then what is being done is called
    /// back. Says how many jobs are left undone when all workers have gone. One that drains can be told to do so `now`.
    /// Of one that has [`stopped`](Self::stopped) by itself it says 0: nobody knows.
    ///
    /// # Cancel safety
    /// If you drop the future, it drains nevertheless, unless you drop the balancer too.
    pub async fn drain(&self, now: bool) -> usize {
        // If the driver is gone already, so is its side of the channel.
        let _ = self.orders.send(Order::Drain { now });
        // It has said all that it had to say by then.
        let mut drained = self.drained.clone();
        drained.wait_for(Option::is_some).await.map_or(0, |left| left.unwrap_or_default())
    }
}

/// The broker's task.
struct Driver {
    machine: state::Broker<RoutingId>,
    /// For those who speak an older language, if they are served.
    interpreter: Option<Interpreter<RoutingId>>,
    session: u64,
    socket: RouterSocket,
    orders: mpsc::UnboundedReceiver<Order>,
    notices: broadcast::Sender<Notice>,
    gate: watch::Sender<Option<Result<usize, TooFew>>>,
    drained: watch::Sender<Option<usize>>,
    journal: Option<Journal>,
    /// Who is told how many when so many records are safe.
    answers: Vec<(u64, oneshot::Sender<usize>, usize)>,
    stops: watch::Sender<Option<StoreError>>,
}

impl Driver {
    async fn run(mut self) {
        loop {
            let is_all = self.take_what_is_there();
            if let Some(left) = self.act() {
                // What was said last goes out; workers that are told to go should hear it.
                let _ = self.socket.close().await;
                let _ = self.drained.send(Some(left));
                return;
            }
            let deadlines =
                [self.machine.next_deadline(), self.interpreter.as_ref().and_then(Machine::next_deadline)];
            let deadline = deadlines.into_iter().flatten().min();
            let input = tokio::select! {
                event = self.socket.recv_event() => match event {
                    Ok(event) => self.input(now(), event),
                    Err(_) => return,
                },
                // So that others of this thread have their turn.
                () = yield_now(), if !is_all => continue,
                order = self.orders.recv() => match order {
                    Some(order) => {
                        self.answer(order);
                        None
                    }
                    // Whoever had started it has dropped it.
                    None => return,
                },
                safe = synced(self.journal.as_mut()) => match safe {
                    Ok(records) => {
                        self.machine.handle(now(), Input::Synced(records));
                        self.answer_safe();
                        None
                    }
                    Err(error) => {
                        self.stops.send_replace(Some(error));
                        return;
                    }
                },
                () = until(deadline) => None,
            };
            match input {
                Some(input) => self.machine.handle(now(), input),
                None => self.wake(),
            }
        }
    }

    /// Whoever asked may have gone.
    fn answer(&mut self, order: Order) {
        match order {
            Order::Drain { now: is_now } => self.machine.handle(now(), Input::Drain { now: is_now }),
            Order::Status(asked) => _ = asked.send(self.machine.status()),
            Order::Dead(asked) => _ = asked.send(self.machine.dead().collect()),
            Order::Dispose(tasks, disposal, asked) => {
                let before = self.machine.dead().count();
                for task in tasks {
                    self.machine.handle(
                        now(),
                        match disposal {
                            Disposal::Retry => Input::Retry(task),
                            Disposal::LetGo => Input::LetGo(task),
                        },
                    );
                }
                let (_, recorded) = self.machine.records();
                self.answers.push((recorded, asked, before - self.machine.dead().count()));
                self.answer_safe();
            }
        }
    }

    /// Answers those whose wish is written down.
    fn answer_safe(&mut self) {
        let (safe, _) = self.machine.records();
        for (_, asked, disposed) in self.answers.extract_if(.., |(after, ..)| *after <= safe) {
            let _ = asked.send(disposed);
        }
    }

    fn wake(&mut self) {
        // Its beats first: nobody is late by our own delay.
        if let Some(interpreter) = &mut self.interpreter {
            interpreter.wake(now());
            self.interpret();
        }
        self.machine.wake(now());
    }

    /// Events that have come already, some together. Says whether it took all that there are.
    fn take_what_is_there(&mut self) -> bool {
        let now = now();
        for _ in 0..TOGETHER {
            let Ok(event) = self.socket.try_recv_event() else { return true };
            if let Some(input) = self.input(now, event) {
                self.machine.handle(now, input);
            }
        }
        false
    }

    /// What a peer's event is to the broker. That of one who speaks an older language goes to the interpreter.
    fn input(&mut self, now: Instant, event: RouterEvent) -> Option<Input<RoutingId>> {
        let said = match (event, &self.interpreter) {
            (RouterEvent::Joined(peer, info), Some(_)) if info.metadata.get(shell::PROPERTY).is_none() => {
                LegacyInput::Joined(peer)
            }
            (RouterEvent::Message(peer, message), Some(interpreter)) if interpreter.knows(&peer) => {
                LegacyInput::Heard(peer, message.into_frames().map(Frame::into_bytes).collect())
            }
            (RouterEvent::Left(peer, _), Some(_)) => LegacyInput::Left(peer),
            (RouterEvent::Message(peer, message), _) => {
                return Some(Input::Heard(peer, shell::command(message)));
            }
            (RouterEvent::Joined(peer, _), _) => return Some(Input::Joined(peer)),
            (RouterEvent::Left(peer, _), _) => return Some(Input::Left(peer)),
            _ => return None,
        };
        if let Some(interpreter) = &mut self.interpreter {
            interpreter.handle(now, said);
        }
        self.interpret();
        None
    }

    /// Does what the interpreter wants.
    fn interpret(&mut self) {
        while let Some(output) = self.interpreter.as_mut().and_then(Machine::poll_output) {
            match output {
                LegacyOutput::Tell(input) => self.machine.handle(now(), input),
                LegacyOutput::Send(peer, frames) => {
                    let frames = frames.into_iter().map(Frame::from).collect::<Vec<_>>();
                    // It says nothing that has no frame.
                    if let Ok(message) = Message::try_from(frames) {
                        self.send(&peer, message);
                    }
                }
            }
        }
    }

    /// Does what the machine wants. Once there is nothing more to do, ever, says how many jobs are left undone.
    fn act(&mut self) -> Option<usize> {
        let mut drained = None;
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Send(peer, _, command)
                    if self.interpreter.as_ref().is_some_and(|interpreter| interpreter.knows(&peer)) =>
                {
                    if let Some(interpreter) = &mut self.interpreter {
                        interpreter.handle(now(), LegacyInput::Told(peer, command));
                    }
                    self.interpret();
                }
                Output::Send(peer, number, command) => {
                    let message = shell::message(command.encode(self.session, number));
                    self.send(&peer, message);
                }
                Output::Evict(peer) => self.evict(&peer),
                Output::Record(record) => {
                    if let Some(journal) = &self.journal {
                        journal.store(record);
                    }
                }
                Output::Notice(notice) => {
                    match notice {
                        Notice::Open(ready) => _ = self.gate.send(Some(Ok(ready))),
                        Notice::TooFew(ready) => _ = self.gate.send(Some(Err(TooFew { ready }))),
                        Notice::Drained(left) => drained = Some(left),
                        _ => {}
                    }
                    // Nobody need listen.
                    let _ = self.notices.send(notice);
                }
            }
        }
        drained
    }

    fn send(&self, peer: &RoutingId, message: Message) {
        if let Err(error) = self.socket.send_to(peer, message)
            && error.kind() == SendErrorKind::Full
        {
            // It does not read. What it misses it is told when it comes again.
            self.evict(peer);
        }
    }

    fn evict(&self, peer: &RoutingId) {
        if let Some(peer) = self.socket.peer(peer) {
            self.socket.disconnect_peer(peer.id);
        }
    }
}

/// How many records are safe, when more are.
async fn synced(journal: Option<&mut Journal>) -> Result<u64, StoreError> {
    match journal {
        Some(journal) => journal.synced().await,
        None => std::future::pending().await,
    }
}

/// The most events that are taken together.
const TOGETHER: usize = 256;
/// Notices that a watcher may be behind.
const NOTICES: usize = 4096;
