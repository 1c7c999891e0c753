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
//! `curve` (default): the keys, the handshake and the boxes of the security mechanism CURVE, in [`curve`].
//!
//! `tokio` (default): engines, transports, and the methods that start tasks. Without it the crate is the codec and the
//! socket state machines, with no runtime in its dependencies.
//!
//! `auth` (default): authenticators that read keys and passwords from files, and know networks.
//!
//! `curve` (default): the security mechanism CURVE. Without it the crate depends on no cryptography.
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
