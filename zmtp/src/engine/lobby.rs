//! Who is shaking hands with a listener, and for whom there is no place.
//!
//! An honest handshake takes milliseconds, and a thousand honest peers of one host may begin theirs in one instant. So
//! an address that has an eighth of the places gets more only as long as some are free and its oldest handshake is
//! young: if not, its newest connection is refused, whatever it does. When all places are taken, the oldest handshake
//! ends for the newest connection of any other address: others are still let in.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::monitor::Refusal;
use crate::sync::{Mutex, lock};

/// The places of one listener.
#[derive(Debug)]
pub(crate) struct Lobby {
    places: usize,
    /// How many of them one address has at any rate.
    share: usize,
    guests: Mutex<Guests>,
}

/// Invariant: `by_address` counts the addresses in `by_arrival`, and has none of zero.
#[derive(Debug, Default)]
struct Guests {
    by_arrival: BTreeMap<u64, Guest>,
    by_address: HashMap<Network, usize>,
    arrived: u64,
}

#[derive(Debug)]
struct Guest {
    network: Option<Network>,
    since: Instant,
    /// Ends its handshake.
    stop: CancellationToken,
}

impl Lobby {
    pub(crate) fn new(places: usize) -> Arc<Self> {
        let places = places.max(1);
        Arc::new(Self { places, share: (places / SHARES).max(1), guests: Mutex::default() })
    }

    /// A place for a connection that came `now` from this address, if the transport has addresses. `stop` ends its
    /// handshake.
    ///
    /// # Errors
    /// [`Refusal::AddressCrowded`].
    pub(crate) fn enter(
        self: &Arc<Self>,
        address: Option<IpAddr>,
        now: Instant,
        stop: &CancellationToken,
    ) -> Result<Box<Place>, Refusal> {
        let network = address.map(Network::of);
        let mut guests = lock(&self.guests);
        let is_full = guests.by_arrival.len() >= self.places;
        if let Some(network) = network
            && guests.by_address.get(&network).is_some_and(|there| *there >= self.share)
            && (is_full || guests.is_any_older(network, now))
        {
            return Err(Refusal::AddressCrowded);
        }
        let oldest = guests.by_arrival.first_key_value().map(|(number, _)| *number).filter(|_| is_full);
        let oldest = oldest.and_then(|number| guests.leave(number));
        let (number, stop) = (guests.arrived, stop.child_token());
        guests.arrived += 1;
        guests.by_arrival.insert(number, Guest { network, since: now, stop: stop.clone() });
        if let Some(network) = network {
            *guests.by_address.entry(network).or_default() += 1;
        }
        drop(guests);
        // Not under the lock, since it wakes a task.
        if let Some(oldest) = oldest {
            oldest.cancel();
        }
        Ok(Box::new(Place { lobby: Some((Arc::clone(self), number)), stop }))
    }
}

impl Guests {
    fn leave(&mut self, number: u64) -> Option<CancellationToken> {
        let Guest { network, stop, .. } = self.by_arrival.remove(&number)?;
        if let Some(network) = network
            && let Some(there) = self.by_address.get_mut(&network)
        {
            *there -= 1;
            if *there == 0 {
                self.by_address.remove(&network);
            }
        }
        Some(stop)
    }

    /// Whether a handshake of this network takes longer than an honest one would.
    fn is_any_older(&self, network: Network, now: Instant) -> bool {
        let oldest = self.by_arrival.values().find(|guest| guest.network == Some(network));
        oldest.is_some_and(|guest| now.saturating_duration_since(guest.since) > YOUNG)
    }
}

/// A connection's place in a lobby. Free again when it is dropped. In a box, since the connection's task outlives it.
#[derive(Debug)]
pub(crate) struct Place {
    lobby: Option<(Arc<Lobby>, u64)>,
    /// Ends the handshake.
    pub(crate) stop: CancellationToken,
}

impl Place {
    /// For a connection that no listener has accepted.
    pub(crate) fn apart(stop: CancellationToken) -> Box<Self> {
        Box::new(Self { lobby: None, stop })
    }

