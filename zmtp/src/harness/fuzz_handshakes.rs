//! The fuzz targets of the handshakes: any octets to a connection of any mechanism, and PLAIN beside a reading of its
//! own.

use bytes::BytesMut;
use tokio_util::codec::Decoder;

use super::fuzz::ready_connection;
use crate::message::Message;
use crate::security::User;
use crate::wire::{
    Config, Connection, Credentials, Denial, Error, Event, FrameCodec, Greeting, Limits, Mechanism, Metadata,
    Password, RawFrame, Remote, SocketType,
};

/// No bytes reach READY under another mechanism than ours, nor with a type that does not go with ours, nor a server
/// that has not let them in; and the outcome does not depend on how they were cut.
///
/// The first octet says what our socket is, its mechanism, and what is decided.
pub fn handshake(data: &[u8]) {
    let Some((first, data)) = data.split_first() else { return };
    let (how, kind) =
        (usize::from(*first) / SocketType::ALL.len(), usize::from(*first) % SocketType::ALL.len());
    let mut config = Config::new(SocketType::ALL[kind]);
    let mechanisms = mechanisms();
    config.mechanism = mechanisms[how % mechanisms.len()].clone();
    let decision = decision(how / mechanisms.len());

    let whole = shake(&config, decision, data, data.len().max(1));
    let single = shake(&config, decision, data, 1);
    assert_eq!((&whole.ready, whole.asked.len()), (&single.ready, single.asked.len()));
    // A hint of what another protocol this is may see more in more octets, and keys are made for each connection.
    assert_eq!(whole.error.is_some(), single.error.is_some());
    if config.mechanism.name() == "CURVE" {
        assert_eq!(whole.said.len(), single.said.len());
        assert!(whole.ready.is_none(), "without the other side's keys");
    } else {
        assert_eq!(whole.said, single.said);
    }
    if let Some(remote) = &whole.ready {
        assert_eq!(data[12..32], Greeting::new(&config.mechanism).encode()[12..32]);
        assert!(remote.socket_type.is_none_or(|theirs| config.socket_type.goes_with(theirs)));
        assert!(remote.identity.len() <= 255 && remote.identity.first() != Some(&0));
        let asks = config.mechanism.is_server() || matches!(config.mechanism, Mechanism::NullAsking);
        assert_eq!(whole.asked.len(), usize::from(asks));
        assert!(!asks || decision.is_ok());
        assert_eq!(remote.user.is_some(), asks);
    }
}

/// PLAIN lets in who says HELLO and INITIATE to the letter and is let in, or WELCOME and READY, and nobody else;
/// whoever decides is shown what came; and traffic behind it is what it is behind NULL.
///
/// The first octet says which role is ours, what is decided, and how the rest is cut. The peer's greeting is a good one.
pub fn plain(data: &[u8]) {
    let Some((first, data)) = data.split_first() else { return };
    let is_server = first & 1 == 0;
    let decision = decision(usize::from(first >> 1 & 3));
    let mut config = Config::new(SocketType::Pull);
    config.limits = LIMITS;
    let (ours, theirs) = if is_server {
        (Mechanism::PlainServer, plain_client())
    } else {
        (plain_client(), Mechanism::PlainServer)
    };
    config.mechanism = ours;
    let input = [&Greeting::new(&theirs).encode()[..], data].concat();

    let whole = shake(&config, decision, &input, input.len());
    assert_eq!(whole, shake(&config, decision, &input, 1));
    assert_eq!(whole, shake(&config, decision, &input, usize::from(first >> 3) + 2));

    let mut rest = BytesMut::from(data);
    let expected = if is_server { serve(decision, &mut rest) } else { (Vec::new(), visit(&mut rest)) };
    assert_eq!((&whole.asked, whole.ready.is_some()), (&expected.0, expected.1));
    assert!(whole.ready.is_some() || whole.messages.is_empty());
    match decision {
        Err(denial) if is_server && !whole.asked.is_empty() => {
            assert_eq!(whole.error, Some(Error::Refused(denial)));
            let last_word: &[u8] = match denial {
                Denial::ForNow => b"",
                Denial::Denied => b"\x04\x0a\x05ERROR\x03400",
                Denial::Failed => b"\x04\x0a\x05ERROR\x03500",
            };
            assert_eq!(whole.said[Greeting::SIZE..], *last_word);
        }
        _ => {}
    }
    if whole.ready.is_some() {
        let (mut messages, mut behind_null) = (Vec::new(), ready_connection(LIMITS));
        behind_null.receive(&rest);
        let error = listen(&mut behind_null, &mut messages);
        assert_eq!((&whole.messages, &whole.error), (&messages, &error));
    }
}

