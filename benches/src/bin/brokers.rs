//! Our balancer, and a broker of our clouds, beside the load-balancing broker of the ZeroMQ guide on libzmq, which forgets a
//! request as soon as it has handed it out, in turns: the same jobs over loopback TCP.
//!
//! `cargo build --release -p zmtp-cli && cargo run --release -p zmtp-benches --bin brokers`

use std::collections::VecDeque;
use std::error::Error;
use std::process::{Command, ExitCode};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

use clap::Parser;
use zmtp_libzmq::{Context, Opt, Socket, SocketType, poll_in};

/// Jobs in a second through a broker: ours, which loses none, and a plain one on libzmq
#[derive(Debug, Parser)]
struct Options {
    /// How often each is measured
    #[arg(long, default_value_t = 5)]
    rounds: usize,

    /// How long each measurement takes, in seconds
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
}

/// A row of `zmtp balance bench` or `zmtp peer bench`, and the same with a plain broker.
struct Row {
    verb: &'static str,
    name: &'static str,
    workers: usize,
    /// Jobs that the client has open at a time.
    open: usize,
    /// Octets of a job, and of its result.
    size: usize,
}

const ROWS: [Row; 3] = [
    Row { verb: "balance", name: "tasks", workers: 8, open: 1000, size: 64 },
    Row { verb: "balance", name: "sync", workers: 1, open: 1, size: 64 },
    Row { verb: "peer", name: "served", workers: 8, open: 500, size: 1000 },
];

fn main() -> ExitCode {
    match compare(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("brokers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare(options: &Options) -> Result<(), Box<dyn Error>> {
    println!("| row | ours, jobs/s | plain libzmq broker, jobs/s | ratio, and of each round |");
    println!("|---|---|---|---|");
    for row in &ROWS {
        let mut rounds = Vec::new();
        for _ in 0..options.rounds.max(1) {
            rounds.push((ours(row, options.seconds)?, plain(row, Duration::from_secs_f64(options.seconds))?));
        }
        let ratios: Vec<_> = rounds.iter().map(|(ours, plain)| ours / plain).collect();
        let each: Vec<_> = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
        let (mine, other) = rounds.into_iter().unzip();
        println!(
            "| {} | {:.0} | {:.0} | {:.2} ({}) |",
            row.name,
            median(mine),
            median(other),
            median(ratios),
            each.join(", ")
        );
    }
    Ok(())
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// What `zmtp` says, which lies beside this program.
fn ours(row: &Row, seconds: f64) -> Result<f64, Box<dyn Error>> {
    let zmtp = std::env::current_exe()?.with_file_name("zmtp");
    let each = format!("{}ms", (seconds * 1000.0) as u64);
    let mut command = Command::new(&zmtp);
    command.args([row.verb, "bench", "--json", "--rounds", "1", "--row", row.name, "--each", &each]);
    let said = command.output().map_err(|error| {
        format!("cannot run {}: {error}; build it: cargo build --release -p zmtp-cli", zmtp.display())
    })?;
    let figures: serde_json::Value = serde_json::from_slice(&said.stdout)?;
    figures["median"].as_f64().ok_or_else(|| format!("{} said no figure", zmtp.display()).into())
}

fn plain(row: &Row, about: Duration) -> Result<f64, Box<dyn Error>> {
    let context = Context::new();
    let (front, back) = (socket(&context, SocketType::Router)?, socket(&context, SocketType::Router)?);
    let (clients, workers) = (front.bind("tcp://127.0.0.1:*")?, back.bind("tcp://127.0.0.1:*")?);
    let mut threads = vec![spawn(move || _ = broker(&[front, back]))];
    for _ in 0..row.workers {
        let worker = socket(&context, SocketType::Req)?;
        worker.connect(&workers)?;
        threads.push(spawn(move || _ = work(&worker)));
    }
    let client = socket(&context, SocketType::Dealer)?;
    client.connect(&clients)?;
    let rate = ask(&client, row, about);
    drop(client);
    context.shutdown()?;
    threads.into_iter().try_for_each(JoinHandle::join).map_err(|_| "a thread of libzmq's has panicked")?;
    Ok(rate?)
}

fn socket(context: &Context, kind: SocketType) -> zmtp_libzmq::Result<Socket> {
    let socket = Socket::new(context, kind)?;
    socket.set_int(Opt::Linger, 0)?;
    Ok(socket)
}

/// Gives each request to the worker that has been free for longest, until the context is shut down.
fn broker(sockets: &[Socket; 2]) -> zmtp_libzmq::Result<()> {
    let [front, back] = sockets;
    let (mut free, mut ready) = (VecDeque::new(), Vec::new());
    loop {
        let mut heard = if free.is_empty() {
            Some(back.recv()?)
        } else {
            poll_in(sockets, &mut ready)?;
            back.try_recv().ok()
        };
        while let Some(said) = heard {
            if let [worker, _, client, _, reply] = &said[..] {
                front.send(&[client, b"", reply])?;
                free.push_back(worker.clone());
            } else {
                free.extend(said.into_iter().next());
            }
            heard = back.try_recv().ok();
        }
        while !free.is_empty()
            && let Ok(request) = front.try_recv()
        {
            let ([client, _, body], Some(worker)) = (&request[..], free.pop_front()) else { continue };
            back.send(&[&worker, b"", client, b"", body])?;
        }
    }
}

/// Says that it is free, and sends back what it gets.
fn work(worker: &Socket) -> zmtp_libzmq::Result<()> {
    worker.send(&[b"READY"])?;
    loop {
        let job = worker.recv()?;
        let job: Vec<_> = job.iter().map(|frame| &frame[..]).collect();
        worker.send(&job)?;
    }
}

/// Jobs done in a second, by a client that has as many open.
fn ask(client: &Socket, row: &Row, about: Duration) -> zmtp_libzmq::Result<f64> {
    let (start, mut waiting, mut done) = (Instant::now(), 0, 0_u32);
    let job = vec![b'x'; row.size];
    loop {
        while waiting < row.open && start.elapsed() < about {
            client.send(&[b"", &job])?;
            waiting += 1;
        }
        if waiting == 0 {
            return Ok(f64::from(done) / start.elapsed().as_secs_f64());
        }
        let mut reply = Some(client.recv()?);
        while let Some([_, body]) = reply.as_deref() {
            assert_eq!(*body, job, "a reply is what was asked");
            (waiting, done) = (waiting - 1, done + 1);
            reply = client.try_recv().ok();
        }
    }
}
