//! One function per role of the command line.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::Barrier;
use tokio::task::spawn_local;
use tokio::time::sleep;
use zmtp_benches::{Arguments, DATA, END, Latencies, Meter, Stdin, WARM, check, say};

use crate::{Kind, Rival, ready};

pub(crate) async fn play<R: Rival>(arguments: Arguments, stdin: Stdin) {
    match arguments.role.as_str() {
        "push" => {
            let (socket, meter) = send_all::<R>(&arguments).await;
            stdin.over().await;
            meter.print("push");
            drop(socket);
        }
        "pull" => {
            let mut pull = R::bind(Kind::Pull, &arguments).await;
            ready();
            receive_all(&mut pull, &arguments).await.print("pull");
        }
        "inproc" => {
            let mut pull = R::bind(Kind::Pull, &arguments).await;
            let sending = arguments.clone();
            let sender = spawn_local(async move { send_all::<R>(&sending).await });
            receive_all(&mut pull, &arguments).await.print("inproc");
            sender.await.expect("the sender");
        }
        "req" => ask::<R>(&arguments).await.print("req"),
        "inproc-req" => {
            let mut rep = R::bind(Kind::Rep, &arguments).await;
            spawn_local(async move {
                loop {
                    rep.echo().await;
                }
            });
            ask::<R>(&arguments).await.print("inproc-req");
        }
        "rep" => serve::<R>(Kind::Rep, &arguments, stdin).await,
        "router" => serve::<R>(Kind::Router, &arguments, stdin).await,
        "dealer" => dealer::<R>(&arguments, stdin).await,
        "pub" => publish::<R>(&arguments, stdin).await,
        "sub" => subscribe::<R>(&arguments).await,
        other => panic!("unknown role {other}"),
    }
}

async fn send_all<R: Rival>(arguments: &Arguments) -> (R, Meter) {
    let mut push = R::connect(Kind::Push, arguments).await;
    let [warm, data, end] = [WARM, DATA, END].map(|mark| arguments.payload(mark));
    push.send(R::message(&warm)).await;
    push.flush().await;
    let meter = Meter::start();
    for _ in 0..arguments.count {
        push.send(R::message(&data)).await;
    }
    push.send(R::message(&end)).await;
    push.flush().await;
    (push, meter)
}

async fn receive_all<R: Rival>(pull: &mut R, arguments: &Arguments) -> Meter {
    let [warm, data, end] = [WARM, DATA, END].map(|mark| arguments.payload(mark));
    pull.recv(|body| check(body, &warm)).await;
    let mut meter = Meter::start();
    for _ in 0..arguments.count {
        pull.recv(|body| check(body, &data)).await;
    }
    meter.throughput(arguments.count, arguments.size, Instant::now());
    // Nothing was lost, and nothing came twice.
    pull.recv(|body| check(body, &end)).await;
    meter
}

async fn ask<R: Rival>(arguments: &Arguments) -> Meter {
    let mut req = R::connect(Kind::Req, arguments).await;
    let data = arguments.payload(DATA);
    let mut latencies = Latencies::new();
    let mut meter = Meter::start();
    for number in 0..arguments.count + 200 {
        if number == 200 {
            meter = Meter::start();
        }
        let asked = Instant::now();
        req.send(R::message(&data)).await;
        req.flush().await;
        let took = req.recv(|answer| (asked.elapsed(), check(answer, &data)).0).await;
        if number >= 200 {
            latencies.record(took);
        }
    }
    meter.throughput(arguments.count, arguments.size, Instant::now());
    latencies.note(&mut meter);
    meter
}

async fn serve<R: Rival>(kind: Kind, arguments: &Arguments, stdin: Stdin) {
    let meter = Meter::start();
    tokio::select! {
        () = R::serve(kind, arguments) => {}
        () = stdin.over() => {}
    }
    meter.print("serve");
}

