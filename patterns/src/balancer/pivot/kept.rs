//! What is kept of a stream that may be endless: how it begins, or how it ends.

use bytes::Bytes;

/// The first octets of a stream.
#[derive(Debug)]
pub(super) struct Head {
    kept: Vec<u8>,
    most: usize,
    cut: u64,
}

/// The last octets of a stream.
#[derive(Debug)]
pub(super) struct Tail {
    /// At least the last `most`, if there were as many.
    kept: Vec<u8>,
    most: usize,
}

impl Head {
    pub(super) fn new(most: usize) -> Self {
        Self { kept: Vec::new(), most, cut: 0 }
    }

    pub(super) fn push(&mut self, octets: &[u8]) {
        let (kept, cut) = octets.split_at(octets.len().min(self.most - self.kept.len()));
        self.kept.extend_from_slice(kept);
        self.cut += cut.len() as u64;
    }

    /// All of it, with a last line that says so if something is missing.
    pub(super) fn end(mut self) -> Bytes {
        if self.cut > 0 {
            let said = format!("\n[cut off: {} octets more than the {} kept]\n", self.cut, self.most);
            self.kept.extend_from_slice(said.as_bytes());
        }
        self.kept.into()
    }
}

impl Tail {
    pub(super) fn new(most: usize) -> Self {
        Self { kept: Vec::new(), most }
    }

    pub(super) fn push(&mut self, octets: &[u8]) {
        self.kept.extend_from_slice(octets);
        if self.kept.len() > 4 * self.most {
            self.trim();
        }
    }

    /// The last octets, and the signal that ended it all, if one did.
    pub(super) fn end(mut self, signal: Option<i32>) -> Bytes {
        self.trim();
        if let Some(signal) = signal {
            let said = format!("ended by signal {signal}\n");
            if !self.kept.is_empty() && !self.kept.ends_with(b"\n") {
                self.kept.push(b'\n');
            }
            self.kept.extend_from_slice(said.as_bytes());
        }
        self.kept.into()
    }

    fn trim(&mut self) {
        self.kept.drain(..self.kept.len().saturating_sub(self.most));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_off_is_said() {
        let mut head = Head::new(5);
        head.push(b"abc");
        head.push(b"de");
        assert_eq!(Head { kept: head.kept.clone(), ..head }.end(), "abcde");
        let mut head = Head::new(5);
        head.push(b"abc");
        head.push(b"defgh");
        head.push(b"ij");
        assert_eq!(head.end(), "abcde\n[cut off: 5 octets more than the 5 kept]\n");
    }

    #[test]
    fn the_last_octets_are_kept_however_they_come() {
        for piece in [1, 3, 7, 26] {
            let mut tail = Tail::new(4);
            for octets in b"abcdefghijklmnopqrstuvwxyz".chunks(piece) {
                tail.push(octets);
            }
            assert_eq!(tail.end(None), "wxyz", "{piece}");
        }
        assert_eq!(Tail::new(4).end(Some(9)), "ended by signal 9\n");
        let mut tail = Tail::new(4);
        tail.push(b"ab");
        assert_eq!(tail.end(Some(15)), "ab\nended by signal 15\n");
    }
}
