//! The parts that socket patterns are made of. Each knows pipes by their [`PeerId`](crate::PeerId) and nothing of
//! tasks or locks.

mod fair_queue;
mod load_balancer;

pub(crate) use fair_queue::FairQueue;
pub(crate) use load_balancer::LoadBalancer;
