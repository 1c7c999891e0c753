//! Many DEALER clients of one echoing ROUTER, each with a window of outstanding requests.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::sync::Barrier;
use zmtp::{DealerSocket, RouterSocket};
use zmtp_benches::{Arguments, DATA, END, Latencies, Meter, Stdin, check, ready};

use super::{CROWD, hwm};

pub(crate) async fn router(arguments: &Arguments, stdin: Stdin) {
    let builder = RouterSocket::builder().pending_handshakes(CROWD);
    let mut router = builder.send_hwm(hwm(arguments)).recv_hwm(hwm(arguments)).build();
    router.bind(arguments.endpoint.as_str()).await.expect("bind");
    ready();
    let meter = Meter::start();
    let echo = async {
        loop {
            let message = router.recv().await.expect("recv");
            router.send(message).await.expect("send");
        }
    };
    tokio::select! {
        () = echo => {}
        () = stdin.over() => {}
    }
    meter.print("router");
}

pub(crate) async fn dealer(arguments: &Arguments, stdin: Stdin) {
    let start = Instant::now();
    let all_up = Arc::new(Barrier::new(arguments.peers + 1));
    let latencies = Arc::new(Mutex::new(Latencies::new()));
    let clients: Vec<_> = (0..arguments.peers)
        .map(|_| tokio::spawn(client(arguments.clone(), Arc::clone(&all_up), Arc::clone(&latencies))))
        .collect();
    all_up.wait().await;
    let mut meter = Meter::start();
    meter.note("setup_s", (meter.start - start).as_secs_f64());
    let mut sockets = Vec::new();
    for client in clients {
        sockets.push(client.await.expect("a client"));
    }
    let each = arguments.count / arguments.peers as u64;
    if each > 0 {
        meter.throughput(each * arguments.peers as u64, arguments.size, Instant::now());
        latencies.lock().expect("nobody panicked").note(&mut meter);
    }
    meter.print("dealer");
    if arguments.hold {
        stdin.over().await;
    }
}

async fn client(
    arguments: Arguments,
    all_up: Arc<Barrier>,
    latencies: Arc<Mutex<Latencies>>,
) -> DealerSocket {
    let mut dealer = DealerSocket::builder().send_hwm(hwm(&arguments)).recv_hwm(hwm(&arguments)).build();
    dealer.connect(arguments.endpoint.as_str()).expect("connect");
    let data = arguments.payload(DATA);
    dealer.send(&data).await.expect("send");
    check(dealer.recv().await.expect("recv").first(), &data);
    all_up.wait().await;

    let each = arguments.count / arguments.peers as u64;
    let (mut sent, mut received) = (0, 0);
    let mut asked = VecDeque::with_capacity(arguments.window);
    while received < each {
        while sent < each && asked.len() < arguments.window {
            asked.push_back(Instant::now());
            dealer.send(&data).await.expect("send");
            sent += 1;
        }
        check(dealer.recv().await.expect("recv").first(), &data);
        let took = asked.pop_front().expect("it was asked").elapsed();
        latencies.lock().expect("nobody panicked").record(took);
        received += 1;
    }
    // Each request had one answer: the next one is that to this.
    let end = arguments.payload(END);
    dealer.send(&end).await.expect("send");
    check(dealer.recv().await.expect("recv").first(), &end);
    dealer
}
