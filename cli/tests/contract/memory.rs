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

/// libzmq sockets that are connected to `at` and do not read.
fn frozen(kind: SocketType, peers: usize, at: &str) -> Vec<Socket> {
    let context = Context::new();
    let connect = |_| {
        let peer = Socket::new(&context, kind).unwrap();
        peer.set_int(Opt::RcvHwm, 1).unwrap();
        peer.set_int(Opt::RcvBuf, 4_096).unwrap();
        if kind == SocketType::Sub {
            peer.set_bytes(Opt::Subscribe, b"").unwrap();
        }
        peer.connect(at).unwrap();
        peer
    };
    (0..peers).map(connect).collect()
}

#[test]
fn a_publisher_whose_subscribers_stop_reading_stays_small_and_goes_on() {
    for (verb, size, peers, most) in [
        ("pub", 100, 1, MOST),
        ("pub", 100_000, 20, MOST),
        ("xpub", 1_000, 20, MOST),
        ("pub", 10_000, 500, 200),
    ] {
        let mut publisher = zmtp(&format!("{verb} --bind tcp://127.0.0.1:0 --wait-peers {peers}"));
        let subs = frozen(SocketType::Sub, peers, &publisher.bound());
        let lines = [vec![b'x'; size - 1], vec![b'\n']].concat().repeat(100_000 / size);
        for _ in 0..2_000 / peers.min(20) {
            publisher.write(&lines);
        }
        assert!(publisher.peak_memory() < most, "{verb}, {peers} peers: {} MiB", publisher.peak_memory());
        drop(subs);
    }
}

#[test]
fn two_way_verbs_whose_peers_stop_reading_stay_small() {
    for (verb, kind, peers) in
        [("dealer", SocketType::Dealer, 20), ("pair", SocketType::Pair, 1), ("xsub", SocketType::Xpub, 20)]
    {
        let mut zmtp = zmtp(&format!("{verb} --bind tcp://127.0.0.1:0 --wait-peers {peers}"));
        let peers = frozen(kind, peers, &zmtp.bound());
        let lines = [vec![b'x'; 99_999], vec![b'\n']].concat();
        if verb == "xsub" {
            // It drops what has no room, so this never stops.
            for _ in 0..1_000 {
                zmtp.write(&lines);
            }
        } else {
            stuff(&mut zmtp, lines);
        }
        assert!(zmtp.peak_memory() < MOST, "{verb}: {} MiB", zmtp.peak_memory());
        drop(peers);
    }
}

#[test]
fn a_router_whose_peers_stop_reading_stays_small() {
    let mut router = zmtp("router --bind tcp://127.0.0.1:0 --split-tabs --wait-peers 20");
    let at = router.bound();
    let context = Context::new();
    let peers: Vec<Socket> = (0..20)
        .map(|n| {
            let peer = Socket::new(&context, SocketType::Dealer).unwrap();
            peer.set_int(Opt::RcvHwm, 1).unwrap();
            peer.set_bytes(Opt::RoutingId, format!("peer {n}").as_bytes()).unwrap();
            peer.connect(&at).unwrap();
            peer
        })
        .collect();
    for n in 0..4_000 {
        router.write([format!("peer {}\t", n % 20).into_bytes(), vec![b'x'; 50_000], vec![b'\n']].concat());
    }
    assert!(router.peak_memory() < MOST, "{} MiB", router.peak_memory());
    drop(peers);
}

#[test]
fn verbs_whose_reader_stops_reading_stay_small() {
    for (verb, kind) in [
        ("dealer", SocketType::Dealer),
        ("router", SocketType::Dealer),
        ("sub", SocketType::Pub),
        ("xsub --subscribe=", SocketType::Pub),
        ("xpub", SocketType::Xsub),
    ] {
        let arguments = format!("{verb} --bind tcp://127.0.0.1:0 --monitor");
        let mut zmtp = Zmtp::start_unread(&arguments.split(' ').collect::<Vec<_>>());
        let at = zmtp.bound();
        let context = Context::new();
        let body = vec![b'x'; 100_000];
        let peers: Vec<Socket> = (0..20)
            .map(|_| {
                let peer = Socket::new(&context, kind).unwrap();
                peer.set_int(Opt::SndHwm, 10).unwrap();
                peer.set_int(Opt::SndTimeo, 200).unwrap();
                peer.connect(&at).unwrap();
                zmtp.err_line_with("handshake-succeeded");
                for _ in 0..100 {
                    if peer.send(&[&body]).is_err() {
                        break;
                    }
                }
                peer
            })
            .collect();
        assert!(zmtp.peak_memory() < MOST, "{verb}: {} MiB", zmtp.peak_memory());
        drop(peers);
    }
}

#[test]
fn a_rep_whose_clients_do_not_take_their_replies_stays_small() {
    let mut rep = zmtp("rep --bind tcp://127.0.0.1:0 --echo");
    let at = rep.bound();
    let context = Context::new();
    let body = vec![b'x'; 100_000];
    let clients: Vec<Socket> = (0..20)
        .map(|_| {
            let client = Socket::new(&context, SocketType::Dealer).unwrap();
            client.set_int(Opt::RcvHwm, 1).unwrap();
            client.set_int(Opt::SndTimeo, DEADLINE.as_millis() as i32).unwrap();
            client.connect(&at).unwrap();
            client
        })
        .collect();
    for _ in 0..50 {
        for client in &clients {
            client.send(&[b"", &body]).unwrap();
            rep.line();
        }
    }
    assert!(rep.peak_memory() < MOST, "{} MiB", rep.peak_memory());
}

#[test]
fn a_proxy_whose_peers_stop_reading_stays_small() {
    let mut proxy = zmtp("proxy dealer:bind:tcp://127.0.0.1:0 dealer:bind:tcp://127.0.0.1:0 --monitor");
    let (front, back) = (proxy.bound(), proxy.bound());
    let stuck = frozen(SocketType::Dealer, 20, &back);
    (0..20).for_each(|_| drop(proxy.err_line_with("handshake-succeeded")));
    let mut sender = zmtp(&format!("dealer --connect {front}"));
    stuff(&mut sender, [vec![b'x'; 99_999], vec![b'\n']].concat());
    assert!(proxy.peak_memory() < MOST, "{} MiB", proxy.peak_memory());
    drop(stuck);
}

#[test]
fn five_hundred_dealers_of_a_router_stay_under_200_mb() {
    let mut router = zmtp("router --bind tcp://127.0.0.1:0 --json");
    let at = router.bound();
    let context = Context::new();
    let peers: Vec<Socket> = (0..500)
        .map(|_| {
            let peer = Socket::new(&context, SocketType::Dealer).unwrap();
            peer.set_int(Opt::RcvTimeo, DEADLINE.as_millis() as i32).unwrap();
            peer.connect(&at).unwrap();
            peer.send(&[b"x"]).unwrap();
            peer
        })
        .collect();
    for _ in 0..500 {
        let line = router.line();
        router.write(line + "\n");
    }
    for peer in &peers {
        assert_eq!(peer.recv().unwrap(), [b"x"]);
    }
    assert!(router.peak_memory() < 200, "{} MiB", router.peak_memory());
}
