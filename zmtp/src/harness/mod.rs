//! A door for the fuzz targets, the models of loom and the benchmarks. Not part of the API: it may change in any release.

#[cfg(feature = "tokio")]
mod fuzz;
#[cfg(all(feature = "tokio", feature = "curve"))]
mod fuzz_curve;
#[cfg(feature = "tokio")]
mod fuzz_handshakes;
#[cfg(feature = "tokio")]
mod fuzz_operations;
#[cfg(feature = "tokio")]
mod fuzz_patterns;
#[cfg(feature = "tokio")]
mod fuzz_texts;
#[cfg(feature = "tokio")]
mod fuzz_topics;
#[cfg(feature = "tokio")]
mod limits;
mod model;
#[cfg(feature = "tokio")]
mod paths;

#[cfg(feature = "tokio")]
pub use fuzz::{TARGETS, Target, command, connection, frame, greeting};
#[cfg(all(feature = "tokio", feature = "curve"))]
pub use fuzz_curve::curve;
#[cfg(feature = "tokio")]
pub use fuzz_handshakes::{handshake, plain};
#[cfg(feature = "tokio")]
pub use fuzz_operations::operations;
#[cfg(feature = "tokio")]
pub use fuzz_patterns::patterns;
#[cfg(feature = "tokio")]
pub use fuzz_texts::endpoint;
#[cfg(all(feature = "tokio", feature = "curve"))]
pub use fuzz_texts::z85;
#[cfg(feature = "tokio")]
pub use fuzz_topics::{subscriptions, trie};
#[cfg(feature = "tokio")]
pub use limits::{Limit, limits};
pub use model::{Model, Receiver};
#[cfg(feature = "tokio")]
pub use paths::{Queue, Topics, Writer};
