//! From the text of an endpoint to a connection: parse, resolve, connect.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::timeout;
use zmtp::{Endpoint, Source};

use super::advice::{Failure, connect_failed, shown};
use super::line::Line;
use super::{Finding, Outcome};
use crate::units::show;

/// Where the peer may be.
#[derive(Debug)]
pub(super) enum Found {
    /// At one of these addresses, to be reached from one of those, if there are any.
    Tcp(Vec<SocketAddr>, Vec<SocketAddr>),
    /// A path, or `@` and a name.
    Ipc(String),
}

/// What can be dialled from here.
pub(super) fn parse(text: &str) -> Outcome<Endpoint> {
    let endpoint: Endpoint = text.parse().map_err(|error: zmtp::EndpointError| {
        Failure::new(error.to_string(), "write `tcp://host:port` or `ipc://path`, as in tcp://127.0.0.1:5555")
    })?;
    let cannot = |what: &str, next: &str| Err(Failure::new(format!("{}: {what}", shown(text)), next));
    match &endpoint {
        Endpoint::Tcp { host, port, .. } if host == "*" || *port == 0 => cannot(
            "`*` and port 0 can be bound, not connected to",
            "write the host that the peer runs on, and the port that it has bound",
        ),
        Endpoint::Ipc { path } if path == "*" => {
            cannot("`*` can be bound, not connected to", "write the path that the peer has bound")
        }
        Endpoint::Inproc { .. } => cannot(
            "an inproc:// endpoint is known inside its own process alone",
            "doctor knows tcp:// and ipc://: let the peer bind one of these too",
        ),
        Endpoint::Ipc { .. } if !cfg!(unix) => {
            cannot("there is no ipc:// on this system", "doctor knows tcp:// here")
        }
        _ => {
            let said = shown(&endpoint.to_string());
            Ok((endpoint, Finding::new(&said).fact("endpoint", said)))
        }
    }
}

/// Looks the host's name up, or the file.
pub(super) async fn resolve(endpoint: &Endpoint, limit: Duration) -> Outcome<Found> {
    match endpoint {
        Endpoint::Tcp { host, port, source } => {
            let addresses = look_up(host, *port, limit).await?;
            let sources = match source {
                Some(source) => look_up_source(source, limit).await?,
                None => Vec::new(),
            };
            let said = list(&addresses);
            let all: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            Ok((Found::Tcp(addresses, sources), Finding::new(said).fact("addresses", all)))
        }
        Endpoint::Ipc { path } if path.starts_with('@') => {
            let said = "a name in the abstract namespace, which has no file";
            Ok((Found::Ipc(path.clone()), Finding::new(said)))
        }
        Endpoint::Ipc { path } => {
            is_socket(path, limit).await?;
            Ok((Found::Ipc(path.clone()), Finding::new("the file is there, and is a socket")))
        }
        // `parse` lets nothing else through.
        _ => Err(Failure::new("no transport that doctor knows", "write `tcp://host:port` or `ipc://path`")),
    }
}

async fn look_up(host: &str, port: u16, limit: Duration) -> Result<Vec<SocketAddr>, Failure> {
    let next = "check the spelling of the host, or write its address instead of its name";
    match timeout(limit, lookup_host((host, port))).await {
        Err(_) => Err(Failure::new(
            format!("nobody has said within {} what address {host} has", show(limit)),
            "ask whether this machine's name server answers, or write the address of the host",
        )),
        Ok(Err(error)) => Err(Failure::new(format!("{host} has no address: {error}"), next)),
        Ok(Ok(found)) => match found.collect::<Vec<_>>() {
            none if none.is_empty() => Err(Failure::new(format!("{host} has no address"), next)),
            addresses => Ok(addresses),
        },
    }
}

async fn look_up_source(source: &Source, limit: Duration) -> Result<Vec<SocketAddr>, Failure> {
    let Source { host, port } = source;
    if host == "*" {
        return Ok(vec![(Ipv4Addr::UNSPECIFIED, *port).into(), (Ipv6Addr::UNSPECIFIED, *port).into()]);
    }
    look_up(host, *port, limit).await.map_err(|failure| {
        let next =
            "write an address of this machine as the source: doctor knows no interfaces by their names";
        Failure::new(format!("of the source, {}", failure.reason), next)
    })
}

