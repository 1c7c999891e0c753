//! A client of RFC 12 on real libzmq, as the ZeroMQ guide's clone has it, against a server of ours.

use std::time::Duration;

use support::within;
use tokio::task::spawn_blocking;
use zmtp::Security;
use zmtp_libzmq::{Context, Opt, Socket, SocketType};
use zmtp_patterns::clone::{Chp, Client, ClientConfig, Config, Place, Server, Sockets};

use crate::socket;

/// A server for clients of both kinds.
async fn server(folder: &tempfile::TempDir) -> (Server, Place, Place) {
    let place = |name| -> Place { format!("ipc://{}/{name}", folder.path().display()).parse().unwrap() };
    let (ours, theirs) = (place("ours"), place("theirs"));
    let chp = Chp::new(Security::Null);
    chp.bind(&theirs).await.unwrap();
    let sockets = Sockets { chp: Some(chp), ..Sockets::bind(&ours).await.unwrap() };
    (Server::start(sockets, Config::default()), ours, theirs)
}

/// What the guide's client has: a socket for snapshots, one for updates, and one for what it sets.
struct Guide {
    snapshot: Socket,
    updates: Socket,
    changes: Socket,
    _context: Context,
}

/// Key, sequence and value.
type Kv = (String, u64, String);

impl Guide {
    fn connect(place: &Place, subtree: &str) -> Self {
        let context = Context::new();
        let updates = Socket::new(&context, SocketType::Sub).unwrap();
        updates.set_int(Opt::RcvTimeo, 20_000).unwrap();
        updates.set_bytes(Opt::Subscribe, subtree.as_bytes()).unwrap();
        // The later subscription is in force no sooner than the first.
        updates.set_bytes(Opt::Subscribe, b"HUGZ").unwrap();
        updates.connect(&place.updates.to_string()).unwrap();
        Self {
            snapshot: socket(&context, SocketType::Dealer, &place.control.to_string()),
            changes: socket(&context, SocketType::Pub, &place.changes.to_string()),
            updates,
            _context: context,
        }
    }

    /// What there is, and up to which change.
    fn snapshot(&self, subtree: &str) -> (Vec<Kv>, u64) {
        self.snapshot.send(&[b"ICANHAZ?", subtree.as_bytes()]).unwrap();
        let mut all = Vec::new();
        loop {
            let (key, sequence, value) = kv(self.snapshot.recv().unwrap());
            if key == "KTHXBAI" {
                assert_eq!(value, subtree);
                return (all, sequence);
            }
            all.push((key, sequence, value));
        }
    }

    /// The next word about a key, or about the server's health.
    fn next(&self) -> Kv {
        kv(self.updates.recv().unwrap())
    }

    fn next_change(&self) -> Kv {
        loop {
            let said = self.next();
            if said.0 != "HUGZ" {
                return said;
            }
        }
    }

    fn set(&self, key: &str, properties: &str, value: &str) {
        let frames = [key.as_bytes(), &[0; 8], &[7; 16], properties.as_bytes(), value.as_bytes()];
        self.changes.send(&frames).unwrap();
    }
}

fn kv(frames: Vec<Vec<u8>>) -> Kv {
    let [key, sequence, _uuid, _properties, value] = frames.try_into().expect("five frames");
    let text = |octets| String::from_utf8(octets).unwrap();
    (text(key), u64::from_be_bytes(sequence.try_into().unwrap()), text(value))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_rfc_12_on_libzmq_reads_writes_and_follows() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, ours, theirs) = server(&folder).await;
    let client = Client::start(vec![ours], ClientConfig::default());
    for (key, value) in [("/lamp/hall", "on"), ("/lamp/desk", "off"), ("/door", "shut")] {
        client.set(key, value).await.unwrap();
    }

    // It joins.
    let joined = spawn_blocking(move || {
        let guide = Guide::connect(&theirs, "/lamp/");
        while guide.next().0 != "HUGZ" {}
        let told = guide.snapshot("/lamp/");
        (guide, told)
    });
    let (guide, (all, upto)) = within(20, joined).await.unwrap();
    let keys: Vec<_> = all.iter().map(|(key, _, value)| (&**key, &**value)).collect();
    assert_eq!(keys, [("/lamp/desk", "off"), ("/lamp/hall", "on")]);
    assert!(all.iter().all(|(_, sequence, _)| *sequence <= upto));

    // It follows what we write, under its subtree.
    client.set("/door", "open").await.unwrap();
    client.set("/lamp/hall", "off").await.unwrap();
    client.delete("/lamp/desk").await.unwrap();
    let followed = spawn_blocking(move || {
        let said = [guide.next_change(), guide.next_change()];
        (guide, said)
    });
    let (guide, said) = within(20, followed).await.unwrap();
    assert_eq!((&*said[0].0, &*said[0].2), ("/lamp/hall", "off"));
    assert_eq!((&*said[1].0, &*said[1].2), ("/lamp/desk", ""), "what is deleted has no value");
    assert!(upto < said[0].1 && said[0].1 < said[1].1);

    // We follow what it writes, and it is told too.
    let wrote = spawn_blocking(move || {
        loop {
            // A PUB drops what it says before it is connected.
            guide.set("/lamp/cellar", "ttl=1\n", "on");
            if guide.updates.poll_in(Duration::from_millis(50)).unwrap() && guide.next().0 != "HUGZ" {
                return guide;
            }
        }
    });
    let guide = within(20, wrote).await.unwrap();
    let mut watch = client.watch("/lamp/");
    within(20, async {
        while client.get(b"/lamp/cellar").is_none() {
            watch.next().await.unwrap();
        }
        // Its time is up after a second.
        while client.get(b"/lamp/cellar").is_some() {
            watch.next().await.unwrap();
        }
    })
    .await;
    guide.set("/lamp/hall", "", "");
    within(20, async {
        while client.get(b"/lamp/hall").is_some() {
            watch.next().await.unwrap();
        }
    })
    .await;
}
