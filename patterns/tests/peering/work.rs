//! Work is done here if it can be, and elsewhere if not.

use std::time::Duration;

use crate::support::{Cluster, ask, until};

#[tokio::test]
async fn a_request_that_has_no_worker_here_goes_to_one_elsewhere() {
    let (one, two) = (Cluster::new("DC1").await, Cluster::new("DC2").await);
    two.broker.join(&one.place.cloud);
    one.works_with(1).await;
    two.works_with(1).await;
    let _worker = one.worker(1, "of DC1", Duration::ZERO);
    until("the worker is there", async || one.status().await.workers == 1).await;
    let client = two.client();
    assert_eq!(ask(&client, "hello").await, ("hello".into(), "of DC1".into()));
    let counters = two.status().await.counters;
    assert_eq!((counters.spilled, counters.replies), (1, 1));
}
