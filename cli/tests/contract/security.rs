//! `keygen`, and the options for PLAIN and CURVE.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use zmtp_libzmq::{Context, Opt, Socket, SocketType};

use crate::support::zmtp;

#[test]
fn keygen_prints_a_pair_that_belongs_together() {
    let said = zmtp("keygen").done().out;
    let [public, secret] = said.lines().collect::<Vec<_>>()[..] else { panic!("{said}") };
    let (public, secret) = (public.strip_prefix("public ").unwrap(), secret.strip_prefix("secret ").unwrap());
    let pair = zmtp::curve::KeyPair::from(secret.parse::<zmtp::curve::SecretKey>().unwrap());
    assert_eq!(pair.public().to_string(), public);
    let object: serde_json::Value = serde_json::from_str(&zmtp("keygen --json").done().out).unwrap();
    assert_eq!(object["public"].as_str().unwrap().len(), 40);
}

/// A limit to the size of files does what a full disk does: some octets are written, and then no more.
#[cfg(target_os = "linux")]
#[test]
fn keys_for_which_there_is_no_room_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().join("server");
    // The public key's file has 48 octets, the other one 96.
    for room in [0, 40, 50, 95, 96] {
        let ended = std::process::Command::new("sh")
            .args(["-c", "trap '' XFSZ; exec prlimit --fsize=$0 \"$1\" keygen --out \"$2\""])
            .args([&room.to_string(), env!("CARGO_BIN_EXE_zmtp")])
            .arg(&name)
            .output()
            .unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        let left = fs::read_dir(folder.path()).unwrap().count();
        if room < 96 {
            assert_eq!(ended.status.code(), Some(1), "{room} octets: {said}");
            assert!(said.contains("File too large"), "{room} octets: {said}");
            assert_eq!(left, 0, "{room} octets");
        } else {
            assert_eq!((ended.status.code(), left), (Some(0), 2), "{said}");
        }
    }
}

#[test]
fn curve_by_files_lets_in_who_is_known_and_refuses_others_with_exit_4() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    for name in ["server", "client", "stranger"] {
        let said = zmtp(&format!("keygen --out {}", at(name))).done().out;
        assert_eq!(said, format!("{}\n{}\n", at(&format!("{name}.pub")), at(&format!("{name}.key"))));
    }
    fs::copy(at("client.pub"), at("clients")).unwrap();
    let again = zmtp(&format!("keygen --out {}", at("server"))).ended();
    assert_eq!(again.code, 1);
    assert!(again.err.contains("File exists"), "{again:?}");

    let mut pull = zmtp(&format!(
        "pull --bind tcp://127.0.0.1:0 --count 1 --curve-key {} --curve-clients {}",
        at("server.key"),
        at("clients")
    ));
    let place = pull.bound();
    let push = |key: &str| {
        let ours = if key.is_empty() { String::new() } else { format!("--curve-key {}", at(key)) };
        zmtp(&format!(
            "push --connect {place} {ours} --curve-server-key {} --message hello --linger 5s",
            at("server.pub")
        ))
    };
    for unknown in ["stranger.key", ""] {
        let refused = push(unknown).ended();
        assert_eq!(refused.code, 4);
        assert!(refused.err.contains("the peer sent ERROR \"400\""), "{refused:?}");
    }
    push("client.key").done();
    assert_eq!(pull.done().out, "hello\n");
}

#[test]
fn a_key_on_the_command_line_reaches_a_server_of_libzmq() {
    let (public, secret) = zmtp_libzmq::curve_keypair().unwrap();
    let pull = Socket::new(&Context::new(), SocketType::Pull).unwrap();
    pull.set_int(Opt::CurveServer, 1).unwrap();
    pull.set_bytes(Opt::CurveSecretKey, secret.as_bytes()).unwrap();
    let place = pull.bind("tcp://127.0.0.1:*").unwrap();
    let arguments = ["push", "--connect", &place, "--curve-server-key", &public, "--message", "hello"];
    crate::support::Zmtp::start(&arguments).done();
    assert_eq!(pull.recv().unwrap(), [b"hello"]);
}

#[test]
fn plain_by_files_lets_in_the_right_password_alone() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    fs::write(at("users"), "# who\nalice:secret\n").unwrap();
    for (name, password) in [("right", "secret\n"), ("wrong", "Secret\n")] {
        fs::write(at(name), password).unwrap();
        fs::set_permissions(at(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    let mut pull = zmtp(&format!("pull --bind tcp://127.0.0.1:0 --count 1 --plain-users {}", at("users")));
    let place = pull.bound();
    let push = |file: &str| {
        zmtp(&format!("push --connect {place} --plain alice:{} --message hello --linger 5s", at(file)))
    };
    assert_eq!(push("wrong").ended().code, 4);
    push("right").done();
    assert_eq!(pull.done().out, "hello\n");
}

#[test]
fn what_is_wrong_with_the_options_is_a_usage_error_that_says_what() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    zmtp(&format!("keygen --out {}", at("keys"))).done();
    fs::set_permissions(at("keys.key"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(at("users"), "alice").unwrap();
    fs::set_permissions(at("users"), fs::Permissions::from_mode(0o640)).unwrap();
    for (options, expected) in [
        (format!("--curve-server-key {} --curve-key {}", at("keys.pub"), at("keys.key")), "chmod 600"),
        (format!("--curve-server-key {}", at("nothing")), "neither a file nor a public key in Z85"),
        (format!("--plain-users {}", at("users")), "line 1: there has to be a colon"),
        (format!("--plain alice:{}", at("nothing")), "No such file"),
        (format!("--plain alice:{}", at("users")), "its mode is 640, so others can read the password"),
        ("--plain alice".to_owned(), "write USER:FILE"),
        (format!("--curve-clients {}", at("keys.pub")), "--curve-key <FILE>"),
    ] {
        let ended = zmtp(&format!("pull --bind tcp://127.0.0.1:0 {options}")).ended();
        assert_eq!(ended.code, 3, "{ended:?}");
        assert!(ended.err.contains(expected), "{expected}: {ended:?}");
    }
    fs::set_permissions(at("keys.key"), fs::Permissions::from_mode(0o600)).unwrap();
    let ended = zmtp(&format!("pull --bind tcp://127.0.0.1:0 --curve-key {}", at("keys.key"))).ended();
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.err.contains("--curve-server-key"), "{ended:?}");
}
