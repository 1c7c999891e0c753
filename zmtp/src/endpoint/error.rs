//! What is wrong with a text that is no endpoint, or with an endpoint in this place.

use std::convert::Infallible;

use super::Endpoint;

/// A text that is no endpoint: which part, and what was expected there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("endpoint `{}`: {what}", .endpoint.escape_debug())]
pub struct EndpointError {
    endpoint: String,
    what: Wrong,
}

impl EndpointError {
    pub(super) fn new(endpoint: &str, what: Wrong) -> Self {
        Self { endpoint: endpoint.to_owned(), what }
    }

    pub(super) fn wildcard_host(endpoint: &Endpoint) -> Self {
        Self { endpoint: endpoint.to_string(), what: Wrong::WildcardHost }
    }

    pub(super) fn wildcard_path(endpoint: &Endpoint) -> Self {
        Self { endpoint: endpoint.to_string(), what: Wrong::WildcardPath }
    }

    pub(super) fn source(endpoint: &Endpoint) -> Self {
        Self { endpoint: endpoint.to_string(), what: Wrong::Source }
    }
}

impl From<Infallible> for EndpointError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Wrong {
    #[error("no transport; expected `tcp://host:port`, `ipc://path` or `inproc://name`")]
    NoTransport,
    #[error("unknown transport `{}`; expected `tcp`, `ipc` or `inproc`", .0.escape_debug())]
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
    #[error("no path; expected one after `ipc://`, or `@` and a name")]
    NoPath,
    #[error("no name after the `@`; expected at least one octet")]
    NoAbstractName,
    #[error("a path of {octets} octets; expected at most {}", PATH_LIMIT - 1)]
    PathLength { octets: usize },
    #[error("a NUL in the path; expected any other octet")]
    PathNul,
    #[error("no name; expected any text after `inproc://`")]
    NoName,
    #[error("host `*` and port `*` or 0 can be bound, not connected to; expected a host and a port")]
    WildcardHost,
    #[error("path `*` can be bound, not connected to; expected the path that `bind` returned")]
    WildcardPath,
    #[error("a source address is for connecting; expected `tcp://host:port`")]
    Source,
}

/// What the system's address holds, with the NUL at the end.
pub(super) const PATH_LIMIT: usize =
    if cfg!(any(target_os = "linux", target_os = "android")) { 108 } else { 104 };
