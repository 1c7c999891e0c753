//! ZeroMQ from scratch: ZMTP 3.1 and the socket patterns, in Rust, on tokio.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use zmtp::{PullSocket, PushSocket};
//!
//! let mut sink = PullSocket::new();
//! let at = sink.bind("tcp://127.0.0.1:*").await?;
//!
//! let ventilator = PushSocket::new();
//! ventilator.connect(&at)?;
//! for task in 0..10 {
//!     ventilator.send(format!("task {task}")).await?;
//! }
//! for _ in 0..10 {
//!     let task = sink.recv().await?;
//!     assert!(task.first().starts_with(b"task "));
//! }
//! ventilator.close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What is here
//!
//! | pattern | sockets | who gets a message |
//! |---|---|---|
//! | request and reply | [`ReqSocket`], [`RepSocket`], [`DealerSocket`], [`RouterSocket`] | one peer, in turn or by name; the answer goes back the same way |
//! | publish and subscribe | [`PubSocket`], [`SubSocket`], [`XpubSocket`], [`XsubSocket`] | everybody who has subscribed |
//! | pipeline | [`PushSocket`], [`PullSocket`] | one peer, in turn |
//! | pair | [`PairSocket`] | the one peer |
//!
//! All of them over `tcp://`, `ipc://` and `inproc://`, interoperable with libzmq, with [PLAIN or CURVE](Security) where
//! that is asked for; [`proxy`] joins two of them, and
//! [`attach`](Socket::attach) serves any byte stream. [`wire`] is the protocol by itself, without I/O.
//!
//! # What to know
//!
//! - **`connect` does not wait.** Messages queue from that moment, and the connection is made again when it breaks.
//! - **`Ok` means queued.** ZMTP has no acknowledgements; what survives a broken connection is said at
//!   [`send`](Socket::send).
//! - **Every future may be dropped.** What that means is said at each method, under *Cancel safety*.
//! - **Peers cannot hurt you.** Only your own mistakes and your own closing are errors of `send` and `recv`. What
//!   peers do shows in [`monitor`](Socket::monitor); how much of it is tolerated is set by the [`Builder`].
//!
//! # Ten promises
//!
//! 1. No sequence of bytes from a peer panics, aborts or overflows the stack.
//! 2. What a peer can hold in memory is bounded before READY and after, and nothing is allocated from a claimed length.
//! 3. A peer is invisible to routing and queues until both READYs have passed.
//! 4. One peer cannot stop another from being served.
//! 5. Accepting never dies and never spins.
//! 6. Every dropped message is counted, with a reason. `Ok` means queued.
//! 7. Every future may be dropped: a `send` was sent whole or not at all, a `recv` has lost nothing.
//! 8. [`close`](Socket::close) ends within the linger time and a second, and dropping never blocks.
//! 9. Security never downgrades, and what is not a clear yes is a no.
//! 10. The repository's SECURITY.md says which releases get fixes, for how long, and where to report.
//!
//! The test of each is named in the README.
//!
//! # Features
//!
//! `curve` (default): the keys, the handshake and the boxes of the security mechanism CURVE, in [`curve`]. Without it the
//! crate depends on no cryptography.
//!
//! `tokio` (default): engines, transports, and the methods that start tasks. Without it the crate is the codec and the
//! socket state machines, with no runtime in its dependencies.
//!
//! `auth` (default): authenticators that read keys and passwords from files, and know networks.
//!
//! `metrics`: what sockets count, for the facade `metrics`; see below. Off unless asked for.
//!
//! `tracing`: spans and events for the facade `tracing`; see below. Off unless asked for.
//!
//! # Metrics
//!
//! With the feature `metrics` sockets tell the recorder that your program has installed (an exporter for Prometheus, say)
//! what they count. Each metric has the labels `type`, the socket's type, and `socket`, the [`name`](Builder::name) that
//! you gave it; sockets with the same two are told as one. The other labels have few values, and no peer chooses them.
//! There is nothing by peer: [`Socket::peers`] has that.
//!
//! | name | what it counts | labels |
//! |---|---|---|
//! | `zmq_messages_sent_total`, `zmq_bytes_sent_total` | what connections have taken to write, and its octets on the wire | |
//! | `zmq_messages_received_total`, `zmq_bytes_received_total` | what peers have sent, wanted or not | |
//! | `zmq_messages_dropped_total` | as in [`Drops`], and what went with connections | `reason`: `no_peer`, `peer_full`, `unwanted`, `malformed`, `discarded` |
//! | `zmq_queue_messages`, `zmq_queue_bytes` | what waits to be written or received now | `direction`: `out`, `in` |
//! | `zmq_peers` | peers that are there, and endpoints whose peer is not | `state`: `connected`, `connecting` |
//! | `zmq_subscriptions` | topics: of each subscriber together, or a SUB's own | |
//! | `zmq_handshakes_total` | handshakes that ended | `result`: `succeeded`, `failed`; `mechanism`; `reason`: [`Cause::name`] |
//! | `zmq_handshake_seconds` | how long those took that succeeded | `mechanism` |
//! | `zmq_reconnects_total` | times that an endpoint is to be dialled again | |
//! | `zmq_rtt_seconds` | from PING to PONG, with a [`Heartbeat`] | |
//! | `zmq_limit_hits_total` | connections that ended or were refused at a limit | `limit`: the option's name, or `command`, `properties`, `subscriptions`, `routing_id` |
//! | `zmq_accept_errors_total` | connections that the system or the settings did not let in | `errno` |
//!
//! What happens is told when it does. What is counted by messages is told once a second and when a socket is closed, and
//! at once by `publish_metrics`; it is counted for each batch of a connection, and the recorder is not asked before it is
//! told. `describe_metrics` tells the recorder what the names mean.
//!
//! # Traces
//!
//! With the feature `tracing` all that a [`Monitor`] would show is told as an event with the target `zmtp`, whether there is
//! a monitor or not. Its fields are `socket_type`, `socket` (the [`name`](Builder::name)), `event` ([`Event::name`]),
//! `endpoint` and, where there is one, `cause` ([`Cause::name`]) and `routing_id`; its message is what [`Event`] displays.
//!
//! | level | events |
//! |---|---|
//! | WARN | `bind-failed`, `accept-failed`, `plaintext-remote`, `handshake-failed`, `discarded`; `disconnected` when messages went with it, or when it was not a wish of either side |
//! | INFO | `listening`, `closed`, `connect-failed`, `handshake-succeeded`, `disconnected` |
//! | DEBUG | `accepted`, `connect-delayed`, `connected`, `connect-retried` |
//!
//! At DEBUG each connection over `tcp://`, `ipc://` or [`attach`](Socket::attach) has a span `connection` around its
//! handshake and its traffic, with `socket_type`, `socket`, `mechanism`, `endpoint` and the address of the `peer`. Nothing
//! is told of messages, and no keys, passwords or metadata; what a peer says is escaped.
//!
//! # The map
//!
//! ```text
//!   your code ── send, recv, bind, connect ──►  socket   Socket<P>: one short lock, wakers, Stream, Sink, halves
//!                                                 │  │
//!               plain state machines, no runtime  │  └── bind, connect, attach ──►  engine   a task per peer
//!                                                 ▼                                  │  │ │
//!                                 push pull    pattern                               │  │ └──►  transport
//!                                                 ▼                                  │  │       tcp ipc inproc
//!   load balancer, fair queue, distributor,     route                                │  ▼
//!   routing table, subscriptions, trie            │                                  │
//!                                                 ▼                                  │ wire   bytes <-> events,
//!    RFC 28's "double queue", one per peer      pipe  ◄──────────────────────────────┘        no I/O, no clock
//!                                                 ▼
//!                                std or loom    sync          (message, endpoint, error: everybody's)
//! ```
// Without a runtime there are no engines, and what only they call is idle.
#![cfg_attr(not(feature = "tokio"), allow(dead_code))]

