//! The clone in simulated towns.

mod pairs;
mod rules;
mod seeds;
mod town;
