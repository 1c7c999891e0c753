//! Topics of every length and content.

use std::collections::{HashMap, HashSet};

use support::{Door, Peer, Zmq, frame, greeting, ready};
use zmtp::{Pub, Sub, SubSocket, Xpub, XpubSocket, Xsub, XsubSocket};
use zmtp_libzmq::{Opt, SocketType};

use crate::meetings::{MEETINGS, Meeting};
use crate::publishing::{Publishes, Subscribes};
use crate::subject::{Frames, Subject, recv, send};

/// Around the length where a frame's header changes, for SUBSCRIBE, CANCEL and for the message forms.
const LENGTHS: [usize; 13] = [0, 1, 244, 245, 246, 247, 248, 249, 253, 254, 255, 256, 10_000];

fn topic(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + len) as u8).collect()
}

#[tokio::test]
async fn case_094_topics_of_every_length_subscribe_and_match() {
    for meeting in MEETINGS {
        let mut subscriber = SubSocket::new();
        let mut publisher = meeting.other::<Xpub>(SocketType::Xpub);
        meeting.join(&subscriber, &publisher).await;
        for topic in LENGTHS.map(topic) {
            subscriber.subscribe(&topic);
            assert_eq!(publisher.recv().await, [[&[1], &topic[..]].concat()]);
            publisher.send([&topic]).await;
            assert_eq!(recv(&mut subscriber).await, [&topic]);
            subscriber.unsubscribe(&topic);
            assert_eq!(publisher.recv().await, [[&[0], &topic[..]].concat()]);
        }

        for_theirs::<Sub>(meeting).await;
        for_theirs::<Xsub>(meeting).await;
    }
}

async fn for_theirs<S: Subscribes>(meeting: Meeting) {
    let mut publisher = XpubSocket::new();
    let mut subscriber = meeting.other::<S>(S::THEIRS);
    meeting.join(&publisher, &subscriber).await;
    for topic in LENGTHS.map(topic) {
        subscriber.subscribe(&topic).await;
        assert_eq!(subscriber.attend(recv(&mut publisher)).await, [[&[1], &topic[..]].concat()]);
        send(&publisher, [&topic]).await;
        assert_eq!(subscriber.recv().await, [&topic]);
        subscriber.unsubscribe(&topic).await;
        assert_eq!(subscriber.attend(recv(&mut publisher)).await, [[&[0], &topic[..]].concat()]);
    }
}

/// To a peer that speaks 3.0 as well. libzmq's encoder forgets a flag at 255 octets there; ours does not.
#[tokio::test]
async fn case_094_topics_of_every_length_reach_a_publisher_of_3_0() {
    for sub in Subject::<Sub>::both(SubSocket::new(), Zmq::new(SocketType::Sub)) {
        let door = Door::open().await;
        sub.connect(door.endpoint()).await;
        let mut peer = door.accept().await;
        peer.shake_with(greeting().version(3, 0), ready("PUB")).await;
        for topic in LENGTHS.map(topic).into_iter().filter(|topic| sub.is_ours() || topic.len() != 255) {
            sub.subscribe(&topic).await;
            peer.expect(frame([&[1], &topic[..]].concat())).await;
            sub.unsubscribe(&topic).await;
            peer.expect(frame([&[0], &topic[..]].concat())).await;
        }
    }
}

/// The measured octets: eight octets of length under a flag that announces one.
#[tokio::test]
async fn case_094_libzmq_breaks_a_topic_of_255_octets_towards_3_0() {
    let sub = Subject::<Sub>::Theirs(Zmq::new(SocketType::Sub));
    let door = Door::open().await;
    sub.connect(door.endpoint()).await;
    let mut peer: Peer = door.accept().await;
    peer.shake_with(greeting().version(3, 0), ready("PUB")).await;

    sub.subscribe(topic(255)).await;

    peer.expect([&[0, 0, 0, 0, 0, 0, 0, 1, 0, 1][..], &topic(255)].concat()).await;
}

