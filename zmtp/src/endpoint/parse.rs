//! From a text to an [`Endpoint`].

use std::net::Ipv6Addr;

use super::error::{PATH_LIMIT, Wrong};
use super::{Endpoint, Source};

pub(super) fn endpoint(text: &str) -> Result<Endpoint, Wrong> {
    let (transport, address) = text.split_once("://").ok_or(Wrong::NoTransport)?;
    match transport {
        "" => Err(Wrong::NoTransport),
        "tcp" => tcp(address),
        "ipc" => ipc(address),
        "inproc" if address.is_empty() => Err(Wrong::NoName),
        "inproc" => Ok(Endpoint::Inproc { name: address.to_owned() }),
        _ => Err(Wrong::Transport(transport.to_owned())),
    }
}

fn tcp(address: &str) -> Result<Endpoint, Wrong> {
    let (source, target) = match address.split_once(';') {
        Some((source, target)) => (Some(host_and_port(source)?), target),
        None => (None, address),
    };
    let (host, port) = host_and_port(target)?;
    let source = source.map(|(host, port)| Source { host, port });
    Ok(Endpoint::Tcp { host, port, source })
}

fn host_and_port(address: &str) -> Result<(String, u16), Wrong> {
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
    Ok((host.to_owned(), port))
}

/// Whether this is an IPv6 address, with or without a zone (`fe80::1%eth0`).
fn ipv6(text: &str) -> bool {
    let (address, zone) = text.split_once('%').unwrap_or((text, "?"));
    address.parse::<Ipv6Addr>().is_ok() && !zone.is_empty()
}

fn ipc(path: &str) -> Result<Endpoint, Wrong> {
    match path {
        "" => Err(Wrong::NoPath),
        "@" => Err(Wrong::NoAbstractName),
        _ if path.contains('\0') => Err(Wrong::PathNul),
        _ if path.len() >= PATH_LIMIT => Err(Wrong::PathLength { octets: path.len() }),
        _ => Ok(Endpoint::Ipc { path: path.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_survives_its_own_text() {
        for text in [
            "tcp://127.0.0.1:5555",
            "tcp://*:0",
            "tcp://[::1]:80",
            "tcp://a-b.example:1",
            "tcp://127.0.0.1:0;127.0.0.1:5555",
            "tcp://[::1]:7;a-b.example:5555",
            "tcp://[fe80::1%2]:9",
            "tcp://[fe80::1%eth0]:9",
            "ipc:///tmp/x y",
            "ipc://relative/path",
            "ipc://@abstract",
            "ipc://*",
            "inproc://a b://c",
        ] {
            assert_eq!(endpoint(text).unwrap().to_string(), text);
        }
        assert_eq!(endpoint("tcp://::1:80").unwrap().to_string(), "tcp://[::1]:80");
        assert_eq!(endpoint("tcp://lo:*").unwrap().to_string(), "tcp://lo:0");
        assert_eq!(endpoint("tcp://eth0:*;h:1").unwrap().to_string(), "tcp://eth0:0;h:1");
    }

    #[test]
    fn case_175_a_text_that_makes_no_sense_is_told_which_part_and_what_was_expected() {
        let long = format!("ipc://{}", "p".repeat(PATH_LIMIT));
        let cases = [
            ("", "no transport"),
            ("tcp:/x", "no transport"),
            ("://x", "no transport"),
            ("foo://x", "unknown transport `foo`"),
            ("udp://h:1", "unknown transport `udp`"),
            ("TCP://h:1", "unknown transport `TCP`"),
            ("tcp://", "no port"),
            ("tcp://h", "no port"),
            ("tcp://h:", "no port"),
            ("tcp://:5555", "no host"),
            ("tcp://[]:5555", "no host"),
            ("tcp://h:0x", "port `0x`"),
            ("tcp://h:+1", "port `+1`"),
            ("tcp://h:99999", "port `99999`"),
            ("tcp://h:1/path", "port `1/path`"),
            ("tcp://[::g]:1", "`::g` is not an IPv6 address"),
            ("tcp://[fe80::1%]:1", "`fe80::1%` is not an IPv6 address"),
            ("tcp://a:b:1", "`a:b` is not an IPv6 address"),
            ("tcp://a b:1", "host `a b`"),
            ("tcp://a;b:1", "no port"),
            ("tcp://a:1;", "no port"),
            ("tcp://a:1;b:2;c:3", "`b:2;c` is not an IPv6 address"),
            ("ipc://", "no path"),
            ("ipc://@", "no name after the `@`"),
            ("ipc:///a\0b", "a NUL in the path"),
            (&long, "octets; expected at most"),
            ("inproc://", "no name"),
        ];
        for (text, expected) in cases {
            let said = text.parse::<Endpoint>().unwrap_err().to_string();
            assert!(said.contains(expected) && said.contains("expected"), "{text}: {said}");
        }
    }
}
