//! ZAP 1.0 (RFC 27): authenticators that are sockets.
//!
//! ```text
//!   request: version "1.0", request id, domain, address, identity, mechanism, credentials ...
//!   reply:   version "1.0", request id, status, text, user id, metadata
//! ```

use bytes::Bytes;

use crate::message::Message;
use crate::security::{Authenticator, Decision, Request, User};
use crate::socket::ReqSocket;
use crate::wire::{Credentials, Denial, Metadata};

impl Authenticator {
    /// Asks a ZAP handler: a REP or ROUTER of this process that is bound to `inproc://zeromq.zap.01` (R27-ARCH-04), for
    /// instance one that was written for libzmq. `domain` is passed on, and tells a handler which socket it decides for.
    ///
    /// Status 200 lets the peer in, as the user that the handler names. An answer that does not follow the RFC closes the
    /// connection, and the peer tries again, as with libzmq; so does the lack of a handler, at the handshake's deadline.
    pub fn zap(domain: impl Into<String>) -> Self {
        let domain = domain.into();
        Self::new(move |request| {
            let question = question(&domain, request);
            async move { ask(question).await.unwrap_or(Decision::Deny(Denial::ForNow)) }
        })
    }
}

async fn ask(question: Message) -> Option<Decision> {
    let mut handler = ReqSocket::builder().linger(std::time::Duration::ZERO).build();
    handler.connect(ENDPOINT).ok()?;
    read(&handler.request(question).await.ok()?)
}

/// One request for each connection, on a socket of its own: there is no other that it could be taken for.
fn question(domain: &str, request: Request) -> Message {
    let address = request.address.unwrap_or_default();
    let host = address.parse().map_or(address, |address: std::net::SocketAddr| address.ip().to_string());
    let head = Message::new("1.0").with(REQUEST_ID).with(domain).with(host).with("");
    match request.credentials {
        Credentials::Null => head.with("NULL"),
        Credentials::Plain { username, password } => {
            head.with("PLAIN").with(username).with(password.reveal().to_vec())
        }
        #[cfg(feature = "curve")]
        Credentials::Curve { key } => head.with("CURVE").with(key.as_bytes().to_vec()),
    }
}

/// What the handler says, or `None` if it is not what the RFC has it say.
fn read(reply: &Message) -> Option<Decision> {
    let frames: Vec<&[u8]> = reply.frames().map(|frame| &**frame).collect();
    let [b"1.0", id, status, _text, user, metadata] = frames[..] else { return None };
    if id != REQUEST_ID.as_bytes() {
        return None;
    }
    Some(match status {
        b"200" => {
            let mut known = User::new(String::from_utf8(user.to_vec()).ok()?);
            let metadata = Metadata::decode(Bytes::copy_from_slice(metadata)).ok()?;
            known.properties =
                metadata.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect();
            Decision::Accept(known)
        }
        b"300" => Decision::Deny(Denial::ForNow),
        b"400" => Decision::DENY,
        b"500" => Decision::Deny(Denial::Failed),
        _ => return None,
    })
}

const ENDPOINT: &str = "inproc://zeromq.zap.01";
/// As libzmq's.
const REQUEST_ID: &str = "1";

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(frames: &[&str]) -> Option<Decision> {
        let (first, rest) = frames.split_first().unwrap();
        read(&rest.iter().fold(Message::from(*first), |message, frame| message.with(*frame)))
    }

    #[test]
    fn an_answer_follows_the_rfc_or_is_none() {
        assert_eq!(reply(&["1.0", "1", "200", "", "joe", ""]), Some(Decision::accept("joe")));
        assert_eq!(reply(&["1.0", "1", "300", "", "", ""]), Some(Decision::Deny(Denial::ForNow)));
        assert_eq!(reply(&["1.0", "1", "400", "", "", ""]), Some(Decision::DENY));
        assert_eq!(reply(&["1.0", "1", "500", "", "", ""]), Some(Decision::Deny(Denial::Failed)));
        for odd in [
            &["1.0", "1", "999", "", "", ""][..],
            &["1.0", "1", "200"],
            &["1.1", "1", "200", "", "", ""],
            &["1.0", "2", "200", "", "", ""],
            &["1.0", "1", "200", "", "", "\u{5}ab"],
            &["1.0", "1", "200", "", "", "", ""],
        ] {
            assert_eq!(reply(odd), None, "{odd:?}");
        }
    }

    /// R27-NULL-02 and R27-CURVE-02; what PLAIN shows is seen beside libzmq.
    #[test]
    #[cfg(feature = "curve")]
    fn null_shows_nothing_and_curve_its_key() {
        let key = crate::curve::PublicKey::from_bytes([0xfe; 32]);
        for (credentials, shown) in [
            (Credentials::Null, &[&b"NULL"[..]][..]),
            (Credentials::Curve { key }, &[&b"CURVE"[..], &[0xfe; 32]]),
        ] {
            let endpoint = "tcp://127.0.0.1:1".parse().unwrap();
            let address = Some("[2001:db8::1]:5".to_owned());
            let asked = question("", Request { credentials, address, endpoint });
            let frames: Vec<&[u8]> = asked.frames().map(|frame| &**frame).collect();
            assert_eq!(frames[..5], [&b"1.0"[..], b"1", b"", b"2001:db8::1", b""]);
            assert_eq!(&frames[5..], shown);
        }
    }

    #[test]
    fn metadata_of_the_answer_is_known_of_the_user() {
        let message = ["1", "200", "", "joe", "\u{4}Team\0\0\0\u{3}red"]
            .iter()
            .fold(Message::from("1.0"), |message, frame| message.with(*frame));
        let Some(Decision::Accept(user)) = read(&message) else { panic!() };
        assert_eq!(user.properties, [("Team".to_owned(), Bytes::from_static(b"red"))]);
    }
}
