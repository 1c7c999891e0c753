//! What the robot is made of: modules that know nothing of each other but what the clone says.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::interval;
use zmtp_patterns::clone::{Client, ClientConfig, WriteError};

/// A kind of module. Each system has one of each.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Module {
    /// Measures how far it is to the wall, and writes that.
    Sensor,
    /// Reads that, and writes how fast to go.
    Planner,
    /// Read that, and go.
    Wheels,
}

/// How far it is to the wall, in millimetres. There is one robot, whichever system drives it.
#[derive(Debug)]
pub(crate) struct Room(AtomicU64);

impl Module {
    pub(crate) const ALL: [Self; 3] = [Self::Sensor, Self::Planner, Self::Wheels];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sensor => "sensor",
            Self::Planner => "planner",
            Self::Wheels => "wheels",
        }
    }

    /// A client that follows what the module reads.
    pub(crate) fn config(self) -> ClientConfig {
        ClientConfig::of(match self {
            Self::Sensor => None,
            Self::Planner => Some(DISTANCE),
            Self::Wheels => Some(SPEED),
        })
    }

    /// Works, and says how it goes, until it is stopped at whatever it waits for.
    pub(crate) async fn work(
        self,
        client: &Client,
        room: &Room,
        say: impl FnMut(String),
    ) -> Result<(), WriteError> {
        match self {
            Self::Sensor => sense(client, room, say).await,
            Self::Planner => plan(client, say).await,
            Self::Wheels => {
                go(client, room, say).await;
                Ok(())
            }
        }
    }
}

async fn sense(client: &Client, room: &Room, mut say: impl FnMut(String)) -> Result<(), WriteError> {
    let mut turns = interval(TURN);
    loop {
        turns.tick().await;
        let distance = room.0.load(Relaxed);
        client.set(DISTANCE, distance.to_string()).await?;
        say(format!("{distance} mm to the wall"));
    }
}

async fn plan(client: &Client, mut say: impl FnMut(String)) -> Result<(), WriteError> {
    let mut watch = client.watch(DISTANCE);
    while watch.next().await.is_some() {
        let Some(distance) = read(client, DISTANCE) else { continue };
        // The nearer the slower.
        let speed = (distance / 2).clamp(100, 500);
        client.set(SPEED, speed.to_string()).await?;
        say(format!("go at {speed} mm/s"));
    }
    Ok(())
}

async fn go(client: &Client, room: &Room, mut say: impl FnMut(String)) {
    let mut watch = client.watch(SPEED);
    while watch.next().await.is_some() {
        let Some(speed) = read(client, SPEED) else { continue };
        room.go(speed * TURN.as_millis() as u64 / 1000);
        say(format!("going at {speed} mm/s"));
    }
}

/// What a key stands for. That is in this process, and takes no time.
fn read(client: &Client, key: &str) -> Option<u64> {
    let entry = client.get(key.as_bytes())?;
    std::str::from_utf8(&entry.value).ok()?.parse().ok()
}

impl Room {
    /// The robot is at one wall, and looks at the other one.
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(LENGTH))
    }

    /// At the wall it turns round.
    fn go(&self, way: u64) {
        let left = self.0.load(Relaxed).checked_sub(way).unwrap_or(LENGTH);
        self.0.store(left, Relaxed);
    }
}

const DISTANCE: &str = "distance";
const SPEED: &str = "speed";
/// How often the sensor measures.
const TURN: Duration = Duration::from_millis(50);
const LENGTH: u64 = 2000;
