//! Servers and replicas in the simulated world.

mod seeds;
mod town;
