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
//! [`PushSocket`] and [`PullSocket`] over `tcp://` and `inproc://`, interoperable with libzmq. The other socket types
//! follow. [`wire`] is the protocol by itself, without I/O.
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
//! # Features
//!
//! `tokio` (default): engines, transports, and the methods that start tasks. Without it the crate is the codec and the
//! socket state machines, with no runtime in its dependencies.
//!
//! # The map
//!
//! ```text
//!   your code ── send, recv, bind, connect ──►  socket   Socket<P>: one short lock, wakers, Stream, Sink
//!                                                 │  │
//!               plain state machines, no runtime  │  └── bind, connect, attach ──►  engine   a task per peer
//!                                                 ▼                                  │  │ │
//!                                 push pull    pattern                               │  │ └──►  transport
//!                                                 ▼                                  │  │       tcp inproc
//!                 load balancer, fair queue     route                                │  ▼
//!                                                 ▼                                  │ wire   bytes <-> events,
//!    RFC 28's "double queue", one per peer      pipe  ◄──────────────────────────────┘        no I/O, no clock
//!                                                 ▼
//!                                std or loom    sync          (message, endpoint, error: everybody's)
//! ```
// Without a runtime there are no engines, and what only they call is idle.
#![cfg_attr(not(feature = "tokio"), allow(dead_code))]

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
mod route;
mod socket;
mod sync;
#[cfg(feature = "tokio")]
mod transport;
pub mod wire;

pub use endpoint::{Endpoint, EndpointError};
pub use error::{BindError, ConnectError, RecvError, SendError, SendErrorKind, Unsent};
pub use message::{Frame, Message, NoFrames};
pub use monitor::{Cause, Event, Monitor};
pub use options::{Builder, Hwm, Progress, Reconnect};
pub use pattern::{Pattern, Pull, Push, Receives, Sends};
pub use peer::{PeerId, PeerInfo, Queued};
pub use pipe::Encode;
pub use socket::{PullSocket, PushSocket, Socket};
pub use wire::SocketType;
