//! One connection, composed of its parts: bytes in, events and bytes out.

use bytes::{BufMut, Bytes};

use super::buffer::Buffer;
use super::chunk::Chunk;
use super::command::Command;
use super::error::{Denied, Error, Misbehaved, printable};
use super::greeting::Version;
use super::handshake::{Handshake, Progress};
use super::mechanism::{Credentials, Denial, Mechanism};
use super::metadata::Metadata;
use super::scanner::{Scanner, Stop};
#[cfg(feature = "curve")]
use super::sealed::Sealed;
use super::socket_type::SocketType;
use super::subscription::Subscription;
use crate::security::User;

/// The protocol state of one connection. Both sides of a connection are alike.
///
/// Drive it in a loop: write out what [`transmit`](Self::transmit) gives, read into [`buffer`](Self::buffer), tell
/// [`received`](Self::received), then call [`poll_event`](Self::poll_event) until it has nothing more. After an
/// error, `transmit` may hold a last word for the peer; then close.
///
/// ```
/// use zmtp::wire::{Config, Connection, Event, SocketType};
///
/// let mut push = Connection::new(Config::new(SocketType::Push));
/// let mut pull = Connection::new(Config::new(SocketType::Pull));
/// for _ in 0..2 {
///     let bytes = push.transmit().unwrap_or_default();
///     pull.receive(&bytes);
///     if let Some(Event::Ready(peer)) = pull.poll_event(1)? {
///         assert_eq!(peer.socket_type, Some(SocketType::Push));
///     }
///     let bytes = pull.transmit().unwrap_or_default();
///     push.receive(&bytes);
///     push.poll_event(1)?;
/// }
/// pull.receive(b"\0\x05hello");
/// let Some(Event::Messages(mut chunk)) = pull.poll_event(1)? else { panic!() };
/// assert_eq!(chunk.next_message().unwrap(), "hello");
/// # Ok::<(), zmtp::wire::Error>(())
/// ```
#[derive(Debug)]
pub struct Connection {
    phase: Phase,
    buffer: Buffer,
    /// Bytes for the peer.
    out: Vec<u8>,
    /// The context of the latest PING that was not answered yet. A flood of PINGs gets one PONG at a time.
    pong: Option<Bytes>,
    /// The ttl of a PING of ours that waits to be sent.
    ping: Option<u16>,
    /// The ttl of the peer's latest PING, if nothing has come after it.
    ttl: Option<u16>,
    /// PINGs, PONGs and unknown commands that nobody has counted yet.
    idle_commands: u32,
    /// PONGs that nobody has asked for yet.
    pongs: u32,
    /// With CURVE, what stands between the stream and `buffer`, which then holds what was opened.
    #[cfg(feature = "curve")]
    sealed: Option<Box<Sealed>>,
}

#[derive(Debug)]
enum Phase {
    /// Boxed, for it is gone once the connection is up.
    Handshake(Box<(Handshake, Config)>),
    Traffic(Scanner, Version),
    /// After an error nothing more is read.
    Over,
}

impl Connection {
    /// A connection that has just come up: its greeting is ready to be sent.
    pub fn new(config: Config) -> Self {
        let mut out = Vec::new();
        let handshake = Handshake::new(&config, &mut out);
        Self {
            phase: Phase::Handshake(Box::new((handshake, config))),
            buffer: Buffer::new(),
            out,
            pong: None,
            ping: None,
            ttl: None,
            idle_commands: 0,
            pongs: 0,
            #[cfg(feature = "curve")]
            sealed: None,
        }
    }

