//! In steady state no message costs an allocation. What is allocated is allocated once a batch, whatever its length; the
//! bound stands in each test.

use std::sync::{Mutex, PoisonError};

use allocation_counter::measure;

use super::PATHS;

#[test]
fn encoding_a_message_allocates_nothing() {
    check("encode", 0);
}

/// The buffer, which grows to what is put into it, and what shares it between the chunk and the connection.
#[test]
fn finding_and_taking_a_message_in_what_was_read_allocates_nothing() {
    check("scan-parse", 5);
}

#[test]
fn matching_a_topic_allocates_nothing() {
    check("topic-match", 0);
}

#[test]
fn sending_a_message_through_a_push_allocates_nothing() {
    check("push-take", 0);
}

/// Two segments that the subscribers share, the second of them copied to fit, and their list.
#[test]
fn publishing_a_message_to_eight_subscribers_allocates_nothing() {
    check("publish-8", 4);
}

/// A segment for each peer, which gets eight messages; the thread keeps some of them.
#[test]
fn routing_a_message_to_one_of_many_peers_allocates_nothing() {
    check("route-128", 128);
}

/// A batch on this path, which has about a thousand messages, takes at most so many allocations.
#[track_caller]
fn check(name: &str, bound: u64) {
    let path = PATHS.into_iter().find(|path| path.name == name).expect("a path");
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut round = (path.set_up)();
    for _ in 0..WARM_UP {
        round();
    }
    for _ in 0..ROUNDS {
        let mut messages = 0;
        let allocations = measure(|| messages = round()).count_total;
        assert!(messages >= 990, "{messages}");
        assert!(
            allocations <= bound,
            "{name}: {allocations} allocations for a batch of {messages} messages, and {bound} are allowed"
        );
    }
}

/// Buffers come from a pool of the whole process: another test must not take them away.
static ALONE: Mutex<()> = Mutex::new(());

const WARM_UP: usize = 20;
const ROUNDS: usize = 50;
