//! How a key and its value look: columns for people, objects for programs, and the lines of `dump`, which `load` reads.

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use zmtp::{Frame, Message};
use zmtp_patterns::clone::wire::MAX_KEY;
use zmtp_patterns::clone::{Change, Changed, Entry, Lasts, To, Tree, Update, Version, When};

use crate::exit::Exit;
use crate::format::Format;
use crate::json::{self, octets};
use crate::output::Output;
use crate::units::show;

/// Standard output, for lines of either kind.
pub(crate) fn output(is_json: bool) -> Output {
    Output::new(if is_json { Format::LINES } else { Format::text(false) })
}

/// Prints a line for each entry under a prefix.
pub(crate) async fn print_all(
    output: &mut Output,
    tree: &Tree,
    prefix: &[u8],
    line: impl Fn(&Bytes, &Entry) -> Message,
) -> Result<(), Exit> {
    print_lines(output, tree.iter(prefix).map(|(key, entry)| line(key, entry))).await
}

/// Prints many lines.
pub(crate) async fn print_lines(
    output: &mut Output,
    lines: impl Iterator<Item = Message>,
) -> Result<(), Exit> {
    let mut lines = lines.peekable();
    while lines.peek().is_some() {
        output.room().await?;
        for line in lines.by_ref() {
            if !output.put(line) {
                break;
            }
        }
        output.hand_over();
    }
    Ok(())
}

/// What has happened to a key, or is so, for a program.
pub(crate) fn happened(event: &str, key: &Bytes, version: Version, value: Option<(&Bytes, Lasts)>) -> Value {
    let mut line = json!({ "event": event, "key": octets(key), "version": version.to_string() });
    if let Some((value, lasts)) = value {
        line["value"] = octets(value);
        tell_lasts(&mut line, lasts);
    }
    line
}

/// How a change is called, and what it has set.
pub(crate) fn change(update: &Update) -> (&'static str, Option<(&Bytes, Lasts)>) {
    match &update.change {
        Changed::Set { value, lasts } => ("set", Some((value, *lasts))),
        Changed::Expired => ("expired", None),
        // What is no change of a key is not told here.
        _ => ("deleted", None),
    }
}

/// How long it lasts: `ttl_ms` is null unless it has a time of its own; `session` is there if it lasts with one.
pub(crate) fn tell_lasts(line: &mut Value, lasts: Lasts) {
    line["ttl_ms"] = lasts.ttl().map(millis).into();
    if let Lasts::With(session) = lasts {
        line["session"] = format!("{session:016x}").into();
    }
}

/// A line of `dump`.
pub(crate) fn dumped(key: &Bytes, entry: &Entry) -> Message {
    let mut line = json!({ "key": octets(key), "value": octets(&entry.value) });
    if let Some(ttl) = entry.lasts.ttl() {
        line["ttl_ms"] = millis(ttl);
    }
    line.to_string().into()
}

/// What a line of `dump` makes of its key, or what was wrong with it and what was expected.
pub(crate) fn loaded(line: &[u8]) -> Result<Change, String> {
    let expected = |problem: String| format!("expected {EXAMPLE}: {problem}");
    // serde would take an array for an object whose keys are left out.
    if !line.trim_ascii_start().starts_with(b"{") {
        return Err(expected("this is no object".to_owned()));
    }
    let line: Line = serde_json::from_slice(line).map_err(|error| expected(json::problem(&error)))?;
    let (key, value): (Bytes, Bytes) = (line.key.into(), line.value.into());
    if !(1..=MAX_KEY).contains(&key.len()) {
        return Err(format!("a key has 1 to 1,024 octets; this one has {}", key.len()));
    }
    let ttl = line.ttl_ms.filter(|ttl| *ttl > 0).map(|ttl| Duration::from_millis(ttl.into()));
    Ok(Change { key, to: To::Value { value, lasts: Lasts::for_or_ever(ttl) }, when: When::Always })
}

/// A key and all about it as an object; the value is for those who ask for it.
pub(crate) fn object(key: &Bytes, entry: &Entry) -> Value {
    let version = entry.version.to_string();
    let mut object = json!({ "key": octets(key), "version": version, "length": entry.value.len() });
    tell_lasts(&mut object, entry.lasts);
    object
}

/// The same as columns.
pub(crate) fn columns(key: &Bytes, entry: &Entry) -> Message {
    let lasts = match entry.lasts {
        Lasts::Forever => "-".to_owned(),
        Lasts::For(ttl) => show(ttl),
        Lasts::With(_) => "session".to_owned(),
    };
    Message::from(key.clone()).with(entry.version.to_string()).with(lasts).with(entry.value.len().to_string())
}

pub(crate) fn millis(ttl: Duration) -> Value {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).into()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(deserialize_with = "json::frame")]
    key: Frame,
    #[serde(deserialize_with = "json::frame")]
    value: Frame,
    ttl_ms: Option<u32>,
}

const EXAMPLE: &str = r#"an object like {"key": "lamp", "value": {"base64": "AAE="}}"#;

#[cfg(test)]
mod tests {
    use zmtp_patterns::clone::Version;

    use super::*;

    #[test]
    fn whatever_was_dumped_is_loaded_as_it_was() {
        let all: Bytes = (0..=255).collect::<Vec<u8>>().into();
        for (key, value, lasts) in [
            ("lamp".into(), "on".into(), Lasts::Forever),
            (all.clone(), all, Lasts::For(Duration::from_secs(3))),
            ("\u{9b}".into(), "".into(), Lasts::For(Duration::from_millis(u32::MAX.into()))),
        ] {
            let entry = Entry { value, version: Version::default(), lasts };
            let change = loaded(dumped(&key, &entry).first()).unwrap();
            assert_eq!(
                change,
                Change { key, to: To::Value { value: entry.value, lasts }, when: When::Always }
            );
        }
        assert_eq!(
            dumped(
                &"a".into(),
                &Entry { value: "b".into(), version: Version::default(), lasts: Lasts::Forever }
            )
            .first(),
            &br#"{"key":"a","value":"b"}"#[..]
        );
    }

    #[test]
    fn a_line_that_is_no_entry_is_told_what_was_expected() {
        for (line, problem) in [
            ("", "no object"),
            (r#"["a", "b"]"#, "no object"),
            (r#"{"key": "a"}"#, "missing field `value`"),
            (r#"{"key": "a", "value": 1}"#, r#"a string or {"base64": "..."}"#),
            (r#"{"key": "a", "value": "b", "ttl": 1}"#, "unknown field `ttl`"),
            (r#"{"key": "a", "value": "b", "ttl_ms": -1}"#, "invalid value"),
            (r#"{"key": "", "value": "b"}"#, "1 to 1,024 octets; this one has 0"),
        ] {
            let said = loaded(line.as_bytes()).unwrap_err();
            assert!(said.contains(problem), "{line}: {said}");
        }
    }
}
