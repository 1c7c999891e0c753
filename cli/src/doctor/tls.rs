//! Whether somebody who hangs up without a word does so because we do not speak TLS.

use tokio::time::{Instant, timeout_at};

use super::advice::Failure;
use super::line::Came;
use super::place::{Found, connect};

/// Asks, on a connection of its own. A ZMTP peer refuses that as it refuses every stranger.
pub(super) async fn is_behind(found: &Found, deadline: Instant) -> bool {
    let left = deadline.saturating_duration_since(Instant::now());
    let Ok(Ok((mut line, _))) = timeout_at(deadline, connect(found, left)).await else { return false };
    line.write(&hello(), deadline).await;
    let mut heard = Vec::new();
    while heard.len() < 2 {
        let Came::Octets = line.read(&mut heard, deadline).await else { return false };
    }
    is_tls(&heard)
}

/// Whether these are the first octets of a handshake or an alert of TLS.
pub(super) fn is_tls(heard: &[u8]) -> bool {
    matches!(heard, [0x15 | 0x16, 3, ..])
}

pub(super) fn failure() -> Failure {
    Failure::new(
        "this is no ZMTP peer but a TLS server: it hung up on our greeting, and answers a client of TLS",
        NEXT,
    )
}

/// A ClientHello of TLS 1.2 without extensions: whoever speaks TLS answers it, if only by an alert.
fn hello() -> Vec<u8> {
    let suites = b"\xc0\x2b\xc0\x2f\xc0\x30\x00\x9c\x00\x2f";
    let mut body = b"\x03\x03".to_vec();
    body.extend(b"the doctor calls: do you do TLS?");
    body.extend([0, 0, suites.len() as u8]);
    body.extend(suites);
    body.extend([1, 0]);
    let len = body.len() as u8;
    [&[0x16, 3, 1, 0, len + 4, 1, 0, 0, len], &body[..]].concat()
}

pub(super) const NEXT: &str = "check the port; if the peer is behind TLS, connect to what ends the TLS";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lengths_in_the_hello_are_those_of_its_parts() {
        let hello = hello();
        assert_eq!(usize::from(hello[4]), hello.len() - 5);
        assert_eq!(usize::from(hello[8]), hello.len() - 9);
        // Version, 32 octets of randomness, no session, suites, one compression, which is none.
        assert_eq!(hello.len(), 9 + 2 + 32 + 1 + 2 + 10 + 2);
        assert!(is_tls(&hello));
    }
}
