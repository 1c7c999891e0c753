//! A peer that follows a script: it sends the octets it is told to, and says what came back.
//!
//! ```no_run
//! # async fn example() {
//! use support::{Peer, greeting, ready};
//!
//! let mut peer = Peer::connect("tcp://127.0.0.1:5555").await;
//! peer.send(greeting().version(3, 0)).await;
//! peer.expect(greeting()).await;
//! peer.send(ready("PUSH")).await;
//! peer.expect(ready("PULL")).await;
//! # }
//! ```

use std::fmt::Debug;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use zmtp::{Pattern, Socket};

use crate::{Greeting, Ready, greeting, ready, within};

/// One end of a connection in the hands of a test. All its waits end after 20 s.
#[derive(Debug)]
pub struct Peer {
    io: Box<dyn Stream>,
}

/// A frame as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Its first octet.
    pub flags: u8,
    /// Its content.
    pub body: Vec<u8>,
}

impl Peer {
    /// Dials a TCP endpoint.
    pub async fn connect(endpoint: impl ToString) -> Self {
        let endpoint = endpoint.to_string();
        let address = endpoint.strip_prefix("tcp://").expect("a tcp endpoint");
        let io = within(PATIENCE, TcpStream::connect(address)).await.expect("somebody who listens");
        io.set_nodelay(true).expect("a live connection");
        Self { io: Box::new(io) }
    }

    /// Dials a TCP endpoint from this address of this host.
    pub async fn connect_from(host: impl Into<IpAddr>, endpoint: impl ToString) -> Self {
        let endpoint = endpoint.to_string();
        let address: SocketAddr =
            endpoint.strip_prefix("tcp://").and_then(|at| at.parse().ok()).expect("a tcp endpoint");
        let socket = TcpSocket::new_v4().expect("a descriptor");
        socket.bind((host.into(), 0).into()).expect("an address of this host");
        let io = within(PATIENCE, socket.connect(address)).await.expect("somebody who listens");
        io.set_nodelay(true).expect("a live connection");
        Self { io: Box::new(io) }
    }

    /// Dials a TCP endpoint, with room for only so many octets that it has not read.
    pub async fn connect_deaf(octets: u32, endpoint: impl ToString) -> Self {
        let endpoint = endpoint.to_string();
        let address: SocketAddr =
            endpoint.strip_prefix("tcp://").and_then(|at| at.parse().ok()).expect("a tcp endpoint");
        let socket = TcpSocket::new_v4().expect("a descriptor");
        socket.set_recv_buffer_size(octets).expect("a size");
        let io = within(PATIENCE, socket.connect(address)).await.expect("somebody who listens");
        io.set_nodelay(true).expect("a live connection");
        Self { io: Box::new(io) }
    }

    /// Dials a path.
    #[cfg(unix)]
    pub async fn connect_ipc(endpoint: impl ToString) -> Self {
        let endpoint = endpoint.to_string();
        let path = endpoint.strip_prefix("ipc://").expect("an ipc endpoint");
        let io = within(PATIENCE, UnixStream::connect(path)).await.expect("somebody who listens");
        Self { io: Box::new(io) }
    }

    /// The other end of a stream in memory that `socket` serves. The stream holds 64 KiB in each direction.
    pub fn attached<P: Pattern>(socket: &Socket<P>) -> Self {
        Self::attached_by(64 * 1024, socket)
    }

    /// The same, with so many octets in each direction.
    pub fn attached_by<P: Pattern>(octets: usize, socket: &Socket<P>) -> Self {
        let (near, far) = tokio::io::duplex(octets);
        socket.attach(far, "inproc://scripted").expect("a runtime");
        Self { io: Box::new(near) }
    }

    /// Sends.
    pub async fn send(&mut self, octets: impl Into<Vec<u8>>) {
        self.try_send(octets).await.expect("a peer that takes it");
    }

    /// Sends, and says if the other side is gone.
    pub async fn try_send(&mut self, octets: impl Into<Vec<u8>>) -> io::Result<()> {
        within(PATIENCE, self.io.write_all(&octets.into())).await
    }

    /// Closes the sending direction.
    pub async fn shut(&mut self) {
        within(PATIENCE, self.io.shutdown()).await.expect("a live connection");
    }

    /// Ends a TCP connection by a reset: what is on its way is thrown away.
    pub fn reset(self) {
        self.io.reset_when_dropped();
    }

    /// Reads exactly these octets.
    #[track_caller]
    pub fn expect(&mut self, octets: impl Into<Vec<u8>>) -> impl Future<Output = ()> {
        let at = std::panic::Location::caller();
        let expected = octets.into();
        async move {
            let got = self.read(expected.len()).await;
            assert!(
                got == expected,
                "{at}: expected \"{}\", got \"{}\"",
                expected.escape_ascii(),
                got.escape_ascii()
            );
        }
    }

