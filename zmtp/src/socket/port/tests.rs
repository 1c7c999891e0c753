//! What engines do, and what senders notice.

use super::*;
use crate::options::{Marks, Options};
use crate::pattern::Push;

#[test]
fn whoever_does_not_wait_finds_room_as_soon_as_one_message_was_taken() {
    let marks = Marks { send: 10, ..Marks::default() };
    let core = Core::<Push>::new(Options { marks, ..Options::default() }, &());
    let origin = Origin { endpoint: "inproc://x".parse().unwrap(), accepted: true };
    let id = core.open(&origin, None).unwrap().unwrap();
    let is_sent = || core.try_send(&b"x"[..]).is_ok();
    (0..10).for_each(|_| assert!(is_sent()));
    assert!(!is_sent());

    core.take(id, &mut Batch::default(), 1, &Context::from_waker(Waker::noop()));

    assert!(is_sent());
    assert!(!is_sent());
}
