//! The monitor tells what libzmq's tells, in the same order: the sequences of events as the bits of `zmq.h`.

use support::{Door, Peer, greeting, nobody, within};
use zmtp::{Event, Monitor, PullSocket, PushSocket};

const CONNECTED: u16 = 0x0001;
const CONNECT_DELAYED: u16 = 0x0002;
const CONNECT_RETRIED: u16 = 0x0004;
const LISTENING: u16 = 0x0008;
const ACCEPTED: u16 = 0x0020;
const CLOSED: u16 = 0x0080;
const DISCONNECTED: u16 = 0x0200;
const HANDSHAKE_FAILED_NO_DETAIL: u16 = 0x0800;
const HANDSHAKE_SUCCEEDED: u16 = 0x1000;
const HANDSHAKE_FAILED_PROTOCOL: u16 = 0x2000;

/// Case 178.
#[tokio::test]
async fn case_178_an_attempt_that_is_refused() {
    let push = PushSocket::new();
    let mut monitor = push.monitor();
    push.connect(nobody()).unwrap();
    for _ in 0..2 {
        expect(&mut monitor, &[CONNECT_DELAYED, CLOSED, CONNECT_RETRIED]).await;
    }
}

/// Case 178: over TCP and over a Unix socket.
#[tokio::test]
async fn case_178_a_connection_that_comes_and_goes() {
    for at in [support::ANY_PORT, "ipc://*"] {
        let pull = PullSocket::new();
        let mut below = pull.monitor();
        let at = pull.bind(at).await.unwrap();
        let push = PushSocket::new();
        let mut above = push.monitor();
        push.connect(&at).unwrap();
        expect(&mut above, &[CONNECT_DELAYED, CONNECTED, HANDSHAKE_SUCCEEDED]).await;
        expect(&mut below, &[LISTENING, ACCEPTED, HANDSHAKE_SUCCEEDED]).await;

        within(20, pull.close()).await.unwrap();

        // The listener closes at once, the connection after what is queued.
        let mut last = [bit(&mut below).await, bit(&mut below).await];
        last.sort_unstable();
        assert_eq!(last, [CLOSED, DISCONNECTED]);
        assert!(within(20, below.next()).await.is_none());
        expect(&mut above, &[DISCONNECTED, CONNECT_RETRIED, CONNECT_DELAYED, CLOSED, CONNECT_RETRIED]).await;
    }
}

/// Case 178. libzmq adds DISCONNECTED to each failed handshake; our event stands for both.
#[tokio::test]
async fn case_178_handshakes_that_fail() {
    let door = Door::open().await;
    let push = PushSocket::new();
    let mut monitor = push.monitor();
    push.connect(door.endpoint()).unwrap();

    drop(door.accept().await);
    let failed = [CONNECT_DELAYED, CONNECTED, HANDSHAKE_FAILED_NO_DETAIL, CONNECT_RETRIED];
    expect(&mut monitor, &failed).await;

    let mut peer = door.accept().await;
    peer.send(greeting().mechanism("PLAIN")).await;
    expect(&mut monitor, &[CONNECT_DELAYED, CONNECTED]).await;
    let Some(Event::HandshakeFailed { cause, .. }) = within(20, monitor.next()).await else { panic!() };
    assert_eq!(cause.libzmq_code(), Some(0x1100_0002), "ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH");

    let pull = PullSocket::new();
    let mut monitor = pull.monitor();
    let at = pull.bind(support::ANY_PORT).await.unwrap();
    let mut peer = Peer::connect(&at).await;
    peer.send(greeting().mechanism("PLAIN")).await;
    expect(&mut monitor, &[LISTENING, ACCEPTED, HANDSHAKE_FAILED_PROTOCOL]).await;
}

async fn bit(monitor: &mut Monitor) -> u16 {
    within(20, monitor.next()).await.unwrap().libzmq().unwrap()
}

async fn expect(monitor: &mut Monitor, bits: &[u16]) {
    for expected in bits {
        let event = within(20, monitor.next()).await.unwrap();
        assert_eq!(event.libzmq(), Some(*expected), "{event}");
    }
}
