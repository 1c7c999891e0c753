//! The clone over real sockets.

mod failures;
mod hostile;
mod mistakes;
mod numbers;
mod pair;
mod relay;
mod requirements;
mod support;
mod writes;
