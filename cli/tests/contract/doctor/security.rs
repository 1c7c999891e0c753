//! Peers that do not let everybody in.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread;

use zmtp_libzmq::{Context, Opt, Socket, SocketType, curve_keypair};

use super::{fails, report};
use crate::support::zmtp;

/// A folder of keys and passwords.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for name in ["server", "client", "stranger"] {
            zmtp(&format!("keygen --out {}", folder.at(name))).done();
        }
        fs::copy(folder.at("client.pub"), folder.at("clients")).unwrap();
        for (name, text) in [("users", "alice:secret\n"), ("right", "secret\n"), ("wrong", "Secret\n")] {
            fs::write(folder.at(name), text).unwrap();
            fs::set_permissions(folder.at(name), fs::Permissions::from_mode(0o600)).unwrap();
        }
        folder
    }

    fn at(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }
}

#[test]
fn a_curve_server_of_libzmq_is_well_with_its_key_and_is_told_without_it_and_with_another() {
    let (public, secret) = curve_keypair().unwrap();
    let router = Socket::new(&Context::new(), SocketType::Router).unwrap();
    router.set_int(Opt::CurveServer, 1).unwrap();
    router.set_bytes(Opt::CurveSecretKey, secret.as_bytes()).unwrap();
    let at = router.bind("tcp://127.0.0.1:*").unwrap();
    let folder = Folder::new();
    fs::write(folder.at("libzmq.pub"), format!("public {public}\n")).unwrap();

    let out = report(0, &format!("{at} --curve-server-key {}", folder.at("libzmq.pub")));
    assert!(
        out.contains("mechanism CURVE") && out.contains("ROUTER") && out.contains("PING was answered"),
        "{out}"
    );
    fails(
        &at,
        "greeting",
        &["the peer's mechanism is CURVE, and ours is NULL", "--curve-server-key KEY|FILE"],
    );
    let other = format!("{at} --curve-server-key {}", folder.at("server.pub"));
    fails(&other, "handshake", &["closed the connection after our HELLO", "compare the server's key"]);
    fails(
        &format!("{at} --plain alice:{}", folder.at("right")),
        "greeting",
        &["the peer's mechanism is CURVE, and ours is PLAIN"],
    );
    // Behind CURVE it is told who we are before it tells what it is.
    let wrong = format!("{at} --as pull --curve-server-key {}", folder.at("libzmq.pub"));
    fails(&wrong, "handshake", &["closed the connection after our INITIATE", "a PULL talks to PUSH"]);
}

#[test]
fn a_curve_server_of_ours_lets_in_whom_it_knows_and_says_400_to_others() {
    let folder = Folder::new();
    let mut rep = zmtp(&format!(
        "rep --bind tcp://127.0.0.1:0 --echo --curve-key {} --curve-clients {}",
        folder.at("server.key"),
        folder.at("clients")
    ));
    let at = rep.bound();
    let with = |key: &str| {
        let server = folder.at("server.pub");
        format!("{at} --curve-server-key {server} --curve-key {}", folder.at(key))
    };
    let out = report(0, &with("client.key"));
    assert!(out.contains("CURVE, as a DEALER") && out.contains("PING was answered"), "{out}");
    let stranger = fs::read_to_string(folder.at("stranger.pub")).unwrap();
    let stranger = stranger.trim().trim_start_matches("public ");
    fails(&with("stranger.key"), "handshake", &["ERROR \"400\"", stranger, "--curve-key"]);
}

#[test]
fn a_plain_server_of_ours_takes_the_right_password_alone() {
    let folder = Folder::new();
    let mut pull = zmtp(&format!("pull --bind tcp://127.0.0.1:0 --plain-users {}", folder.at("users")));
    let at = pull.bound();
    let plain = |file: &str, r#as: &str| format!("{at} --plain alice:{} {as}", folder.at(file), r#as = r#as);
    report(0, &plain("right", "--as push"));
    fails(&plain("wrong", "--as push"), "handshake", &["ERROR \"400\"", "check the user and the password"]);
    fails(&at, "greeting", &["the peer's mechanism is PLAIN, and ours is NULL", "--plain USER:FILE"]);
    // A guess, and the wrong one.
    fails(&plain("right", ""), "handshake", &["--as"]);
}

#[test]
fn a_plain_server_of_libzmq_is_told_by_what_its_handler_says() {
    let folder = Folder::new();
    for (status, words) in [("200", None), ("400", Some("ERROR \"400\"")), ("", Some("after our HELLO"))] {
        let context = Context::new();
        if !status.is_empty() {
            handler(&context, status);
        }
        let rep = Socket::new(&context, SocketType::Rep).unwrap();
        rep.set_int(Opt::PlainServer, 1).unwrap();
        let at = rep.bind("tcp://127.0.0.1:*").unwrap();
        let arguments = format!("{at} --plain alice:{}", folder.at("right"));
        match words {
            None => assert!(report(0, &arguments).contains("PLAIN, as a DEALER")),
            Some(words) => fails(&arguments, "handshake", &[words]),
        }
    }
}

/// A ZAP handler that always says this.
fn handler(context: &Context, status: &'static str) {
    let handler = Socket::new(context, SocketType::Rep).unwrap();
    handler.set_int(Opt::Linger, 0).unwrap();
    handler.bind("inproc://zeromq.zap.01").unwrap();
    thread::spawn(move || {
        while let Ok(request) = handler.recv() {
            let answer: [&[u8]; 6] = [b"1.0", &request[1], status.as_bytes(), b"text", b"user", b""];
            if handler.send(&answer).is_err() {
                break;
            }
        }
    });
}

/// The peer is a client that binds: the doctor is its server.
#[test]
fn the_doctor_can_be_the_server() {
    let folder = Folder::new();
    let mut push = zmtp(&format!("router --bind tcp://127.0.0.1:0 --plain alice:{}", folder.at("right")));
    let at = push.bound();
    report(0, &format!("{at} --plain-users {}", folder.at("users")));
    fs::write(folder.at("others"), "bob:secret\n").unwrap();
    fails(&format!("{at} --plain-users {}", folder.at("others")), "handshake", &["do not let the peer in"]);
    let mut server = zmtp(&format!("router --bind tcp://127.0.0.1:0 --plain-users {}", folder.at("users")));
    fails(&format!("{} --plain-users {}", server.bound(), folder.at("users")), "greeting", &["so are we"]);
}
