//! `zmtp peer`: brokers, workers and clients of a cloud as processes of their own.

mod cloud;
mod deaths;
mod events;
mod load;
mod names;
mod sim;
mod status;
mod usage;
mod worker;

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Ended, Zmtp};

/// A broker that takes free ports, and where it is.
fn broker(name: &str, options: &str) -> (Zmtp, String) {
    broker_at(&format!("tcp://{HOST}:0"), name, options)
}

fn broker_at(at: &str, name: &str, options: &str) -> (Zmtp, String) {
    let mut broker = started(at, name, options);
    let at = clients(&mut broker);
    (broker, at)
}

fn started(at: &str, name: &str, options: &str) -> Zmtp {
    let mut arguments = vec!["peer", "broker", "--name", name, "--listen", at];
    arguments.extend(options.split_whitespace());
    Zmtp::start(&arguments)
}

/// Where its clients come, as its `bound` lines say, which it is to say first.
fn clients(broker: &mut Zmtp) -> String {
    let faces = ["localfe", "localbe", "cloudfe", "statebe"];
    let bound = faces.map(|face| {
        let bound = broker.bound();
        bound.strip_suffix(&format!(" {face}")).unwrap_or_else(|| panic!("{bound} is no {face}")).to_owned()
    });
    let [clients, ..] = bound;
    clients
}

/// A worker that sends back what it gets.
fn echo(at: &str, options: &str) -> Zmtp {
    let mut arguments = vec!["peer", "worker", "--echo", "--connect", at];
    arguments.extend(options.split_whitespace());
    Zmtp::start(&arguments)
}

/// Clients of the brokers there.
fn load(at: &[&str], options: &str) -> Zmtp {
    let mut arguments = vec!["peer", "load", "--json"];
    arguments.extend(at.iter().flat_map(|at| ["--connect", at]));
    arguments.extend(options.split_whitespace());
    Zmtp::start(&arguments)
}

/// What they say that all had their replies.
fn all_replied(load: Zmtp) -> Value {
    replied(&load.done())
}

fn replied(ended: &Ended) -> Value {
    let told: Value = serde_json::from_str(&ended.out).unwrap();
    assert!(told["replies"].as_u64() > Some(0) && told["failed"] == 0, "{told}");
    assert_eq!(
        told["requests"].as_u64().unwrap(),
        told["replies"].as_u64().unwrap() + told["withdrawn"].as_u64().unwrap(),
        "{told}"
    );
    told
}

/// How the broker there says that it is.
fn status(at: &str) -> Value {
    let ended = Zmtp::start(&["peer", "status", "--json", "--connect", at]).done();
    serde_json::from_str(&ended.out).unwrap()
}

/// Asks it until it is so.
fn until(at: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = status(at);
        if is_so(&status) {
            return status;
        }
        assert!(Instant::now() < deadline, "{status}");
    }
}

/// How many others it works with.
fn up(status: &Value) -> usize {
    status["peers"].as_array().unwrap().iter().filter(|peer| peer["link"] == "up").count()
}

fn leave(at: &str) -> Ended {
    Zmtp::start(&["peer", "leave", "--connect", at]).ended()
}

/// Below this.
fn random(limit: usize) -> usize {
    use std::hash::{BuildHasher, RandomState};
    (RandomState::new().hash_one(0) % limit as u64) as usize
}

/// An address of its own, where the system lets us: nobody connects from there, and so takes no port while it is free.
const HOST: &str = if cfg!(target_os = "linux") { "127.0.5.1" } else { "127.0.0.1" };
/// Many processes may be at it.
const PATIENCE: Duration = Duration::from_secs(60);
