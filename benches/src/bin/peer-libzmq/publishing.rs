//! PUB to many SUBs, nothing lost: how many deliveries a second.

use std::thread::sleep;
use std::time::{Duration, Instant};

use zmtp_benches::{Arguments, DATA, END, Meter, Stdin, WARM, check, ready, say};
use zmtp_libzmq::{Context, Opt, RawMsg, SocketType};

use super::clients::wait;
use super::{connected, socket};

pub(crate) fn publish(context: &Context, arguments: &Arguments, stdin: &Stdin) {
    let publisher = socket(context, SocketType::Pub, arguments);
    publisher.set_int(Opt::XpubNoDrop, 1).expect("an option");
    publisher.bind(&arguments.endpoint).expect("bind");
    ready();
    let [warm, data, end] = [WARM, DATA, END].map(|mark| arguments.payload(mark));
    while !stdin.has_line() {
        publisher.send_one(&warm).expect("send");
        sleep(Duration::from_millis(10));
    }
    let mut meter = Meter::start();
    for _ in 0..arguments.count {
        publisher.send_one(&data).expect("send");
    }
    meter.note("sent_s", meter.start.elapsed().as_secs_f64());
    while !stdin.is_over() {
        publisher.send_one(&end).expect("send");
        sleep(Duration::from_millis(5));
    }
    meter.print("pub");
}

/// What one subscriber has seen.
#[derive(Clone, Default)]
struct Seen {
    warm: bool,
    data: u64,
    end: bool,
}

pub(crate) fn subscribe(context: &Context, arguments: &Arguments) {
    let sockets: Vec<_> = (0..arguments.peers)
        .map(|_| {
            let sub = connected(context, SocketType::Sub, arguments);
            sub.set_bytes(Opt::Subscribe, b"").expect("subscribe");
            sub
        })
        .collect();
    let data = arguments.payload(DATA);
    let mut seen = vec![Seen::default(); sockets.len()];
    let (mut warm, mut ended) = (0, 0);
    let (mut message, mut which) = (RawMsg::new(), Vec::new());
    let mut meter: Option<Meter> = None;
    while ended < sockets.len() {
        wait(&sockets, &mut message, &mut which);
        for (number, socket) in sockets.iter().enumerate().filter(|(number, _)| which[*number]) {
            let seen = &mut seen[number];
            // A bounded number, to be fair to the other subscribers.
            let mut has_come = sockets.len() == 1;
            for _ in 0..256 {
                if !std::mem::take(&mut has_come) && socket.try_recv_into(&mut message).is_err() {
                    break;
                }
                match message.data() {
                    [DATA, ..] => {
                        meter.get_or_insert_with(Meter::start);
                        check(message.data(), &data);
                        seen.data += u64::from(!seen.end);
                    }
                    [WARM, ..] if !seen.warm => {
                        seen.warm = true;
                        warm += 1;
                        if warm == sockets.len() {
                            say("SYNCED");
                        }
                    }
                    [END, ..] if !seen.end => {
                        seen.end = true;
                        ended += 1;
                    }
                    _ => {}
                }
            }
        }
    }
    let received: u64 = seen.iter().map(|seen| seen.data).sum();
    let mut meter = meter.unwrap_or_else(Meter::start);
    meter.throughput(received, arguments.size, Instant::now());
    meter.note("lost", (arguments.count * arguments.peers as u64) as i64 - received as i64);
    meter.print("sub");
}