    /// Where the next bytes of the peer go: append, then say [`received`](Self::received).
    pub fn buffer(&mut self) -> impl BufMut + '_ {
        self.incoming().space()
    }

    /// Tells that `read` octets were appended to [`buffer`](Self::buffer).
    pub fn received(&mut self, read: usize) {
        // Before READY the buffer stays small, whatever comes.
        if matches!(self.phase, Phase::Traffic(..)) {
            self.incoming().filled(read);
        }
    }

    /// Takes in a copy of `bytes`.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.incoming().fill(bytes);
    }

    /// What is read goes here.
    fn incoming(&mut self) -> &mut Buffer {
        #[cfg(feature = "curve")]
        if let Some(sealed) = &mut self.sealed {
            return sealed.incoming();
        }
        &mut self.buffer
    }

    /// Lets the peer of an [`Event::Asked`] in, or not. Before that nothing of it is read.
    pub fn decide(&mut self, decision: Result<User, Denial>) {
        if let Phase::Handshake(handshake) = &mut self.phase {
            handshake.0.decide(decision);
        }
    }

    /// Gives back the read buffer's memory while nothing is in it.
    pub(crate) fn release(&mut self) {
        self.buffer.release();
        #[cfg(feature = "curve")]
        if let Some(sealed) = &mut self.sealed {
            sealed.incoming().release();
        }
    }

    /// What has happened, or `None` until more bytes come. At most `room` messages are taken; with no room, nothing
    /// is, commands included.
    ///
    /// # Errors
    /// What the peer did wrong. The connection is over.
    pub fn poll_event(&mut self, room: usize) -> Result<Option<Event>, Error> {
        let event = self.step(room);
        if event.is_err() {
            self.phase = Phase::Over;
        }
        event
    }

    /// Bytes to write to the peer, if there are any. They go between messages, never inside one.
    pub fn transmit(&mut self) -> Option<Vec<u8>> {
        if let Some(context) = self.pong.take() {
            Command::Pong { context }.encode(&mut self.out);
        }
        if let Some(ttl) = self.ping.take() {
            Command::Ping { ttl, context: Bytes::new() }.encode(&mut self.out);
        }
        if self.out.is_empty() {
            return None;
        }
        let out = std::mem::take(&mut self.out);
        #[cfg(feature = "curve")]
        if let Some(sealed) = &mut self.sealed {
            return Some(sealed.seal_commands(&out));
        }
        Some(out)
    }

    /// Whether what is written has to go through [`seal`](Self::seal).
    #[cfg(feature = "curve")]
    pub fn is_sealed(&self) -> bool {
        self.sealed.is_some()
    }

    /// Appends one frame of a message to `out`, in a box. Its place among the others, and among what
    /// [`transmit`](Self::transmit) gives, is that of the calls.
    ///
    /// # Errors
    /// [`crate::curve::Error::Exhausted`] after 2^64 frames, and when nothing [is sealed](Self::is_sealed).
    #[cfg(feature = "curve")]
    pub fn seal(&mut self, more: bool, body: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let sealed = self.sealed.as_mut().ok_or(crate::curve::Error::Exhausted)?;
        Ok(sealed.seal(more, body, out)?)
    }

    /// Tells the peer of a subscription, in the form of the version that is spoken: see
    /// [`transmit`](Self::transmit). Before READY it does nothing.
    pub fn announce(&mut self, subscription: Subscription) {
        if let Phase::Traffic(_, version) = self.phase {
            subscription.encode(version, &mut self.out);
        }
    }

    /// Whether [`transmit`](Self::transmit) has something.
    pub fn wants_transmit(&self) -> bool {
        !self.out.is_empty() || self.pong.is_some() || self.ping.is_some()
    }

    /// Queues a PING without a context. It asks the peer to close after `ttl` tenths of a second of silence; 0 asks
    /// for nothing. One PING waits at a time, and none before the handshake is over (R37-HB-01), nor ever to a peer
    /// that speaks 3.0: it may take it for a message.
    pub fn ping(&mut self, ttl: u16) {
        if self.knows_ping() {
            self.ping = Some(ttl);
        }
    }

    /// Whether the handshake is over, and the peer is of a version that has PING.
    pub fn knows_ping(&self) -> bool {
        matches!(self.phase, Phase::Traffic(_, Version::V3_1))
    }

    /// Whether a PING waits for [`transmit`](Self::transmit).
    pub fn is_ping_waiting(&self) -> bool {
        self.ping.is_some()
    }

    /// The ttl of a PING that [`poll_event`](Self::poll_event) has found, unless something stood behind it. Each is
    /// told once.
    pub fn take_ttl(&mut self) -> Option<u16> {
        self.ttl.take()
    }

    /// How many PINGs, PONGs and unknown commands [`poll_event`](Self::poll_event) has passed over since this was asked
    /// last. A peer that sends nothing else keeps us busy for nothing.
    pub fn take_idle_commands(&mut self) -> u32 {
        std::mem::take(&mut self.idle_commands)
    }

    /// How many PONGs [`poll_event`](Self::poll_event) has found since this was asked last: answers to a
    /// [`ping`](Self::ping), from an honest peer.
    pub fn take_pongs(&mut self) -> u32 {
        std::mem::take(&mut self.pongs)
    }

    /// Whether the peer has begun something that it has not finished: a handshake, a frame, a message.
    pub fn is_mid_message(&self) -> bool {
        match &self.phase {
            Phase::Handshake(_) => true,
            Phase::Traffic(scanner, _) => {
                #[cfg(feature = "curve")]
                if self.sealed.as_ref().is_some_and(|sealed| sealed.is_mid_frame()) {
                    return true;
                }
                scanner.is_mid_message(&self.buffer)
            }
            Phase::Over => false,
        }
    }

    fn step(&mut self, room: usize) -> Result<Option<Event>, Error> {
        match &mut self.phase {
            Phase::Over => Ok(None),
            Phase::Handshake(handshake) => {
                let (handshake, config) = &mut **handshake;
                match handshake.handle_input(config, &mut self.buffer, &mut self.out)? {
                    None => Ok(None),
                    Some(Progress::Asked(credentials)) => Ok(Some(Event::Asked(credentials))),
                    Some(Progress::Done(version, done, user)) => {
                        self.buffer.open();
                        let limits = config.limits;
                        #[cfg(feature = "curve")]
                        if let Some(session) = done.session {
                            let incoming = std::mem::take(&mut self.buffer);
                            let sealed = Sealed::new(session, limits, incoming, self.out.len());
                            self.sealed = Some(Box::new(sealed));
                        }
                        self.phase = Phase::Traffic(Scanner::new(limits), version);
                        let (metadata, socket_type) = (done.metadata, done.socket_type);
                        // A copy: else it would keep the whole READY alive.
                        let identity = Bytes::copy_from_slice(&metadata.identity());
                        Ok(Some(Event::Ready(Remote { version, socket_type, identity, metadata, user })))
                    }
                }
            }
            Phase::Traffic(scanner, _) => loop {
                #[cfg(feature = "curve")]
                if let Some(sealed) = &mut self.sealed {
                    sealed.open(&mut self.buffer);
                }
                let stop = scanner.scan(self.buffer.octets(), room);
                // What came before an error is good; the next scan finds the error again.
                if let Some(chunk) = scanner.take(&mut self.buffer) {
                    return Ok(Some(Event::Messages(chunk)));
                }
                match stop? {
                    Stop::Full => return Ok(None),
                    Stop::Incomplete(frame) => {
                        scanner.hold(&mut self.buffer);
                        #[cfg(feature = "curve")]
                        if let Some(sealed) = &mut self.sealed {
                            return sealed.wrong().map(|()| None);
                        }
                        self.buffer.want(frame);
                        return Ok(None);
                    }
                    // Also between the frames of one message: libzmq sends heartbeats there.
                    Stop::Command(header, body) => {
                        scanner.hold(&mut self.buffer);
                        self.buffer.take(header);
                        match Command::decode(self.buffer.take(body))? {
                            Command::Ping { ttl, context } => {
                                self.idle_commands = self.idle_commands.saturating_add(1);
                                self.pong = Some(context);
                                self.ttl = self.buffer.octets().is_empty().then_some(ttl);
                            }
                            Command::Error(reason) => {
                                return Err(Denied { reason: printable(&reason) }.into());
                            }
                            command @ Command::Ready(_) => {
                                return Err(Misbehaved::UnexpectedCommand(command.name().to_owned()).into());
                            }
                            Command::Subscribe(topic) => {
                                let subscription = Subscription { topic, wanted: true };
                                return Ok(Some(Event::Subscription(subscription)));
                            }
                            Command::Cancel(topic) => {
                                let subscription = Subscription { topic, wanted: false };
                                return Ok(Some(Event::Subscription(subscription)));
                            }
                            // PONG is a sign of life like any other octet; commands that we do not know mean nothing.
                            command @ (Command::Pong { .. } | Command::Unknown(_)) => {
                                if matches!(command, Command::Pong { .. }) {
                                    self.pongs = self.pongs.saturating_add(1);
                                }
                                self.idle_commands = self.idle_commands.saturating_add(1);
                            }
                        }
                    }
                }
            },
        }
    }
}

