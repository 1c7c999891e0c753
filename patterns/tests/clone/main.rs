//! The clone over real sockets.

mod failures;
mod hostile;
mod mistakes;
mod numbers;
mod pair;
mod relay;
mod requirements;
mod sessions;
mod support;
mod writes;
