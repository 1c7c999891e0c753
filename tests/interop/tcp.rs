//! `tcp://` with libzmq: what stands before the colon, and before the semicolon.

use std::io::ErrorKind;

use support::{ANY_PORT, Zmq, event, within};
use zmtp::{DealerSocket, Event, PullSocket, PushSocket, TcpOptions};
use zmtp_libzmq::{Event as Theirs, Opt, SocketType};

/// `bind` returns numbers, as LAST_ENDPOINT has them.
#[tokio::test]
async fn case_170_wildcards_and_interfaces_become_the_same_numbers_as_with_libzmq() {
    let interface = if cfg!(target_os = "macos") { "lo0" } else { "lo" };
    for (at, expected) in [
        ("tcp://*:*".to_owned(), "0.0.0.0"),
        ("tcp://0.0.0.0:0".to_owned(), "0.0.0.0"),
        ("tcp://127.0.0.1:*".to_owned(), "127.0.0.1"),
        (format!("tcp://{interface}:*"), "127.0.0.1"),
    ] {
        let mut ours = PullSocket::new();
        let here = ours.bind(&at).await.unwrap().to_string();
        let theirs = Zmq::new(SocketType::Pull);
        let there = theirs.bind(&at).await;
        for bound in [&here, &there] {
            let (host, port) = bound.strip_prefix("tcp://").unwrap().rsplit_once(':').unwrap();
            assert_eq!(host, expected, "{at}");
            assert_ne!(port, "0", "{at}");
        }

        let push = Zmq::connected(SocketType::Push, local(&here)).await;
        push.send("x").await;
        assert_eq!(within(20, ours.recv()).await.unwrap(), "x");
        let push = PushSocket::new();
        push.connect(local(&there)).unwrap();
        within(20, push.send("x")).await.unwrap();
        assert_eq!(theirs.recv().await, [b"x"]);
    }
}

/// libzmq wants ZMQ_IPV6 for any of it; an address that is IPv6 needs no permission of ours.
#[tokio::test]
async fn case_171_ipv6_in_both_roles_and_both_kinds_at_one_port() {
    for ours_binds in [true, false] {
        to_and_fro("tcp://[::1]:*", ours_binds, |at| at).await;
        // A client that knows IPv4 only.
        to_and_fro("tcp://[::]:*", ours_binds, |at| local(&at)).await;
        to_and_fro("tcp://*:*", ours_binds, |at| local(&at)).await;
        to_and_fro("tcp://*:*", ours_binds, |at| at.replace("tcp://[::]", "tcp://[::1]")).await;
        if let Some(link_local) = link_local() {
            to_and_fro(&format!("tcp://[{link_local}]:*"), ours_binds, |at| {
                // What `bind` returns may have left the zone out, or made a number of it.
                let port = at.rsplit_once(':').unwrap().1.to_owned();
                format!("tcp://[{link_local}]:{port}")
            })
            .await;
        }
    }

    let theirs = Zmq::new(SocketType::Pull);
    theirs.call(|socket| socket.bind("tcp://[::1]:*")).await.unwrap_err();
}

async fn to_and_fro(at: &str, ours_binds: bool, target: impl Fn(String) -> String) {
    let tcp = TcpOptions { ipv6: true, ..TcpOptions::default() };
    if ours_binds {
        let mut pull = PullSocket::builder().tcp(tcp).build();
        let to = target(pull.bind(at).await.unwrap().to_string());
        let push = Zmq::new(SocketType::Push);
        push.set(Opt::Ipv6, 1).await;
        push.connect(&to).await;
        push.send("x").await;
        assert_eq!(within(20, pull.recv()).await.unwrap(), "x", "{to}");
    } else {
        let pull = Zmq::new(SocketType::Pull);
        pull.set(Opt::Ipv6, 1).await;
        let to = target(pull.bind(at).await);
        let push = PushSocket::builder().tcp(tcp).build();
        push.connect(&to).unwrap();
        within(20, push.send("x")).await.unwrap();
        assert_eq!(pull.recv().await, [b"x"], "{to}");
    }
}

/// An address of this machine that means something only together with its interface, where there is one.
fn link_local() -> Option<String> {
    let table = std::fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
    table.lines().find(|line| line.starts_with("fe80")).map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let groups: Vec<_> =
            fields[0].as_bytes().chunks(4).map(|group| str::from_utf8(group).unwrap()).collect();
        format!("{}%{}", groups.join(":"), fields[5])
    })
}

#[tokio::test]
async fn case_172_a_name_is_resolved_and_one_that_is_unknown_is_tried_again_by_both() {
    let theirs = Zmq::new(SocketType::Pull);
    let at = theirs.bind(ANY_PORT).await.replace("127.0.0.1", "localhost");
    let push = PushSocket::new();
    push.connect(&at).unwrap();
    push.send("x").await.unwrap();
    assert_eq!(theirs.recv().await, [b"x"]);

    let mut ours = PullSocket::new();
    let at = ours.bind(ANY_PORT).await.unwrap().to_string().replace("127.0.0.1", "localhost");
    let push = Zmq::connected(SocketType::Push, at).await;
    push.send("x").await;
    assert_eq!(within(20, ours.recv()).await.unwrap(), "x");

    // `connect` itself does not ask. Each attempt asks anew, so that a name may come into being.
    let unknown = "tcp://nobody.invalid:5555";
    let push = PushSocket::new();
    let mut monitor = push.monitor();
    push.connect(unknown).unwrap();
    let theirs = Zmq::new(SocketType::Push);
    let mut their_monitor = theirs.monitor().await;
    theirs.connect(unknown).await;
    for _ in 0..2 {
        event(&mut monitor, |event| matches!(event, Event::ConnectRetried { .. }).then_some(())).await;
        their_monitor.wait_for(Theirs::CONNECT_RETRIED).await;
    }
}

