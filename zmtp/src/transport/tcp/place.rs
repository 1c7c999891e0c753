//! Addresses behind the host of an endpoint: numbers, interfaces, names. Names are asked for off the data path.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use tokio::net::lookup_host;
use tokio::task::spawn_blocking;

/// Addresses of this machine, in the order to try them.
pub(super) async fn here(host: &str, port: u16, ipv6: bool) -> io::Result<Vec<SocketAddr>> {
    if host == "*" {
        let both = [(Ipv6Addr::UNSPECIFIED, port).into(), (Ipv4Addr::UNSPECIFIED, port).into()];
        // A system without IPv6 refuses the first.
        return Ok(if ipv6 { both.to_vec() } else { both[1..].to_vec() });
    }
    if host.parse::<IpAddr>().is_err() && !host.contains(':') {
        let of_interface = interface(host, port).await?;
        if !of_interface.is_empty() {
            return Ok(of_interface);
        }
    }
    there(host, port).await
}

/// Addresses of a host, in the order to try them.
pub(super) async fn there(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok(lookup_host((host, port)).await?.collect())
}

/// The addresses of an interface, IPv4 first; none if there is no such interface.
async fn interface(name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let all = spawn_blocking(if_addrs::get_if_addrs).await.map_err(io::Error::other)??;
    let mut addresses: Vec<SocketAddr> = all
        .into_iter()
        .filter(|interface| interface.name == name)
        .map(|interface| match interface.ip() {
            IpAddr::V6(ip) if ip.is_unicast_link_local() => {
                SocketAddrV6::new(ip, port, 0, interface.index.unwrap_or_default()).into()
            }
            ip => (ip, port).into(),
        })
        .collect();
    // Stable: else in the system's order.
    addresses.sort_by_key(SocketAddr::is_ipv6);
    Ok(addresses)
}

pub(super) fn nowhere() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "the host name has no address")
}

pub(super) fn no_such_source(target: &SocketAddr) -> io::Error {
    let version = if target.is_ipv6() { 6 } else { 4 };
    io::Error::new(
        io::ErrorKind::AddrNotAvailable,
        format!("the source has no IPv{version} address to reach {target} from"),
    )
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_interface_stands_for_its_addresses_ipv4_first() {
        let found = here("lo", 7, false).await.unwrap();
        assert_eq!(found[0], "127.0.0.1:7".parse().unwrap());
    }

    #[tokio::test]
    async fn a_zone_is_an_interface_by_name_or_number() {
        for zone in ["lo", "1"] {
            let found = there(&format!("fe80::1%{zone}"), 7).await.unwrap();
            let SocketAddr::V6(found) = found[0] else { panic!("{found:?}") };
            assert_eq!((found.ip().to_string().as_str(), found.scope_id()), ("fe80::1", 1));
            let again = crate::Endpoint::from(SocketAddr::from(found)).to_string();
            assert_eq!(again, "tcp://[fe80::1%1]:7");
        }
    }

    #[tokio::test]
    async fn a_star_stands_for_both_kinds_if_ipv6_is_wanted() {
        assert_eq!(here("*", 7, false).await.unwrap(), ["0.0.0.0:7".parse().unwrap()]);
        let both = ["[::]:7".parse().unwrap(), "0.0.0.0:7".parse().unwrap()];
        assert_eq!(here("*", 7, true).await.unwrap(), both);
    }
}
