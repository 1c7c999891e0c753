//! `zmtp clone`: a server and its clients as processes of their own.

mod bench;
mod diff;
mod ends;
mod hold;
mod keys;
mod load;
#[cfg(target_os = "linux")]
mod many;
#[cfg(target_os = "linux")]
mod pair;
mod store;
mod watch;

use std::io::Write;
use std::process::{Command, Output, Stdio};

use crate::support::{Ended, Zmtp};

/// A server with these options, and where it is.
fn serve(options: &str) -> (Zmtp, String) {
    serve_at(&format!("tcp://{HOST}:0"), options)
}

fn serve_at(at: &str, options: &str) -> (Zmtp, String) {
    let mut arguments = vec!["clone", "serve", "--at", at];
    arguments.extend(options.split_whitespace());
    let mut server = Zmtp::start(&arguments);
    let at = server.bound();
    // Those beside it.
    server.bound();
    server.bound();
    (server, at)
}

/// A client of the server there, with these arguments.
fn client(at: &str, arguments: &[&str]) -> Zmtp {
    Zmtp::start(&[&["clone"], arguments, &["--connect", at]].concat())
}

/// What a client says that ends well.
fn said(at: &str, arguments: &[&str]) -> String {
    client(at, arguments).done().out
}

/// How a client ends that reads this.
fn fed(at: &str, arguments: &[&str], input: &str) -> Ended {
    let mut client = client(at, arguments);
    client.write(input).end_input();
    client.ended()
}

/// What comes out of a client when these octets go in.
fn piped(at: &str, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zmtp"));
    command.arg("clone").args(arguments).args(["--connect", at]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

/// An address of its own, where the system lets us: nobody connects from there, and so takes no port while it is free.
const HOST: &str = if cfg!(target_os = "linux") { "127.0.3.1" } else { "127.0.0.1" };
