//! The classic face of the balancer beside what it is to be equal to: workers and servers as everybody writes them
//! first, on libzmq.

mod article;
mod barrier;
mod bug;
mod meeting;

use std::time::Duration;

use futures::{StreamExt, stream};
use tokio::time::sleep;

/// Runs it so often, a few at a time, and says what has come of each.
async fn repeat<T>(times: usize, run: impl AsyncFn() -> T) -> Vec<T> {
    stream::iter(0..times).map(|_| run()).buffer_unordered(AT_A_TIME).collect().await
}

/// Some time goes by, up to so many ms: people start things when they like.
async fn some_time(most: u64) {
    sleep(Duration::from_millis(fastrand::u64(0..=most))).await;
}

const AT_A_TIME: usize = 10;
