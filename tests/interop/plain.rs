//! PLAIN (RFC 24): names and passwords, with libzmq as client and as server.

use support::{
    ANY_PORT, Peer, Zmq, answer, command, event, failure, failure_and_retry, frame, greeting, ready, within,
};
use zmtp::wire::{Denied, Error, Malformed, Misbehaved};
use zmtp::{
    Authenticator, Cause, Credentials, Decision, Denial, Event, Plain, PullSocket, PushSocket, Security,
};
use zmtp_libzmq::{Event as Theirs, Opt, SocketType};

#[tokio::test]
async fn case_140_our_client_is_let_in_by_libzmq() {
    let (pull, mut asked) = Zmq::guarded(SocketType::Pull, answer("200", "admin"));
    pull.set(Opt::PlainServer, 1).await;
    let at = pull.bind(ANY_PORT).await;
    let push = PushSocket::builder().security(Plain::client("admin", "secret").unwrap()).build();
    push.connect(&at).unwrap();
    push.send("hello").await.unwrap();
    assert_eq!(pull.recv().await, [b"hello"]);
    let request = within(20, asked.recv()).await.unwrap();
    assert_eq!(request[5..], [b"PLAIN".to_vec(), b"admin".to_vec(), b"secret".to_vec()]);
}

/// libzmq misspells the ERROR of PLAIN as `^RROR`.
#[tokio::test]
async fn case_141_our_client_understands_that_libzmq_refuses_it() {
    let (pull, _asked) = Zmq::guarded(SocketType::Pull, answer("400", ""));
    pull.set(Opt::PlainServer, 1).await;
    let at = pull.bind(ANY_PORT).await;
    let push = PushSocket::builder().security(Plain::client("admin", "wrong").unwrap()).build();
    let mut monitor = push.monitor();
    push.connect(&at).unwrap();
    let (cause, retry) = failure_and_retry(&mut monitor).await;
    assert!(matches!(cause, Cause::Wire(Error::Denied(Denied { reason })) if reason == "400"));
    assert!(!retry, "these credentials are refused for good");
}

#[tokio::test]
async fn case_142_libzmqs_client_stops_when_we_refuse_it() {
    let pull = PullSocket::builder().security(Plain::server(admins())).build();
    let at = pull.bind(ANY_PORT).await.unwrap();
    let mut monitor = pull.monitor();
    let push = client("admin", "wrong").await;
    let mut theirs = push.monitor().await;
    push.connect(&at).await;
    let cause = failure(&mut monitor).await;
    assert!(matches!(cause, Cause::Wire(Error::Refused(Denial::Denied))), "{cause}");
    // It only knows its own misspelling, and takes the right word for a wrong one; it stops all the same.
    assert_eq!(theirs.wait_for(Theirs::HANDSHAKE_FAILED_PROTOCOL).await.value, 0x1000_0001);
}

#[tokio::test]
async fn case_143_libzmqs_client_is_let_in_by_us_under_the_name_that_we_give_it() {
    let mut pull = PullSocket::builder().security(Plain::server(admins())).build();
    let at = pull.bind(ANY_PORT).await.unwrap();
    let push = client("admin", "secret").await;
    push.connect(&at).await;
    push.send("hello").await;
    assert_eq!(within(20, pull.recv()).await.unwrap(), "hello");
    assert_eq!(pull.peers()[0].user.as_ref().unwrap().id, "the administrator");
}

#[tokio::test]
async fn case_144_two_clients_and_two_servers_do_not_come_together() {
    // libzmq's HELLO comes where our client waits for WELCOME.
    let push = PushSocket::builder().security(Plain::client("a", "b").unwrap()).build();
    let at = push.bind(ANY_PORT).await.unwrap();
    let mut monitor = push.monitor();
    let zmq = Zmq::new(SocketType::Pull);
    zmq.set_bytes(Opt::PlainUsername, "c").await;
    zmq.set_bytes(Opt::PlainPassword, "d").await;
    zmq.connect(&at).await;
    let cause = failure(&mut monitor).await;
    assert!(matches!(cause, Cause::Wire(Error::Misbehaved(Misbehaved::UnexpectedCommand(_)))), "{cause}");

    // Two servers wait for each other until the deadline.
    let limit = std::time::Duration::from_millis(300);
    let pull = PullSocket::builder().security(Plain::server(admins())).handshake_timeout(limit).build();
    let at = pull.bind(ANY_PORT).await.unwrap();
    let mut monitor = pull.monitor();
    let (zmq, _asked) = Zmq::guarded(SocketType::Push, answer("200", ""));
    zmq.set(Opt::PlainServer, 1).await;
    zmq.connect(&at).await;
    assert!(matches!(failure(&mut monitor).await, Cause::HandshakeTimeout(_)));
}

#[tokio::test]
async fn case_145_libzmq_without_a_handler_closes_and_we_come_back() {
    let zmq = Zmq::new(SocketType::Pull);
    zmq.set(Opt::PlainServer, 1).await;
    let at = zmq.bind(ANY_PORT).await;
    let push = PushSocket::builder().security(Plain::client("a", "b").unwrap()).build();
    let mut monitor = push.monitor();
    push.connect(&at).unwrap();
    let retry = event(&mut monitor, |event| match event {
        Event::HandshakeFailed { cause: Cause::PeerClosed, retry, .. } => Some(retry),
        _ => None,
    });
    assert!(retry.await);
}

