//! Frames as no socket would send them, but a peer may. What libzmq does was measured; where we differ on purpose it
//! is said.

use std::time::Duration;

use support::{ANY_PORT, Peer, Zmq, claim, command, frame, more, ping, ready, resident, session, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use zmtp::{PullSocket, RepSocket};
use zmtp_libzmq::{Opt, SocketType};

use crate::both::Examined;

#[tokio::test]
async fn case_026_a_long_header_for_a_short_body_is_accepted() {
    for mut pull in Examined::both().await {
        let mut peer = Peer::connect(&pull.at).await;
        let long = [&claim(0, 3)[..], b"abc"].concat();
        peer.shake("PUSH").await;
        peer.send([long, frame("next")].concat()).await;
        assert_eq!(pull.recv().await, [b"abc"]);
        assert_eq!(pull.recv().await, [b"next"]);
    }
}

/// libzmq delivers such frames. We close, on purpose: no honest peer sets these bits.
#[tokio::test]
async fn case_027_reserved_bits_are_delivered_by_libzmq_and_refused_by_us() {
    let theirs = Zmq::new(SocketType::Rep);
    let mut peer = Peer::connect(theirs.bind(ANY_PORT).await).await;
    peer.shake("REQ").await;
    peer.send(*b"\xf9\0\xf8\x02hi").await;
    assert_eq!(theirs.recv().await, [b"hi"]);
    theirs.send("ho").await;
    peer.expect([more(""), frame("ho")].concat()).await;

    let mut ours = RepSocket::new();
    let mut peer = Peer::connect(ours.bind(ANY_PORT).await.unwrap()).await;
    peer.shake("REQ").await;
    peer.send(*b"\xf9\0\xf8\x02hi").await;
    peer.expect_close().await;
    let got = tokio::time::timeout(Duration::from_millis(50), ours.recv()).await;
    assert!(got.is_err(), "{got:?}");
}

#[tokio::test]
async fn case_028_an_absurd_length_closes_and_reserves_nothing() {
    let mut pull = Examined::ours(PullSocket::new()).await;
    let before = resident();
    for len in [1 << 63, u64::MAX] {
        let mut peer = Peer::connect(&pull.at).await;
        peer.send(session("PUSH", claim(0, len))).await;
        peer.rest().await;
    }
    pull.expect_silence().await;
    assert!(resident() < before + (64 << 20));
}

/// The same for every split: one octet at a time, and all at once. With libzmq the handshake comes first: it closes
/// when anything follows READY in the same segment.
#[tokio::test]
async fn case_029_a_session_in_single_octets_or_in_one_piece_gives_the_same() {
    let parts = [more("a"), more([7; 300]), frame(""), ping(0, "ctx"), frame("last")].concat();
    for mut pull in Examined::both().await {
        for in_one_piece in [false, true] {
            let mut peer = Peer::connect(&pull.at).await;
            let all = if pull.is_ours() {
                session("PUSH", &parts)
            } else {
                peer.shake("PUSH").await;
                parts.clone()
            };
            for some in all.chunks(if in_one_piece { all.len() } else { 1 }) {
                peer.send(some).await;
            }
            assert_eq!(pull.recv().await, [&b"a"[..], &[7; 300], b""]);
            assert_eq!(pull.recv().await, [b"last"]);
            if pull.is_ours() {
                peer.expect_greeting().await;
                peer.expect(ready("PULL")).await;
            }
            peer.expect(command("PONG", "ctx")).await;
        }
    }
}

#[tokio::test]
async fn case_030_a_ping_between_two_frames_is_answered_and_the_message_stays_whole() {
    for mut pull in Examined::both().await {
        let mut peer = Peer::connect(&pull.at).await;
        peer.shake("PUSH").await;
        peer.send([more(""), ping(0, "")].concat()).await;
        peer.expect(command("PONG", "")).await;
        peer.send(frame("hi")).await;
        assert_eq!(pull.recv().await, [&b""[..], b"hi"]);
    }
}

/// They do occur: libzmq writes them whenever its timer says so, also in the middle of a message. The octets on the
/// way are looked at to know that they did.
#[tokio::test]
async fn case_031_pings_inside_the_messages_of_libzmq_disturb_nothing() {
    const MESSAGES: usize = 250;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let push = Zmq::new(SocketType::Push);
    push.set(Opt::HeartbeatIvl, 20).await;
    push.set(Opt::HeartbeatTimeout, 20_000).await;
    push.connect(format!("tcp://{}", listener.local_addr().unwrap())).await;
    let sending = push.call(|socket| {
        for n in 0..MESSAGES {
            let frames = [[n as u8; 3000]; 50];
            socket.send(&frames.each_ref().map(|frame| &frame[..])).expect("room");
        }
    });
    let mut pull = PullSocket::builder().recv_hwm(5).build();
    let (near, far) = tokio::io::duplex(10_000);
    pull.attach(far, "inproc://relayed").unwrap();
    let (theirs, _) = within(20, listener.accept()).await.unwrap();
    let ((mut from_libzmq, mut to_libzmq), (mut from_us, mut to_us)) =
        (theirs.into_split(), tokio::io::split(near));
    tokio::spawn(async move { tokio::io::copy(&mut from_us, &mut to_libzmq).await });
    let relay = tokio::spawn(async move {
        let mut seen = Vec::new();
        let mut some = vec![0; 10_000];
        while let Ok(read @ 1..) = from_libzmq.read(&mut some).await {
            seen.extend(&some[..read]);
            if to_us.write_all(&some[..read]).await.is_err() {
                break;
            }
        }
        seen
    });

    for n in 0..MESSAGES {
        let message = within(20, pull.recv()).await.unwrap();
        assert_eq!(message.frame_count(), 50);
        assert!(message.frames().all(|frame| frame[..] == [n as u8; 3000]));
        // A slow reader.
        tokio::time::sleep(Duration::from_millis(4)).await;
    }

    sending.await;
    drop(push);
    let seen = within(20, relay).await.unwrap();
    assert!(pings_inside_messages(&seen[64..]) > 0, "there was nothing to cope with");
}

fn pings_inside_messages(mut frames: &[u8]) -> usize {
    let (mut pings, mut is_inside) = (0, false);
    while let Ok(Some((header, size))) = zmtp::wire::Header::decode(frames) {
        let Some(rest) = frames.get(size + header.len as usize..) else { break };
        if header.command {
            pings += usize::from(is_inside && frames[size..].starts_with(b"\x04PING"));
        } else {
            is_inside = header.more;
        }
        frames = rest;
    }
    pings
}

/// libzmq takes it for a command and goes on. We close, on purpose: no honest peer sends it. Neither delivers any of
/// it, and neither loses its place.
#[tokio::test]
async fn case_032_a_command_with_more_never_desynchronises() {
    for mut pull in Examined::both().await {
        let mut peer = Peer::connect(&pull.at).await;
        let odd = [&[5][..], &ping(0, "odd")[1..]].concat();
        peer.shake("PUSH").await;
        peer.send([frame("before"), odd, frame("after")].concat()).await;
        assert_eq!(pull.recv().await, [b"before"]);
        if pull.is_ours() {
            peer.rest().await;
            pull.expect_silence().await;
        } else {
            assert_eq!(pull.recv().await, [b"after"]);
        }
    }
}

#[tokio::test]
async fn case_033_an_unknown_command_in_traffic_is_ignored() {
    for mut pull in Examined::both().await {
        let mut peer = Peer::connect(&pull.at).await;
        peer.shake("PUSH").await;
        peer.send([&b"\x04\x07\x03FOObar"[..], &frame("still here")].concat()).await;
        assert_eq!(pull.recv().await, [b"still here"]);
    }
}

/// What could be mistaken for a command. libzmq reads some of it beyond its end; we close at each.
#[tokio::test]
async fn case_034_commands_that_are_cut_off_close_and_deliver_nothing() {
    let odd = [&b"\x04\x05\x04PING"[..], b"\x04\x06\x04PING\0", b"\x04\0", b"\x04\x01\0", b"\x04\x04\x09PIN"];
    for octets in odd {
        let mut pull = Examined::ours(PullSocket::new()).await;
        let mut peer = Peer::connect(&pull.at).await;
        peer.shake("PUSH").await;
        peer.send([octets, &frame("x")].concat()).await;
        peer.expect_close().await;
        pull.expect_silence().await;
    }
}
