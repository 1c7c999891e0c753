//! TCP over IPv4 and IPv6.

mod place;
mod setup;
mod socks;

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::{Accept, Dial, not_let_in};
use crate::endpoint::{Endpoint, Source};
use crate::options::TcpOptions;

/// A bound address.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
    options: TcpOptions,
}

/// Binds, and says where: with the real address and port.
pub(crate) async fn listen(
    host: &str,
    port: u16,
    options: &TcpOptions,
    backlog: i32,
) -> io::Result<(Listener, Endpoint)> {
    setup::check(options)?;
    let mut failed = place::nowhere();
    for address in place::here(host, port, options.ipv6).await? {
        match listen_at(address, options, backlog) {
            Ok(socket) => {
                let bound = socket.local_addr()?.into();
                return Ok((Listener { socket, options: options.clone() }, bound));
            }
            // What makes do without IPv6 must not make do with half of a port.
            Err(error) if host == "*" && error.kind() == io::ErrorKind::AddrInUse => return Err(error),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn listen_at(address: SocketAddr, options: &TcpOptions, backlog: i32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        // Whatever the system's habit is.
        socket.set_only_v6(false)?;
    }
    // Connections have their listener's buffers from their first packet on.
    setup::before(&socket, options)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    TcpListener::from_std(socket.into())
}

impl Accept for Listener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, String)> {
        let (io, address) = self.socket.accept().await?;
        Ok((io, address.to_string()))
    }

    fn from(io: &TcpStream) -> Option<IpAddr> {
        io.peer_addr().ok().map(|address| address.ip())
    }

    fn admit(&self, io: &TcpStream) -> io::Result<()> {
        if !self.options.accept.is_empty() {
            // An IPv4 host that reached a listener of both kinds is still one of IPv4.
            let host = io.peer_addr()?.ip().to_canonical();
            if !self.options.accept.iter().any(|(network, bits)| is_in(host, *network, *bits)) {
                return Err(not_let_in(&host.to_string()));
            }
        }
        setup::after(io, &self.options)
    }
}

/// Whether an address has the same leading bits as another.
fn is_in(host: IpAddr, network: IpAddr, bits: u8) -> bool {
    let differ = match (host, network.to_canonical()) {
        (IpAddr::V4(host), IpAddr::V4(network)) => (host.to_bits() ^ network.to_bits()).leading_zeros(),
        (IpAddr::V6(host), IpAddr::V6(network)) => (host.to_bits() ^ network.to_bits()).leading_zeros(),
        _ => return false,
    };
    differ >= u32::from(bits)
}

/// Dials a host.
#[derive(Debug)]
pub(crate) struct Dialer {
    host: String,
    port: u16,
    source: Option<Source>,
    options: TcpOptions,
}

impl Dialer {
    /// # Errors
    /// A setting that this system lacks.
    pub(crate) fn new(
        host: &str,
        port: u16,
        source: Option<&Source>,
        options: TcpOptions,
    ) -> io::Result<Self> {
        setup::check(&options)?;
        Ok(Self { host: host.to_owned(), port, source: source.cloned(), options })
    }

    /// Connects to the first address of a host that answers.
    async fn reach(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        let sources = match &self.source {
            Some(source) => Some(place::here(&source.host, source.port, true).await?),
            None => None,
        };
        let mut failed = place::nowhere();
        for address in place::there(host, port).await? {
            let from = match &sources {
                Some(sources) => match sources.iter().find(|from| from.is_ipv6() == address.is_ipv6()) {
                    Some(from) => Some(*from),
                    None => {
                        failed = place::no_such_source(&address);
                        continue;
                    }
                },
                None => None,
            };
            match self.reach_at(address, from).await {
                Ok(io) => return Ok(io),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    async fn reach_at(&self, address: SocketAddr, from: Option<SocketAddr>) -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        setup::before(&socket, &self.options)?;
        socket.set_nonblocking(true)?;
        if let Some(from) = from {
            #[cfg(not(windows))]
            socket.set_reuse_address(true)?;
            socket.bind(&from.into())?;
        }
        TcpSocket::from_std_stream(socket.into()).connect(address).await
    }
}

impl Dial for Dialer {
    type Stream = TcpStream;

    async fn dial(&self) -> io::Result<TcpStream> {
        let io = match &self.options.socks_proxy {
            None => self.reach(&self.host, self.port).await?,
            Some(proxy) => {
                let mut io = self.reach(&proxy.host, proxy.port).await?;
                socks::ask(&mut io, proxy, &self.host, self.port).await?;
                io
            }
        };
        // Dialling a free port of the range that outgoing connections use, a socket can meet itself: TCP allows both
        // ends to open at once, and both ends are the same.
        if io.local_addr()? == io.peer_addr()? {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        setup::after(&io, &self.options)?;
        Ok(io)
    }

    fn address(io: &TcpStream) -> Option<String> {
        io.peer_addr().ok().map(|address| address.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_that_is_in_use_for_ipv6_alone_is_in_use_for_both() {
        let taken = Socket::new(Domain::IPV6, Type::STREAM, Some(Protocol::TCP)).unwrap();
        taken.set_only_v6(true).unwrap();
        taken.bind(&"[::]:0".parse::<SocketAddr>().unwrap().into()).unwrap();
        taken.listen(1).unwrap();
        let port = taken.local_addr().unwrap().as_socket().unwrap().port();
        let both = TcpOptions { ipv6: true, ..TcpOptions::default() };

        let refused = listen("*", port, &both, 1).await.unwrap_err();

        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
        listen("*", port, &TcpOptions::default(), 1).await.unwrap();
    }

    #[test]
    fn a_network_holds_the_addresses_that_begin_like_it() {
        let cases = [
            ("10.1.2.3", "10.1.0.0", 16, true),
            ("10.2.2.3", "10.1.0.0", 16, false),
            ("10.1.2.3", "10.1.2.3", 32, true),
            ("10.1.2.2", "10.1.2.3", 32, false),
            ("10.1.2.3", "200.0.0.0", 0, true),
            ("fd00::1", "fd00::", 8, true),
            ("fe80::1", "fd00::", 8, false),
            ("fd00::1", "10.0.0.0", 0, false),
            ("10.1.2.3", "::ffff:10.1.0.0", 16, true),
            ("10.1.2.3", "10.1.2.3", 64, false),
        ];
        for (host, network, bits, expected) in cases {
            assert_eq!(
                is_in(host.parse().unwrap(), network.parse().unwrap(), bits),
                expected,
                "{host} {network}"
            );
        }
    }
}
