//! PUB to many SUBs, nothing lost: how many deliveries a second.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::time::sleep;
use zmtp::{PubSocket, SubSocket};
use zmtp_benches::{Arguments, DATA, END, Meter, Stdin, WARM, check, ready, say};

use super::{CROWD, hwm};

pub(crate) async fn publish(arguments: &Arguments, stdin: Stdin) {
    let builder = PubSocket::builder().pending_handshakes(CROWD);
    let publisher = builder.send_hwm(hwm(arguments)).nodrop(true).build();
    publisher.bind(arguments.endpoint.as_str()).await.expect("bind");
    ready();
    let [warm, data, end] = [WARM, DATA, END].map(|mark| arguments.payload(mark));
    while !stdin.has_line() {
        publisher.send(&warm).await.expect("send");
        sleep(Duration::from_millis(10)).await;
    }
    let mut meter = Meter::start();
    for _ in 0..arguments.count {
        publisher.send(&data).await.expect("send");
    }
    meter.note("sent_s", meter.start.elapsed().as_secs_f64());
    while !stdin.is_over() {
        publisher.send(&end).await.expect("send");
        sleep(Duration::from_millis(5)).await;
    }
    meter.print("pub");
}

/// What the subscribers have seen together.
#[derive(Default)]
struct Seen {
    warm: usize,
    meter: Option<Meter>,
    last: Option<Instant>,
}

pub(crate) async fn subscribe(arguments: &Arguments) {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let subscribers: Vec<_> = (0..arguments.peers)
        .map(|_| tokio::spawn(subscriber(arguments.clone(), Arc::clone(&seen))))
        .collect();
    let mut counts = Vec::new();
    for subscriber in subscribers {
        counts.push(subscriber.await.expect("a subscriber"));
    }
    let received: u64 = counts.iter().sum();
    let expected = arguments.count * arguments.peers as u64;
    let seen = std::mem::take(&mut *seen.lock().expect("nobody panicked"));
    let mut meter = seen.meter.unwrap_or_else(Meter::start);
    if let Some(last) = seen.last {
        meter.throughput(received, arguments.size, last);
    }
    meter.note("expected", expected);
    meter.note("lost", expected as i64 - received as i64);
    meter.note("min_per_sub", counts.iter().min().copied());
    meter.print("sub");
}

/// Counts the data messages until the first that says that there are no more.
async fn subscriber(arguments: Arguments, seen: Arc<Mutex<Seen>>) -> u64 {
    let lock = || seen.lock().expect("nobody panicked");
    let mut sub = SubSocket::builder().recv_hwm(hwm(&arguments)).subscribe("").build();
    sub.connect(arguments.endpoint.as_str()).expect("connect");
    let [data, end] = [DATA, END].map(|mark| arguments.payload(mark));
    let (mut received, mut is_warm) = (0, false);
    loop {
        let message = sub.recv().await.expect("recv");
        match message.first() {
            [DATA, ..] => {
                if received == 0 {
                    lock().meter.get_or_insert_with(Meter::start);
                }
                check(message.first(), &data);
                received += 1;
            }
            [WARM, ..] if is_warm => {}
            [WARM, ..] => {
                is_warm = true;
                let mut seen = lock();
                seen.warm += 1;
                if seen.warm == arguments.peers {
                    say("SYNCED");
                }
            }
            other => {
                check(other, &end);
                lock().last = Some(Instant::now());
                return received;
            }
        }
    }
}
