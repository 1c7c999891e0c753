//! The broker on its own (`desk`, `promises`), and all machines together in a world where everything goes wrong.

pub(super) mod desk;

mod promises;
mod seeds;
mod town;
