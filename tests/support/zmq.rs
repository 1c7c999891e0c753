//! libzmq sockets for tests that are async: each lives on a thread of its own, which does what it is sent.

use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::oneshot;
use zmtp_libzmq::{Context, Event, Opt, Socket, SocketType};

use crate::{ANY_PORT, within};

/// A libzmq socket, with a context of its own. Its blocking calls give up after 20 s. Dropping it discards what it
/// has not sent.
#[derive(Debug)]
pub struct Zmq {
    calls: Option<mpsc::Sender<Call>>,
    thread: Option<JoinHandle<()>>,
}

type Call = Box<dyn FnOnce(&Socket) + Send>;

impl Zmq {
    /// A socket that is neither bound nor connected.
    pub fn new(kind: SocketType) -> Self {
        Self::on(Context::new(), kind)
    }

    /// The same, in a context that it shuts down when it closes.
    pub(crate) fn on(context: Context, kind: SocketType) -> Self {
        let (calls, todo) = mpsc::channel::<Call>();
        let thread = thread::spawn(move || {
            let socket = Socket::new(&context, kind).expect("a socket");
            for timeout in [Opt::RcvTimeo, Opt::SndTimeo] {
                socket.set_int(timeout, PATIENCE.as_millis() as i32).expect("a time");
            }
            todo.into_iter().for_each(|call| call(&socket));
            drop(socket);
            // Whoever else lives in it ends too.
            let _ = context.shutdown();
        });
        Self { calls: Some(calls), thread: Some(thread) }
    }

    /// A socket that is bound, and where.
    pub async fn bound(kind: SocketType) -> (Self, String) {
        let zmq = Self::new(kind);
        let at = zmq.bind(ANY_PORT).await;
        (zmq, at)
    }

    /// A socket that connects.
    pub async fn connected(kind: SocketType, to: impl ToString) -> Self {
        let zmq = Self::new(kind);
        zmq.connect(to).await;
        zmq
    }

    /// Runs `call` on the socket's thread, from this moment, whether the result is waited for or not.
    #[track_caller]
    pub fn call<T, F>(&self, call: F) -> impl Future<Output = T> + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce(&Socket) -> T + Send + 'static,
    {
        let (sender, result) = oneshot::channel();
        let call: Call = Box::new(move |socket| drop(sender.send(call(socket))));
        self.calls
            .as_ref()
            .expect("it is open")
            .send(call)
            .expect("the thread of the libzmq socket is alive");
        let result = within(PATIENCE.as_secs() * 3, result);
        async move { result.await.expect("libzmq has done what the test asked for") }
    }

    /// Binds, and says where.
    pub async fn bind(&self, at: impl ToString) -> String {
        let at = at.to_string();
        self.call(move |socket| socket.bind(&at).expect("an endpoint")).await
    }

    /// Connects.
    pub async fn connect(&self, to: impl ToString) {
        let to = to.to_string();
        self.call(move |socket| socket.connect(&to).expect("an endpoint")).await;
    }

    /// Sets an option that is an int.
    pub async fn set(&self, option: Opt, value: i32) {
        self.call(move |socket| socket.set_int(option, value).expect("an option")).await;
    }

    /// Sends a message of one frame.
    pub async fn send(&self, body: impl Into<Vec<u8>>) {
        let body = body.into();
        self.call(move |socket| socket.send_one(&body).expect("room")).await;
    }

    /// Receives a message, all its frames.
    pub async fn recv(&self) -> Vec<Vec<u8>> {
        self.call(|socket| socket.recv().expect("a message")).await
    }

    /// Whether nothing arrives for this long.
    pub async fn is_silent(&self, time: Duration) -> bool {
        self.call(move |socket| !socket.poll_in(time).expect("an answer")).await
    }

    /// Sends a message of these frames.
    pub async fn send_frames<F: AsRef<[u8]>>(&self, frames: impl AsRef<[F]>) {
        let frames: Vec<Vec<u8>> = frames.as_ref().iter().map(|frame| frame.as_ref().to_vec()).collect();
        self.call(move |socket| {
            socket.send(&frames.iter().map(|frame| &frame[..]).collect::<Vec<_>>()).expect("room");
        })
        .await;
    }

    /// Sets an option that is made of octets.
    pub async fn set_bytes(&self, option: Opt, value: impl Into<Vec<u8>>) {
        let value = value.into();
        self.call(move |socket| socket.set_bytes(option, &value).expect("an option")).await;
    }

    /// Waits for `event` and calls libzmq again and again meanwhile: a socket takes notice of new peers, of their
    /// subscriptions and of their leaving only when it is called.
    pub async fn attend<T>(&self, event: impl Future<Output = T>) -> T {
        let mut event = std::pin::pin!(event);
        loop {
            self.call(|socket| socket.poll_in(Duration::ZERO).expect("an answer")).await;
            if let Ok(happened) = tokio::time::timeout(Duration::from_millis(2), &mut event).await {
                return happened;
            }
        }
    }

    /// Watches it.
    pub async fn monitor(&self) -> Watched {
        let monitor = self.call(|socket| socket.monitor().expect("a monitor")).await;
        let (sender, events) = unbounded_channel();
        thread::spawn(move || {
            loop {
                match monitor.next(Duration::from_millis(100)) {
                    Ok(event) if event.number == Event::MONITOR_STOPPED => break,
                    Ok(event) => drop(sender.send(event)),
                    Err(_) if sender.is_closed() => break,
                    Err(_) => {}
                }
            }
        });
        Watched { events }
    }

    /// Closes it, and waits until libzmq has let go of its port.
    pub async fn close(mut self) {
        self.calls = None;
        let thread = self.thread.take().expect("it was open");
        within(60, tokio::task::spawn_blocking(move || thread.join())).await.expect("it ends").expect("well");
    }
}

/// What libzmq's monitor tells of a socket.
#[derive(Debug)]
pub struct Watched {
    events: UnboundedReceiver<Event>,
}

impl Watched {
    /// The next event.
    pub async fn next(&mut self) -> Event {
        within(PATIENCE.as_secs(), self.events.recv()).await.expect("the socket is open")
    }

    /// The next event with this number. Others are passed over.
    pub async fn wait_for(&mut self, number: u16) -> Event {
        loop {
            let event = self.next().await;
            if event.number == number {
                return event;
            }
        }
    }

    /// An event that has happened already.
    pub fn now(&mut self) -> Option<Event> {
        self.events.try_recv().ok()
    }
}

/// Nothing takes that long, on the slowest of machines.
const PATIENCE: Duration = Duration::from_secs(20);
