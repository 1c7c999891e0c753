//! Peers that speak something else, or almost the right thing.

use bytes::Bytes;
use fastrand::Rng;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use zmtp::{DealerSocket, Endpoint, Message, PushSocket, RouterEvent, RouterSocket, XpubSocket, XsubSocket};
use zmtp_patterns::clone::wire::{Command, Next, What};
use zmtp_patterns::clone::{Client, ClientConfig, Config, Health, Place, Version};

use crate::support::{ANY, SOON, agree, client, server, until};

/// Frames of nothing, and frames of something that is asked of a server or said by one, with an octet changed or left out.
fn nonsense(rng: &mut Rng) -> Message {
    let command = match rng.u8(..4) {
        0 => Command::Sync { request: rng.u64(..), prefixes: vec!["a".into(), "b".into()], have: None },
        1 => Command::Page { request: rng.u64(..), from: "a".into() },
        2 => {
            let next = Next::End { version: Version::default(), sums: Vec::new() };
            let (request, from) = (rng.u64(..), Bytes::new());
            Command::Rows { request, what: What::Delta, from, next, rows: "rows".into() }
        }
        _ => return Message::from((0..rng.usize(..60)).map(|_| rng.u8(..)).collect::<Vec<_>>()).with("more"),
    };
    let (mut head, payloads) = command.encode(7, rng.u64(..));
    match rng.bool() {
        true => head.truncate(rng.usize(..head.len())),
        false => {
            let at = rng.usize(..head.len());
            head[at] ^= 1 << rng.u8(..8);
        }
    }
    payloads.into_iter().fold(Message::from(head), Message::with)
}

#[tokio::test]
async fn octets_of_no_such_protocol_are_counted_by_a_server_and_disturb_nobody() {
    let (server, place) = server(Config::default()).await;
    let (one, other) = (client(&place, &[""]), client(&place, &["k"]));
    one.set("key", "1").await.unwrap();
    let mut rng = Rng::with_seed(13);
    let (asking, firing, following) = (DealerSocket::new(), PushSocket::new(), XsubSocket::new());
    asking.connect(place.control.clone()).unwrap();
    firing.connect(place.changes.clone()).unwrap();
    following.connect(place.updates.clone()).unwrap();
    for _ in 0..300 {
        asking.send(nonsense(&mut rng)).await.unwrap();
        firing.send(nonsense(&mut rng)).await.unwrap();
        following.subscribe([&b"B\xff\xff"[..], &rng.u64(..).to_be_bytes()].concat());
    }
    for endpoint in [&place.control, &place.updates, &place.changes] {
        let Endpoint::Tcp { host, port, .. } = endpoint else { panic!("{endpoint}") };
        let mut stream = TcpStream::connect((&**host, *port)).await.unwrap();
        let octets: Vec<u8> = (0..1000).map(|_| rng.u8(..)).collect();
        // It may be shown the door before it is done.
        let _ = stream.write_all(&octets).await;
    }
    // At least the third of them that is of nothing at all, on two sockets.
    until("all has come", async || server.status().await.unwrap().counters.malformed > 200).await;

    let version = one.set("key", "2").await.unwrap();
    agree(&one, &client(&place, &[""])).await;
    let state = timeout(SOON, other.wait_for(version)).await.unwrap();
    assert_eq!((state.health, state.tree.len()), (Health::Live, 1));
    assert_eq!(server.status().await.unwrap().keys, 1);
}

#[tokio::test]
async fn what_a_server_says_of_no_such_protocol_is_counted_by_a_client_which_turns_to_the_next() {
    let (_server, place) = server(Config::default()).await;
    client(&place, &["none"]).set("key", "1").await.unwrap();
    let (mut router, mut publisher) = (RouterSocket::new(), XpubSocket::new());
    let bad = Place {
        control: router.bind(ANY).await.unwrap(),
        updates: publisher.bind(ANY).await.unwrap(),
        changes: place.changes.clone(),
    };
    tokio::spawn(async move {
        let mut rng = Rng::with_seed(17);
        loop {
            tokio::select! {
                event = router.recv_event() => if let Ok(RouterEvent::Joined(peer, _)) = event {
                    for _ in 0..100 {
                        let _ = router.send_to(&peer, nonsense(&mut rng));
                    }
                },
                // It has subscribed to something.
                request = publisher.recv() => if request.is_ok() {
                    for topic in ["Ukey", "B\0\0", "F", "U"] {
                        let said = nonsense(&mut rng).into_frames();
                        let _ = publisher.send(said.fold(Message::new(topic), Message::with)).await;
                    }
                },
            }
        }
    });
    let client = Client::start(vec![bad, place], ClientConfig::default());
    let state = timeout(SOON, client.ready()).await.unwrap();
    assert_eq!(state.tree.get(b"key").unwrap().value, "1");
    assert!(state.counters.malformed > 10, "{:?}", state.counters);
}
