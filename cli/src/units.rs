//! What people type for a time, a size and a bound: `250ms`, `64MiB`, `100ms..5s`, `1000` or `unlimited`.
//!
//! Pure parsers for clap, which puts their sentence behind the name of the option. A number without a unit is
//! a size in bytes but never a time: whether seconds or milliseconds are meant is not for us to guess.

use std::time::Duration;

use zmtp::{Hwm, Reconnect, RoutingId, SocketType};

/// A time: a number, perhaps with a fraction, and one of `us`, `ms`, `s`, `m`, `h`. A bare `0` needs no unit.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("`{}` is not a time; expected something like 250ms, 1.5s, 2m or 1h", text.escape_debug());
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let (number, unit) = split_unit(text);
    let nanoseconds = match unit {
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60 * 1_000_000_000,
        "h" => 3_600 * 1_000_000_000,
        _ => return Err(wrong()),
    };
    let time = scaled(number, nanoseconds).and_then(|all| u64::try_from(all).ok()).map(Duration::from_nanos);
    let time = time.ok_or_else(wrong)?;
    if time > LONGEST { Err(format!("`{text}` is too long; expected at most 10 years")) } else { Ok(time) }
}

/// A time that is not zero.
pub(crate) fn pause(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("0 is no time at all; expected something like 250ms".to_owned()),
        time => Ok(time),
    }
}

/// A number of bytes, at least one: `65536`, `64KiB`, `1.5MB`.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let wrong =
        || format!("`{}` is not a size; expected something like 65536, 64KiB or 10MB", text.escape_debug());
    let (number, unit) = split_unit(text);
    let bytes = match unit {
        "" | "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(wrong()),
    };
    match scaled(number, bytes).and_then(|all| u64::try_from(all).ok()) {
        Some(size) if size > 0 => Ok(size),
        _ => Err(wrong()),
    }
}

/// A high-water mark: a number of messages, or `unlimited`, for which zero is libzmq's word.
pub(crate) fn hwm(text: &str) -> Result<Hwm, String> {
    match text.parse::<usize>() {
        Ok(messages) => Ok(messages.into()),
        Err(_) if text == "unlimited" => Ok(Hwm::Unlimited),
        Err(_) => Err(format!(
            "`{}` is not a number of messages; expected 1000 or `unlimited`",
            text.escape_debug()
        )),
    }
}

/// The name that a router knows a peer by.
pub(crate) fn routing_id(text: &str) -> Result<RoutingId, String> {
    RoutingId::try_from(text).map_err(|error| error.to_string())
}

/// A type of socket, in capitals or not.
pub(crate) fn socket_type(text: &str) -> Result<SocketType, String> {
    SocketType::from_name(text.to_ascii_uppercase().as_bytes()).ok_or_else(|| {
        let all = SocketType::ALL.map(SocketType::as_str).join(", ");
        format!("`{}` is not a type of socket; expected one of {all}", text.escape_debug())
    })
}

/// How long to wait between two tries to connect: `100ms..5s`.
pub(crate) fn reconnect(text: &str) -> Result<Reconnect, String> {
    let Some((first, longest)) = text.split_once("..") else {
        return Err(format!(
            "`{}` is not a range of times; expected something like 100ms..5s",
            text.escape_debug()
        ));
    };
    let (first, longest) = (pause(first)?, pause(longest)?);
    if first > longest {
        return Err(format!("`{text}` starts with the longer time; expected something like 100ms..5s"));
    }
    Ok(Reconnect::between(first, longest))
}

/// The other way round, for sentences on standard error: `250ms`, `1.5s`, `2m`.
pub(crate) fn show(time: Duration) -> String {
    let whole = |unit: u128| time.as_nanos().is_multiple_of(unit).then(|| time.as_nanos() / unit);
    if time < Duration::from_secs(1) {
        return format!("{}ms", time.as_secs_f64() * 1e3);
    }
    match (whole(3_600_000_000_000), whole(60_000_000_000)) {
        (Some(hours), _) => format!("{hours}h"),
        (None, Some(minutes)) => format!("{minutes}m"),
        (None, None) => format!("{}s", time.as_secs_f64()),
    }
}