/// Ten thousand subscribes and unsubscribes of topics that are prefixes of each other: what the publisher has at the
/// end is what a simple model has.
#[tokio::test]
async fn case_095_after_ten_thousand_random_changes_the_publisher_knows_the_same_topics() {
    for meeting in MEETINGS {
        let subscriber = SubSocket::builder().send_hwm(0).build();
        let mut publisher = meeting.other::<Xpub>(SocketType::Xpub);
        meeting.join(&subscriber, &publisher).await;
        let mut model = Model::default();
        for change in changes() {
            match &change {
                Change::Subscribe(topic) => subscriber.subscribe(topic),
                Change::Unsubscribe(topic) => {
                    assert_eq!(subscriber.unsubscribe(topic), model.counts.contains_key(topic));
                }
            }
            model.apply(change);
        }
        assert_eq!(subscriber.topics_count(), model.counts.len());
        subscriber.subscribe(END);
        let mut known = HashSet::new();
        while !report(&mut known, publisher.recv().await) {}
        assert_eq!(known, model.topics());

        let theirs = Zmq::new(SocketType::Sub);
        theirs.set(Opt::SndHwm, 0).await;
        let subscriber = meeting.either(SubSocket::builder().send_hwm(0).build(), theirs);
        let mut publisher = XpubSocket::new();
        meeting.join(&publisher, &subscriber).await;
        let mut model = Model::default();
        for change in changes() {
            match &change {
                Change::Subscribe(topic) => subscriber.subscribe(topic).await,
                Change::Unsubscribe(topic) => subscriber.unsubscribe(topic).await,
            }
            model.apply(change);
        }
        subscriber.subscribe(END).await;
        let mut known = HashSet::new();
        while !report(&mut known, subscriber.attend(recv(&mut publisher)).await) {}
        assert_eq!(known, model.topics());
        assert_eq!(publisher.topics_count(), known.len() + 1);
    }
}

/// And the messages agree: a PUB that has been through the same sends what matches and nothing else.
#[tokio::test]
async fn case_095_after_random_changes_what_matches_arrives_and_nothing_else() {
    for meeting in MEETINGS {
        let theirs = Zmq::new(SocketType::Xsub);
        theirs.set(Opt::SndHwm, 0).await;
        let mut subscriber = meeting.either(XsubSocket::builder().send_hwm(0).build(), theirs);
        let publisher = zmtp::PubSocket::builder().send_hwm(0).build();
        meeting.join(&publisher, &subscriber).await;
        let mut model = Model::default();
        // An empty topic would match everything.
        for change in changes().into_iter().filter(|change| !change.topic().is_empty()).take(3000) {
            match &change {
                Change::Subscribe(topic) => subscriber.subscribe(topic).await,
                Change::Unsubscribe(topic) => subscriber.unsubscribe(topic).await,
            }
            model.apply(change);
        }
        subscriber.subscribe("end").await;
        subscriber.attend(Pub::subscribed(&publisher, "end", 1)).await;

        let words = all_topics(4);
        for word in &words {
            send(&publisher, [word]).await;
        }
        send(&publisher, ["end"]).await;

        let topics = model.topics();
        for word in words.iter().filter(|word| topics.iter().any(|topic| word.starts_with(topic))) {
            assert_eq!(subscriber.recv().await, [word]);
        }
        assert_eq!(subscriber.recv().await, ["end"]);
    }
}

#[derive(Debug)]
enum Change {
    Subscribe(Vec<u8>),
    Unsubscribe(Vec<u8>),
}

impl Change {
    fn topic(&self) -> &[u8] {
        match self {
            Self::Subscribe(topic) | Self::Unsubscribe(topic) => topic,
        }
    }
}

/// How often each topic is wanted.
#[derive(Debug, Default)]
struct Model {
    counts: HashMap<Vec<u8>, u32>,
}

impl Model {
    fn apply(&mut self, change: Change) {
        match change {
            Change::Subscribe(topic) => *self.counts.entry(topic).or_default() += 1,
            Change::Unsubscribe(topic) => {
                if let Some(count) = self.counts.get_mut(&topic) {
                    *count -= 1;
                    if *count == 0 {
                        self.counts.remove(&topic);
                    }
                }
            }
        }
    }

    fn topics(&self) -> HashSet<Vec<u8>> {
        self.counts.keys().cloned().collect()
    }
}

/// Takes note of what an XPUB reports. True at the end.
fn report(known: &mut HashSet<Vec<u8>>, frames: Frames) -> bool {
    match &frames[0][..] {
        [1, topic @ ..] if topic == END => return true,
        [1, topic @ ..] => assert!(known.insert(topic.to_vec()), "reported twice: {frames:?}"),
        [0, topic @ ..] => assert!(known.remove(topic), "reported gone twice: {frames:?}"),
        _ => panic!("no report: {frames:?}"),
    }
    false
}

/// Comes last, also when libzmq attaches late and replays all topics in the order of their octets.
const END: &[u8] = b"\xff\xff\xff\xffend";

/// The same ones each time.
fn changes() -> Vec<Change> {
    let topics = all_topics(3);
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random >> 33) as usize % below
    };
    (0..10_000)
        .map(|_| {
            let topic = topics[next(topics.len())].clone();
            if next(2) == 0 { Change::Subscribe(topic) } else { Change::Unsubscribe(topic) }
        })
        .collect()
}

/// All of up to `len` octets out of 00, FF and an a.
fn all_topics(len: u32) -> Vec<Vec<u8>> {
    let of = |len: u32| {
        (0..3_usize.pow(len))
            .map(move |n| (0..len).map(|place| [0, 0xff, b'a'][n / 3_usize.pow(place) % 3]).collect())
    };
    (0..=len).flat_map(of).collect()
}
