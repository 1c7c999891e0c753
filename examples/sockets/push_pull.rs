//! Parallel work with PUSH and PULL: a ventilator hands out numbers, three workers square them, a sink adds them up.
//! Each worker gets a third, and nobody is told who the others are.

use std::error::Error;

use zmtp::{Endpoint, Event, PullSocket, PushSocket};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let ventilator = PushSocket::new();
    let tasks = ventilator.bind("tcp://127.0.0.1:*").await?;
    let mut sink = PullSocket::new();
    let results = sink.bind("tcp://127.0.0.1:*").await?;
    let workers =
        ["anna", "ben", "carl"].map(|name| tokio::spawn(work(name, tasks.clone(), results.clone())));

    // The first worker that is there would get everything.
    ventilator.wait_for_peers(workers.len()).await;
    for number in 0..99_u64 {
        ventilator.send(&number.to_be_bytes()).await?;
    }

    let mut sum = 0;
    for _ in 0..99 {
        sum += number(sink.recv().await?.first())?;
    }
    // Each worker ends when the ventilator has left.
    ventilator.close().await?;
    for worker in workers {
        println!("{}", worker.await??);
    }
    println!("the sum of the first 99 squares is {sum}");
    Ok(())
}

/// Squares what it gets, until nobody is left to give something.
async fn work(name: &str, tasks: Endpoint, results: Endpoint) -> Result<String, zmtp::SendError> {
    let mut pull = PullSocket::new();
    let mut monitor = pull.monitor();
    pull.connect(tasks).expect("an endpoint that was bound");
    let push = PushSocket::new();
    push.connect(results).expect("an endpoint that was bound");

    let mut done = 0;
    loop {
        tokio::select! {
            Ok(task) = pull.recv() => {
                let number = number(task.first()).expect("eight octets");
                push.send(&(number * number).to_be_bytes()).await?;
                done += 1;
            }
            event = monitor.next() => if let Some(Event::Disconnected { .. }) = event { break },
        }
    }
    Ok(format!("{name} squared {done} numbers"))
}

fn number(octets: &[u8]) -> Result<u64, std::array::TryFromSliceError> {
    octets.try_into().map(u64::from_be_bytes)
}
