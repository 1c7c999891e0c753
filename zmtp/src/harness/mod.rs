//! A door for the fuzz targets and the models of loom. Not part of the API: it may change in any release.

#[cfg(feature = "tokio")]
mod fuzz;
mod model;

#[cfg(feature = "tokio")]
pub use fuzz::{TARGETS, Target, command, connection, frame, greeting, handshake};
pub use model::{Model, Receiver};
