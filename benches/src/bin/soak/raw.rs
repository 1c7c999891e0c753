//! A connection in the hands of somebody who knows the protocol, and does not keep to it.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use zmtp::wire::{Config, Connection, Event, Header, SocketType};

use crate::visits::Visit;

/// A TCP connection.
#[derive(Debug)]
pub(crate) struct Raw(TcpStream);

impl Raw {
    /// Dials.
    pub(crate) async fn dial(endpoint: &str) -> std::io::Result<Self> {
        let address = endpoint.strip_prefix("tcp://").unwrap_or(endpoint);
        Ok(Self(TcpStream::connect(address).await?))
    }

    /// Dials, with little room for what it will not read.
    pub(crate) async fn dial_deaf(endpoint: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let address = endpoint.strip_prefix("tcp://").unwrap_or(endpoint).parse()?;
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4096)?;
        Ok(Self(socket.connect(address).await?))
    }

    /// Shakes hands as this type.
    pub(crate) async fn shake(&mut self, socket_type: SocketType) -> Visit {
        let mut wire = Connection::new(Config::new(socket_type));
        loop {
            let event = wire.poll_event(0)?;
            if let Some(octets) = wire.transmit() {
                self.0.write_all(&octets).await?;
            }
            match event {
                Some(Event::Ready(_)) => return Ok(()),
                Some(_) => return Err("something came before READY".into()),
                None => {}
            }
            let read = self.0.read_buf(&mut wire.buffer()).await?;
            if read == 0 {
                return Err("the server closed in the handshake".into());
            }
            wire.received(read);
        }
    }

    pub(crate) async fn send(&mut self, octets: &[u8]) -> std::io::Result<()> {
        self.0.write_all(octets).await
    }

    /// Reads so many octets, and throws them away.
    pub(crate) async fn skip(&mut self, mut octets: usize) -> Visit {
        let mut ignored = vec![0; 8192];
        while octets > 0 {
            let read = self.0.read(&mut ignored).await?;
            if read == 0 {
                return Err("the server closed".into());
            }
            octets = octets.saturating_sub(read);
        }
        Ok(())
    }

    /// Waits until the server closes, by whatever means.
    pub(crate) async fn be_closed(mut self) -> Visit {
        let mut ignored = vec![0; 8192];
        while !matches!(self.0.read(&mut ignored).await, Ok(0) | Err(_)) {}
        Ok(())
    }

    /// Ends it by a reset.
    pub(crate) fn reset(self) -> Visit {
        self.0.set_zero_linger()?;
        Ok(())
    }
}

/// A frame that claims to be so long.
pub(crate) fn header(len: u64, more: bool) -> Vec<u8> {
    let mut octets = Vec::with_capacity(Header::MAX);
    Header { more, command: false, len }.encode(&mut octets);
    octets
}
