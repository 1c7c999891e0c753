//! What an endpoint may be, and who understands it: `bind`, `connect`, `unbind`, `disconnect`.

use std::io::ErrorKind;

use support::{ANY_PORT, nobody, until, within};
use zmtp::{
    BindError, ConnectError, Dealer, Endpoint, Event, Pair, Pattern, Pub, Pull, PullSocket, Push, PushSocket,
    Rep, Req, Router, Socket, Sub, Xpub, Xsub,
};

/// Case 175.
#[tokio::test]
async fn case_175_a_text_that_is_no_endpoint_is_an_error_that_says_what_was_expected() {
    let cases = [
        ("tcp:/x", "no transport; expected `tcp://host:port`, `ipc://path` or `inproc://name`"),
        ("tcp://", "no port; expected"),
        ("tcp://h", "no port; expected"),
        ("tcp://h:", "no port; expected"),
        ("foo://x", "unknown transport `foo`; expected `tcp`, `ipc` or `inproc`"),
        ("udp://127.0.0.1:5555", "unknown transport `udp`; expected"),
        ("ipc://@", "no name after the `@`; expected"),
        ("tcp://h:0x", "port `0x`; expected a number from 1 to 65535"),
        ("tcp://h:99999", "port `99999`; expected a number from 1 to 65535"),
    ];
    for (text, expected) in cases {
        let Err(BindError::Endpoint(said)) = PullSocket::new().bind(text).await else { panic!("{text}") };
        assert!(said.to_string().starts_with(&format!("endpoint `{text}`: {expected}")), "{said}");
        let Err(ConnectError::Endpoint(same)) = PullSocket::new().connect(text) else { panic!("{text}") };
        assert_eq!(same, said);
    }
}

/// Case 175: these can be bound.
#[tokio::test]
async fn case_175_a_wildcard_cannot_be_connected_to() {
    for (text, expected) in [
        ("tcp://127.0.0.1:*", "host `*` and port `*` or 0 can be bound, not connected to"),
        ("tcp://127.0.0.1:0", "host `*` and port `*` or 0 can be bound, not connected to"),
        ("tcp://*:5555", "host `*` and port `*` or 0 can be bound, not connected to"),
        ("ipc://*", "path `*` can be bound, not connected to"),
    ] {
        let Err(ConnectError::Endpoint(said)) = PullSocket::new().connect(text) else { panic!("{text}") };
        assert!(said.to_string().contains(expected), "{said}");
    }
}

/// Case 176.
#[tokio::test]
async fn case_176_a_port_in_use_is_an_error_and_an_event() {
    let (first, second) = (PullSocket::new(), PullSocket::new());
    let at = first.bind(ANY_PORT).await.unwrap();
    let mut monitor = second.monitor();

    let refused = second.bind(&at).await.unwrap_err();

    assert_eq!(refused.io_kind(), Some(ErrorKind::AddrInUse));
    let Some(Event::BindFailed { endpoint, error }) = within(20, monitor.next()).await else { panic!() };
    assert_eq!((endpoint, error.kind()), (at, ErrorKind::AddrInUse));
}

/// Case 174.
#[tokio::test]
async fn case_174_unbind_knows_the_endpoint_that_bind_returned_and_not_the_wildcard() {
    for wildcard in [ANY_PORT, "tcp://*:*", "ipc://*"] {
        let pull = PullSocket::new();
        let bound = pull.bind(wildcard).await.unwrap();
        assert!(!pull.unbind(wildcard));
        assert!(pull.unbind(bound.to_string()));
        assert!(!pull.unbind(&bound), "it is not bound there any more");
    }
}

#[tokio::test]
async fn a_text_that_is_no_endpoint_is_not_bound_and_not_connected() {
    let pull = PullSocket::new();
    assert!(!pull.unbind("nonsense"));
    assert!(!pull.disconnect("nonsense"));
    assert!(!pull.disconnect(nobody()));
}

/// "`tcp://localhost:5555`" and the number it stands for are two endpoints to `disconnect`.
#[tokio::test]
async fn disconnect_wants_the_endpoint_as_it_was_connected() {
    let pull = PullSocket::new();
    let Endpoint::Tcp { port, .. } = pull.bind(ANY_PORT).await.unwrap() else { panic!() };
    let push = PushSocket::new();
    push.connect(format!("tcp://localhost:{port}")).unwrap();
    within(20, push.wait_for_peers(1)).await;

    assert!(!push.disconnect(format!("tcp://127.0.0.1:{port}")));
    assert!(push.disconnect(format!("tcp://localhost:{port}")));

    until(20, || pull.peer_count() == 0).await;
}

/// Case 126.
#[tokio::test]
async fn case_126_four_types_connect_to_an_endpoint_once_and_the_others_each_time() {
    async fn attempts<P: Pattern>(expected: usize) {
        let socket = Socket::<P>::new();
        let mut monitor = socket.monitor();
        let (at, other) = (nobody(), "tcp://127.0.0.1:1");
        for _ in 0..3 {
            socket.connect(&at).unwrap();
        }
        // One after the other, in the order of the calls.
        socket.connect(other).unwrap();
        let mut dialled = 0;
        loop {
            match within(20, monitor.next()).await.unwrap() {
                Event::ConnectDelayed { endpoint } if endpoint.to_string() == other => break,
                Event::ConnectDelayed { .. } => dialled += 1,
                _ => {}
            }
        }
        assert_eq!(dialled, expected, "{}", std::any::type_name::<P>());

        // After `disconnect` it is a first time again.
        assert!(socket.disconnect(&at));
        socket.connect(&at).unwrap();
        loop {
            match within(20, monitor.next()).await.unwrap() {
                Event::ConnectDelayed { endpoint } if endpoint.to_string() == at => break,
                _ => {}
            }
        }
    }
    attempts::<Dealer>(1).await;
    attempts::<Sub>(1).await;
    attempts::<Pub>(1).await;
    attempts::<Req>(1).await;
    attempts::<Push>(3).await;
    attempts::<Pull>(3).await;
    attempts::<Rep>(3).await;
    attempts::<Router>(3).await;
    attempts::<Pair>(3).await;
    attempts::<Xpub>(3).await;
    attempts::<Xsub>(3).await;
}
