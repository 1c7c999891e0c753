//! Octets of no such protocol, on each of the faces.

use std::time::Duration;

use zmtp::{DealerSocket, Message};

use crate::support::{Cluster, ask, until};

/// What is wrong in a way of its own: no header, a header and nothing, of another protocol, of another version, of an unknown
/// command, with fields cut off, and with a frame too many.
fn wrong() -> Vec<Message> {
    let header = |command: u8| {
        let mut header = vec![0xaa, 0xb2, 1, 0, command, 0, 0, 24];
        header.extend([7; 16]);
        header
    };
    let mut wrong: Vec<Message> =
        vec!["".into(), "x".into(), Message::from("x").with("y"), vec![0xaa, 0xb2].into()];
    wrong.push([&[0xaa, 0xb1][..], &header(0)[2..]].concat().into());
    wrong.push([&[0xaa, 0xb2, 9][..], &header(0)[3..]].concat().into());
    wrong.extend((0..=60).map(|command| header(command).into()));
    // With such fields 7 would be an operator's order, and 17 a worker with many slots.
    let fields = (0..=60).filter(|command| ![7, 17].contains(command));
    wrong.extend(fields.map(|command| Message::from([header(command), vec![0xff; 9]].concat())));
    wrong.extend((0..=60).map(|command| Message::from(header(command)).with("a").with("b")));
    wrong
}

#[tokio::test]
async fn octets_of_no_such_protocol_are_counted_and_disturb_nobody() {
    let one = Cluster::new("DC1").await;
    let _worker = one.worker(2, "of DC1", Duration::ZERO);
    let client = one.client();
    for at in [&one.place.clients, &one.place.workers, &one.place.cloud] {
        let stranger = DealerSocket::new();
        stranger.connect(at.clone()).unwrap();
        let before = one.status().await.counters.malformed;
        for message in wrong() {
            stranger.send(message).await.unwrap();
            assert_eq!(ask(&client, "hello").await.1, "of DC1");
        }
        until("they are counted", async || one.status().await.counters.malformed > before + 10).await;
    }
    let status = one.status().await;
    assert!(status.queue + status.local < 200, "{status:?}");
}
