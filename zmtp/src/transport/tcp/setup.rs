//! What `TcpOptions` do to a socket.

use std::io;

use socket2::{SockRef, Socket, TcpKeepalive};
use tokio::net::TcpStream;

use crate::options::TcpOptions;
#[cfg(not(target_os = "linux"))]
use crate::transport::unsupported;

/// Whether this system has all that is asked for.
pub(super) fn check(options: &TcpOptions) -> io::Result<()> {
    #[cfg(not(target_os = "linux"))]
    for (what, is_set) in [
        ("there is no TCP_USER_TIMEOUT for max_retransmit", options.max_retransmit.is_some()),
        ("there is no SO_BINDTODEVICE for bind_device", options.bind_device.is_some()),
        ("there is no SO_PRIORITY for priority", options.priority.is_some()),
        ("there is no SO_BUSY_POLL for busy_poll", options.busy_poll.is_some()),
    ] {
        if is_set {
            return Err(unsupported(what));
        }
    }
    let _ = options;
    Ok(())
}

/// What a socket must know before it is bound or connected.
pub(super) fn before(socket: &Socket, options: &TcpOptions) -> io::Result<()> {
    if let Some(octets) = options.send_buffer {
        socket.set_send_buffer_size(octets)?;
    }
    if let Some(octets) = options.recv_buffer {
        socket.set_recv_buffer_size(octets)?;
    }
    #[cfg(target_os = "linux")]
    if let Some(device) = &options.bind_device {
        socket.bind_device(Some(device.as_bytes()))?;
    }
    Ok(())
}

/// What a connection is told.
pub(super) fn after(io: &TcpStream, options: &TcpOptions) -> io::Result<()> {
    // Small messages must not wait for acknowledgements of earlier ones.
    io.set_nodelay(true)?;
    let socket = SockRef::from(io);
    if let Some(keepalive) = options.keepalive {
        let mut set = TcpKeepalive::new();
        if let Some(idle) = keepalive.idle {
            set = set.with_time(idle);
        }
        if let Some(interval) = keepalive.interval {
            set = set.with_interval(interval);
        }
        if let Some(probes) = keepalive.probes {
            set = set.with_retries(probes);
        }
        socket.set_tcp_keepalive(&set)?;
    }
    if let Some(tos) = options.tos {
        set_tos(&socket, io.local_addr()?.is_ipv6(), tos)?;
    }
    #[cfg(target_os = "linux")]
    {
        if options.max_retransmit.is_some() {
            socket.set_tcp_user_timeout(options.max_retransmit)?;
        }
        if let Some(priority) = options.priority {
            socket.set_priority(priority)?;
        }
        if let Some(micros) = options.busy_poll {
            socket.set_busy_poll(micros)?;
        }
    }
    Ok(())
}

fn set_tos(socket: &SockRef<'_>, ipv6: bool, tos: u32) -> io::Result<()> {
    #[cfg(unix)]
    if ipv6 {
        socket.set_tclass_v6(tos)?;
        // Counts for the IPv4 connections of a listener for both.
        return socket.set_tos_v4(tos).or(Ok(()));
    }
    let _ = ipv6;
    socket.set_tos_v4(tos)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::time::Duration;

    use super::super::{Dialer, listen};
    use super::*;
    use crate::endpoint::Endpoint;
    use crate::options::Keepalive;
    use crate::transport::{Accept, Dial};

    async fn pair(options: &TcpOptions, host: &str) -> (TcpStream, TcpStream) {
        let (listener, bound) = listen(host, 0, options, 16).await.unwrap();
        let Endpoint::Tcp { host, port, .. } = bound else { panic!() };
        let dialled = Dialer::new(&host, port, None, options.clone()).unwrap().dial().await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        listener.admit(&accepted).unwrap();
        (dialled, accepted)
    }

    #[tokio::test]
    async fn both_ends_of_a_connection_are_as_the_options_say() {
        let keepalive = Keepalive {
            idle: Some(Duration::from_secs(77)),
            interval: Some(Duration::from_secs(7)),
            probes: Some(5),
        };
        let options = TcpOptions {
            keepalive: Some(keepalive),
            send_buffer: Some(50_000),
            recv_buffer: Some(60_000),
            tos: Some(0x10),
            max_retransmit: Some(Duration::from_secs(9)),
            bind_device: Some("lo".to_owned()),
            priority: Some(3),
            ..TcpOptions::default()
        };
        for host in ["127.0.0.1", "::1"] {
            let (dialled, accepted) = pair(&options, host).await;
            for io in [&dialled, &accepted] {
                let socket = SockRef::from(io);
                assert!(io.nodelay().unwrap());
                assert!(socket.keepalive().unwrap());
                assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(77));
                assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(7));
                assert_eq!(socket.tcp_keepalive_retries().unwrap(), 5);
                assert_eq!(socket.send_buffer_size().unwrap(), 100_000);
                assert_eq!(socket.recv_buffer_size().unwrap(), 120_000);
                assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(9)));
                assert_eq!(socket.device().unwrap().unwrap(), b"lo");
                assert_eq!(socket.priority().unwrap(), 3);
                let tos = if host == "::1" { socket.tclass_v6() } else { socket.tos_v4() };
                assert_eq!(tos.unwrap(), 0x10);
            }
        }
    }

    #[tokio::test]
    async fn what_is_not_set_is_as_the_system_has_it() {
        let (dialled, accepted) = pair(&TcpOptions::default(), "127.0.0.1").await;
        for io in [&dialled, &accepted] {
            let socket = SockRef::from(io);
            assert!(io.nodelay().unwrap(), "but for this one");
            assert!(!socket.keepalive().unwrap());
            assert_eq!(socket.tos_v4().unwrap(), 0);
            assert_eq!(socket.tcp_user_timeout().unwrap(), None);
            assert_eq!(socket.device().unwrap(), None);
        }
    }

    #[tokio::test]
    async fn what_the_system_refuses_is_an_error() {
        let options = TcpOptions { bind_device: Some("no-such-device".to_owned()), ..TcpOptions::default() };
        assert!(listen("127.0.0.1", 0, &options, 16).await.is_err());
        assert!(Dialer::new("127.0.0.1", 1, None, options).unwrap().dial().await.is_err());
    }
}