/// On Linux all of 127.0.0.0/8 is this machine.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn case_173_a_source_address_is_where_the_connection_comes_from() {
    let mut ours = PullSocket::new();
    let here = ours.bind(ANY_PORT).await.unwrap().to_string();
    let push = Zmq::connected(SocketType::Push, from("127.0.0.7:0", &here)).await;
    push.send("x").await;
    assert_eq!(within(20, ours.recv()).await.unwrap(), "x");
    let address = ours.peers()[0].address.clone().unwrap();
    assert!(address.starts_with("127.0.0.7:"), "{address}");

    let theirs = Zmq::new(SocketType::Pull);
    let there = theirs.bind(ANY_PORT).await;
    for source in ["127.0.0.7:0", "127.0.0.1:*", "*:0", "lo:0"] {
        let push = PushSocket::new();
        push.connect(from(source, &there)).unwrap();
        within(20, push.send("x")).await.unwrap();
        assert_eq!(theirs.recv().await, [b"x"]);
    }
}

fn from(source: &str, target: &str) -> String {
    target.replace("tcp://", &format!("tcp://{source};"))
}

#[tokio::test]
async fn case_174_a_wildcard_is_unbound_by_the_endpoint_that_bind_returned() {
    let ours = PullSocket::new();
    let here = ours.bind(ANY_PORT).await.unwrap();
    let theirs = Zmq::new(SocketType::Pull);
    let there = theirs.bind(ANY_PORT).await;

    assert!(!ours.unbind(ANY_PORT));
    let refused = theirs.call(|socket| socket.unbind(ANY_PORT)).await.unwrap_err();
    assert_eq!(std::io::Error::from_raw_os_error(refused.errno).kind(), ErrorKind::NotFound);

    assert!(ours.unbind(&here));
    theirs.call(move |socket| socket.unbind(&there)).await.unwrap();
}

#[tokio::test]
async fn case_176_a_port_in_use_is_refused_and_reported_by_both() {
    let ours = PullSocket::new();
    let here = ours.bind(ANY_PORT).await.unwrap();
    let theirs = Zmq::new(SocketType::Pull);
    let there = theirs.bind(ANY_PORT).await;

    for taken in [here, there.as_str().try_into().unwrap()] {
        let second = PullSocket::new();
        let mut monitor = second.monitor();
        assert_eq!(second.bind(&taken).await.unwrap_err().io_kind(), Some(ErrorKind::AddrInUse));
        let failed = event(&mut monitor, |event| match event {
            Event::BindFailed { endpoint, error } => Some((endpoint, error.kind())),
            _ => None,
        });
        assert_eq!(failed.await, (taken.clone(), ErrorKind::AddrInUse));

        let second = Zmq::new(SocketType::Pull);
        let mut monitor = second.monitor().await;
        let at = taken.to_string();
        assert_eq!(second.call(move |socket| socket.bind(&at)).await, Err(zmtp_libzmq::Error::EADDRINUSE));
        let failed = monitor.wait_for(Theirs::BIND_FAILED).await;
        assert_eq!(failed.value as i32, zmtp_libzmq::Error::EADDRINUSE.errno);
        // Without the transport.
        assert_eq!(format!("tcp://{}", failed.endpoint), taken.to_string());
    }
}

/// Both ends of such a connection are one and the same. It happens by chance to who dials a free port of this machine
/// often enough; with a source address it happens at once.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn case_184_a_connection_to_itself_is_nobodys_peer_and_gives_way_to_who_binds_there() {
    let at = support::nobody();
    let address = at.strip_prefix("tcp://").unwrap();
    let dealer = DealerSocket::new();
    let mut monitor = dealer.monitor();
    dealer.connect(format!("tcp://{address};{address}")).unwrap();
    // It failed, or it never was: but not up.
    let outcome = event(&mut monitor, |event| match event {
        Event::ConnectRetried { .. } => Some(()),
        Event::HandshakeSucceeded { peer, .. } => panic!("its own peer: {peer:?}"),
        _ => None,
    });
    outcome.await;
    assert_eq!(dealer.peer_count(), 0);
    drop(dealer);

    // The port is free for who really binds there.
    let dealer = DealerSocket::new();
    dealer.connect(&at).unwrap();
    let theirs = Zmq::new(SocketType::Dealer);
    theirs.bind(&at).await;
    dealer.send("x").await.unwrap();
    assert_eq!(theirs.recv().await, [b"x"]);
}

/// Where this machine reaches a port that is bound to all of its addresses.
fn local(endpoint: &str) -> String {
    let port = endpoint.rsplit_once(':').unwrap().1;
    format!("tcp://127.0.0.1:{port}")
}
