//! A robot with two systems, of which one drives and the other one stands by. Each has a server of the clone and modules,
//! which talk by way of it only, and a supervisor switches them on when its own server decides and the other system's are
//! off. One hands over to the other, then one dies: at no moment are modules of both on.
//!
//! A table on the terminal shows what each module says, and lines in a pipe when it is switched on and off. It ends by
//! itself, or with Ctrl-C.

mod computer;
mod crew;
#[path = "../common/free.rs"]
mod free;
mod modules;
#[path = "../common/show.rs"]
mod show;
mod system;
mod watchman;

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::crew::Crew;
use crate::modules::Room;
use crate::show::Show;
use crate::system::{FAILOVER, System, TTL};
use crate::watchman::Watchman;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let show = Show::new(14);
    let (room, watchman) = (Arc::new(Room::new()), Arc::default());
    let crew = |system, name| Crew::new(system, name, &show, &room, &watchman);
    let systems = system::pair([crew(0, "first"), crew(1, "second")]).await?;
    tokio::select! {
        told = tell(systems, &show) => told?,
        _ = tokio::signal::ctrl_c() => {}
    }
    if Watchman::has_seen_both(&watchman) {
        return Err("modules of both systems were on".into());
    }
    show.end("at no moment were modules of both systems on");
    Ok(())
}

/// A day in the life of a robot.
async fn tell([mut first, mut second]: [System; 2], show: &Show) -> Result<(), Box<dyn Error>> {
    let pause = Duration::from_millis(if show.is_terminal() { 3000 } else { 700 });

    show.say("both systems are started; the first one is the primary");
    first.drives().await?;
    sleep(pause).await;

    show.say("the first one is told to hand over");
    let since = Instant::now();
    first.hand_over().await;
    second.drives().await?;
    show.say(&format!("the second one drives {} ms later", since.elapsed().as_millis()));
    sleep(pause).await;

    show.say("nobody takes back what was handed over");
    sleep(pause).await;
    if first.is_on() || !second.is_on() {
        return Err("the second one drives no more, and nobody has said so".into());
    }

    show.say("the second one dies, all of it at once");
    let since = Instant::now();
    drop(second);
    first.drives().await?;
    let (failover, ttl) = (FAILOVER.as_millis(), TTL.as_millis());
    show.say(&format!(
        "the first one drives {} ms later: {failover} ms of silence, then the ttl of {ttl} ms",
        since.elapsed().as_millis()
    ));
    sleep(pause).await;
    Ok(())
}
