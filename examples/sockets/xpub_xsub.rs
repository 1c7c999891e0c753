//! A forwarder between publishers and subscribers with XSUB and XPUB, which remembers the last message of each topic.
//! A subscriber that comes late gets that one at once, and it alone does.

use std::collections::HashMap;
use std::error::Error;

use zmtp::{Message, PubSocket, RecvError, SubSocket, XpubSocket, XsubSocket};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let inlet = XsubSocket::new();
    let to_publish = inlet.bind("tcp://127.0.0.1:*").await?;
    let outlet = XpubSocket::builder().manual_last_value(true).build();
    let to_subscribe = outlet.bind("tcp://127.0.0.1:*").await?;
    tokio::spawn(forward(inlet, outlet));

    let thermometer = PubSocket::new();
    thermometer.connect(&to_publish)?;
    thermometer.wait_for_subscribers("", 1).await;
    let mut early = subscriber(&to_subscribe)?;
    assert_eq!(early.recv().await?[1], *b"nothing yet");
    for degrees in ["18", "19", "20"] {
        thermometer.send(Message::new("celsius").with(degrees)).await?;
        println!("early: {}", early.recv().await?[1].escape_ascii());
    }

    let mut late = subscriber(&to_subscribe)?;
    println!("late: {}", late.recv().await?[1].escape_ascii());
    thermometer.send(Message::new("celsius").with("21")).await?;
    let (early, late) = (early.recv().await?, late.recv().await?);
    println!("both: {} and {}", early[1].escape_ascii(), late[1].escape_ascii());
    Ok(())
}

fn subscriber(at: &zmtp::Endpoint) -> Result<SubSocket, zmtp::ConnectError> {
    let sub = SubSocket::new();
    sub.subscribe("celsius");
    sub.connect(at)?;
    Ok(sub)
}

/// Passes everything on, and to each new subscriber first what was last.
async fn forward(mut inlet: XsubSocket, mut outlet: XpubSocket) -> Result<(), RecvError> {
    let mut last = HashMap::<Vec<u8>, Message>::new();
    inlet.subscribe("");
    loop {
        tokio::select! {
            news = inlet.recv() => {
                let news = news?;
                last.insert(news.first().to_vec(), news.clone());
                // To whoever has subscribed. PUB and XPUB do not wait, and fail only when they are closed.
                outlet.send(news).await.map_err(|_| RecvError::Closed)?;
            }
            request = outlet.recv() => match request?.first() {
                [1, topic @ ..] => {
                    outlet.subscribe(topic);
                    // What is sent after subscribing goes to the new subscriber only.
                    let first = last.get(topic).cloned();
                    let first = first.unwrap_or_else(|| Message::new(topic).with("nothing yet"));
                    outlet.send(first).await.map_err(|_| RecvError::Closed)?;
                }
                [0, topic @ ..] => drop(outlet.unsubscribe(topic)),
                _ => {}
            }
        }
    }
}
