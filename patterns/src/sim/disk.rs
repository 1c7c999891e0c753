//! A disk that forgets what was not synced.

use bytes::Bytes;
use fastrand::Rng;

/// The records of one host. The first `synced` of them survive.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    records: Vec<Bytes>,
    synced: usize,
}

impl Disk {
    /// Says how many there are now.
    pub(crate) fn store(&mut self, record: Bytes) -> usize {
        self.records.push(record);
        self.records.len()
    }

    pub(crate) fn sync(&mut self, records: usize) {
        self.synced = self.synced.max(records);
    }

    /// The host has lost its power: of what was not synced some is there, from the first on, and the rest is not.
    pub(crate) fn forget(&mut self, rng: &mut Rng) {
        let kept = rng.usize(self.synced..=self.records.len());
        self.records.truncate(kept);
        self.synced = kept;
    }

    pub(crate) fn records(&self) -> &[Bytes] {
        &self.records
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_synced_survives_and_what_was_not_may_be_lost_from_its_end() {
        let mut kept = [false; 4];
        for seed in 0..100 {
            let mut disk = Disk::default();
            for record in ["a", "b", "c"] {
                disk.store(record.into());
            }
            disk.sync(1);
            disk.forget(&mut Rng::with_seed(seed));
            assert_eq!(disk.records(), &["a", "b", "c"][..disk.records().len()]);
            kept[disk.records().len()] = true;
        }
        assert_eq!(kept, [false, true, true, true]);
    }
}
