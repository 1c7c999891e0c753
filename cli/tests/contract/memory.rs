//! Streaming through a verb keeps it under 150 MB resident, whatever the other end does.

use std::io::Write;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use zmtp_libzmq::{Context, Opt, Socket, SocketType};

use crate::support::{DEADLINE, Zmtp, libzmq, libzmq_pull, zmtp};

/// MiB.
const MOST: u64 = 150;

#[test]
fn a_long_stream_through_both_verbs_stays_small() {
    let mut pull = zmtp("pull --bind tcp://127.0.0.1:0");
    let mut push = zmtp(&format!("push --connect {}", pull.bound()));
    let mut input = push.take_stdin();
    let writer = std::thread::spawn(move || {
        let line = [&[b'x'; 99_999][..], b"\n"].concat();
        for _ in 0..2_000 {
            input.write_all(&line).unwrap();
        }
        input
    });
    for _ in 0..2_000 {
        assert_eq!(pull.line().len(), 99_999);
    }
    assert!(push.peak_memory() < MOST, "push: {} MiB", push.peak_memory());
    assert!(pull.peak_memory() < MOST, "pull: {} MiB", pull.peak_memory());
    drop(writer.join().unwrap());
    push.done();
}

/// Writes `lines` to `zmtp` over and over until nothing moves any more.
fn stuff(zmtp: &mut Zmtp, lines: Vec<u8>) {
    let (sender, written) = mpsc::channel();
    let mut input = zmtp.take_stdin();
    std::thread::spawn(move || while input.write_all(&lines).is_ok() && sender.send(()).is_ok() {});
    loop {
        match written.recv_timeout(Duration::from_millis(500)) {
            Ok(()) => {}
            // That nothing happens is no event; half a second without any has to do.
            Err(RecvTimeoutError::Timeout) => return,
            Err(RecvTimeoutError::Disconnected) => panic!("the process does not read its input any more"),
        }
    }
}

#[test]
fn a_sender_whose_peers_stop_reading_stays_small() {
    for (size, peers) in [(100, 1), (100_000, 20)] {
        let context = Context::new();
        let mut push = zmtp(&format!("push --bind tcp://127.0.0.1:0 --wait-peers {peers}"));
        let at = push.bound();
        let pulls: Vec<Socket> = (0..peers)
            .map(|_| {
                let pull = Socket::new(&context, SocketType::Pull).unwrap();
                pull.set_int(Opt::RcvHwm, 1).unwrap();
                pull.connect(&at).unwrap();
                pull
            })
            .collect();
        let line = [vec![b'x'; size - 1], vec![b'\n']].concat();
        stuff(&mut push, line.repeat(100_000 / size));
        assert!(push.peak_memory() < MOST, "{} MiB", push.peak_memory());
        drop(pulls);
    }
}

#[test]
fn a_sender_without_peers_stays_small() {
    let mut push = zmtp("push --bind tcp://127.0.0.1:0");
    push.bound();
    stuff(&mut push, vec![b'\n'; 1 << 16]);
    assert!(push.peak_memory() < MOST, "{} MiB", push.peak_memory());
}

#[test]
fn a_receiver_whose_reader_stops_reading_stays_small() {
    let mut pull = Zmtp::start_unread(&["pull", "--bind", "tcp://127.0.0.1:0"]);
    let at = pull.bound();
    let context = Context::new();
    for (size, peers) in [(10, 1), (100_000, 20)] {
        let body = vec![b'x'; size];
        for _ in 0..peers {
            let push = Socket::new(&context, SocketType::Push).unwrap();
            push.set_int(Opt::SndHwm, 10).unwrap();
            push.set_int(Opt::SndTimeo, 200).unwrap();
            push.connect(&at).unwrap();
            while push.send(&[&body]).is_ok() {}
        }
    }
    assert!(pull.peak_memory() < MOST, "{} MiB", pull.peak_memory());
}

#[test]
fn an_endless_line_stays_small() {
    let (_pull, at) = libzmq_pull();
    let mut push = zmtp(&format!("push --connect {at}"));
    let mut input = push.take_stdin();
    let block = vec![b'x'; 1 << 20];
    for _ in 0..300 {
        input.write_all(&block).unwrap();
    }
    assert!(push.peak_memory() < MOST, "{} MiB", push.peak_memory());
    drop(input);
    let ended = push.ended();
    assert_eq!(ended.code, 3, "{ended:?}");
}

#[test]
fn the_largest_messages_stay_small() {
    let mut pull = zmtp("pull --bind tcp://127.0.0.1:0 --count 4");
    let push = libzmq(SocketType::Push);
    push.set_int(Opt::SndHwm, 1).unwrap();
    push.connect(&pull.bound()).unwrap();
    let body = vec![b'x'; 32 << 20];
    for _ in 0..3 {
        push.send(&[&body]).unwrap();
        pull.line();
    }
    assert!(pull.peak_memory() < MOST, "{} MiB", pull.peak_memory());
    push.send(&[b"end"]).unwrap();
    pull.done();
}

#[test]
fn five_hundred_connections_stay_under_200_mb() {
    let mut pull = zmtp("pull --bind tcp://127.0.0.1:0 --count 500");
    let at = pull.bound();
    let context = Context::new();
    let pushes: Vec<Socket> = (0..500)
        .map(|_| {
            let push = Socket::new(&context, SocketType::Push).unwrap();
            push.set_int(Opt::Linger, DEADLINE.as_millis() as i32).unwrap();
            push.connect(&at).unwrap();
            push.send(&[b"x"]).unwrap();
            push
        })
        .collect();
    for _ in 0..499 {
        pull.line();
    }
    assert!(pull.peak_memory() < 200, "{} MiB", pull.peak_memory());
    pull.line();
    pull.done();
    drop(pushes);
}