    /// Whether somebody else has it now.
    pub(crate) fn is_lost(&self) -> bool {
        self.lobby
            .as_ref()
            .is_some_and(|(lobby, number)| !lock(&lobby.guests).by_arrival.contains_key(number))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((lobby, number)) = &self.lobby {
            lock(&lobby.guests).leave(*number);
        }
    }
}

/// What counts as one address: of IPv4 an address, of IPv6 the 64 bits that one subscriber is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Network {
    V4(u32),
    V6(u64),
}

impl Network {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.to_bits()),
            IpAddr::V6(address) => Self::V6((address.to_bits() >> 64) as u64),
        }
    }
}

/// The part of the places that one address has at any rate.
const SHARES: usize = 8;
/// How long an honest handshake may take, also when a thousand begin at once.
const YOUNG: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn enter_at(lobby: &Arc<Lobby>, now: Instant, address: &str) -> Result<Box<Place>, Refusal> {
        lobby.enter(Some(address.parse().unwrap()), now, &CancellationToken::new())
    }

    fn enter(lobby: &Arc<Lobby>, address: &str) -> Result<Box<Place>, Refusal> {
        enter_at(lobby, Instant::now(), address)
    }

    #[test]
    fn an_address_whose_handshakes_last_has_an_eighth_of_the_places_and_gets_them_back() {
        let (lobby, start) = (Lobby::new(24), Instant::now());
        let later = start + YOUNG + Duration::from_millis(1);
        let first = enter_at(&lobby, start, "10.0.0.1").unwrap();
        let _second = enter_at(&lobby, start, "::ffff:10.0.0.1").unwrap();
        let _third = enter_at(&lobby, later, "10.0.0.1").unwrap();
        assert_eq!(enter_at(&lobby, later, "10.0.0.1").unwrap_err(), Refusal::AddressCrowded);
        assert!(enter_at(&lobby, later, "10.0.0.2").is_ok());
        drop(first);
        assert!(enter_at(&lobby, later, "10.0.0.1").is_ok());
    }

    #[test]
    fn what_comes_at_once_may_come_from_one_address_until_all_places_are_taken() {
        let lobby = Lobby::new(16);
        let places: Vec<_> = (0..16).map(|_| enter(&lobby, "10.0.0.1").unwrap()).collect();
        assert_eq!(enter(&lobby, "10.0.0.1").unwrap_err(), Refusal::AddressCrowded);
        let _other = enter(&lobby, "10.0.0.2").unwrap();
        assert!(places[0].is_lost() && places[1..].iter().all(|place| !place.is_lost()));
    }

    #[test]
    fn of_ipv6_the_first_64_bits_are_one_address() {
        let lobby = Lobby::new(1);
        let _one = enter(&lobby, "fd00:0:0:1::1").unwrap();
        assert!(enter(&lobby, "fd00:0:0:1:8000::2").is_err());
        assert!(enter(&lobby, "fd00:0:0:2::1").is_ok());
    }

    #[test]
    fn when_all_places_are_taken_the_oldest_is_lost_to_the_newest() {
        let lobby = Lobby::new(3);
        let places: Vec<_> = (1..=4).map(|n| enter(&lobby, &format!("10.0.0.{n}")).unwrap()).collect();
        assert!(places[0].is_lost() && places[0].stop.is_cancelled());
        assert!(places[1..].iter().all(|place| !place.is_lost() && !place.stop.is_cancelled()));
        drop(places);
        let guests = lock(&lobby.guests);
        assert!(guests.by_arrival.is_empty() && guests.by_address.is_empty());
    }

    #[test]
    fn what_has_no_address_counts_for_all_places_alone() {
        let lobby = Lobby::new(8);
        let stop = CancellationToken::new();
        let places: Vec<_> = (0..9).map(|_| lobby.enter(None, Instant::now(), &stop).unwrap()).collect();
        assert_eq!(places.iter().filter(|place| place.is_lost()).count(), 1);
        assert!(!stop.is_cancelled() && !Place::apart(stop).is_lost());
    }
}
