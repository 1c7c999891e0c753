//! One rule at a time, and the cloud as a whole in worlds where everything goes wrong.

mod cloud;
mod desk;
mod rules;
mod seeds;
