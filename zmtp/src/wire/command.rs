//! Commands (RFC 37, R37-CMD, R37-HB): one frame whose body is `len8 name data`.

use bytes::{Buf, Bytes};

use super::error::{Error, Malformed, printable};
use super::frame::Header;
use super::metadata::Metadata;

/// A command of the NULL mechanism or of traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// The handshake's last word.
    Ready(Metadata),
    /// A refusal, with its reason as it came.
    Error(Bytes),
    /// A subscriber wants messages that begin with this topic.
    Subscribe(Bytes),
    /// A subscriber no longer wants them.
    Cancel(Bytes),
    /// Are you there?
    Ping {
        /// Tenths of a second after which silence means death; 0 is never.
        ttl: u16,
        /// At most 16 octets, to be echoed.
        context: Bytes,
    },
    /// I am here.
    Pong {
        /// The context of the PING.
        context: Bytes,
    },
    /// A well-formed command of another name: ignored in traffic.
    Unknown(String),
}

impl Command {
    /// Appends the command as a whole frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut body = Vec::new();
        match self {
            Self::Ready(metadata) => {
                body.extend_from_slice(b"\x05READY");
                metadata.encode(&mut body);
            }
            Self::Error(reason) => {
                let reason = reason.get(..255).unwrap_or(reason);
                body.extend_from_slice(b"\x05ERROR");
                body.push(reason.len() as u8);
                body.extend_from_slice(reason);
            }
            Self::Subscribe(topic) => {
                body.extend_from_slice(b"\x09SUBSCRIBE");
                body.extend_from_slice(topic);
            }
            Self::Cancel(topic) => {
                body.extend_from_slice(b"\x06CANCEL");
                body.extend_from_slice(topic);
            }
            Self::Ping { ttl, context } => {
                body.extend_from_slice(b"\x04PING");
                body.extend_from_slice(&ttl.to_be_bytes());
                body.extend_from_slice(context);
            }
            Self::Pong { context } => {
                body.extend_from_slice(b"\x04PONG");
                body.extend_from_slice(context);
            }
            Self::Unknown(name) => {
                let name = name.as_bytes().get(..255).unwrap_or(name.as_bytes());
                body.push(name.len() as u8);
                body.extend_from_slice(name);
            }
        }
        Header { more: false, command: true, len: body.len() as u64 }.encode(out);
        out.extend_from_slice(&body);
    }

    /// Reads the body of a command frame.
    ///
    /// # Errors
    /// [`Malformed::CommandName`] when the name is empty or goes beyond the body; what each command
    /// demands of its data; for READY whatever [`Metadata::decode`] refuses.
    pub fn decode(mut body: Bytes) -> Result<Self, Error> {
        let len = usize::from(body.try_get_u8().map_err(|_| Malformed::CommandName)?);
        if len == 0 || len > body.len() {
            return Err(Malformed::CommandName.into());
        }
        let name = body.split_to(len);
        Ok(match &*name {
            b"READY" => Self::Ready(Metadata::decode(body)?),
            b"ERROR" => Self::Error(reason(body)?),
            b"SUBSCRIBE" => Self::Subscribe(body),
            b"CANCEL" => Self::Cancel(body),
            b"PING" => {
                let ttl = body.try_get_u16().map_err(|_| Malformed::Command("PING"))?;
                Self::Ping { ttl, context: context(body, "PING")? }
            }
            b"PONG" => Self::Pong { context: body },
            other => Self::Unknown(printable(other)),
        })
    }

    /// The command's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Ready(_) => "READY",
            Self::Error(_) => "ERROR",
            Self::Subscribe(_) => "SUBSCRIBE",
            Self::Cancel(_) => "CANCEL",
            Self::Ping { .. } => "PING",
            Self::Pong { .. } => "PONG",
            Self::Unknown(name) => name,
        }
    }
}

/// `len8 reason`, to the last octet (R37-NULL-14).
fn reason(mut data: Bytes) -> Result<Bytes, Malformed> {
    let len = data.try_get_u8().map_err(|_| Malformed::Command("ERROR"))?;
    if usize::from(len) == data.len() { Ok(data) } else { Err(Malformed::Command("ERROR")) }
}

/// R37-HB-07: at most 16 octets. More would make us a mirror for amplified traffic.
fn context(data: Bytes, name: &'static str) -> Result<Bytes, Malformed> {
    if data.len() <= 16 { Ok(data) } else { Err(Malformed::Command(name)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::SocketType;

    fn wire(command: &Command) -> Vec<u8> {
        let mut out = Vec::new();
        command.encode(&mut out);
        out
    }

    #[test]
    fn commands_are_byte_exact() {
        let octets = |text: &'static [u8]| Bytes::from_static(text);
        let cases = [
            (
                Command::Ready(Metadata::new(SocketType::Dealer, Bytes::new())),
                &b"\x04\x29\x05READY\x0bSocket-Type\0\0\0\x06DEALER\x08Identity\0\0\0\0"[..],
            ),
            (Command::Error(octets(b"400")), b"\x04\x0a\x05ERROR\x03400"),
            (Command::Subscribe(octets(b"A")), b"\x04\x0b\x09SUBSCRIBEA"),
            (Command::Cancel(octets(b"A")), b"\x04\x08\x06CANCELA"),
            (Command::Ping { ttl: 15, context: Bytes::new() }, b"\x04\x07\x04PING\0\x0f"),
            (Command::Pong { context: octets(b"LOL") }, b"\x04\x08\x04PONGLOL"),
        ];
        for (command, expected) in cases {
            assert_eq!(wire(&command), expected);
            assert_eq!(Command::decode(Bytes::copy_from_slice(&expected[2..])), Ok(command));
        }
    }

    #[test]
    fn a_command_above_255_octets_takes_the_long_form() {
        let long = Command::Subscribe(vec![b'x'; 246].into());
        assert_eq!(wire(&long)[..9], [6, 0, 0, 0, 0, 0, 0, 1, 0]);
    }

    #[test]
    fn hostile_18_a_name_that_is_empty_or_longer_than_the_body_is_refused() {
        for body in [&b""[..], b"\0", b"\0READY", b"\x06READY", b"\xff"] {
            assert_eq!(Command::decode(Bytes::copy_from_slice(body)), Err(Malformed::CommandName.into()));
        }
    }

    #[test]
    fn hostile_40_a_ping_with_a_cut_ttl_or_a_context_above_16_octets_is_refused() {
        for data in [&b""[..], b"\0", &[0; 19]] {
            let body = [b"\x04PING", data].concat();
            assert_eq!(Command::decode(body.into()), Err(Malformed::Command("PING").into()));
        }
        assert!(Command::decode([&b"\x04PING"[..], &[0; 18]].concat().into()).is_ok());
    }

    #[test]
    fn an_error_has_a_reason_of_exactly_the_length_it_says() {
        for data in [&b""[..], b"\x01", b"\x01ab"] {
            let body = [b"\x05ERROR", data].concat();
            assert_eq!(Command::decode(body.into()), Err(Malformed::Command("ERROR").into()));
        }
    }

    #[test]
    fn a_command_of_another_name_is_known_by_its_escaped_name() {
        let body = Bytes::from_static(b"\x04a\nb\xffrest");
        assert_eq!(Command::decode(body), Ok(Command::Unknown("a\\nb\\xff".into())));
    }
}
