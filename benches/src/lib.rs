//! What the contenders and the programs that compare them share: one command line, one clock, one result line.
//!
//! Every contender is a program with the command line of [`Arguments`]. The bound side (`pull`, `rep`, `router`,
//! `pub`) prints `READY` once it can be connected to; the measuring side (`pull`, `req`, `dealer`, `sub`, `inproc`,
//! `inproc-req`) prints one JSON line; the other side prints its own when its standard input closes.

mod arguments;
pub mod keys;
mod pace;
pub mod paths;
mod report;
mod stamp;
mod stdin;
mod usage;

pub use arguments::{Arguments, Runtime};
pub use pace::{Pacer, pace};
pub use report::{Latencies, Meter, check, ready, say};
pub use stamp::{Clock, Shares};
pub use stdin::Stdin;
pub use usage::{cpu_time, peak_rss_kib, raise_descriptors, resident_kib};

/// How the payload of a message begins that is not measured: it says that the way is open.
pub const WARM: u8 = b'W';
/// How the payload of a measured message begins.
pub const DATA: u8 = b'M';
/// How the payload of a message begins after which none is measured.
pub const END: u8 = b'E';
