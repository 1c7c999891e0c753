//! The contender of nobody: many light clients that are the same for all contenders, so that what is measured is the
//! other side. They speak ZMTP with the codec alone, without sockets, queues or tasks behind them.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, yield_now};
use zmtp::wire::{Config, Connection, Event, Header, SocketType};
use zmtp_benches::{Arguments, DATA, Meter, Shares, Stdin, check, raise_descriptors};

fn main() {
    let arguments = Arguments::read();
    raise_descriptors();
    arguments.rt.run(play(arguments, Stdin::listen()));
    std::process::exit(0);
}

async fn play(arguments: Arguments, stdin: Stdin) {
    match arguments.role.as_str() {
        "dealer" => dealers(&arguments, stdin).await,
        "fan-push" => pushers(&arguments, stdin).await,
        other => panic!("unknown role {other}"),
    }
}

/// Connects them all, and lets each have a message echoed.
async fn dealers(arguments: &Arguments, stdin: Stdin) {
    let mut meter = Meter::start();
    let shaking = Arc::new(Semaphore::new(AT_ONCE));
    let mut clients = JoinSet::new();
    for _ in 0..arguments.peers {
        let (arguments, shaking) = (arguments.clone(), Arc::clone(&shaking));
        clients.spawn(async move {
            let _turn = shaking.acquire().await.expect("never closed");
            let mut client = Client::connect(SocketType::Dealer, &arguments).await;
            let data = arguments.payload(DATA);
            client.io.write_all(&frame(&data)).await.expect("a connection");
            let Event::Messages(mut echo) = client.event(1).await else { panic!("no echo") };
            check(echo.next_message().expect("one").first(), &data);
            client
        });
    }
    let mut connected = Vec::with_capacity(arguments.peers);
    while let Some(client) = clients.join_next().await {
        connected.push(client.expect("a client"));
    }
    meter.note("setup_s", meter.start.elapsed().as_secs_f64());
    meter.print("dealer");
    stdin.over().await;
}

/// All send as fast as they can, until the end.
async fn pushers(arguments: &Arguments, stdin: Stdin) {
    let meter = Meter::start();
    let shaking = Arc::new(Semaphore::new(AT_ONCE));
    for sender in 0..arguments.peers {
        let (arguments, shaking) = (arguments.clone(), Arc::clone(&shaking));
        tokio::spawn(async move {
            let turn = shaking.acquire().await.expect("never closed");
            let mut client = Client::connect(SocketType::Push, &arguments).await;
            drop(turn);
            let (mut data, mut number) = (arguments.payload(DATA), 0);
            let mut batch = Vec::new();
            // Until the receiver has enough and goes.
            loop {
                batch.clear();
                for _ in 0..BATCH {
                    Shares::sign(&mut data, sender, number);
                    batch.extend_from_slice(&frame(&data));
                    number += 1;
                }
                if client.io.write_all(&batch).await.is_err() {
                    return;
                }
                // Else one of them would fill its connection before the next has a turn.
                yield_now().await;
            }
        });
    }
    stdin.over().await;
    meter.print("fan-push");
}

/// A connection that is up.
struct Client {
    io: TcpStream,
    wire: Connection,
}

impl Client {
    async fn connect(socket_type: SocketType, arguments: &Arguments) -> Self {
        let address = arguments.endpoint.strip_prefix("tcp://").expect("a tcp endpoint");
        let io = match TcpStream::connect(address).await {
            Ok(io) => io,
            Err(error) => panic!("{address}: {error}"),
        };
        io.set_nodelay(true).expect("an option");
        let mut client = Self { io, wire: Connection::new(Config::new(socket_type)) };
        let Event::Ready(_) = client.event(0).await else { panic!("no handshake") };
        client.flush().await;
        client
    }

    async fn event(&mut self, room: usize) -> Event {
        loop {
            if let Some(event) = self.wire.poll_event(room).expect("an honest peer") {
                return event;
            }
            self.flush().await;
            let read = self.io.read_buf(&mut self.wire.buffer()).await.expect("a connection");
            if read == 0 {
                // The other side is gone: so is this process, soon.
                return std::future::pending().await;
            }
            self.wire.received(read);
        }
    }

    async fn flush(&mut self) {
        if let Some(bytes) = self.wire.transmit() {
            self.io.write_all(&bytes).await.expect("a connection");
        }
    }
}

fn frame(body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(Header::MAX + body.len());
    Header { more: false, command: false, len: body.len() as u64 }.encode(&mut frame);
    frame.extend_from_slice(body);
    frame
}

/// How many shake hands at the same time: a listener's backlog holds them.
const AT_ONCE: usize = 64;
/// Messages in one write.
const BATCH: u64 = 64;
