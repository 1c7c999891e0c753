//! Texts that are no endpoints, or not in this place: what libzmq says, and that we say no as well.

use support::{Zmq, within};
use zmtp::{BindError, ConnectError, DealerSocket};
use zmtp_libzmq::{Error, SocketType};

/// Each with libzmq's verdict on connect and on bind. Where libzmq lets one pass that leads nowhere, we do not.
#[tokio::test]
async fn case_175_what_makes_no_sense_is_refused() {
    let refused = [
        ("tcp:/x", EINVAL, EINVAL),
        ("tcp://", EINVAL, EINVAL),
        ("tcp://h", EINVAL, EINVAL),
        ("tcp://h:", EINVAL, EINVAL),
        ("foo://x", EPROTONOSUPPORT, EPROTONOSUPPORT),
        ("udp://127.0.0.1:5555", ENOCOMPATPROTO, ENOCOMPATPROTO),
        ("ipc://@", EINVAL, EINVAL),
        ("tcp://h:0x", Ok(()), EINVAL),
        ("tcp://127.0.0.1:99999", Ok(()), Ok(())),
    ];
    for (text, their_connect, their_bind) in refused {
        let ours = DealerSocket::new();
        assert!(matches!(ours.connect(text), Err(ConnectError::Endpoint(_))), "{text}");
        assert!(matches!(within(20, ours.bind(text)).await, Err(BindError::Endpoint(_))), "{text}");

        let theirs = Zmq::new(SocketType::Dealer);
        assert_eq!(theirs.call(move |socket| socket.connect(text)).await, their_connect, "{text}");
        assert_eq!(theirs.call(move |socket| socket.bind(text).map(drop)).await, their_bind, "{text}");
    }
}

#[tokio::test]
async fn case_175_wildcards_can_be_bound_and_not_connected_to() {
    for text in ["tcp://127.0.0.1:*", "tcp://*:*"] {
        let ours = DealerSocket::new();
        assert!(matches!(ours.connect(text), Err(ConnectError::Endpoint(_))), "{text}");
        within(20, ours.bind(text)).await.unwrap();

        let theirs = Zmq::new(SocketType::Dealer);
        assert_eq!(theirs.call(move |socket| socket.connect(text)).await, EINVAL, "{text}");
        theirs.bind(text).await;
    }
}

/// A source address is for connecting. libzmq passes over it.
#[tokio::test]
async fn case_175_a_source_address_cannot_be_bound_except_in_libzmq() {
    let text = "tcp://127.0.0.1:0;127.0.0.1:*";
    assert!(matches!(within(20, DealerSocket::new().bind(text)).await, Err(BindError::Endpoint(_))));
    assert!(!Zmq::new(SocketType::Dealer).bind(text).await.contains(';'));
}

const EINVAL: Result<(), Error> = Err(Error::EINVAL);
const EPROTONOSUPPORT: Result<(), Error> =
    Err(Error { errno: if cfg!(target_os = "linux") { 93 } else { 43 } });
/// `ZMQ_HAUSNUMERO` and 52.
const ENOCOMPATPROTO: Result<(), Error> = Err(Error { errno: 156_384_764 });
