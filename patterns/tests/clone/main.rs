//! The clone over real sockets.

mod mistakes;
mod numbers;
mod relay;
mod requirements;
mod support;
mod writes;
