//! The clone over real sockets.

mod mistakes;
mod relay;
mod requirements;
mod support;
mod writes;