    /// Reads so many octets.
    pub async fn read(&mut self, octets: usize) -> Vec<u8> {
        let mut got = vec![0; octets];
        within(PATIENCE, self.io.read_exact(&mut got)).await.expect("a peer that says so much");
        got
    }

    /// Reads some octets, none if the other side has closed.
    pub async fn read_some(&mut self) -> Vec<u8> {
        let mut got = vec![0; 8192];
        let len = within(PATIENCE, self.io.read(&mut got)).await.unwrap_or_default();
        got.truncate(len);
        got
    }

    /// Reads a frame: of a message, or a command.
    pub async fn frame(&mut self) -> Received {
        let flags = self.read(1).await[0];
        let len = if flags & 2 == 0 {
            u64::from(self.read(1).await[0])
        } else {
            u64::from_be_bytes(self.read(8).await.try_into().expect("eight octets"))
        };
        Received { flags, body: self.read(len as usize).await }
    }

    /// Reads a greeting like ours. The padding may be anything: libzmq has a 1 in it.
    #[track_caller]
    pub fn expect_greeting(&mut self) -> impl Future<Output = ()> {
        let at = std::panic::Location::caller();
        async move {
            let mut got = self.read(64).await;
            got[1..9].fill(0);
            assert!(got == Vec::from(greeting()), "{at}: this greeting came: {}", got.escape_ascii());
        }
    }

    /// Shakes hands as this type of socket, and returns the other side's READY.
    pub async fn shake(&mut self, socket_type: &str) -> Received {
        self.shake_with(greeting(), ready(socket_type)).await
    }

    /// Shakes hands with this greeting and this READY, one after the other, and returns the other side's READY.
    ///
    /// libzmq demands what is polite: it closes when something follows our READY before it has sent its own.
    pub async fn shake_with(&mut self, greeting: Greeting, ready: Ready) -> Received {
        self.send(greeting).await;
        self.expect_greeting().await;
        self.send(ready).await;
        let answer = self.frame().await;
        assert!(answer.flags & 4 != 0 && answer.body.starts_with(b"\x05READY"), "no READY: {answer:?}");
        answer
    }

    /// All that is said until the other side closes, in order or by a reset.
    pub async fn rest(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let some = self.read_some().await;
            if some.is_empty() {
                return all;
            }
            all.extend(some);
        }
    }

    /// The other side closes and says nothing more.
    #[track_caller]
    pub fn expect_close(&mut self) -> impl Future<Output = ()> {
        let at = std::panic::Location::caller();
        async move {
            let rest = self.rest().await;
            assert!(rest.is_empty(), "{at}: before closing it said \"{}\"", rest.escape_ascii());
        }
    }

    /// Nothing is said, and nobody closes, for this long.
    pub async fn expect_silence(&mut self, time: Duration) {
        let mut octet = [0];
        if let Ok(read) = tokio::time::timeout(time, self.io.read(&mut octet)).await {
            panic!("instead of silence: {read:?}, \"{}\"", octet.escape_ascii());
        }
    }
}

/// A TCP port where the test accepts peers itself.
#[derive(Debug)]
pub struct Door {
    listener: TcpListener,
}

impl Door {
    /// Any free port.
    pub async fn open() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.expect("a free port") }
    }

    /// Any free port of this address.
    pub async fn open_at(host: impl Into<IpAddr>) -> Self {
        Self { listener: TcpListener::bind((host.into(), 0)).await.expect("a free port") }
    }

    /// Where it is.
    pub fn endpoint(&self) -> String {
        format!("tcp://{}", self.listener.local_addr().expect("an address"))
    }

    /// The next peer.
    pub async fn accept(&self) -> Peer {
        let (io, _) = within(PATIENCE, self.listener.accept()).await.expect("a peer");
        io.set_nodelay(true).expect("a live connection");
        Peer { io: Box::new(io) }
    }
}

trait Stream: AsyncRead + AsyncWrite + Debug + Send + Unpin {
    fn reset_when_dropped(&self) {
        panic!("only TCP has resets");
    }
}

impl Stream for TcpStream {
    fn reset_when_dropped(&self) {
        self.set_zero_linger().expect("a live connection");
    }
}

#[cfg(unix)]
impl Stream for UnixStream {}

impl Stream for DuplexStream {}

/// Seconds. Nothing takes that long, on the slowest of machines.
const PATIENCE: u64 = 20;

impl Peer {
    /// Reads a message: the bodies of its frames.
    pub async fn message(&mut self) -> Vec<Vec<u8>> {
        let mut bodies = Vec::new();
        loop {
            let frame = self.frame().await;
            assert!(frame.flags & 4 == 0, "a command instead of a message: {frame:?}");
            bodies.push(frame.body);
            if frame.flags & 1 == 0 {
                return bodies;
            }
        }
    }
}
