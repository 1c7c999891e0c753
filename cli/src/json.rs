//! Messages as lines of JSON, in and out: `{"frames": ["text", {"base64": "AAE="}]}`.
//!
//! A frame is a string when it is valid UTF-8, else an object with its base64, so every message survives the
//! way out and back in. What is read is read strictly: a misspelt key is an error, not an empty message.

use std::fmt;
use std::io::{self, Write};

use base64::Engine as _;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use zmtp::{Frame, Message};

use crate::text::MOST_FRAMES;

/// The message that a line stands for, or what was wrong with it and what was expected.
pub(crate) fn read(line: &[u8]) -> Result<Message, String> {
    let expected = |problem: String| format!("expected {EXAMPLE}: {problem}");
    // serde would take an array for an object whose keys are left out.
    if !line.trim_ascii_start().starts_with(b"{") {
        return Err(expected("this is no object".to_owned()));
    }
    let line: Line = serde_json::from_slice(line).map_err(|error| expected(problem(&error)))?;
    Message::try_from(line.frames.0).map_err(|error| expected(error.to_string()))
}

/// Writes `message` as one line, newline included.
pub(crate) fn write(message: &Message, out: &mut impl Write) -> io::Result<()> {
    out.write_all(br#"{"frames":["#)?;
    for (i, frame) in message.frames().enumerate() {
        if i > 0 {
            out.write_all(b",")?;
        }
        match std::str::from_utf8(frame) {
            Ok(text) => serde_json::to_writer(&mut *out, text)?,
            Err(_) => write!(out, r#"{{"base64":"{}"}}"#, Base64Display::new(frame, &STANDARD))?,
        }
    }
    out.write_all(b"]}\n")
}

/// What a peer has said, as a value: a string, or an object with its base64 where that is no text, or could play with a
/// terminal though it stands in JSON.
pub(crate) fn octets(said: &[u8]) -> Value {
    match std::str::from_utf8(said) {
        Ok(text) if !text.chars().any(|c| c >= '\u{7f}' && c.is_control()) => text.into(),
        _ => serde_json::json!({ "base64": STANDARD.encode(said) }),
    }
}

/// What `octets` has made a value of, or nothing of another value.
pub(crate) fn from_octets(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.clone().into_bytes(),
        value => STANDARD.decode(value["base64"].as_str().unwrap_or_default()).unwrap_or_default(),
    }
}

/// A field that is a string or an object with base64, for lines that are no messages.
pub(crate) fn frame<'de, D: Deserializer<'de>>(input: D) -> Result<Frame, D::Error> {
    OneFrame::deserialize(input).map(|OneFrame(frame)| frame)
}

/// What serde_json says, without its `line 1`: the caller knows which line of the input this is.
pub(crate) fn problem(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match said.strip_suffix(&place) {
        Some(what) if error.line() > 0 => format!("{what} at column {}", error.column()),
        _ => said,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    frames: Frames,
}

struct Frames(Vec<Frame>);

struct OneFrame(Frame);

struct Base64(Vec<u8>);

impl<'de> Deserialize<'de> for Frames {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Frames;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of frames")
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Frames, S::Error> {
                let mut frames = Vec::new();
                while let Some(OneFrame(frame)) = list.next_element()? {
                    if frames.len() == MOST_FRAMES {
                        return Err(de::Error::custom(format!("more than {MOST_FRAMES} frames")));
                    }
                    frames.push(frame);
                }
                Ok(Frames(frames))
            }
        }
        input.deserialize_seq(List)
    }
}

impl<'de> Deserialize<'de> for OneFrame {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = OneFrame;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(r#"a string or {"base64": "..."}"#)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<OneFrame, E> {
                Ok(OneFrame(text.into()))
            }

