//! The client's side of SOCKS 5 (RFC 1928), with or without a name and a password (RFC 1929).

use std::io;
use std::net::IpAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::options::SocksProxy;

/// Asks a proxy to connect on to a host; after that the stream is as if it led there.
pub(super) async fn ask(io: &mut TcpStream, proxy: &SocksProxy, host: &str, port: u16) -> io::Result<()> {
    let credentials =
        proxy.username.as_deref().map(|name| (name, proxy.password.as_deref().unwrap_or_default()));
    let offer: &[u8] = if credentials.is_some() { &[5, 2, ANYBODY, PASSWORD] } else { &[5, 1, ANYBODY] };
    io.write_all(offer).await?;
    match (read::<2>(io).await?, credentials) {
        ([5, ANYBODY], _) => {}
        ([5, PASSWORD], Some((name, password))) => {
            let mut octets = vec![1];
            push(&mut octets, name)?;
            push(&mut octets, password)?;
            io.write_all(&octets).await?;
            if read::<2>(io).await?[1] != 0 {
                return Err(refused(
                    io::ErrorKind::PermissionDenied,
                    "it does not know this name and password",
                ));
            }
        }
        ([5, _], _) => {
            let what = "it wants another way of showing who we are";
            return Err(refused(io::ErrorKind::PermissionDenied, what));
        }
        _ => return Err(nonsense()),
    }

    let mut octets = vec![5, CONNECT, 0];
    match host.parse() {
        Ok(IpAddr::V4(ip)) => {
            octets.push(IPV4);
            octets.extend(ip.octets());
        }
        Ok(IpAddr::V6(ip)) => {
            octets.push(IPV6);
            octets.extend(ip.octets());
        }
        Err(_) => {
            octets.push(NAME);
            push(&mut octets, host)?;
        }
    }
    octets.extend(port.to_be_bytes());
    io.write_all(&octets).await?;
    answer(io).await
}

async fn answer(io: &mut TcpStream) -> io::Result<()> {
    use io::ErrorKind::{
        ConnectionRefused, HostUnreachable, NetworkUnreachable, Other, PermissionDenied, TimedOut,
    };

    let [5, reply, _, kind] = read::<4>(io).await? else { return Err(nonsense()) };
    // Where the proxy connected from: of no use, but it must be read away.
    let address = match kind {
        IPV4 => 4,
        IPV6 => 16,
        NAME => usize::from(read::<1>(io).await?[0]),
        _ => return Err(nonsense()),
    };
    io.read_exact(&mut vec![0; address + 2]).await?;
    match reply {
        0 => Ok(()),
        2 => Err(refused(PermissionDenied, "its rules forbid this connection")),
        3 => Err(refused(NetworkUnreachable, "the network cannot be reached")),
        4 => Err(refused(HostUnreachable, "the host cannot be reached")),
        5 => Err(refused(ConnectionRefused, "nobody listens at the endpoint")),
        6 => Err(refused(TimedOut, "the connection took too long")),
        other => Err(refused(Other, &format!("it failed with code {other}"))),
    }
}

fn push(octets: &mut Vec<u8>, text: &str) -> io::Result<()> {
    let Ok(len) = u8::try_from(text.len()) else {
        let what = "a name or password for a SOCKS proxy is longer than 255 octets";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    };
    octets.push(len);
    octets.extend(text.as_bytes());
    Ok(())
}

async fn read<const N: usize>(io: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut octets = [0; N];
    io.read_exact(&mut octets).await?;
    Ok(octets)
}

fn refused(kind: io::ErrorKind, what: &str) -> io::Error {
    io::Error::new(kind, format!("the SOCKS proxy refused: {what}"))
}

fn nonsense() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the SOCKS proxy does not speak version 5")
}

const ANYBODY: u8 = 0;
const PASSWORD: u8 = 2;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;
