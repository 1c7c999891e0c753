//! libzmq's STREAM plays a peer without knowing ZMTP: what we say arrives in its chunks, octet by octet.

use support::{ANY_PORT, Zmq, frame, greeting, more, ready};
use zmtp::DealerSocket;
use zmtp_libzmq::SocketType;

use crate::subject::{recv, send};

#[tokio::test]
async fn case_015_a_stream_of_libzmq_sees_our_greeting_and_shakes_hands_by_itself() {
    for we_dial in [true, false] {
        let mut dealer = DealerSocket::new();
        let stream = Zmq::new(SocketType::Stream);
        if we_dial {
            dealer.connect(stream.bind(ANY_PORT).await).unwrap();
        } else {
            stream.connect(dealer.bind(ANY_PORT).await.unwrap()).await;
        }
        // It tells of each connection by its id and an empty frame.
        let mut connected = stream.recv().await;
        assert_eq!((connected.len(), connected[0].len(), connected[1].len()), (2, 5, 0));
        let id = connected.remove(0);
        let say = async |octets: Vec<u8>| stream.send_frames([&id, &octets]).await;

        // libzmq's routing id would be longer by one than what stands in its padding; ours has none.
        say(greeting().into()).await;
        say(ready("ROUTER").into()).await;
        let answer = Vec::from(ready("DEALER").property("Identity", ""));
        let expected = [Vec::from(greeting()), answer].concat();
        let mut said = chunks(&stream, &id, expected.len()).await;
        said[1..9].fill(0);
        assert_eq!(said.escape_ascii().to_string(), expected.escape_ascii().to_string());

        say([more("to"), frame("us")].concat()).await;
        assert_eq!(recv(&mut dealer).await, ["to", "us"]);
        send(&dealer, ["to", "it"]).await;
        let expected = [more("to"), frame("it")].concat();
        assert_eq!(chunks(&stream, &id, expected.len()).await, expected);

        // And of its end as well.
        drop(dealer);
        assert_eq!(stream.recv().await, [id.clone(), vec![]]);
    }
}

/// So many octets of this connection.
async fn chunks(stream: &Zmq, id: &[u8], octets: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while all.len() < octets {
        let [from, chunk] = stream.recv().await.try_into().expect("an id and a chunk");
        assert_eq!(from, id);
        all.extend(chunk);
    }
    all
}
