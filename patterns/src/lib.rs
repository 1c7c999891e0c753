//! Published messaging designs as production components, built on the public API of [`zmtp`].
//!
//! Nothing is here yet. The components come in this order, each a folder with the same files (the wire, the pure
//! state machine, the shells around it):
//!
//! 1. a balancer with a ready handshake,
//! 2. peering brokers,
//! 3. a clone server with a hot standby,
//! 4. durable task pipes with a scheduler,
//! 5. a central log with calibrated clocks and timeline pictures.
//!
//! Until the first one lands, the `backup` example of this repository shows the classic PUSH and PULL face of the
//! balancer.
