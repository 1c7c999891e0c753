//! The network between the two goes.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{sleep, spawn};
use std::time::Duration;

use super::{FAILOVER, Pair};
use crate::support::{Zmtp, zmtp};

/// Ways to the other one that can be cut without a word, and mended.
#[derive(Clone, Default)]
struct Cable(Arc<AtomicBool>);

impl Cable {
    /// Whoever connects to this address is connected to that one.
    fn lay(&self, from: &str, to: &str) {
        let listener = TcpListener::bind(from).expect("an address of ours");
        let (cable, to) = (self.clone(), to.to_owned());
        spawn(move || {
            for near in listener.incoming().flatten() {
                let Ok(far) = TcpStream::connect(&to) else { continue };
                let (near2, far2) = (near.try_clone().expect("a handle"), far.try_clone().expect("a handle"));
                let (one, other) = (cable.clone(), cable.clone());
                spawn(move || one.carry(near, far));
                spawn(move || other.carry(far2, near2));
            }
        });
    }

    /// While it is cut nothing gets through, and nobody is told.
    fn carry(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut octets = vec![0; 64 << 10];
        while let Ok(length @ 1..) = from.read(&mut octets) {
            while self.0.load(Ordering::Relaxed) {
                sleep(Duration::from_millis(1));
            }
            if to.write_all(&octets[..length]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Both);
    }

    fn cut(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn mend(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// A pair with two paths; what they say of their state goes by the second one.
struct Cabled {
    pair: Pair,
    first: Cable,
    second: Cable,
}

impl Cabled {
    fn new(options: &str) -> Self {
        let mut pair = Pair::new(options);
        let (first, second) = (Cable::default(), Cable::default());
        for number in [0, 1] {
            let (host, other) = (pair.hosts[number].clone(), pair.hosts[1 - number].clone());
            // What this one dials is beside it.
            first.lay(&format!("{host}:7101"), &format!("{other}:7001"));
            second.lay(&format!("{host}:7102"), &format!("{other}:7002"));
            second.lay(&format!("{host}:7556"), &format!("{other}:5556"));
            second.lay(&format!("{host}:7557"), &format!("{other}:5557"));
            let path = |n: u16| format!("--path tcp://{host}:700{n}=tcp://{host}:710{n}");
            pair.start(number, &format!("--peer tcp://{host}:7556 {} {}", path(1), path(2)));
        }
        pair.is_followed(0);
        Self { pair, first, second }
    }
}

#[test]
fn c14_a_cut_of_one_path_changes_nothing_and_is_told() {
    let Cabled { mut pair, first, .. } = Cabled::new("");
    assert!(pair.roles().iter().all(|role| role.contains("paths 2 of 2")), "{:?}", pair.roles());
    first.cut();
    pair.until("the cut is told", |pair| pair.roles().iter().all(|role| role.contains("paths 1 of 2")));
    sleep(2 * FAILOVER);
    pair.said("set lamp on --standby");
    assert_eq!(pair.active(), Some(0));
    first.mend();
    pair.until("the mending is told", |pair| pair.roles().iter().all(|role| role.contains("paths 2 of 2")));
    while let Some(line) = pair.server(1).try_err_line() {
        assert!(!line.contains("active"), "{line}");
    }
}

/// The witness hears the first one, and lets nobody else decide.
#[test]
fn c14_c17_a_cut_of_all_paths_changes_nothing_while_the_witness_hears_the_active_one() {
    let mut witness = zmtp("clone witness --at tcp://127.0.0.1:*");
    let at = witness.bound();
    // For one lease after its start it lets nobody decide, and says nothing when that is over.
    sleep(FAILOVER.mul_f64(1.1));
    let Cabled { mut pair, first, second } = Cabled::new(&format!("--witness {at} --pair cut"));
    first.cut();
    second.cut();
    // Somebody asks the other one for it all the time.
    let _asks = Zmtp::start(&["clone", "watch", "--connect", &pair.at(1), "--timeout", "20s"]);
    sleep(3 * FAILOVER);
    pair.client(0, "set lamp on").done();
    assert_eq!(pair.active(), Some(0));
    // Then the first one dies, and the witness lets the other one decide.
    pair.kill(0);
    pair.become_(1, "active");
}

/// Two decide, since nobody can know better; then the later one goes on, and what the other one had done is told.
#[test]
fn c14_without_a_witness_both_decide_while_all_is_cut_and_what_was_in_vain_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("diverged");
    let Cabled { mut pair, first, second } = Cabled::new(&format!("--diverged {}", file.display()));
    pair.said("set both on --standby");
    first.cut();
    second.cut();
    let one = |pair: &Pair, number: usize, what: &str| {
        zmtp(&format!("clone {what} --connect {} --timeout 20s", pair.at(number))).done()
    };
    one(&pair, 1, "set lamp b");
    one(&pair, 0, "set lamp a");
    assert_eq!(one(&pair, 0, "get lamp").out.trim(), "a");
    first.mend();
    second.mend();
    pair.until("one goes on, and the other one follows", |pair| {
        pair.active().is_some() && pair.roles().iter().any(|role| role.starts_with("standby"))
    });
    // The one that has begun later; on a busy machine the first may have begun once more.
    let active = pair.active().expect("one decides");
    let values = ["a", "b"];
    assert_eq!(pair.said("get lamp").trim(), values[active]);
    let told = pair.server(1 - active).err_line_with("are in");
    assert!(told.contains("1 changes that were done here"), "{told}");
    let kept = std::fs::read_to_string(&file).unwrap();
    let lost = format!("\"value\":\"{}\"", values[1 - active]);
    assert!(kept.contains("\"key\":\"lamp\"") && kept.contains(&lost), "{kept}");
}