/// What a server of PLAIN makes of these frames: what it asks about, and whether the peer comes in.
fn serve(decision: Result<(), Denial>, input: &mut BytesMut) -> (Vec<Shown>, bool) {
    let Some(hello) = command(input) else { return (Vec::new(), false) };
    let Some(credentials) = hello.strip_prefix(b"\x05HELLO").and_then(two_fields) else {
        return (Vec::new(), false);
    };
    let comes_in = decision.is_ok()
        && command(input).is_some_and(|body| body.strip_prefix(b"\x08INITIATE").is_some_and(is_a_push));
    (vec![credentials], comes_in)
}

/// Whether a client of PLAIN is content with these frames.
fn visit(input: &mut BytesMut) -> bool {
    command(input).is_some_and(|body| body == b"\x07WELCOME")
        && command(input).is_some_and(|body| body.strip_prefix(b"\x05READY").is_some_and(is_a_push))
}

/// The body of the next frame, if it is a whole command.
fn command(input: &mut BytesMut) -> Option<Vec<u8>> {
    match FrameCodec::new(8192).decode(input) {
        Ok(Some(RawFrame { command: true, body, .. })) => Some(body.to_vec()),
        _ => None,
    }
}

fn two_fields(data: &[u8]) -> Option<Shown> {
    let (len, rest) = data.split_first()?;
    let (username, rest) = rest.split_at_checked(usize::from(*len))?;
    let (len, password) = rest.split_first()?;
    (password.len() == usize::from(*len)).then(|| (username.to_vec(), password.to_vec()))
}

fn is_a_push(metadata: &[u8]) -> bool {
    Metadata::decode(metadata.to_vec().into())
        .is_ok_and(|metadata| metadata.socket_type().is_none_or(|name| name == "PUSH"))
}

/// A name and a password; empty for other credentials.
type Shown = (Vec<u8>, Vec<u8>);

/// What came of a connection.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    asked: Vec<Shown>,
    ready: Option<Remote>,
    messages: Vec<Message>,
    error: Option<Error>,
    /// What our side said up to READY, or to the error.
    said: Vec<u8>,
}

/// Feeds a connection of ours, `step` octets at a time, and answers its questions.
fn shake(config: &Config, decision: Result<(), Denial>, data: &[u8], step: usize) -> Outcome {
    let (mut connection, mut outcome) = (Connection::new(config.clone()), Outcome::default());
    for bytes in data.chunks(step) {
        connection.receive(bytes);
        while outcome.ready.is_none() {
            match connection.poll_event(0) {
                Ok(Some(Event::Ready(remote))) => {
                    outcome.said.extend(connection.transmit().unwrap_or_default());
                    outcome.ready = Some(remote);
                }
                Ok(Some(Event::Asked(credentials))) => {
                    assert!(matches!(connection.poll_event(1), Ok(None)), "it waits for the decision");
                    outcome.asked.push(match credentials {
                        Credentials::Plain { username, password } => {
                            (username.to_vec(), password.reveal().to_vec())
                        }
                        _ => Shown::default(),
                    });
                    connection.decide(decision.map(|()| User::new("somebody")));
                }
                Ok(Some(event)) => panic!("before READY: {event:?}"),
                Ok(None) => break,
                Err(error) => {
                    outcome.said.extend(connection.transmit().unwrap_or_default());
                    outcome.error = Some(error);
                    return outcome;
                }
            }
        }
        if outcome.ready.is_some() {
            outcome.error = listen(&mut connection, &mut outcome.messages);
            if outcome.error.is_some() {
                return outcome;
            }
        }
    }
    if outcome.ready.is_none() {
        outcome.said.extend(connection.transmit().unwrap_or_default());
    }
    outcome
}

/// Takes what there is, and says how it ended, if it did.
fn listen(connection: &mut Connection, messages: &mut Vec<Message>) -> Option<Error> {
    loop {
        match connection.poll_event(usize::MAX) {
            Ok(Some(Event::Messages(mut chunk))) => {
                messages.extend(std::iter::from_fn(|| chunk.next_message()));
            }
            Ok(Some(Event::Ready(_) | Event::Asked(_))) => panic!("ready twice"),
            Ok(Some(Event::Subscription(_))) => {}
            Ok(None) => return None,
            Err(error) => return Some(error),
        }
    }
}

/// Each mechanism in each role.
fn mechanisms() -> Vec<Mechanism> {
    vec![
        Mechanism::Null,
        Mechanism::NullAsking,
        plain_client(),
        Mechanism::PlainServer,
        #[cfg(feature = "curve")]
        super::fuzz_curve::client(),
        #[cfg(feature = "curve")]
        super::fuzz_curve::server(),
    ]
}

fn plain_client() -> Mechanism {
    Mechanism::PlainClient { username: "admin".into(), password: Password::new("secret") }
}

/// What an input lets somebody decide.
pub(super) fn decision(number: usize) -> Result<(), Denial> {
    [Ok(()), Err(Denial::Denied), Err(Denial::ForNow), Err(Denial::Failed)][number % 4]
}

const LIMITS: Limits = Limits { max_message: 2000, max_frames: 20 };