/// R24-GRAM-02: two fields, each with its length, to the last octet.
#[tokio::test]
async fn case_146_a_hello_that_is_cut_or_goes_on_is_refused_and_the_longest_is_heard() {
    let (zmq, mut asked) = Zmq::guarded(SocketType::Pull, answer("200", ""));
    zmq.set(Opt::PlainServer, 1).await;
    let theirs = zmq.bind(ANY_PORT).await;
    let pull = PullSocket::builder().security(Plain::server(Authenticator::anybody())).build();
    let ours = pull.bind(ANY_PORT).await.unwrap().to_string();
    let mut monitor = pull.monitor();
    for at in [&theirs, &ours] {
        for wrong in [&b""[..], b"\x01u", b"\x01u\x02p", b"\x01u\x01pX"] {
            let mut peer = hello(at, wrong).await;
            peer.expect_close().await;
        }
        let longest = [&[255][..], &[b'u'; 255], &[255], &[b'p'; 255]].concat();
        let mut peer = hello(at, &longest).await;
        assert_eq!(peer.frame().await.body, b"\x07WELCOME");
    }
    for _ in 0..4 {
        let cause = failure(&mut monitor).await;
        assert!(matches!(cause, Cause::Wire(Error::Malformed(Malformed::Command("HELLO")))), "{cause}");
    }
    let request = within(20, asked.recv()).await.unwrap();
    assert_eq!(request[6..], [vec![b'u'; 255], vec![b'p'; 255]]);
}

#[tokio::test]
async fn case_147_an_empty_name_and_password_reach_whoever_decides() {
    let (zmq, mut asked) = Zmq::guarded(SocketType::Pull, answer("200", ""));
    zmq.set(Opt::PlainServer, 1).await;
    let at = zmq.bind(ANY_PORT).await;
    let mut peer = hello(&at, b"\0\0").await;
    assert_eq!(peer.frame().await.body, b"\x07WELCOME");
    assert_eq!(within(20, asked.recv()).await.unwrap()[6..], [b"", b""]);

    let (tell, mut shown) = tokio::sync::mpsc::unbounded_channel();
    let authenticator = Authenticator::new(move |request| {
        tell.send(request.credentials).unwrap();
        std::future::ready(Decision::accept(""))
    });
    let pull = PullSocket::builder().security(Plain::server(authenticator)).build();
    let at = pull.bind(ANY_PORT).await.unwrap().to_string();
    let mut peer = hello(&at, b"\0\0").await;
    assert_eq!(peer.frame().await.body, b"\x07WELCOME");
    let Some(Credentials::Plain { username, password }) = shown.recv().await else { panic!() };
    assert!(username.is_empty() && password.reveal().is_empty());
    // R24: INITIATE carries the metadata, and READY ours.
    peer.send(command("INITIATE", &Vec::from(ready("PUSH"))[8..])).await;
    assert_eq!(peer.frame().await.body, Vec::from(ready("PULL"))[2..]);
    within(20, pull.wait_for_peers(1)).await;
    assert_eq!(pull.peers()[0].socket_type, Some(zmtp::SocketType::Push));
}

/// ZAP is what libzmq calls it; to the client it is an answer to its READY.
#[tokio::test]
async fn case_161_with_null_too_we_can_refuse_and_libzmq_stops() {
    let nobody = Authenticator::new(async |_| Decision::DENY);
    let pull = PullSocket::builder().security(Security::NullAsking(nobody)).build();
    let at = pull.bind(ANY_PORT).await.unwrap();
    let push = Zmq::new(SocketType::Push);
    let mut theirs = push.monitor().await;
    push.connect(&at).await;
    // libzmq overlooks an ERROR that comes before its own READY is out, and heeds one that comes after.
    let event = loop {
        let event = theirs.next().await;
        if [Theirs::HANDSHAKE_FAILED_AUTH, Theirs::DISCONNECTED].contains(&event.number) {
            break event;
        }
    };
    assert!(event.number == Theirs::DISCONNECTED || event.value == 400);
    let mut raw = Peer::connect(&at).await;
    raw.send([Vec::from(greeting()), ready("PUSH").into(), frame("never delivered")].concat()).await;
    raw.read(64).await;
    assert_eq!(raw.rest().await, command("ERROR", b"\x03400"));
}

/// A raw client that has said HELLO with this.
async fn hello(at: &str, data: &[u8]) -> Peer {
    let mut peer = Peer::connect(at).await;
    peer.send(greeting().mechanism("PLAIN")).await;
    peer.read(64).await;
    peer.send(command("HELLO", data)).await;
    peer
}

async fn client(name: &str, password: &str) -> Zmq {
    let zmq = Zmq::new(SocketType::Push);
    zmq.set_bytes(Opt::PlainUsername, name).await;
    zmq.set_bytes(Opt::PlainPassword, password).await;
    zmq
}

fn admins() -> Authenticator {
    Authenticator::new(async |request| match request.credentials {
        Credentials::Plain { username, password }
            if username == "admin" && password.reveal() == b"secret" =>
        {
            Decision::accept("the administrator")
        }
        _ => Decision::DENY,
    })
}
