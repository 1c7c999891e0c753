//! `ipc://` with libzmq, each binding in turn.

use std::io::{Error, ErrorKind};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use support::{Zmq, within};
use tempfile::TempDir;
use zmtp::{PullSocket, PushSocket};
use zmtp_libzmq::SocketType;

#[tokio::test]
async fn case_166_paths_absolute_relative_and_of_107_octets_join_us_with_libzmq() {
    let place = TempDir::new().unwrap();
    let absolute = place.path().join("absolute");
    let relative = relative_to_here(&place.path().join("relative"));
    let longest = place.path().join("x".repeat(107 - place.path().as_os_str().len() - 1));
    assert_eq!(longest.as_os_str().len(), 107);
    for path in [absolute, relative, longest] {
        exchange_both_roles(&at(&path)).await;
    }
}

#[tokio::test]
async fn case_166_paths_that_are_too_long_or_in_no_directory_are_refused_by_both() {
    let place = TempDir::new().unwrap();
    let too_long = at(&place.path().join("x".repeat(107 - place.path().as_os_str().len())));
    let nowhere = at(&place.path().join("nowhere/socket"));

    let pull = PullSocket::new();
    let said = pull.bind(&too_long).await.unwrap_err();
    assert!(said.to_string().contains("108 octets"), "{said}");
    assert_eq!(pull.bind(&nowhere).await.unwrap_err().io_kind(), Some(ErrorKind::NotFound));

    assert_eq!(their_bind(&too_long).await, ErrorKind::InvalidFilename);
    assert_eq!(their_bind(&nowhere).await, ErrorKind::NotFound);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn case_167_a_name_in_the_abstract_space_joins_us_with_libzmq_and_is_bound_once() {
    let at = format!("ipc://@zmtp-case-167-{}", std::process::id());
    exchange_both_roles(&at).await;

    let (ours, theirs) = (PullSocket::new(), Zmq::new(SocketType::Pull));
    ours.bind(&at).await.unwrap();
    assert_eq!(their_bind(&at).await, ErrorKind::AddrInUse);
    drop(ours);
    within(20, async { while !bind_theirs(&theirs, &at).await {} }).await;
    assert_eq!(PullSocket::new().bind(&at).await.unwrap_err().io_kind(), Some(ErrorKind::AddrInUse));
}

#[tokio::test]
async fn case_168_a_wildcard_is_a_file_that_goes_with_its_directory() {
    let mut ours = PullSocket::new();
    let here = ours.bind("ipc://*").await.unwrap();
    let push = Zmq::connected(SocketType::Push, &here).await;
    push.send("x").await;
    assert_eq!(within(20, ours.recv()).await.unwrap(), "x");
    let file = file(&here.to_string());
    assert!(file.exists());
    ours.close().await.unwrap();
    assert!(!file.parent().unwrap().exists());

    let theirs = Zmq::new(SocketType::Pull);
    let there = theirs.bind("ipc://*").await;
    let push = PushSocket::new();
    push.connect(&there).unwrap();
    push.send("x").await.unwrap();
    assert_eq!(theirs.recv().await, [b"x"]);
    let file = self::file(&there);
    theirs.close().await;
    assert!(!file.parent().unwrap().exists());
}

/// As a killed process leaves it: the file is there, and nobody listens.
#[tokio::test]
async fn case_169_a_file_that_a_killed_process_left_is_taken_over_by_both() {
    let place = TempDir::new().unwrap();
    for ours in [true, false] {
        let path = place.path().join(format!("left-{ours}"));
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        exchange(&at(&path), ours).await;
    }
}

async fn exchange_both_roles(at: &str) {
    for ours_binds in [true, false] {
        exchange(at, ours_binds).await;
    }
}

/// A message each way, and then nobody is bound there any more.
async fn exchange(at: &str, ours_binds: bool) {
    let mut ours = zmtp::PairSocket::new();
    let theirs = Zmq::new(SocketType::Pair);
    if ours_binds {
        ours.bind(at).await.unwrap();
        theirs.connect(at).await;
    } else {
        theirs.bind(at).await;
        ours.connect(at).unwrap();
    }
    within(20, ours.send("there")).await.unwrap();
    assert_eq!(theirs.recv().await, [b"there"], "{at}");
    theirs.send("and back").await;
    assert_eq!(within(20, ours.recv()).await.unwrap(), "and back", "{at}");
    theirs.close().await;
    ours.close().await.unwrap();
}

/// Why libzmq does not bind there.
async fn their_bind(at: &str) -> ErrorKind {
    let at = at.to_owned();
    let refused = Zmq::new(SocketType::Pull).call(move |socket| socket.bind(&at)).await;
    Error::from_raw_os_error(refused.unwrap_err().errno).kind()
}

async fn bind_theirs(theirs: &Zmq, at: &str) -> bool {
    let at = at.to_owned();
    theirs.call(move |socket| socket.bind(&at).is_ok()).await
}

fn at(path: &Path) -> String {
    format!("ipc://{}", path.display())
}

fn file(endpoint: &str) -> PathBuf {
    endpoint.strip_prefix("ipc://").unwrap().into()
}

/// Up to the root, and from there.
fn relative_to_here(path: &Path) -> PathBuf {
    let here = std::env::current_dir().unwrap();
    let up: PathBuf = here.components().skip(1).map(|_| "..").collect();
    up.join(path.strip_prefix("/").unwrap())
}
