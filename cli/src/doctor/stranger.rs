//! What listens where a ZMTP peer was expected, by the first octets that it says.

use super::advice::{Failure, said};
use super::tls;

/// Why these are not the first octets of a ZMTP 3 peer.
pub(super) fn stranger(heard: &[u8]) -> Failure {
    let wrong_port = "check the port: this one is not the peer's";
    let (what, next) = match heard {
        _ if is_zmtp_1(heard) => {
            return Failure::new(
                format!("the peer speaks ZMTP 1.0 and not 3: it says {}", said(heard)),
                "update the peer: libzmq speaks ZMTP 3 from 4.0 on",
            );
        }
        // An error page without a head is what HTTP 0.9 has for an answer.
        _ if starts(heard, &["HTTP/", "<!DOCTYPE", "<html"]) => ("an HTTP server", wrong_port),
        _ if tls::is_tls(heard) => ("a TLS server", tls::NEXT),
        _ if starts(heard, &["SSH-"]) => ("an SSH server", wrong_port),
        _ if starts(heard, &["-ERR", "+OK", "* OK"]) => ("a server of lines, like Redis or mail", wrong_port),
        [a, b, c, b' ' | b'-', ..] if [a, b, c].iter().all(|digit| digit.is_ascii_digit()) => {
            ("a server of mail or files", wrong_port)
        }
        _ => ("something else", wrong_port),
    };
    Failure::new(format!("this is no ZMTP peer but {what}: it says {}", said(heard)), next)
}

fn starts(heard: &[u8], with: &[&str]) -> bool {
    with.iter()
        .any(|start| heard.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes())))
}

/// Its identity and nothing else, in the frame of ZMTP 1.0: length, flags, body. The length counts the flags.
fn is_zmtp_1(heard: &[u8]) -> bool {
    matches!(heard, [len, 0, body @ ..] if usize::from(*len) == body.len() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_listens_is_told_by_what_it_says_first() {
        for (heard, what) in [
            (
                &b"HTTP/1.1 400 Bad Request\r\n"[..],
                "an HTTP server: it says \"HTTP/1.1 400 Bad Request\\r\\n\"",
            ),
            (b"<!doctype HTML>", "an HTTP server"),
            (b"\x15\x03\x03\x00\x02\x02F", "a TLS server"),
            (b"SSH-2.0-OpenSSH_9.2\r\n", "an SSH server"),
            (b"220 mail.example ESMTP\r\n", "a server of mail or files"),
            (b"-ERR unknown command\r\n", "Redis"),
            (b"\x01\0", "ZMTP 1.0"),
            (b"\x05\0name", "ZMTP 1.0"),
            (b"\x1b[31mred", "something else: it says \"\\x1b[31mred\""),
        ] {
            let reason = stranger(heard).reason;
            assert!(reason.contains(what), "{reason}");
        }
    }
}