async fn dealer<R: Rival>(arguments: &Arguments, stdin: Stdin) {
    let start = Instant::now();
    let all_up = Rc::new(Barrier::new(arguments.peers + 1));
    let latencies = Rc::new(RefCell::new(Latencies::new()));
    let each = arguments.count / arguments.peers as u64;
    let clients: Vec<_> = (0..arguments.peers)
        .map(|_| {
            let (arguments, all_up, latencies) =
                (arguments.clone(), Rc::clone(&all_up), Rc::clone(&latencies));
            spawn_local(async move {
                let mut dealer = R::connect(Kind::Dealer, &arguments).await;
                let data = arguments.payload(DATA);
                dealer.send(R::message(&data)).await;
                dealer.flush().await;
                dealer.recv(|answer| check(answer, &data)).await;
                all_up.wait().await;
                let (mut sent, mut received) = (0, 0);
                let mut asked = VecDeque::with_capacity(arguments.window);
                while received < each {
                    let before = sent;
                    while sent < each && asked.len() < arguments.window {
                        asked.push_back(Instant::now());
                        dealer.send(R::message(&data)).await;
                        sent += 1;
                    }
                    if sent > before {
                        dealer.flush().await;
                    }
                    dealer.recv(|answer| check(answer, &data)).await;
                    latencies.borrow_mut().record(asked.pop_front().expect("it was asked").elapsed());
                    received += 1;
                }
                // Each request had one answer: the next one is that to this.
                let end = arguments.payload(END);
                dealer.send(R::message(&end)).await;
                dealer.flush().await;
                dealer.recv(|answer| check(answer, &end)).await;
                dealer
            })
        })
        .collect();
    all_up.wait().await;
    let mut meter = Meter::start();
    meter.note("setup_s", (meter.start - start).as_secs_f64());
    let mut sockets = Vec::new();
    for client in clients {
        sockets.push(client.await.expect("a client"));
    }
    if each > 0 {
        meter.throughput(each * arguments.peers as u64, arguments.size, Instant::now());
        latencies.borrow().note(&mut meter);
    }
    meter.print("dealer");
    if arguments.hold {
        stdin.over().await;
    }
}

async fn publish<R: Rival>(arguments: &Arguments, stdin: Stdin) {
    let mut publisher = R::bind(Kind::Pub, arguments).await;
    ready();
    let [warm, data, end] = [WARM, DATA, END].map(|mark| arguments.payload(mark));
    while !stdin.has_line() {
        publisher.send(R::message(&warm)).await;
        publisher.flush().await;
        sleep(Duration::from_millis(10)).await;
    }
    let meter = Meter::start();
    for _ in 0..arguments.count {
        publisher.send(R::message(&data)).await;
    }
    publisher.flush().await;
    while !stdin.is_over() {
        publisher.send(R::message(&end)).await;
        publisher.flush().await;
        sleep(Duration::from_millis(5)).await;
    }
    meter.print("pub");
}

async fn subscribe<R: Rival>(arguments: &Arguments) {
    let warm = Rc::new(Cell::new(0));
    let meter: Rc<RefCell<Option<Meter>>> = Rc::default();
    let subscribers: Vec<_> = (0..arguments.peers)
        .map(|_| {
            let (arguments, warm, meter) = (arguments.clone(), Rc::clone(&warm), Rc::clone(&meter));
            spawn_local(async move {
                let mut sub = R::connect(Kind::Sub, &arguments).await;
                let data = arguments.payload(DATA);
                let (mut received, mut is_warm) = (0, false);
                loop {
                    let mark = sub
                        .recv(|body| {
                            if body.first() == Some(&DATA) {
                                check(body, &data);
                            }
                            body.first().copied()
                        })
                        .await;
                    match mark {
                        Some(WARM) if is_warm => {}
                        Some(WARM) => {
                            is_warm = true;
                            warm.set(warm.get() + 1);
                            if warm.get() == arguments.peers {
                                say("SYNCED");
                            }
                        }
                        Some(END) => return (received, sub),
                        _ => {
                            if received == 0 {
                                meter.borrow_mut().get_or_insert_with(Meter::start);
                            }
                            received += 1;
                        }
                    }
                }
            })
        })
        .collect();
    let (mut received, mut sockets) = (0_u64, Vec::new());
    for subscriber in subscribers {
        let (count, socket) = subscriber.await.expect("a subscriber");
        received += count;
        sockets.push(socket);
    }
    let mut meter = meter.take().unwrap_or_else(Meter::start);
    meter.throughput(received, arguments.size, Instant::now());
    meter.note("lost", (arguments.count * arguments.peers as u64) as i64 - received as i64);
    meter.print("sub");
}
