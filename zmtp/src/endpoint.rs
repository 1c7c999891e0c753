//! Where a socket binds or connects: `tcp://host:port`, `inproc://name`.
//!
//! A string is parsed once, into a value that makes sense by construction. What only the network can tell (does the
//! name resolve, is the port free) is not asked here.

use std::convert::Infallible;
use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// An address that a socket can bind or connect to.
///
/// | form | bind | connect |
/// |---|---|---|
/// | `tcp://127.0.0.1:5555`, `tcp://[::1]:5555`, `tcp://host.example:5555` | that address | that peer |
/// | `tcp://*:5555` | every IPv4 interface | an error |
/// | `tcp://127.0.0.1:*`, `tcp://127.0.0.1:0` | a free port, which [`bind`](crate::Socket::bind) returns | an error |
/// | `inproc://name` | a name inside this process | also before the bind |
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// TCP, over IPv4 or IPv6.
    Tcp {
        /// A name, an address without brackets, or `*`.
        host: String,
        /// The port; 0 stands for any free one.
        port: u16,
    },
    /// Between sockets of one process, by name.
    Inproc {
        /// Any text that is not empty.
        name: String,
    },
}

impl Endpoint {
    /// Whether this can be bound but not dialled: the host is `*`, or the port is any.
    pub(crate) fn is_wildcard(&self) -> bool {
        matches!(self, Self::Tcp { host, port } if host == "*" || *port == 0)
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let wrong = |what| EndpointError { endpoint: text.to_owned(), what };
        let Some((transport, address)) = text.split_once("://") else {
            return Err(wrong(Wrong::NoTransport));
        };
        match transport {
            "tcp" => tcp(address).map_err(wrong),
            "inproc" if address.is_empty() => Err(wrong(Wrong::NoName)),
            "inproc" => Ok(Self::Inproc { name: address.to_owned() }),
            _ => Err(wrong(Wrong::Transport(transport.to_owned()))),
        }
    }
}

fn tcp(address: &str) -> Result<Endpoint, Wrong> {
    // The last colon splits, so that brackets around an IPv6 address are optional, as in libzmq.
    let (host, port) = address.rsplit_once(':').ok_or(Wrong::NoPort)?;
    let port = match port {
        "" => return Err(Wrong::NoPort),
        "*" => 0,
        digits if digits.bytes().all(|b| b.is_ascii_digit()) => {
            digits.parse().map_err(|_| Wrong::Port(digits.to_owned()))?
        }
        other => return Err(Wrong::Port(other.to_owned())),
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    if host.is_empty() || bare == Some("") {
        return Err(Wrong::NoHost);
    }
    let host = match bare {
        Some(inside) if ipv6(inside) => inside,
        Some(inside) => return Err(Wrong::Ipv6(inside.to_owned())),
        None if host.contains(':') && !ipv6(host) => return Err(Wrong::Ipv6(host.to_owned())),
        None => host,
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || ".-_:%".contains(c);
    if host != "*" && !host.chars().all(allowed) {
        return Err(Wrong::Host(host.to_owned()));
    }
    Ok(Endpoint::Tcp { host: host.to_owned(), port })
}

/// Whether this is an IPv6 address, with or without a zone (`fe80::1%eth0`).
fn ipv6(text: &str) -> bool {
    text.split('%').next().is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
            Self::Inproc { name } => write!(f, "inproc://{name}"),
        }
    }
}

impl TryFrom<&str> for Endpoint {
    type Error = EndpointError;

    fn try_from(text: &str) -> Result<Self, EndpointError> {
        text.parse()
    }
}

impl TryFrom<String> for Endpoint {
    type Error = EndpointError;

    fn try_from(text: String) -> Result<Self, EndpointError> {
        text.parse()
    }
}

impl TryFrom<&String> for Endpoint {
    type Error = EndpointError;

    fn try_from(text: &String) -> Result<Self, EndpointError> {
        text.parse()
    }
}

impl From<&Self> for Endpoint {
    fn from(endpoint: &Self) -> Self {
        endpoint.clone()
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp { host: address.ip().to_string(), port: address.port() }
    }
}

/// A text that is no endpoint: which part, and what was expected there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("endpoint `{}`: {what}", .endpoint.escape_debug())]
pub struct EndpointError {
    endpoint: String,
    what: Wrong,
}

impl EndpointError {
    /// This endpoint makes sense to bind, but not to connect to.
    pub(crate) fn wildcard(endpoint: &Endpoint) -> Self {
        Self { endpoint: endpoint.to_string(), what: Wrong::Wildcard }
    }
}

impl From<Infallible> for EndpointError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Wrong {
    #[error("no transport; expected `tcp://host:port` or `inproc://name`")]
    NoTransport,
    #[error("unknown transport `{}`; expected `tcp` or `inproc`", .0.escape_debug())]
    Transport(String),
    #[error("no host before the port; expected a name, an address or `*`")]
    NoHost,
    #[error("no port; expected a number from 1 to 65535 after the last colon, or `*` to bind to any")]
    NoPort,
    #[error("port `{}`; expected a number from 1 to 65535, or `*` to bind to any", .0.escape_debug())]
    Port(String),
    #[error("host `{}`; expected a name, an address or `*`", .0.escape_debug())]
    Host(String),
    #[error("`{}` is not an IPv6 address; expected something like `[::1]`", .0.escape_debug())]
    Ipv6(String),
    #[error("no name; expected any text after `inproc://`")]
    NoName,
    #[error("host `*` and port `*` or 0 can be bound, not connected to; expected a host and a port")]
    Wildcard,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_survives_its_own_text() {
        for text in
            ["tcp://127.0.0.1:5555", "tcp://*:0", "tcp://[::1]:80", "tcp://a-b.example:1", "inproc://a b://c"]
        {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        assert_eq!("tcp://::1:80".parse::<Endpoint>().unwrap().to_string(), "tcp://[::1]:80");
        assert_eq!("tcp://lo:*".parse::<Endpoint>().unwrap().to_string(), "tcp://lo:0");
        assert_eq!("tcp://[fe80::1%2]:9".parse::<Endpoint>().unwrap().to_string(), "tcp://[fe80::1%2]:9");
    }

    #[test]
    fn an_endpoint_that_makes_no_sense_is_told_which_part_and_what_was_expected() {
        let cases = [
            ("", "no transport"),
            ("tcp:/x", "no transport"),
            ("foo://x", "unknown transport `foo`"),
            ("tcp://", "no port"),
            ("tcp://h", "no port"),
            ("tcp://h:", "no port"),
            ("tcp://:5555", "no host"),
            ("tcp://[]:5555", "no host"),
            ("tcp://h:0x", "port `0x`"),
            ("tcp://h:+1", "port `+1`"),
            ("tcp://h:99999", "port `99999`"),
            ("tcp://[::g]:1", "`::g` is not an IPv6 address"),
            ("tcp://a:b:1", "`a:b` is not an IPv6 address"),
            ("tcp://a b:1", "host `a b`"),
            ("inproc://", "no name"),
        ];
        for (text, expected) in cases {
            let said = text.parse::<Endpoint>().unwrap_err().to_string();
            assert!(said.contains(expected) && said.contains("expected"), "{text}: {said}");
        }
    }
}
