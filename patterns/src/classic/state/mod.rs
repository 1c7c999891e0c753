//! The ventilator without sockets and clocks: when to begin, what has ended, whom to stop. Pure: see
//! [`Machine`](crate::Machine).

mod crew;
mod ledger;
mod rounds;
mod ventilator;

pub use crew::{Expect, TooFew};
pub use ledger::{Ending, Twice};
pub use ventilator::{Config, Input, Notice, Output, Summary, Ventilator};

#[cfg(test)]
mod tests;
