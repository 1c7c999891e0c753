//! Mistakes of published clones, each as a test that they would fail: the race of RFC 12, of the ZeroMQ guide and of others
//! who subscribe on one connection and are told what there is on another, and what else is known of them.

mod gaps;
mod joins;
mod pairs;
mod replays;
mod words;
