//! Those who listen where a ZMTP peer was expected.

use std::io::{BufRead, BufReader, Write};

use super::{fails, greeting, listening, says, scripted, until_gone};

#[test]
fn a_server_that_speaks_first_is_told_by_what_it_says() {
    for (banner, words) in [
        (&b"SSH-2.0-OpenSSH_9.2\r\n"[..], "an SSH server"),
        (b"220 mail.example ESMTP\r\n", "a server of mail or files"),
        (b"HTTP/1.0 408 Request Timeout\r\n\r\n", "an HTTP server"),
        (b"\x15\x03\x03\x00\x02\x02F", "a TLS server"),
        (b"\x1b[2Jwho knows", r#"something else: it says "\x1b[2Jwho knows""#),
    ] {
        fails(&says(banner), "greeting", &["this is no ZMTP peer", words, "check the port"]);
    }
}

/// It waits for a line, and our greeting has none.
#[test]
fn an_http_server_that_waits_for_a_request_is_made_to_speak() {
    let at = scripted(|stream| {
        let mut line = Vec::new();
        BufReader::new(&*stream).read_until(b'\n', &mut line).unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").unwrap();
        until_gone(stream);
    });
    fails(&format!("{at} --timeout 2s"), "greeting", &["an HTTP server", "400 Bad Request"]);
}

#[test]
fn a_tls_server_that_answers_with_an_alert_and_hangs_up_is_told() {
    let at = scripted(|stream| {
        std::io::Read::read_exact(stream, &mut [0; 5]).unwrap();
        stream.write_all(b"\x15\x03\x01\x00\x02\x02\x46").unwrap();
    });
    fails(&at, "greeting", &["a TLS server", "connect to what ends the TLS"]);
}

/// As OpenSSL does: what is no TLS is not answered at all.
#[test]
fn a_tls_server_that_hangs_up_without_a_word_is_asked_in_its_own_language() {
    let at = listening(|stream| {
        let mut first = [0];
        std::io::Read::read_exact(stream, &mut first).unwrap();
        if first == [0x16] {
            stream.write_all(b"\x16\x03\x03\0\x04\x0e\0\0\0").unwrap();
            until_gone(stream);
        }
    });
    fails(&at, "greeting", &["a TLS server", "connect to what ends the TLS"]);
}

#[test]
fn peers_of_zmtp_1_and_2_are_told_by_their_version() {
    // libzmq 2.x says its identity, here without a name; 3.x its signature, and then 1.
    fails(&says(b"\x01\0"), "greeting", &["ZMTP 1.0", "libzmq speaks ZMTP 3 from 4.0 on"]);
    fails(&says(b"\x05\0name"), "greeting", &["ZMTP 1.0"]);
    let mut old = greeting(0, "")[..10].to_vec();
    old.extend(b"\x01\x05");
    fails(&says(old), "greeting", &["ZMTP 2.0 and not 3", "libzmq speaks ZMTP 3 from 4.0 on"]);
}
