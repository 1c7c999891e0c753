//! How messages look as lines: text, or JSON with `--json`.

use std::io::{self, Write};

use zmtp::Message;

use crate::{json, text};

/// Text, or JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Text { split_tabs: bool },
    Json,
}

impl Format {
    /// The message that a line of the input stands for, or what was expected instead.
    pub(crate) fn read(self, line: Vec<u8>) -> Result<Message, String> {
        match self {
            Self::Text { split_tabs } => text::read(line, split_tabs),
            Self::Json => json::read(&line),
        }
    }

    /// Writes `message` as one line.
    pub(crate) fn write(self, message: &Message, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Text { .. } => text::write(message, out),
            Self::Json => json::write(message, out),
        }
    }

    /// The longest line worth reading for messages of up to `largest` bytes. Base64 is a third longer than
    /// what it stands for, escapes are up to six times as long: JSON gets twice the room and some for its
    /// frame.
    pub(crate) fn longest_line(self, largest: u64) -> usize {
        let longest = match self {
            Self::Text { .. } => largest,
            Self::Json => largest.saturating_mul(2).saturating_add(1 << 16),
        };
        usize::try_from(longest).unwrap_or(usize::MAX).min(isize::MAX as usize)
    }
}