/// `1.5MiB` is `1.5` and `MiB`.
fn split_unit(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len()))
}

/// `number` times `unit` in whole numbers; nothing when it is no number, or too large.
fn scaled(number: &str, unit: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || number.ends_with('.') || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let tenths = 10_u128.pow(fraction.len().try_into().ok()?);
    let fraction = if fraction.is_empty() { 0 } else { fraction.parse::<u128>().ok()? };
    let whole = whole.parse::<u128>().ok()?;
    whole.checked_mul(unit)?.checked_add(fraction.checked_mul(unit)? / tenths)
}

/// Sums of times and clocks must not overflow, and nobody waits longer.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3_600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        let cases = [
            ("250ms", Duration::from_millis(250)),
            ("10us", Duration::from_micros(10)),
            ("1.5s", Duration::from_millis(1_500)),
            ("2m", Duration::from_secs(120)),
            ("1h", Duration::from_secs(3_600)),
            ("0", Duration::ZERO),
            ("0ms", Duration::ZERO),
        ];
        for (text, expected) in cases {
            assert_eq!(duration(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_no_time_is_told_what_was_expected() {
        for text in [
            "",
            "5",
            "ms",
            "-1s",
            "1 s",
            "1.s",
            ".5s",
            "1.2.3s",
            "1d",
            "250MS",
            "1e3s",
            "9999999999999999999h",
            "9999999h",
        ] {
            assert!(duration(text).unwrap_err().contains("expected"), "{text}");
        }
        assert!(pause("0").unwrap_err().contains("expected"));
    }

    #[test]
    fn a_size_is_a_number_of_bytes_with_or_without_a_unit() {
        let cases = [
            ("1", 1),
            ("65536", 65_536),
            ("64KiB", 65_536),
            ("64MiB", 64 << 20),
            ("1.5MB", 1_500_000),
            ("2GB", 2_000_000_000),
        ];
        for (text, expected) in cases {
            assert_eq!(size(text), Ok(expected), "{text}");
        }
        for text in ["", "0", "MiB", "-1", "64mib", "64 MiB", "0.1B", "99999999999999999999GiB"] {
            assert!(size(text).unwrap_err().contains("expected"), "{text}");
        }
    }

    #[test]
    fn a_mark_is_a_number_of_messages_or_unlimited() {
        assert_eq!(hwm("10"), Ok(10.into()));
        assert_eq!(hwm("unlimited"), Ok(Hwm::Unlimited));
        assert_eq!(hwm("0"), Ok(Hwm::Unlimited));
        for text in ["", "-1", "many", "1.5"] {
            assert!(hwm(text).unwrap_err().contains("expected"), "{text}");
        }
    }

    #[test]
    fn a_range_goes_from_the_first_to_the_longest() {
        let range = reconnect("100ms..5s").unwrap();
        assert_eq!((range.first, range.longest), (Duration::from_millis(100), Duration::from_secs(5)));
        for text in ["100ms", "5s..100ms", "..5s", "1s..", "0..5s", "1s...5s"] {
            assert!(reconnect(text).unwrap_err().contains("expected"), "{text}");
        }
    }

    #[test]
    fn a_time_is_shown_as_people_would_type_it() {
        for text in ["250ms", "0.5ms", "1s", "1.5s", "90s", "2m", "1h", "0ms"] {
            let shown = show(duration(text).unwrap());
            assert_eq!(duration(&shown), duration(text), "{text} became {shown}");
        }
        assert_eq!(show(Duration::from_millis(250)), "250ms");
        assert_eq!(show(Duration::from_secs(30)), "30s");
    }
}
