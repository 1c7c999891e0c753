//! Where a time axis has its marks.

use std::time::Duration;

/// One of them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tick {
    pub(crate) at: u32,
    pub(crate) label: String,
}

/// Round times, up to nine of them.
pub(crate) fn ticks(span: Duration, width: u32) -> Vec<Tick> {
    let span = span.as_secs_f64();
    if span == 0.0 {
        return vec![Tick { at: 0, label: label(0.0, STEPS[0]) }];
    }
    let Some(step) = STEPS.into_iter().find(|step| span / step <= 8.0) else { return Vec::new() };
    let count = (span / step) as u32;
    (0..=count)
        .map(|number| {
            let seconds = step * f64::from(number);
            Tick { at: (seconds / span * f64::from(width)) as u32, label: label(seconds, step) }
        })
        .collect()
}

fn label(seconds: f64, step: f64) -> String {
    match step {
        step if step < 1.0 => format!("{:.0} ms", seconds * 1e3),
        step if step < 60.0 => format!("{seconds:.0} s"),
        step if step < 3600.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.0} h", seconds / 3600.0),
    }
}

/// Seconds from one tick to the next.
const STEPS: [f64; 30] = [
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
    1.0,
    2.0,
    5.0,
    10.0,
    20.0,
    60.0,
    120.0,
    300.0,
    600.0,
    1200.0,
    3600.0,
    7200.0,
    14_400.0,
    36_000.0,
    86_400.0,
    172_800.0,
    604_800.0,
    2_592_000.0,
    7_776_000.0,
    31_536_000.0,
    315_360_000.0,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_any_length_have_a_few_round_ticks() {
        for milliseconds in [1, 7, 90, 999, 1000, 12_400, 59_999, 3_600_000, 90_000_000, 5_000_000_000] {
            let ticks = ticks(Duration::from_millis(milliseconds), 1000);
            assert!((2..=9).contains(&ticks.len()), "{milliseconds}: {ticks:?}");
            assert!(ticks.iter().all(|tick| tick.at <= 1000));
        }
    }
}
