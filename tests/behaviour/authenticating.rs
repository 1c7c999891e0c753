//! Authenticators that are ready made: what becomes of peers while a file cannot be read.

use std::fs;

use support::{ANY_PORT, failure_and_retry, within};
use zmtp::{Authenticator, Cause, Plain, PullSocket, PushSocket, Reconnect};

/// Status code 300: nothing is said, and the client tries until the file is there again.
#[tokio::test]
async fn a_client_that_came_while_the_file_could_not_be_read_comes_in_once_it_can() {
    let folder = tempfile::tempdir().unwrap();
    let (at, aside) = (folder.path().join("users"), folder.path().join("aside"));
    fs::write(&at, "alice:secret").unwrap();
    let known = Authenticator::passwords_in(&at).unwrap();
    let mut pull = PullSocket::builder().security(Plain::server(known)).build();
    let endpoint = pull.bind(ANY_PORT).await.unwrap();
    fs::rename(&at, &aside).unwrap();

    let alice = Plain::client("alice", "secret").unwrap();
    let push = PushSocket::builder().security(alice).reconnect(Reconnect::default()).build();
    let mut monitor = push.monitor();
    push.connect(endpoint).unwrap();
    push.send("I am patient").await.unwrap();
    let (cause, retry) = failure_and_retry(&mut monitor).await;
    assert!(retry && matches!(cause, Cause::PeerClosed), "{cause}");

    fs::rename(&aside, &at).unwrap();
    assert_eq!(within(20, pull.recv()).await.unwrap(), "I am patient");
}
