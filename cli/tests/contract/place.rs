//! `--bind`, `--connect`, and the `bound` line.

use crate::support::{Zmtp, libzmq_pull, nobody, zmtp};

#[test]
fn for_every_bind_a_line_with_the_real_port_comes_before_anything_else() {
    let mut pull = zmtp("pull --bind tcp://127.0.0.1:0 --bind tcp://127.0.0.1:* --monitor");
    let (first, second) = (pull.bound(), pull.bound());
    assert_ne!(first, second);
    for endpoint in [first, second] {
        let port = endpoint.strip_prefix("tcp://127.0.0.1:").unwrap();
        assert_ne!(port.parse::<u16>().unwrap(), 0);
    }
    assert!(pull.err_line().starts_with("listening "));
}

#[test]
fn bind_and_connect_are_repeatable_and_mix_freely() {
    let ((a, at_a), (b, at_b)) = (libzmq_pull(), libzmq_pull());
    let mut push = zmtp(&format!(
        "push --bind tcp://127.0.0.1:0 --connect {at_a} --bind tcp://127.0.0.1:0 --connect {at_b} \
         --wait-peers 4 --message x --repeat 4"
    ));
    let c = zmtp(&format!("pull --connect {} --count 1", push.bound()));
    let d = zmtp(&format!("pull --connect {} --count 1", push.bound()));

    assert_eq!(a.recv().unwrap(), [b"x"]);
    assert_eq!(b.recv().unwrap(), [b"x"]);
    assert_eq!(c.done().out, "x\n");
    assert_eq!(d.done().out, "x\n");
    push.done();
}

#[test]
fn a_verb_that_only_connects_waits_for_its_peer_to_come() {
    let place = nobody();
    let mut push = zmtp(&format!("push --connect {place} --message hello --monitor --reconnect 10ms..100ms"));
    push.err_line_with("connect-retried");
    let pull = zmtp(&format!("pull --bind {place} --count 1"));
    assert_eq!(pull.done().out, "hello\n");
    push.done();
}

#[test]
fn a_name_is_looked_up() {
    let mut pull = zmtp("pull --bind tcp://localhost:0 --count 1");
    let bound = pull.bound();
    let port = bound.rsplit(':').next().unwrap();
    Zmtp::start(&["push", "--connect", &format!("tcp://localhost:{port}"), "--message", "by name"]).done();
    assert_eq!(pull.done().out, "by name\n");
}

#[test]
#[cfg(unix)]
fn a_path_is_a_place() {
    let folder = tempfile::tempdir().unwrap();
    let place = format!("ipc://{}/socket", folder.path().display());
    let mut rep = zmtp(&format!("rep --bind {place} --echo"));
    assert_eq!(rep.bound(), place);
    assert_eq!(zmtp(&format!("req --connect {place} --message hello")).done().out, "hello\n");
    assert_eq!(zmtp(&format!("rep --bind {place} --echo")).ended().code, 1);
}

#[test]
#[cfg(target_os = "linux")]
fn an_abstract_name_is_a_place() {
    let place = format!("ipc://@zmtp-contract-{}", std::process::id());
    let mut rep = zmtp(&format!("rep --bind {place} --echo"));
    assert_eq!(rep.bound(), place);
    assert_eq!(zmtp(&format!("req --connect {place} --message hello")).done().out, "hello\n");
}
