//! Which peer has which routing id.
//!
//! R28-ROUTER-09: each queue pair has a unique name. Names that strangers chose are hashed with a key of the table's
//! own; those that it made up itself, which begin with a zero octet, are numbers, and are looked up as such.

use std::collections::HashMap;

use rustc_hash::FxHashMap;

use crate::peer::PeerId;
use crate::routing_id::RoutingId;

/// Peers by routing id.
#[derive(Debug)]
pub(crate) struct RoutingTable {
    chosen: HashMap<RoutingId, PeerId>,
    made_up: FxHashMap<u32, PeerId>,
    /// The number of the last id that was made up.
    generated: u32,
}

impl RoutingTable {
    /// Ids are made up from `start` on.
    pub(crate) fn new(start: u32) -> Self {
        Self { chosen: HashMap::new(), made_up: FxHashMap::default(), generated: start }
    }

    pub(crate) fn get(&self, id: &[u8]) -> Option<PeerId> {
        match number(id) {
            Some(number) => self.made_up.get(&number).copied(),
            None => self.chosen.get(id).copied(),
        }
    }

    /// Gives the id to the peer, whoever had it.
    pub(crate) fn insert(&mut self, id: RoutingId, peer: PeerId) {
        match number(id.as_ref()) {
            Some(number) => self.made_up.insert(number, peer),
            None => self.chosen.insert(id, peer),
        };
    }

    /// Takes the id back from this peer. From another one that has it by now it is not taken.
    pub(crate) fn remove(&mut self, id: &RoutingId, peer: PeerId) {
        if self.get(id.as_ref()) == Some(peer) {
            match number(id.as_ref()) {
                Some(number) => self.made_up.remove(&number),
                None => self.chosen.remove(id),
            };
        }
    }

    /// An id that nobody has.
    pub(crate) fn generate(&mut self) -> RoutingId {
        loop {
            self.generated = self.generated.wrapping_add(1);
            if !self.made_up.contains_key(&self.generated) {
                return RoutingId::generated(self.generated);
            }
        }
    }
}

/// The number of an id that was made up.
#[inline]
fn number(id: &[u8]) -> Option<u32> {
    if let [0, number @ ..] = id { Some(u32::from_be_bytes(*number.as_array()?)) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(index: u32) -> PeerId {
        PeerId { index, generation: 0 }
    }

    #[test]
    fn an_id_belongs_to_whoever_got_it_last_and_only_they_give_it_back() {
        let mut table = RoutingTable::new(0);
        let id = RoutingId::try_from("a").unwrap();
        table.insert(id.clone(), peer(1));
        table.insert(id.clone(), peer(2));
        table.remove(&id, peer(1));
        assert_eq!(table.get(b"a"), Some(peer(2)));
        table.remove(&id, peer(2));
        assert_eq!(table.get(b"a"), None);
    }

    #[test]
    fn made_up_ids_pass_over_those_in_use() {
        let mut table = RoutingTable::new(u32::MAX - 1);
        table.insert(RoutingId::generated(u32::MAX), peer(1));
        assert_eq!(table.generate(), RoutingId::generated(0));
        assert_eq!(table.generate(), RoutingId::generated(1));
    }
}
