//! The parts that socket patterns are made of. Each knows pipes by their [`PeerId`](crate::PeerId) and nothing of
//! tasks or locks.

mod circles;
mod distributor;
mod fair_queue;
mod load_balancer;
mod routing_table;
mod subscriptions;
mod trie;

pub(crate) use distributor::distribute;
pub(crate) use fair_queue::FairQueue;
pub(crate) use load_balancer::LoadBalancer;
pub(crate) use routing_table::RoutingTable;
#[cfg(all(feature = "harness", feature = "tokio"))]
pub(crate) use subscriptions::{Added, Removed, SubscriptionLimits};
pub(crate) use subscriptions::{Subscriptions, TooMany};
pub(crate) use trie::Trie;
