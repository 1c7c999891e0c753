//! How messages look as lines: text, or JSON with `--json`.

use std::io::{self, Write};

use zmtp::Message;

use crate::{json, text};

/// Text, or JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Format {
    style: Style,
    /// A message begins with the routing id of the peer it is for.
    routed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Text { split_tabs: bool },
    Json,
    Line,
    Raw,
}

impl Format {
    /// For output only: messages of one frame, each of which is a line already.
    pub(crate) const LINES: Self = Self { style: Style::Line, routed: false };
    /// For output only: the octets of the first frame, and nothing behind them.
    pub(crate) const RAW: Self = Self { style: Style::Raw, routed: false };
    pub(crate) const JSON: Self = Self { style: Style::Json, routed: false };

    pub(crate) const fn text(split_tabs: bool) -> Self {
        Self { style: Style::Text { split_tabs }, routed: false }
    }

    /// The same for a ROUTER.
    pub(crate) fn routed(self) -> Self {
        Self { routed: true, ..self }
    }

    /// The message that a line of the input stands for, or what was expected instead.
    pub(crate) fn read(self, line: Vec<u8>) -> Result<Message, String> {
        let message = match self.style {
            Style::Text { split_tabs } => text::read(line, split_tabs),
            Style::Json => json::read(&line),
            Style::Line | Style::Raw => Ok(line.into()),
        };
        message.and_then(|message| self.sendable(message))
    }

    /// The same for a message of the command line, which is text in any case.
    pub(crate) fn read_argument(self, text: &[u8]) -> Result<Message, String> {
        let split_tabs = matches!(self.style, Style::Text { split_tabs: true });
        text::read(text.to_vec(), split_tabs).and_then(|message| self.sendable(message))
    }

    /// Gives the message back if this kind of socket can send it.
    pub(crate) fn sendable(self, message: Message) -> Result<Message, String> {
        if self.routed && message.frame_count() < 2 {
            let how = match self.style {
                Style::Text { split_tabs: false } => " (see --split-tabs, --frame and --json)",
                _ => "",
            };
            return Err(format!("expected a routing id as the first frame and a message behind it{how}"));
        }
        Ok(message)
    }

    /// Writes `message` as one line.
    pub(crate) fn write(self, message: &Message, out: &mut impl Write) -> io::Result<()> {
        match self.style {
            Style::Text { .. } => text::write(message, out),
            Style::Json => json::write(message, out),
            Style::Line => out.write_all(message.first()).and_then(|()| out.write_all(b"\n")),
            Style::Raw => out.write_all(message.first()),
        }
    }

    /// The longest line worth reading for messages of up to `largest` bytes. Base64 is a third longer than
    /// what it stands for, escapes are up to six times as long: JSON gets twice the room and some for its
    /// frame.
    pub(crate) fn longest_line(self, largest: u64) -> usize {
        let longest = match self.style {
            Style::Text { .. } | Style::Line | Style::Raw => largest,
            Style::Json => largest.saturating_mul(2).saturating_add(1 << 16),
        };
        usize::try_from(longest).unwrap_or(usize::MAX).min(isize::MAX as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_for_a_router_has_a_routing_id_and_something_behind_it() {
        let read = |format: Format, line: &str| format.read(line.as_bytes().to_vec());
        for line in ["id", "", "id\tbody"] {
            let said = read(Format::text(false).routed(), line).unwrap_err();
            assert!(said.starts_with("expected a routing id") && said.contains("--split-tabs"), "{said}");
        }
        assert_eq!(read(Format::text(true).routed(), "id\t"), Ok(Message::new("id").with("")));
        assert_eq!(read(Format::JSON.routed(), r#"{"frames":["a","b"]}"#), Ok(Message::new("a").with("b")));
        assert!(read(Format::JSON.routed(), r#"{"frames":["a"]}"#).is_err());
        assert_eq!(read(Format::text(false), "id"), Ok("id".into()));
    }
}
