//! Row 64: `ipc://` and `inproc://`: paths that are not ours, users that are not let in, floods of one process.

use support::{ANY_PORT, Zmq, descriptors, resident, until, within};
use zmtp::{Builder, Event, Message, Monitor, PubSocket, Pull, PullSocket, PushSocket};
use zmtp_libzmq::SocketType;

use crate::arena::alone;

/// A PULL of ours, and a PUSH of libzmq at work on it.
struct Scene {
    pull: PullSocket,
    monitor: Monitor,
    push: Zmq,
    sent: u64,
    memory: u64,
    descriptors: usize,
}

impl Scene {
    async fn open(builder: Builder<Pull>, at: &str) -> Self {
        let pull = builder.build();
        let monitor = pull.monitor();
        let at = pull.bind(at).await.unwrap();
        let push = Zmq::connected(SocketType::Push, at).await;
        within(20, pull.wait_for_peers(1)).await;
        let mut scene = Self { pull, monitor, push, sent: 0, memory: 0, descriptors: 0 };
        scene.expect_service().await;
        (scene.memory, scene.descriptors) = (resident(), descriptors());
        scene
    }

    /// The good peer goes on. What else was received is the answer.
    async fn expect_service(&mut self) -> Vec<Message> {
        self.sent += 1;
        let body = format!("good {}", self.sent);
        self.push.send(body.clone()).await;
        let mut others = Vec::new();
        loop {
            match within(20, self.pull.recv()).await.unwrap() {
                message if message == body.as_str() => return others,
                other => others.push(other),
            }
        }
    }

    /// The next of these events.
    async fn event<T>(&mut self, pick: impl Fn(Event) -> Option<T>) -> T {
        support::event(&mut self.monitor, pick).await
    }

