//! `zmtp doctor`, with real peers at the other end: libzmq's, ours, and scripted ones.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use crate::support::{DEADLINE, Ended, zmtp};

mod failures;
mod health;
mod security;
mod strangers;

/// Sends for the doctor.
fn doctor(arguments: &str) -> Ended {
    let ended = zmtp(&format!("doctor {arguments}")).ended();
    assert!(!ended.out.contains(|c: char| c.is_control() && c != '\n'), "not escaped: {:?}", ended.out);
    assert_eq!(ended.err, "", "the report is on standard output");
    ended
}

/// The report of a visit that is to end with this code.
#[track_caller]
fn report(code: i32, arguments: &str) -> String {
    let ended = doctor(arguments);
    assert_eq!(ended.code, code, "{arguments}\n{}", ended.out);
    ended.out
}

/// A visit that fails at this step, and says so, in these words.
#[track_caller]
fn fails(arguments: &str, step: &str, words: &[&str]) {
    let out = report(4, arguments);
    let [failed, next] = out.lines().rev().take(2).collect::<Vec<_>>()[..] else { panic!("{out}") };
    let (failed, next) = (next, failed);
    let is_there =
        failed.starts_with(&format!("{step} ")) && failed.contains(" failed ") && next.starts_with("next: ");
    assert!(is_there, "{out}");
    for words in words {
        assert!(failed.contains(words) || next.contains(words), "{words:?} is not in\n{out}");
    }
    let steps = ["parse", "resolve", "connect", "greeting", "handshake", "ready", "heartbeat"];
    let before = steps.iter().position(|one| *one == step).unwrap();
    assert_eq!(out.lines().filter(|line| line.contains(" ok ")).count(), before, "{out}");
}

/// A place where somebody does this with the first who comes, and hangs up then.
fn scripted(talk: impl FnOnce(&mut TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("tcp://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        talk(&mut stream);
    });
    at
}

/// The same, with somebody who says all this at once and waits until the doctor has gone.
fn says(octets: impl Into<Vec<u8>>) -> String {
    let octets = octets.into();
    scripted(move |stream| {
        stream.write_all(&octets).unwrap();
        until_gone(stream);
    })
}

/// A place where somebody does this with everybody who comes, one after the other.
fn listening(talk: impl Fn(&mut TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("tcp://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.set_read_timeout(Some(DEADLINE)).unwrap();
            talk(&mut stream);
        }
    });
    at
}

fn until_gone(stream: &mut TcpStream) {
    while stream.read(&mut [0; 1024]).is_ok_and(|len| len > 0) {}
}

fn greeting(minor: u8, mechanism: &str) -> Vec<u8> {
    let mut greeting = b"\xff\0\0\0\0\0\0\0\x01\x7f\x03".to_vec();
    greeting.push(minor);
    greeting.extend(mechanism.as_bytes());
    greeting.resize(64, 0);
    greeting
}

/// A command frame.
fn command(name: &str, data: &[u8]) -> Vec<u8> {
    let body = [&[name.len() as u8], name.as_bytes(), data].concat();
    [&[4, u8::try_from(body.len()).unwrap()], &body[..]].concat()
}

fn ready(properties: &[(&str, &[u8])]) -> Vec<u8> {
    let property = |(name, value): &(&str, &[u8])| {
        [&[name.len() as u8], name.as_bytes(), &(value.len() as u32).to_be_bytes(), *value].concat()
    };
    command("READY", &properties.iter().map(property).collect::<Vec<_>>().concat())
}
