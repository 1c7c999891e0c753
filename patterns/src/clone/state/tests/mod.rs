//! The clone in simulated towns.

mod pairs;
mod seeds;
mod town;