    async fn close(mut self) {
        self.expect_service().await;
        until(20, || self.pull.peer_count() == 1).await;
        // What tests that wait for their turn have opened meanwhile is theirs.
        until(20, || descriptors() <= self.descriptors + 16).await;
        until(20, || resident().saturating_sub(self.memory) < 24 << 20).await;
        self.expect_service().await;
        within(20, self.pull.close()).await.unwrap();
        self.push.close().await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn hostile_64_a_path_is_taken_from_a_dead_socket_and_from_nothing_else() {
    use std::fs;
    use std::io::ErrorKind;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::{UnixListener, UnixStream};

    let _alone = alone().await;
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let at = |name: &str| format!("ipc://{}", path(name).display());
    let mut scene = Scene::open(PullSocket::builder(), &at("good")).await;

    fs::write(path("file"), "precious").unwrap();
    fs::create_dir(path("folder")).unwrap();
    let live = UnixListener::bind(path("live")).unwrap();
    drop(UnixListener::bind(path("dead")).unwrap());
    for target in ["file", "live", "dead", "nothing"] {
        symlink(path(target), path(&format!("to-{target}"))).unwrap();
    }
    for name in ["file", "folder", "live", "to-file", "to-live", "to-dead", "to-nothing", "good"] {
        let refused = scene.pull.bind(at(name)).await.unwrap_err();
        assert_eq!(refused.io_kind(), Some(ErrorKind::AddrInUse), "{name}");
        assert!(fs::symlink_metadata(path(name)).is_ok(), "{name} is gone");
        scene.expect_service().await;
    }
    assert_eq!(fs::read_to_string(path("file")).unwrap(), "precious");
    UnixStream::connect(path("live")).unwrap();
    drop(live);

    // Nobody listens there: these are taken, and removed in the end.
    for name in ["dead", "live"] {
        scene.pull.bind(at(name)).await.unwrap();
        let other = Zmq::connected(SocketType::Push, at(name)).await;
        other.send(name).await;
        assert_eq!(within(20, scene.pull.recv()).await.unwrap(), name);
        other.close().await;
        until(20, || scene.pull.peer_count() == 1).await;
        assert!(scene.pull.unbind(at(name).as_str()));
        until(20, || !path(name).exists()).await;
    }
    scene.close().await;
}

#[cfg(unix)]
#[tokio::test]
async fn hostile_64_users_that_are_not_let_in_are_closed_before_a_word_is_said() {
    use std::io::ErrorKind;
    use std::os::unix::fs::MetadataExt;

    use support::Peer;
    use zmtp::IpcOptions;

    let _alone = alone().await;
    let directory = tempfile::tempdir().unwrap();
    let ours = std::fs::metadata(directory.path()).unwrap().uid();
    // To this socket, we are the other user.
    let strict = IpcOptions { accept_uids: vec![ours + 1], ..IpcOptions::default() };
    let mut scene = Scene::open(PullSocket::builder().ipc(strict), ANY_PORT).await;
    let at = scene.pull.bind("ipc://*").await.unwrap().to_string();
    for _ in 0..1000 {
        Peer::connect_ipc(&at).await.expect_close().await;
        let error = scene.event(|event| match event {
            Event::AcceptFailed { error, .. } => Some(error),
            Event::Accepted { endpoint, .. } if endpoint.to_string() == at => panic!("one was let in"),
            _ => None,
        });
        assert_eq!(error.await.kind(), ErrorKind::PermissionDenied);
    }
    scene.close().await;
}

#[cfg(unix)]
#[tokio::test]
async fn hostile_64_mute_liars_and_babblers_over_ipc_are_closed_and_others_are_let_in() {
    use support::{Peer, claim, frame, greeting, ready, session};
    use zmtp::{Cause, Refusal};

    let _alone = alone().await;
    let mut scene = Scene::open(PullSocket::builder().pending_handshakes(16), "ipc://*").await;
    let at = scene.pull.peers()[0].endpoint.to_string();
    let mut mute = Vec::new();
    for _ in 0..200 {
        mute.push(Peer::connect_ipc(&at).await);
        mute.last_mut().unwrap().expect_greeting().await;
    }
    for peer in &mut mute[..200 - 16] {
        peer.expect_close().await;
        let cause = scene.event(|event| match event {
            Event::HandshakeFailed { cause, .. } => Some(cause),
            _ => None,
        });
        assert!(matches!(cause.await, Cause::Refused(Refusal::Crowded)));
    }
    scene.expect_service().await;
    let lies = [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        [Vec::from(greeting()), frame("early")].concat(),
        [Vec::from(greeting()), ready("PUB").into()].concat(),
        session("PUSH", claim(0, u64::MAX)),
        session("PUSH", claim(4, 1 << 30)),
    ];
    for lie in lies.iter().cycle().take(100) {
        let mut peer = Peer::connect_ipc(&at).await;
        peer.send(&lie[..]).await;
        peer.rest().await;
    }
    assert!(scene.expect_service().await.is_empty());
    drop(mute);
    scene.close().await;
}

#[tokio::test]
async fn hostile_64_a_flood_of_connects_over_inproc_leaves_nothing_behind() {
    const CONNECTS: usize = 5000;
    let _alone = alone().await;
    let mut scene = Scene::open(PullSocket::builder(), ANY_PORT).await;
    scene.pull.bind("inproc://hostile-64").await.unwrap();
    let mut got = 0;
    for n in 0..CONNECTS {
        let push = PushSocket::new();
        push.connect("inproc://hostile-64").unwrap();
        push.send("hello").await.unwrap();
        within(20, push.close()).await.unwrap();
        // A name that nobody has, and one of a socket of the wrong type.
        let lost = PushSocket::builder().linger(std::time::Duration::ZERO).build();
        lost.connect(format!("inproc://nobody-{n}").as_str()).unwrap();
        PubSocket::new().connect("inproc://hostile-64").unwrap();
        if n % 500 == 0 {
            got += scene.expect_service().await.len();
        }
    }
    while got < CONNECTS {
        assert_eq!(within(20, scene.pull.recv()).await.unwrap(), "hello");
        got += 1;
    }
    scene.close().await;
}
