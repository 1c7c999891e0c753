//! `ipc://`: whose file it is, who may come in, and what is left behind.
#![cfg(unix)]

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use support::within;
use tempfile::TempDir;
use zmtp::{BindError, Event, IpcOptions, PullSocket, PushSocket};

#[tokio::test]
async fn messages_cross_a_path_and_the_peers_know_each_other() {
    let (_directory, at) = place();
    let mut pull = PullSocket::new();
    assert_eq!(pull.bind(&at).await.unwrap().to_string(), at);
    let push = PushSocket::new();
    push.connect(&at).unwrap();

    push.send("across").await.unwrap();

    assert_eq!(within(20, pull.recv()).await.unwrap(), "across");
    let (pid, uid) = (std::process::id(), uid());
    for peer in pull.peers().iter().chain(&push.peers()) {
        let address = peer.address.as_ref().unwrap();
        assert!(*address == format!("pid {pid} uid {uid}") || *address == format!("uid {uid}"), "{address}");
    }
}

/// Large messages, both roles.
#[tokio::test]
async fn the_side_that_binds_may_also_be_the_one_that_sends() {
    let (_directory, at) = place();
    let push = PushSocket::new();
    push.bind(&at).await.unwrap();
    let mut pull = PullSocket::new();
    pull.connect(&at).unwrap();
    let body = vec![5; 3 << 20];

    push.send(&body[..]).await.unwrap();

    assert_eq!(within(20, pull.recv()).await.unwrap(), *body);
    within(20, push.close()).await.unwrap();
}

#[tokio::test]
async fn a_connect_may_come_before_the_bind() {
    let (_directory, at) = place();
    let push = PushSocket::new();
    let mut monitor = push.monitor();
    push.connect(&at).unwrap();
    push.send("early").await.unwrap();
    while !matches!(within(20, monitor.next()).await.unwrap(), Event::ConnectFailed { .. }) {}

    let mut pull = PullSocket::new();
    pull.bind(&at).await.unwrap();

    assert_eq!(within(20, pull.recv()).await.unwrap(), "early");
}

/// Case 167.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn case_167_an_abstract_name_is_bound_once_and_leaves_no_file() {
    let at = format!("ipc://@zmtp-test-{}", std::process::id());
    let mut pull = PullSocket::new();
    assert_eq!(pull.bind(&at).await.unwrap().to_string(), at);
    let push = PushSocket::new();
    push.connect(&at).unwrap();
    push.send("abstract").await.unwrap();
    assert_eq!(within(20, pull.recv()).await.unwrap(), "abstract");

    let refused = PullSocket::new().bind(&at).await.unwrap_err();

    assert_eq!(refused.io_kind(), Some(ErrorKind::AddrInUse));
    within(20, pull.close()).await.unwrap();
    PullSocket::new().bind(&at).await.unwrap();
}

/// Case 168.
#[tokio::test]
async fn case_168_a_wildcard_is_a_file_in_a_private_directory_and_both_are_removed() {
    let mut pull = PullSocket::new();
    let at = pull.bind("ipc://*").await.unwrap();
    let file = path(&at);
    let directory = file.parent().unwrap();
    assert_eq!(file.file_name().unwrap(), "socket");
    assert_eq!(fs::metadata(directory).unwrap().permissions().mode() & 0o777, 0o700);
    let push = PushSocket::new();
    push.connect(&at).unwrap();
    push.send("anywhere").await.unwrap();
    assert_eq!(within(20, pull.recv()).await.unwrap(), "anywhere");

    within(20, pull.close()).await.unwrap();

    assert!(!directory.exists());
}

/// "The port is free again when the monitor shows `Closed`."
#[tokio::test]
async fn the_file_goes_when_its_endpoint_is_unbound() {
    let (_directory, at) = place();
    let pull = PullSocket::new();
    let mut monitor = pull.monitor();
    pull.bind(&at).await.unwrap();
    assert!(path(&at).exists());

    assert!(pull.unbind(at.as_str()));

    while !matches!(within(20, monitor.next()).await.unwrap(), Event::Closed { .. }) {}
    assert!(!path(&at).exists());
    pull.bind(&at).await.unwrap();
}

/// A file that another has put there since is not ours to remove.
#[tokio::test]
async fn a_file_that_another_has_bound_since_stays() {
    let (_directory, at) = place();
    let pull = PullSocket::new();
    pull.bind(&at).await.unwrap();
    // As libzmq does.
    fs::remove_file(path(&at)).unwrap();
    let thief = UnixListener::bind(path(&at)).unwrap();

    within(20, pull.close()).await.unwrap();

    assert!(path(&at).exists());
    drop(thief);
}

/// Case 169: a killed process leaves its file; nobody listens there.
#[tokio::test]
async fn case_169_a_file_that_was_left_behind_is_taken_over() {
    let (_directory, at) = place();
    drop(UnixListener::bind(path(&at)).unwrap());
    assert!(path(&at).exists());

    let mut pull = PullSocket::new();
    pull.bind(&at).await.unwrap();

    let push = PushSocket::new();
    push.connect(&at).unwrap();
    push.send("taken over").await.unwrap();
    assert_eq!(within(20, pull.recv()).await.unwrap(), "taken over");
}

