//! The clone in simulated towns.

mod history;
mod pairs;
mod rules;
mod seeds;
mod system;
mod town;
