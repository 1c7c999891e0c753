//! What the article has: a worker, and a server that waits for ready reports and for nothing else.

use support::{Zmq, within};
use tokio::task::{JoinHandle, spawn_blocking};
use zmtp::{PullSocket, PushSocket};
use zmtp_libzmq::{Context, Error, Opt, Socket, SocketType};

/// A worker on libzmq, on a thread of its own. It waits for as long as its context is there.
pub(crate) fn worker(context: &Context, at: &[String; 2]) -> JoinHandle<Worked> {
    let (context, at) = (context.clone(), at.clone());
    spawn_blocking(move || work(&context, &at).expect("libzmq works"))
}

/// What a worker has done in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Worked {
    pub(crate) jobs: usize,
    /// It has been told to stop.
    pub(crate) stopped: bool,
}

fn work(context: &Context, [orders_at, reports_at]: &[String; 2]) -> Result<Worked, Error> {
    let orders = Socket::new(context, SocketType::Pull)?;
    orders.connect(orders_at)?;
    let reports = Socket::new(context, SocketType::Push)?;
    // What everybody has who does not set it: the last report is sent, however long that takes.
    reports.set_int(Opt::Linger, -1)?;
    reports.connect(reports_at)?;

    reports.send_one(b"1")?;
    let mut jobs = 0;
    loop {
        match orders.recv() {
            Ok(order) if order == [b"KILL"] => return Ok(Worked { jobs, stopped: true }),
            Ok(_) => {
                jobs += 1;
                reports.send_one(b"finished")?;
            }
            Err(Error::ETERM) => {
                reports.set_int(Opt::Linger, 0)?;
                return Ok(Worked { jobs, stopped: false });
            }
            Err(error) => return Err(error),
        }
    }
}

/// A server's two sockets, of one library or the other.
pub(crate) enum Server {
    Ours(Box<(PushSocket, PullSocket)>),
    Libzmq(Zmq, Zmq),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Library {
    Ours,
    Libzmq,
}

impl Server {
    pub(crate) async fn bind(library: Library, at: [&str; 2]) -> (Self, [String; 2]) {
        match library {
            Library::Ours => {
                let (orders, reports) = (PushSocket::new(), PullSocket::new());
                let at = [orders.bind(at[0]).await.unwrap(), reports.bind(at[1]).await.unwrap()];
                (Self::Ours(Box::new((orders, reports))), at.map(|at| at.to_string()))
            }
            Library::Libzmq => {
                let (orders, reports) = (Zmq::new(SocketType::Push), Zmq::new(SocketType::Pull));
                let at = [orders.bind(at[0]).await, reports.bind(at[1]).await];
                (Self::Libzmq(orders, reports), at)
            }
        }
    }

    /// Waits until somebody is attached.
    pub(crate) async fn send(&self, order: &str) {
        match self {
            Self::Ours(sockets) => within(20, sockets.0.send(order)).await.unwrap(),
            Self::Libzmq(orders, _) => orders.send(order).await,
        }
    }

    pub(crate) async fn recv(&mut self) -> String {
        let report = match self {
            Self::Ours(sockets) => within(20, sockets.1.recv()).await.unwrap().first().to_vec(),
            Self::Libzmq(_, reports) => reports.recv().await.remove(0),
        };
        String::from_utf8(report).expect("a text")
    }

    pub(crate) async fn wait_ready(&mut self, workers: usize) {
        for _ in 0..workers {
            assert_eq!(self.recv().await, "1");
        }
    }

    /// All jobs, and the stop orders behind them.
    pub(crate) async fn send_all(&self, jobs: usize, workers: usize) {
        for number in 0..jobs {
            self.send(&format!("job {number}")).await;
        }
        for _ in 0..workers {
            self.send("KILL").await;
        }
    }
}