#[cfg(all(doctest, feature = "curve", feature = "tokio"))]
#[doc = include_str!("../../README.md")]
struct Readme;

#[cfg(feature = "curve")]
pub mod curve;
mod endpoint;
#[cfg(feature = "tokio")]
mod engine;
mod error;
#[cfg(feature = "harness")]
#[doc(hidden)]
pub mod harness;
mod message;
mod monitor;
mod options;
mod pattern;
mod peer;
mod pipe;
mod pool;
mod random;
mod route;
mod routing_id;
mod security;
mod socket;
mod sync;
#[cfg(feature = "tokio")]
mod transport;
pub mod wire;
#[cfg(feature = "tokio")]
mod zap;

pub use endpoint::{Endpoint, EndpointError, Source};
pub use error::{BindError, ConnectError, RecvError, RequestError, SendError, SendErrorKind, Unsent};
pub use message::{Frame, Message, NoFrames};
#[cfg(feature = "metrics")]
pub use monitor::meter::describe_metrics;
pub use monitor::{Cause, Event, Flood, Monitor, Refusal};
pub use options::{
    Budget, Builder, Heartbeat, Hwm, InvalidProperty, IpcOptions, Keepalive, Progress, Reconnect,
    ReconnectStop, SocksProxy, TcpOptions,
};
pub use pattern::{
    Conflates, Dealer, Identified, Notify, Pair, Pattern, Pub, Pull, Push, Receives, Rep, Report, Req,
    Router, Sends, Splits, Sub, Xpub, Xsub,
};
pub use peer::{Drops, PeerId, PeerInfo, Queued};
pub use pipe::Encode;
pub use routing_id::{InvalidRoutingId, RoutingId};
#[cfg(feature = "curve")]
pub use security::Curve;
pub use security::{Authenticator, Decision, Plain, Request, Security, TooLong, User};
#[cfg(feature = "auth")]
pub use security::{FileError, InvalidNetwork, hash_password};
pub use socket::{
    DealerSocket, PairSocket, Passed, Proxied, Proxy, ProxyError, PubSocket, PullSocket, PushSocket,
    RecvHalf, RepSocket, ReqSocket, RouterEvent, RouterSocket, SendHalf, Socket, Statistics, Steers,
    SubSocket, XpubSocket, XsubSocket, proxy,
};
pub use wire::{Credentials, Denial, Password, SocketType};