            fn visit_map<M: MapAccess<'de>>(self, mut object: M) -> Result<OneFrame, M::Error> {
                let mut frame = None;
                while let Some(key) = object.next_key::<String>()? {
                    if key != "base64" {
                        return Err(de::Error::unknown_field(&key, &["base64"]));
                    }
                    if frame.is_some() {
                        return Err(de::Error::duplicate_field("base64"));
                    }
                    let Base64(bytes) = object.next_value()?;
                    frame = Some(OneFrame(bytes.into()));
                }
                frame.ok_or_else(|| de::Error::missing_field("base64"))
            }
        }
        input.deserialize_any(Either)
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Base64;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string of base64")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Base64, E> {
                STANDARD.decode(text).map(Base64).map_err(|error| E::custom(format!("bad base64: {error}")))
            }
        }
        input.deserialize_str(Text)
    }
}

const EXAMPLE: &str = r#"an object like {"frames": ["text", {"base64": "AAE="}]}"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(message: &Message) -> String {
        let mut out = Vec::new();
        write(message, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_frame_is_a_string_when_it_is_valid_utf_8_else_base64() {
        let message = Message::new("text \"☃\"\n").with(vec![0, 1, 0xff]).with("");
        assert_eq!(line(&message), "{\"frames\":[\"text \\\"☃\\\"\\n\",{\"base64\":\"AAH/\"},\"\"]}\n");
    }

    #[test]
    fn every_message_survives_the_way_out_and_back_in() {
        for a in 0..=255 {
            for b in 0..=255 {
                let message = Message::new(vec![a, b]).with(vec![b]);
                let printed = line(&message);
                assert_eq!(printed.find('\n'), Some(printed.len() - 1));
                assert_eq!(read(printed.as_bytes()), Ok(message));
            }
        }
    }

    #[test]
    fn an_object_of_frames_is_a_message() {
        let read = read(br#" {"frames": ["text", {"base64": "AAE="}, "\u00fc\t"]} "#);
        assert_eq!(read, Ok(Message::new("text").with(vec![0, 1]).with("ü\t")));
        assert_eq!(super::read(b"{\"frames\": [\"\"]}\r"), Ok(Message::from("")));
    }

    #[test]
    fn a_line_that_is_no_message_is_told_what_was_expected() {
        let cases = [
            ("", "no object"),
            ("hello", "no object"),
            (r#"[["a"]]"#, "no object"),
            ("{", "EOF while parsing an object at column 1"),
            ("{}", "missing field `frames`"),
            (r#"{"frames": []}"#, "at least one frame"),
            (r#"{"frames": "a"}"#, "invalid type"),
            (r#"{"frames": ["a"], "x": 1}"#, "unknown field `x`"),
            (r#"{"frames": [{"base64": "AAE=", "x": 1}]}"#, "unknown field `x`"),
            (r#"{"frames": [{"base46": "AAE="}]}"#, "unknown field `base46`"),
            (r#"{"frames": [{}]}"#, "missing field `base64`"),
            (r#"{"frames": [{"base64": "AAE=", "base64": "AAE="}]}"#, "duplicate field"),
            (r#"{"frames": [{"base64": "%%%"}]}"#, "bad base64"),
            (r#"{"frames": [{"base64": "AAE"}]}"#, "bad base64"),
            (r#"{"frames": [{"base64": 1}]}"#, "expected a string of base64"),
            (r#"{"frames": [1]}"#, r#"expected a string or {"base64": "..."}"#),
            (r#"{"frames": [null]}"#, "invalid type"),
            (r#"{"frames": ["a"]} x"#, "trailing characters at column 19"),
            ("{\"frames\": [\"\u{fffd}", "EOF"),
        ];
        for (text, problem) in cases {
            let said = read(text.as_bytes()).unwrap_err();
            assert!(said.starts_with("expected an object like {\"frames\""), "{text}: {said}");
            assert!(said.contains(problem) && !said.contains("line 1"), "{text}: {said}");
        }
        assert!(read(b"{\"frames\": [\"\xff\"]}").is_err());
        let many = format!(r#"{{"frames": ["a"{}]}}"#, r#","""#.repeat(MOST_FRAMES));
        assert!(read(many.as_bytes()).unwrap_err().contains("more than 65536 frames"));
    }
}