#[cfg(unix)]
async fn is_socket(path: &str, limit: Duration) -> Result<(), Failure> {
    use std::os::unix::fs::FileTypeExt;
    let (file, name) = (path.to_owned(), shown(path));
    let looked = timeout(limit, tokio::task::spawn_blocking(move || std::fs::metadata(file))).await;
    let next = "start the peer, and let it bind the same path: one that does not begin with / is in its own directory";
    match looked.map(|joined| joined.unwrap_or_else(|error| Err(io::Error::other(error)))) {
        Err(_) => Err(Failure::new(
            format!("the file system has not said within {} what {name} is", show(limit)),
            "use a path on a local disk",
        )),
        Ok(Ok(metadata)) if metadata.file_type().is_socket() => Ok(()),
        Ok(Ok(_)) => Err(Failure::new(
            format!("{name} is a file, but no socket"),
            "check the path that the peer has bound",
        )),
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
            Err(Failure::new(format!("there is no {name}"), next))
        }
        Ok(Err(error)) => Err(Failure::new(format!("{name} cannot be looked at: {error}"), next)),
    }
}

#[cfg(not(unix))]
async fn is_socket(_path: &str, _limit: Duration) -> Result<(), Failure> {
    Ok(())
}

/// Reaches the first that answers. The time is shared by all addresses that there are.
pub(super) async fn connect(found: &Found, limit: Duration) -> Outcome<Line> {
    match found {
        Found::Tcp(addresses, sources) => {
            let each = limit / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
            let mut failed = None;
            for address in addresses {
                match timeout(each, reach(*address, sources)).await {
                    Ok(Ok(io)) => {
                        let ours = io.local_addr().map(|ours| ours.to_string()).unwrap_or_default();
                        let finding = Finding::new(format!("{address}, from {ours}"))
                            .fact("address", address.to_string())
                            .fact("from", ours);
                        return Ok((Line::new(io), finding));
                    }
                    Ok(Err(error)) => failed = Some(connect_failed(&address.to_string(), Some(&error), each)),
                    Err(_) => failed = Some(connect_failed(&address.to_string(), None, each)),
                }
            }
            // With several addresses this is the last one's; they seldom differ.
            Err(failed.unwrap_or_else(|| Failure::new("there is no address", "check the host")))
        }
        Found::Ipc(path) => connect_ipc(path, limit).await,
    }
}

async fn reach(address: SocketAddr, sources: &[SocketAddr]) -> io::Result<TcpStream> {
    let socket = if address.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() }?;
    if !sources.is_empty() {
        let from = sources.iter().find(|from| from.is_ipv6() == address.is_ipv6());
        socket.bind(*from.ok_or_else(|| io::Error::other("the source has no address of its kind"))?)?;
    }
    let io = socket.connect(address).await?;
    io.set_nodelay(true)?;
    Ok(io)
}

#[cfg(unix)]
async fn connect_ipc(path: &str, limit: Duration) -> Outcome<Line> {
    // The system knows abstract names by a zero octet.
    let at = path.strip_prefix('@').map_or_else(|| path.to_owned(), |name| format!("\0{name}"));
    let failed = |error| connect_failed(&shown(path), error, limit);
    match timeout(limit, tokio::net::UnixStream::connect(at)).await {
        Err(_) => Err(failed(None)),
        Ok(Err(error)) => Err(failed(Some(&error))),
        Ok(Ok(io)) => {
            let who = io.peer_cred().ok().and_then(|who| who.pid());
            let finding = match who {
                Some(pid) => Finding::new(format!("process {pid} listens")).fact("pid", pid),
                None => Finding::new("somebody listens"),
            };
            Ok((Line::new(io), finding))
        }
    }
}

#[cfg(not(unix))]
async fn connect_ipc(_path: &str, _limit: Duration) -> Outcome<Line> {
    Err(Failure::new("there is no ipc:// on this system", "use tcp://"))
}

fn list(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
