//! Every wait has an end. With a paused clock the end comes as soon as nothing else can happen.

use std::panic::Location;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

/// Waits for `future`, and fails the test when it takes longer.
#[track_caller]
pub fn within<F: Future>(secs: u64, future: F) -> impl Future<Output = F::Output> {
    let at = Location::caller();
    async move {
        match timeout(Duration::from_secs(secs), future).await {
            Ok(output) => output,
            Err(_) => panic!("{at}: waited {secs} s for what did not happen"),
        }
    }
}

/// Waits until `condition` holds, and fails the test when it takes longer. For what no event tells of: memory,
/// descriptors, libzmq's insides.
#[track_caller]
pub fn until(secs: u64, mut condition: impl FnMut() -> bool) -> impl Future<Output = ()> {
    let at = Location::caller();
    async move {
        let end = Instant::now() + Duration::from_secs(secs);
        while !condition() {
            assert!(Instant::now() < end, "{at}: waited {secs} s for what did not come true");
            sleep(LOOK).await;
        }
    }
}

/// Between two looks at a condition.
const LOOK: Duration = Duration::from_millis(2);