/// libzmq takes the path away from whoever listens there; we do not.
#[tokio::test]
async fn a_path_where_somebody_listens_is_in_use() {
    let (_directory, at) = place();
    let mut first = PullSocket::new();
    first.bind(&at).await.unwrap();
    let second = PullSocket::new();
    let mut monitor = second.monitor();

    let refused = second.bind(&at).await.unwrap_err();

    assert_eq!(refused.io_kind(), Some(ErrorKind::AddrInUse));
    assert_eq!(refused.to_string(), format!("cannot bind to {at}: somebody listens at this path"));
    let event = within(20, monitor.next()).await.unwrap().to_string();
    assert_eq!(event, format!("bind-failed {at}: somebody listens at this path"));
    // The first has not noticed anything that matters.
    let push = PushSocket::new();
    push.connect(&at).unwrap();
    push.send("still here").await.unwrap();
    assert_eq!(within(20, first.recv()).await.unwrap(), "still here");
}

/// Many at once: one of them gets it.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_take_a_file_over_at_once_one_gets_it() {
    let (_directory, at) = place();
    for _ in 0..20 {
        drop(UnixListener::bind(path(&at)).unwrap());
        let binds = (0..8).map(|_| {
            let at = at.clone();
            tokio::spawn(async move {
                let pull = PullSocket::new();
                pull.bind(&at).await.map(|_| pull)
            })
        });
        let mut winners = Vec::new();
        for bind in binds.collect::<Vec<_>>() {
            match within(20, bind).await.unwrap() {
                Ok(pull) => winners.push(pull),
                Err(refused) => assert_eq!(refused.io_kind(), Some(ErrorKind::AddrInUse)),
            }
        }
        assert_eq!(winners.len(), 1);
        for winner in winners {
            within(20, winner.close()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_left_alone() {
    let (_directory, at) = place();
    fs::write(path(&at), "precious").unwrap();

    let refused = PullSocket::new().bind(&at).await.unwrap_err();

    assert_eq!(refused.io_kind(), Some(ErrorKind::AddrInUse));
    assert!(refused.to_string().contains("it is no socket"), "{refused}");
    assert_eq!(fs::read(path(&at)).unwrap(), b"precious");
}

/// Case 166.
#[tokio::test]
async fn case_166_a_path_may_have_107_octets_and_its_directory_must_exist() {
    let (directory, _) = place();
    let room = 107 - directory.path().as_os_str().len() - 1;
    if cfg!(target_os = "linux") {
        let longest = directory.path().join("p".repeat(room));
        let at = format!("ipc://{}", longest.display());
        PullSocket::new().bind(&at).await.unwrap();
    }

    let longer = format!("ipc://{}", directory.path().join("p".repeat(room + 1)).display());
    let refused = PullSocket::new().bind(&longer).await.unwrap_err();
    assert!(matches!(refused, BindError::Endpoint(_)));
    assert!(refused.to_string().contains("a path of 108 octets; expected at most"), "{refused}");

    let nowhere = format!("ipc://{}", directory.path().join("missing/socket").display());
    let refused = PullSocket::new().bind(&nowhere).await.unwrap_err();
    assert_eq!(refused.io_kind(), Some(ErrorKind::NotFound));
}

#[tokio::test]
async fn the_file_has_the_permissions_that_were_asked_for() {
    for mode in [0o600, 0o660, 0o666] {
        let (_directory, at) = place();
        let pull =
            PullSocket::builder().ipc(IpcOptions { mode: Some(mode), ..IpcOptions::default() }).build();

        pull.bind(&at).await.unwrap();

        assert_eq!(fs::metadata(path(&at)).unwrap().permissions().mode() & 0o777, mode);
    }
}

/// "Who matches any entry of any of them."
#[tokio::test]
async fn a_peer_that_is_on_no_list_is_not_let_in() {
    let (us, us_too, nobody) = (uid(), std::process::id(), u32::MAX - 1);
    let none = IpcOptions::default();
    let cases = [
        (none.clone(), true),
        (IpcOptions { accept_uids: vec![nobody, us], ..none.clone() }, true),
        (IpcOptions { accept_uids: vec![nobody], accept_gids: vec![gid()], ..none.clone() }, true),
        (IpcOptions { accept_uids: vec![nobody], ..none.clone() }, false),
        (IpcOptions { accept_gids: vec![nobody], ..none.clone() }, false),
        (IpcOptions { accept_pids: vec![nobody], ..none.clone() }, false),
        (
            IpcOptions { accept_uids: vec![nobody], accept_pids: vec![us_too], ..none },
            cfg!(target_os = "linux"),
        ),
    ];
    for (options, is_let_in) in cases {
        let (_directory, at) = place();
        let pull = PullSocket::builder().ipc(options.clone()).build();
        let mut monitor = pull.monitor();
        pull.bind(&at).await.unwrap();
        assert_eq!(within(20, monitor.next()).await.unwrap().name(), "listening");
        let push = PushSocket::new();
        push.connect(&at).unwrap();

        match within(20, monitor.next()).await.unwrap() {
            Event::Accepted { .. } => assert!(is_let_in, "{options:?}"),
            Event::AcceptFailed { error, .. } => {
                assert!(!is_let_in, "{options:?}: {error}");
                assert_eq!(error.kind(), ErrorKind::PermissionDenied);
                assert!(error.to_string().contains(&format!("uid {us} gid")), "{error}");
            }
            other => panic!("{other}"),
        }
    }
}

/// A place for a socket, gone with the test.
fn place() -> (TempDir, String) {
    let directory = TempDir::new().unwrap();
    let at = format!("ipc://{}", directory.path().join("socket").display());
    (directory, at)
}

fn path(at: impl ToString) -> PathBuf {
    PathBuf::from(at.to_string().strip_prefix("ipc://").unwrap())
}

/// Ours, as the system writes it on what we create.
fn uid() -> u32 {
    fs::metadata(TempDir::new().unwrap()).unwrap().uid()
}

fn gid() -> u32 {
    fs::metadata(TempDir::new().unwrap()).unwrap().gid()
}
