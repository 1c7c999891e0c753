//! A task and its assistant with PAIR over `inproc`: exactly two sockets, both may speak at any time.
//! The assistant reports how far it is, and stops in the middle when it is told to.

use std::error::Error;
use std::time::Duration;

use tokio::time::interval;
use zmtp::PairSocket;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut boss = PairSocket::new();
    boss.bind("inproc://counting").await?;
    let assistant = tokio::spawn(count());

    loop {
        let report = boss.recv().await?;
        println!("the assistant says: {}", report.first().escape_ascii());
        if report == "5" {
            boss.send("stop").await?;
            break;
        }
    }

    let counted = assistant.await??;
    println!("{}", if counted < 100 { "it stopped early, as it was told" } else { "it did not listen" });
    Ok(())
}

/// Counts to a hundred, and listens meanwhile.
async fn count() -> Result<u32, Box<dyn Error + Send + Sync>> {
    let mut boss = PairSocket::new();
    boss.connect("inproc://counting")?;
    let mut pause = interval(Duration::from_millis(10));
    for counted in 1..=100 {
        pause.tick().await;
        boss.send(counted.to_string()).await?;
        if let Ok(order) = boss.try_recv() {
            println!("the assistant hears: {}", order.first().escape_ascii());
            return Ok(counted);
        }
    }
    Ok(100)
}
