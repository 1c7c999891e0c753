//! Cuts a stream of blocks into lines, whatever the blocks are.
//!
//! Pure. A line is kept only while its end is missing and never beyond `longest`: what follows is skipped up
//! to the next newline, so a stream without newlines does not fill the memory.

use std::io::{BufRead, Read};

/// The lines of a stream that comes in blocks.
#[derive(Debug)]
pub(crate) struct Lines {
    longest: usize,
    number: u64,
    /// The beginning of the line whose end has not come yet.
    begun: Vec<u8>,
    /// How long the last large line was: the next is likely to be as long, and room made at once is not made
    /// in steps that leave holes in the memory.
    last_large: usize,
    /// The line that has begun is longer than `longest`; `begun` is empty.
    skipping: bool,
}

/// A line without its newline, or nothing when it was longer than allowed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Counted from 1.
    pub(crate) number: u64,
    pub(crate) bytes: Option<Vec<u8>>,
}

impl Lines {
    pub(crate) fn new(longest: usize) -> Self {
        Self { longest, number: 0, begun: Vec::new(), last_large: 0, skipping: false }
    }

    /// Takes the next line out of `block`, and moves `block` behind it. Nothing: the block is used up.
    pub(crate) fn next(&mut self, block: &mut &[u8]) -> Option<Line> {
        if !self.skipping {
            // One more than allowed is enough to tell a line that fits, newline included, from one that does
            // not.
            let most = (self.longest + 1).saturating_sub(self.begun.len());
            if self.begun.len() > LARGE && self.begun.capacity() < self.last_large {
                self.begun.reserve_exact(self.last_large - self.begun.len());
            }
            // Reading from memory does not fail.
            let _ = (&mut *block).take(most as u64).read_until(b'\n', &mut self.begun);
            if self.begun.last() == Some(&b'\n') {
                self.begun.pop();
                return Some(self.end_line());
            }
            if self.begun.len() <= self.longest {
                return None;
            }
            self.begun = Vec::new();
            self.skipping = true;
        }
        let rest = *block;
        let skipped = block.skip_until(b'\n').unwrap_or(0);
        rest[..skipped].ends_with(b"\n").then(|| self.end_line())
    }

    /// The last line, if the stream ended without a newline.
    pub(crate) fn end(mut self) -> Option<Line> {
        (self.skipping || !self.begun.is_empty()).then(|| self.end_line())
    }

    /// How much of a line is kept whose end has not come yet.
    pub(crate) fn begun(&self) -> usize {
        self.begun.len()
    }

    fn end_line(&mut self) -> Line {
        self.number += 1;
        let bytes = std::mem::take(&mut self.begun);
        if bytes.len() > LARGE {
            self.last_large = bytes.len() + 1;
        }
        Line { number: self.number, bytes: (!std::mem::take(&mut self.skipping)).then_some(bytes) }
    }
}

/// Lines beyond this are worth a thought about where they are kept.
const LARGE: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn cut<'a>(longest: usize, blocks: impl IntoIterator<Item = &'a [u8]>) -> Vec<(u64, Option<String>)> {
        let mut lines = Lines::new(longest);
        let mut cut = Vec::new();
        for mut block in blocks {
            while let Some(line) = lines.next(&mut block) {
                cut.push(line);
            }
            assert!(block.is_empty());
            assert!(lines.begun() <= longest);
        }
        cut.extend(lines.end());
        cut.into_iter().map(|line| (line.number, line.bytes.map(|b| String::from_utf8(b).unwrap()))).collect()
    }

    #[test]
    fn lines_are_the_same_however_the_stream_is_cut_into_blocks() {
        let stream = b"one\n\nthree is too long for this\nfour\r\n12345\n123456\nlast";
        let expected = [Some("one"), Some(""), None, Some("four\r"), Some("12345"), None, Some("last")];
        let expected: Vec<_> = (1..).zip(expected.map(|line| line.map(str::to_owned))).collect();
        for size in 1..=stream.len() {
            assert_eq!(cut(5, stream.chunks(size)), expected, "blocks of {size}");
        }
    }

    #[test]
    fn a_newline_at_the_end_begins_no_line() {
        assert_eq!(cut(9, [&b"a\n"[..]]), [(1, Some("a".to_owned()))]);
        assert_eq!(cut(9, [&b"\n"[..]]), [(1, Some(String::new()))]);
        assert_eq!(cut(9, [&b""[..]]), []);
    }

    #[test]
    fn a_stream_without_newlines_does_not_fill_the_memory() {
        let mut lines = Lines::new(10);
        for _ in 0..1_000 {
            assert_eq!(lines.next(&mut &[b'x'; 1_000][..]), None);
            assert_eq!(lines.begun(), 0);
        }
        assert_eq!(lines.end(), Some(Line { number: 1, bytes: None }));
    }
}
