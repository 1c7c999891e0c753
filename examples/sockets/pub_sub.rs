//! News with PUB and SUB: everybody gets what begins with a topic of theirs, and what nobody wants is not even sent.
//! A subscriber that is not there yet misses what is said meanwhile, so the publisher waits for it.

use std::error::Error;

use zmtp::{Endpoint, Event, Message, PubSocket, SubSocket};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let station = PubSocket::new();
    let at = station.bind("tcp://127.0.0.1:*").await?;
    let listeners = [
        tokio::spawn(listen("the farmer", at.clone(), &["weather."])),
        tokio::spawn(listen("the sailor", at.clone(), &["weather.sea", "tide"])),
    ];
    station.wait_for_subscribers("weather.sea", 2).await;
    station.wait_for_subscribers("tide", 1).await;
    println!("{} topics are listened to", station.topics_count());

    for (topic, text) in [
        ("weather.land", "rain"),
        ("weather.sea", "storm"),
        ("sport", "one all"),
        ("tide", "high at noon"),
        ("weather.", "that was the weather"),
    ] {
        station.send(Message::new(topic).with(text)).await?;
    }
    station.close().await?;

    for listener in listeners {
        println!("{}", listener.await??);
    }
    Ok(())
}

/// Hears what it asked for, until the station has left.
async fn listen(name: &str, at: Endpoint, topics: &[&str]) -> Result<String, zmtp::ConnectError> {
    let mut sub = SubSocket::new();
    let mut monitor = sub.monitor();
    for topic in topics {
        sub.subscribe(topic);
    }
    sub.connect(at)?;

    let mut heard = Vec::new();
    loop {
        tokio::select! {
            biased;
            Ok(news) = sub.recv() => heard.push(news[1].escape_ascii().to_string()),
            event = monitor.next() => if let Some(Event::Disconnected { .. }) = event { break },
        }
    }
    Ok(format!("{name} heard: {}", heard.join(", ")))
}