/// What a connection says of itself, and what it accepts.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// Our own type.
    pub socket_type: SocketType,
    /// The security mechanism, and our role in it.
    pub mechanism: Mechanism,
    /// Our own identity, announced by REQ, DEALER and ROUTER.
    pub identity: Bytes,
    /// Further properties to announce: names that begin with `X-` belong to applications (R37-META-08).
    pub properties: Vec<(String, Bytes)>,
    /// What a peer may send.
    pub limits: Limits,
}

impl Config {
    /// The defaults, for a socket of this type.
    pub fn new(socket_type: SocketType) -> Self {
        Self {
            socket_type,
            mechanism: Mechanism::default(),
            identity: Bytes::new(),
            properties: Vec::new(),
            limits: Limits::default(),
        }
    }
}

/// The largest message that is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Octets of all frames together. 64 MiB unless set.
    pub max_message: u64,
    /// Frames of one message. 65,536 unless set.
    pub max_frames: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_message: 64 << 20, max_frames: 65_536 }
    }
}

/// What happened on a connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A peer wants to come in, and [`Connection::decide`] has to be told whether it may. Only servers, and
    /// [`Mechanism::NullAsking`], are asked.
    Asked(Credentials),
    /// The handshake is over; messages may flow both ways (R37-NULL-10).
    Ready(Remote),
    /// One or more whole messages.
    Messages(Chunk),
    /// A SUBSCRIBE or CANCEL command.
    Subscription(Subscription),
}

/// What the handshake told about the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Remote {
    /// The version both speak.
    pub version: Version,
    /// Its type, if it said.
    pub socket_type: Option<SocketType>,
    /// Its identity, often empty.
    pub identity: Bytes,
    /// All it said.
    pub metadata: Metadata,
    /// As whom it was let in, if somebody decided.
    pub user: Option<Box<User>>,
}
