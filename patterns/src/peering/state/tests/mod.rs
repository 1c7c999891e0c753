//! The cloud as a whole, in worlds where everything goes wrong.

mod seeds;
