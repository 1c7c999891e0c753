//! Settings of `tcp://`.

use std::net::IpAddr;
use std::time::Duration;

/// Settings of the `tcp://` connections that a socket makes and accepts. What is not set is as the system has it.
///
/// A setting that the system lacks is an error of [`bind`](crate::Socket::bind), and of
/// [`connect`](crate::Socket::connect).
///
/// ```
/// use zmtp::{Keepalive, PullSocket, TcpOptions};
///
/// let tcp = TcpOptions { keepalive: Some(Keepalive::default()), tos: Some(0x10), ..TcpOptions::default() };
/// let pull = PullSocket::builder().tcp(tcp).build();
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TcpOptions {
    /// Whether `tcp://*:port` binds to IPv6 as well as IPv4, if the system has it. Addresses and names that stand for
    /// IPv6 are served either way, which libzmq does with `ZMQ_IPV6` only.
    pub ipv6: bool,
    /// Probes of a silent connection.
    pub keepalive: Option<Keepalive>,
    /// `SO_SNDBUF`, in octets. Linux doubles it, for its own use.
    pub send_buffer: Option<usize>,
    /// `SO_RCVBUF`, in octets. Linux doubles it, for its own use.
    pub recv_buffer: Option<usize>,
    /// `IP_TOS`, or the traffic class of IPv6.
    pub tos: Option<u32>,
    /// How long sent octets may stay unacknowledged before the system gives the connection up; in milliseconds.
    /// `TCP_USER_TIMEOUT`, on Linux.
    pub max_retransmit: Option<Duration>,
    /// The only device to send and receive through. `SO_BINDTODEVICE`, on Linux; it may need a privilege.
    pub bind_device: Option<String>,
    /// `SO_PRIORITY`, on Linux.
    pub priority: Option<u32>,
    /// `SO_BUSY_POLL`, in microseconds, on Linux; it may need a privilege.
    pub busy_poll: Option<u32>,
    /// Networks whose hosts are let in, as an address and how many of its leading bits count. Everybody is, if there
    /// are none. Who is not let in is an `AcceptFailed` in the monitor.
    pub accept: Vec<(IpAddr, u8)>,
    /// A proxy to connect through.
    pub socks_proxy: Option<SocksProxy>,
}

/// When the system probes a connection on which nothing is said. What is not set is as the system has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keepalive {
    /// After so long a silence; in seconds.
    pub idle: Option<Duration>,
    /// So long after each other; in seconds.
    pub interval: Option<Duration>,
    /// So many times in vain before the connection is given up.
    pub probes: Option<u32>,
}

/// A SOCKS 5 proxy. It resolves the names of peers.
#[derive(Clone, PartialEq, Eq)]
pub struct SocksProxy {
    /// Its name or address.
    pub host: String,
    /// Its port, usually 1080.
    pub port: u16,
    /// Who we are, if it asks: at most 255 octets.
    pub username: Option<String>,
    /// At most 255 octets, sent in clear.
    pub password: Option<String>,
}

impl std::fmt::Debug for SocksProxy {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { host, port, username, .. } = self;
        f.debug_struct("SocksProxy")
            .field("host", host)
            .field("port", port)
            .field("username", username)
            .finish_non_exhaustive()
    }
}
