//! Messages as lines of text, in and out.
//!
//! In: a line is one frame, byte by byte; nothing is unescaped, and with `--split-tabs` a tab begins the next
//! frame.
//!
//! Out: the frames of a message with tabs between them, and everything escaped that would make a line
//! ambiguous or play with the terminal: `\\`, `\t`, `\n`, and `\xNN` for other control characters and for
//! what is not UTF-8. That is for people and `grep`; what has to come back as it was travels as JSON (see
//! `json.rs`).

use std::io::{self, Write};

use zmtp::Message;

/// The message that a line, without its newline, stands for.
pub(crate) fn read(line: Vec<u8>, split_tabs: bool) -> Result<Message, String> {
    if !split_tabs || !line.contains(&b'\t') {
        return Ok(line.into());
    }
    let mut frames = line.split(|&byte| byte == b'\t');
    // `split` yields something even for an empty line.
    let mut message = Message::new(frames.next().unwrap_or_default());
    for frame in frames {
        if message.frame_count() == MOST_FRAMES {
            return Err(format!("expected at most {MOST_FRAMES} frames in one message"));
        }
        message = message.with(frame);
    }
    Ok(message)
}

/// Writes `message` as one line, newline included. It goes out in pieces: a message may be large, and its
/// line four times as large.
pub(crate) fn write(message: &Message, out: &mut impl Write) -> io::Result<()> {
    for (i, frame) in message.frames().enumerate() {
        if i > 0 {
            out.write_all(b"\t")?;
        }
        escape(frame, out)?;
    }
    out.write_all(b"\n")
}

/// Writes `frame` as text that is on one line and says what it is.
pub(crate) fn escape(frame: &[u8], out: &mut impl Write) -> io::Result<()> {
    if is_plain(frame) {
        return out.write_all(frame);
    }
    for chunk in frame.utf8_chunks() {
        let mut text = chunk.valid();
        while let Some((at, c)) = text.char_indices().find(|&(_, c)| c == '\\' || c.is_control()) {
            out.write_all(&text.as_bytes()[..at])?;
            match c {
                '\\' => out.write_all(br"\\")?,
                '\t' => out.write_all(br"\t")?,
                '\n' => out.write_all(br"\n")?,
                _ => hex(c.encode_utf8(&mut [0; 4]).as_bytes(), out)?,
            }
            text = &text[at + c.len_utf8()..];
        }
        out.write_all(text.as_bytes())?;
        hex(chunk.invalid(), out)?;
    }
    Ok(())
}

/// Whether it is printable ASCII without a backslash, as most text is. Without a branch for every byte this
/// runs at the speed of memory.
fn is_plain(frame: &[u8]) -> bool {
    let is_special = |byte: u8| byte == b'\\' || !(b' '..0x7f).contains(&byte);
    frame.chunks(64).all(|chunk| !chunk.iter().fold(false, |any, &byte| any | is_special(byte)))
}

fn hex(bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
    bytes.iter().try_for_each(|byte| write!(out, "\\x{byte:02x}"))
}

/// What the other end takes, if it keeps zmtp's default. A frame costs memory even when it is empty.
pub(crate) const MOST_FRAMES: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(message: impl Into<Message>) -> Vec<u8> {
        let mut out = Vec::new();
        write(&message.into(), &mut out).unwrap();
        out
    }

    #[test]
    fn a_line_is_one_frame_taken_as_bytes() {
        for bytes in [&b""[..], b"hello", b"a\tb", b"ends in \r", br"\x00 stays", b"\xff\x00"] {
            assert_eq!(read(bytes.to_vec(), false).unwrap(), bytes);
        }
    }

    #[test]
    fn split_tabs_makes_a_tab_a_frame_border() {
        let read = |line: &[u8]| read(line.to_vec(), true);
        assert_eq!(read(b"a\tb\t\tc"), Ok(Message::new("a").with("b").with("").with("c")));
        assert_eq!(read(b"\t"), Ok(Message::new("").with("")));
        assert_eq!(read(b"none"), Ok("none".into()));
        assert_eq!(read(b""), Ok("".into()));
        assert_eq!(read(&[b'\t'; MOST_FRAMES - 1]).unwrap().frame_count(), MOST_FRAMES);
        assert!(read(&[b'\t'; MOST_FRAMES]).unwrap_err().contains("at most 65536"));
    }

    #[test]
    fn frames_are_joined_by_a_tab_and_a_message_ends_its_line() {
        assert_eq!(line("a"), b"a\n");
        assert_eq!(line(""), b"\n");
        assert_eq!(line(Message::new("a").with("").with("c")), b"a\t\tc\n");
    }

    #[test]
    fn what_would_break_a_line_is_escaped() {
        let cases: [(&[u8], &str); 11] = [
            (b"a\\b", r"a\\b"),
            (b"a\tb", r"a\tb"),
            (b"a\nb", r"a\nb"),
            (b"a\rb", r"a\x0db"),
            (b"\0\x01\x1b[31m\x7f", r"\x00\x01\x1b[31m\x7f"),
            ("grüße ☃".as_bytes(), "grüße ☃"),
            ("\u{85}".as_bytes(), r"\xc2\x85"),
            (b"\xff\xfeok", r"\xff\xfeok"),
            (b"cut \xe2\x98", r"cut \xe2\x98"),
            ("☃\\☃\n".as_bytes(), r"☃\\☃\n"),
            (b"\x80\\\x80", r"\x80\\\x80"),
        ];
        for (frame, expected) in cases {
            assert_eq!(String::from_utf8(line(frame)).unwrap(), format!("{expected}\n"));
        }
    }

    #[test]
    fn no_two_frames_share_a_line() {
        // Every pair of bytes: if the escape lost something, two of them would print alike.
        let mut seen = std::collections::HashSet::new();
        for a in 0..=255 {
            for b in 0..=255 {
                let printed = line(&[a, b]);
                assert_eq!(printed.iter().filter(|&&byte| byte == b'\n').count(), 1);
                assert!(std::str::from_utf8(&printed).is_ok());
                assert!(seen.insert(printed), "{a} {b}");
            }
        }
    }
}
