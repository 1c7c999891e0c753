//! Frames that no signed 32-bit number can count.

use support::{ANY_PORT, Zmq, within};
use zmtp::{PullSocket, PushSocket};
use zmtp_libzmq::{Opt, RawMsg, SocketType};

use crate::run;

#[test]
fn case_025_a_frame_above_two_to_the_31_octets_reaches_libzmq() {
    run(async {
        let push = PushSocket::builder().send_hwm_bytes(0).build();
        let (pull, at) = Zmq::bound(SocketType::Pull).await;
        pull.set(Opt::RcvTimeo, 60_000).await;
        push.connect(at).unwrap();

        within(60, push.send(body())).await.unwrap();

        let same = pull.call(|socket| {
            let mut frame = RawMsg::new();
            socket.recv_into(&mut frame).expect("a message");
            is_body(frame.data()) && !frame.more()
        });
        assert!(same.await);
    });
}

#[test]
fn case_025_a_frame_above_two_to_the_31_octets_comes_from_libzmq() {
    run(async {
        let mut pull = PullSocket::builder().max_message_size(3 << 30).recv_hwm_bytes(0).build();
        let push = Zmq::connected(SocketType::Push, pull.bind(ANY_PORT).await.unwrap()).await;
        let sent = push.call(|socket| socket.send_one(&body()).expect("room"));

        let message = within(60, pull.recv()).await.unwrap();

        assert!(message.frame_count() == 1 && is_body(message.first()));
        sent.await;
    });
}

const LEN: usize = (1 << 31) + 1;

/// Each mebibyte begins with its number.
fn body() -> Vec<u8> {
    let mut body = vec![0; LEN];
    for (n, piece) in body.chunks_mut(1 << 20).enumerate() {
        piece[0] = n as u8;
    }
    body
}

fn is_body(octets: &[u8]) -> bool {
    let zeros = vec![0; 1 << 20];
    let is_piece = |(n, piece): (usize, &[u8])| piece[0] == n as u8 && piece[1..] == zeros[..piece.len() - 1];
    octets.len() == LEN && octets.chunks(1 << 20).enumerate().all(is_piece)
}
