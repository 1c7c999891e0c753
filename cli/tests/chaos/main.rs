//! Real processes of the command in bad weather: killed, frozen, cut off, slowed down, and started again.
//!
//! ```text
//! schedule ──acts──► storm ──kill, freeze──► process ──lines──► the scenario's history
//!  (seed)                └──cut, slow, silent──► relay                 │
//!                                               log ◄── jobs           ▼
//!                                                └───────────► the scenario's promises
//! ```
//!
//! What was promised is checked afterwards, against what clients were told and what workers have written down. Servers are
//! not asked.
//!
//! `SEED=n cargo test -p zmtp-cli --test chaos` has the same acts again, `CHAOS_SECONDS=300` goes on for as long.

#![cfg(unix)]

mod balance;
mod folder;
mod log;
mod process;
mod relay;
mod schedule;
mod storm;
