//! `tcp://`: where connections begin and end, and who may come in.

use std::io::ErrorKind;
use std::time::Duration;

use support::{ANY_PORT, nobody, within};
use zmtp::{Endpoint, Event, PullSocket, PushSocket, Reconnect, TcpOptions};

/// Case 173. All of 127.0.0.0/8 is this machine, on Linux.
#[tokio::test]
async fn case_173_a_connection_begins_at_its_source_address() {
    let source = if cfg!(target_os = "linux") { "127.0.0.2" } else { "127.0.0.1" };
    for host in [source, "lo"] {
        if host == "lo" && !cfg!(target_os = "linux") {
            continue;
        }
        for port in ["0", "*"] {
            let mut pull = PullSocket::new();
            let at = target(&pull.bind(ANY_PORT).await.unwrap());
            let push = PushSocket::new();
            push.connect(format!("tcp://{host}:{port};{at}")).unwrap();

            push.send("from there").await.unwrap();

            assert_eq!(within(20, pull.recv()).await.unwrap(), "from there");
            let address = pull.peers().remove(0).address.unwrap();
            let expected = if host == "lo" { "127.0.0.1" } else { source };
            assert!(address.starts_with(&format!("{expected}:")), "{address}");
        }
    }
}

/// The same port each time: it is free again for the next connection.
#[tokio::test]
async fn a_source_may_have_a_port() {
    let own = target(&nobody());
    let port = own.rsplit_once(':').unwrap().1;
    let pull = PullSocket::new();
    let at = target(&pull.bind(ANY_PORT).await.unwrap());
    let push = PushSocket::new();
    let from = format!("tcp://*:{port};{at}");
    push.connect(&from).unwrap();
    within(20, pull.wait_for_peers(1)).await;
    assert_eq!(pull.peers()[0].address.as_ref(), Some(&own));

    assert!(push.disconnect(&from));

    let refused = PushSocket::new().bind(&from).await.unwrap_err().to_string();
    assert!(refused.contains("a source address is for connecting; expected"), "{refused}");
}

#[tokio::test]
async fn a_source_that_is_not_ours_is_a_failed_attempt() {
    let pull = PullSocket::new();
    let at = target(&pull.bind(ANY_PORT).await.unwrap());
    // An address for examples, which no machine has; and one of the other kind.
    for (source, kind) in [("192.0.2.1", None), ("[::1]", Some(ErrorKind::AddrNotAvailable))] {
        let push = PushSocket::builder().reconnect(Reconnect::never()).build();
        let mut monitor = push.monitor();
        push.connect(format!("tcp://{source}:0;{at}")).unwrap();
        assert_eq!(within(20, monitor.next()).await.unwrap().name(), "connect-delayed");
        let Some(Event::ConnectFailed { error, .. }) = within(20, monitor.next()).await else { panic!() };
        assert!(kind.is_none_or(|kind| kind == error.kind()), "{error}");
    }
}

/// Case 170.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn case_170_an_interface_and_every_wildcard_become_numbers() {
    for (wildcard, host) in [
        ("tcp://lo:*", "127.0.0.1"),
        ("tcp://*:*", "0.0.0.0"),
        ("tcp://0.0.0.0:0", "0.0.0.0"),
        ("tcp://127.0.0.1:*", "127.0.0.1"),
    ] {
        let mut pull = PullSocket::new();
        let bound = pull.bind(wildcard).await.unwrap();
        let Endpoint::Tcp { host: number, port, .. } = &bound else { panic!("{bound}") };
        assert_eq!(number, host);
        assert_ne!(*port, 0);
        let push = PushSocket::new();
        push.connect(format!("tcp://127.0.0.1:{port}")).unwrap();
        push.send(wildcard).await.unwrap();
        assert_eq!(within(20, pull.recv()).await.unwrap(), wildcard);
    }
}

#[tokio::test]
async fn an_interface_that_is_not_there_is_a_name_that_does_not_resolve() {
    let refused = PullSocket::new().bind("tcp://no-such-interface0:*").await.unwrap_err();
    assert!(refused.io_kind().is_some(), "{refused}");
}

/// Case 171.
#[tokio::test]
async fn case_171_ipv6_and_both_kinds_at_once() {
    let both = TcpOptions { ipv6: true, ..TcpOptions::default() };
    for (wildcard, tcp, hosts) in [
        ("tcp://[::1]:*", TcpOptions::default(), &["[::1]"][..]),
        ("tcp://[::]:*", TcpOptions::default(), &["[::1]", "127.0.0.1"]),
        ("tcp://*:*", both, &["[::1]", "127.0.0.1"]),
    ] {
        let mut pull = PullSocket::builder().tcp(tcp).build();
        let bound = pull.bind(wildcard).await.unwrap();
        let Endpoint::Tcp { port, .. } = &bound else { panic!("{bound}") };
        for host in hosts {
            let push = PushSocket::new();
            push.connect(format!("tcp://{host}:{port}")).unwrap();
            push.send(*host).await.unwrap();
            assert_eq!(within(20, pull.recv()).await.unwrap(), *host);
        }
        assert!(pull.unbind(&bound), "{bound}");
    }
}

#[tokio::test]
async fn a_host_outside_the_accepted_networks_is_not_let_in() {
    let networks = |text: &str, bits| vec![("192.0.2.0".parse().unwrap(), 24), (text.parse().unwrap(), bits)];
    for (accept, is_let_in) in [
        (networks("127.0.0.0", 8), true),
        (networks("127.0.0.1", 32), true),
        (networks("0.0.0.0", 0), true),
        (networks("::", 0), false),
        (networks("10.0.0.0", 8), false),
    ] {
        // An IPv4 host is one of IPv4 also where both kinds come in.
        for at in [ANY_PORT, "tcp://[::]:*"] {
            let tcp = TcpOptions { accept: accept.clone(), ..TcpOptions::default() };
            let pull = PullSocket::builder().tcp(tcp).build();
            let mut monitor = pull.monitor();
            let Endpoint::Tcp { port, .. } = pull.bind(at).await.unwrap() else { panic!() };
            assert_eq!(within(20, monitor.next()).await.unwrap().name(), "listening");
            let push = PushSocket::new();
            push.connect(format!("tcp://127.0.0.1:{port}")).unwrap();

            match within(20, monitor.next()).await.unwrap() {
                Event::Accepted { .. } => assert!(is_let_in, "{accept:?}"),
                Event::AcceptFailed { error, .. } => {
                    assert!(!is_let_in, "{accept:?}");
                    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
                    assert_eq!(error.to_string(), "127.0.0.1 is not among those who are let in");
                }
                other => panic!("{other}"),
            }
        }
    }
}

/// Case 172: a name that nobody knows is tried again and again.
#[tokio::test]
async fn case_172_a_name_that_does_not_resolve_is_a_failed_attempt_and_tried_again() {
    let push = PushSocket::builder().reconnect(Reconnect::between(Duration::ZERO, Duration::ZERO)).build();
    let mut monitor = push.monitor();
    push.connect("tcp://no-such-host.invalid:5555").unwrap();
    for _ in 0..2 {
        for name in ["connect-delayed", "connect-failed", "connect-retried"] {
            assert_eq!(within(60, monitor.next()).await.unwrap().name(), name);
        }
    }
}

/// `host:port`, without the transport.
fn target(endpoint: &impl ToString) -> String {
    endpoint.to_string().strip_prefix("tcp://").unwrap().to_owned()
}
