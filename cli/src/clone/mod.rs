//! `zmtp clone`: one server with keys and values, and clients that have what there is of them.
//!
//! The parts that its verbs share, over `zmtp_patterns::clone`. `servers.rs` is a client and how long it waits, `limits.rs`
//! what a server takes, `keys.rs` what is typed for a key, `entry.rs` how a key and its value look, `load.rs` reads many
//! of them. `hold.rs` holds a key. `pairing.rs` makes a server one of a pair, `operators.rs` asks servers how they are, `modules.rs`
//! runs the modules of a system.

pub(crate) mod bench;
pub(crate) mod entry;
pub(crate) mod hold;
pub(crate) mod keys;
pub(crate) mod limits;
pub(crate) mod load;
pub(crate) mod modules;
pub(crate) mod operators;
pub(crate) mod pairing;
pub(crate) mod servers;
