//! Where a socket binds or connects: `tcp://host:port`, `ipc://path`, `inproc://name`.
//!
//! A string is parsed once, into a value that makes sense by construction. What only the network can tell (does the
//! name resolve, is the port free) is not asked here.

mod error;
mod parse;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

pub use self::error::EndpointError;

/// An address that a socket can bind or connect to.
///
/// | form | bind | connect |
/// |---|---|---|
/// | `tcp://127.0.0.1:5555`, `tcp://[::1]:5555`, `tcp://host.example:5555` | that address | that peer |
/// | `tcp://[fe80::1%eth0]:5555` | that address, of that interface | that peer, through that interface |
/// | `tcp://eth0:5555` | that interface's address | a host of that name |
/// | `tcp://*:5555` | every interface; [`TcpOptions::ipv6`](crate::TcpOptions) says whether IPv6 too | an error |
/// | `tcp://[::]:5555` | every interface, IPv6 and IPv4 | that peer: this machine |
/// | `tcp://127.0.0.1:*`, `tcp://127.0.0.1:0` | a free port, which [`bind`](crate::Socket::bind) returns | an error |
/// | `tcp://source:port;host:port` | an error | that peer, from that address; the source may be an interface, `*`, and its port `*` or 0 |
/// | `ipc:///tmp/socket`, `ipc://socket` | that file | that file |
/// | `ipc://@name` | that name in Linux's abstract namespace | that name |
/// | `ipc://*` | a file in a new private directory, which [`bind`](crate::Socket::bind) returns | an error |
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
        /// Where a connection begins, if not wherever the system likes. Only for connecting.
        source: Option<Source>,
    },
    /// A Unix domain socket, between processes of one machine.
    Ipc {
        /// A path below 108 octets, `@` and a name in Linux's abstract namespace, or `*`.
        path: String,
    },
    /// Between sockets of one process, by name.
    Inproc {
        /// Any text that is not empty.
        name: String,
    },
}

/// The address and port that a connection is made from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Source {
    /// An address without brackets, an interface, a name, or `*` for any.
    pub host: String,
    /// The port; 0 stands for any free one.
    pub port: u16,
}

impl Endpoint {
    /// Why this can be bound, or is bound, but not dialled.
    pub(crate) fn check_connect(&self) -> Result<(), EndpointError> {
        match self {
            Self::Tcp { host, port, .. } if host == "*" || *port == 0 => {
                Err(EndpointError::wildcard_host(self))
            }
            Self::Ipc { path } if path == "*" => Err(EndpointError::wildcard_path(self)),
            _ => Ok(()),
        }
    }

    /// Why this can be dialled, but not bound.
    pub(crate) fn check_bind(&self) -> Result<(), EndpointError> {
        match self {
            Self::Tcp { source: Some(_), .. } => Err(EndpointError::source(self)),
            _ => Ok(()),
        }
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        parse::endpoint(text).map_err(|wrong| EndpointError::new(text, wrong))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port, source } => {
                f.write_str("tcp://")?;
                if let Some(source) = source {
                    write!(f, "{};", HostPort(&source.host, source.port))?;
                }
                HostPort(host, *port).fmt(f)
            }
            Self::Ipc { path } => write!(f, "ipc://{path}"),
            Self::Inproc { name } => write!(f, "inproc://{name}"),
        }
    }
}

struct HostPort<'a>(&'a str, u16);

impl fmt::Display for HostPort<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(host, port) = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
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
        let host = match address {
            // Without its zone a link-local address is nobody's.
            SocketAddr::V6(address) if address.scope_id() != 0 => {
                format!("{}%{}", address.ip(), address.scope_id())
            }
            _ => address.ip().to_string(),
        };
        Self::Tcp { host, port: address.port(), source: None }
    }
}

impl From<(IpAddr, u16)> for Endpoint {
    fn from(address: (IpAddr, u16)) -> Self {
        SocketAddr::from(address).into()
    }
}
