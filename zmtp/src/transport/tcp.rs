//! TCP over IPv4 and IPv6.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream, lookup_host};

use crate::endpoint::Endpoint;

/// Binds, and says where: with the real address and port.
pub(crate) async fn listen(host: &str, port: u16) -> io::Result<(TcpListener, Endpoint)> {
    let addresses: Vec<SocketAddr> = match host {
        "*" => vec![(Ipv4Addr::UNSPECIFIED, port).into()],
        _ => lookup_host((host, port)).await?.collect(),
    };
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the host name has no address");
    for address in addresses {
        match listen_at(address) {
            Ok(listener) => {
                let bound = listener.local_addr()?.into();
                return Ok((listener, bound));
            }
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn listen_at(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Connects. Names are resolved anew each time.
pub(crate) async fn dial(host: &str, port: u16) -> io::Result<TcpStream> {
    let io = TcpStream::connect((host, port)).await?;
    // Dialling a free port of the range that outgoing connections use, a socket can meet itself: TCP allows both ends
    // to open at once, and both ends are the same.
    if io.local_addr()? == io.peer_addr()? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    // Small messages must not wait for acknowledgements of earlier ones.
    io.set_nodelay(true)?;
    Ok(io)
}

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;
