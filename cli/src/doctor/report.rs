//! The report: a line for each step, or an object.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::advice::Failure;
use super::{Failed, Finding, Outcome};
use crate::exit::Exit;

/// Prints what a step has found as soon as it has.
#[derive(Debug)]
pub(crate) struct Report {
    style: Style,
    /// Why nothing more is written, unless it is that nobody reads.
    broken: Option<io::Error>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Lines,
    /// With signs, with colours if they are welcome, and the step that is at work.
    Terminal {
        colours: bool,
    },
    Json,
}

impl Report {
    pub(crate) fn new(json: bool) -> Self {
        let colours = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let style = match (json, io::stdout().is_terminal()) {
            (true, _) => Style::Json,
            (false, true) => Style::Terminal { colours },
            (false, false) => Style::Lines,
        };
        Self { style, broken: None }
    }

    /// Takes a step, and says how it went.
    pub(super) async fn step<T>(
        &mut self,
        name: &'static str,
        doing: impl Future<Output = Outcome<T>>,
    ) -> Result<T, Failed> {
        if matches!(self.style, Style::Terminal { .. }) {
            self.write(&format!("  {name} ..."));
        }
        let start = Instant::now();
        let outcome = doing.await;
        let took = start.elapsed();
        let (went, result) = match outcome {
            Ok((next, finding)) => (Ok(finding), Ok(next)),
            Err(failure) => (Err(failure), Err(Failed)),
        };
        self.write(&self.style.show(name, took, &went));
        result
    }

    /// How the verb ends that would end like this, when its report may not have been written.
    pub(super) fn settle(&mut self, exit: Exit) -> Exit {
        match self.broken.take() {
            Some(error) => Exit::Failed(format!("cannot write to standard output: {error}")),
            None => exit,
        }
    }

    fn write(&mut self, text: &str) {
        let mut out = io::stdout().lock();
        if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush())
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            self.broken.get_or_insert(error);
        }
    }
}

impl Style {
    fn show(self, name: &str, took: Duration, went: &Result<Finding, Failure>) -> String {
        let ms = (took.as_secs_f64() * 1e5).round() / 100.0;
        let (result, says, next) = match went {
            Ok(finding) if finding.skipped => ("skipped", &finding.says, None),
            Ok(finding) => ("ok", &finding.says, None),
            Err(failure) => ("failed", &failure.reason, Some(&failure.next)),
        };
        match self {
            Self::Json => {
                let mut object: Vec<(&str, Value)> =
                    vec![("step", name.into()), ("result", result.into()), ("ms", ms.into())];
                match went {
                    Ok(finding) if finding.skipped => {
                        object.push(("reason", says.as_str().into()));
                    }
                    Ok(_) => {}
                    Err(failure) => {
                        object.push(("reason", failure.reason.as_str().into()));
                        object.push(("next", failure.next.as_str().into()));
                    }
                }
                object.extend(went.iter().flat_map(|finding| finding.facts.iter().cloned()));
                // In this order, for those who read along.
                let members: Vec<_> =
                    object.iter().map(|(name, value)| format!("{}:{value}", Value::from(*name))).collect();
                format!("{{{}}}\n", members.join(","))
            }
            Self::Lines => {
                let next = next.map(|next| format!("next: {next}\n")).unwrap_or_default();
                format!("{name:<9}  {result:<7}  {ms:>8.2} ms  {says}\n{next}")
            }
            Self::Terminal { colours } => {
                let (sign, colour) = match result {
                    "ok" => ("✓", "32"),
                    "skipped" => ("-", "33"),
                    _ => ("✗", "31"),
                };
                let (on, off) =
                    if colours { (format!("\x1b[{colour}m"), "\x1b[0m") } else { (String::new(), "") };
                let next = next.map(|next| format!("  → {next}\n")).unwrap_or_default();
                // Over the line that says what is at work.
                format!("\r\x1b[K{on}{sign}{off} {name:<9}  {ms:>8.2} ms  {says}\n{next}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(style: Style, went: Result<Finding, Failure>) -> String {
        style.show("connect", Duration::from_micros(1234), &went)
    }

    #[test]
    fn a_step_is_a_line_in_a_pipe_and_a_failure_has_the_next_thing_to_try() {
        let good = || Ok(Finding::new("192.0.2.7:5555").fact("address", "192.0.2.7:5555"));
        let bad = || Err(Failure::new("nobody listens there", "start the peer"));
        assert_eq!(show(Style::Lines, good()), "connect    ok           1.23 ms  192.0.2.7:5555\n");
        assert_eq!(
            show(Style::Lines, bad()),
            "connect    failed       1.23 ms  nobody listens there\nnext: start the peer\n"
        );
        assert_eq!(
            show(Style::Json, good()),
            "{\"step\":\"connect\",\"result\":\"ok\",\"ms\":1.23,\"address\":\"192.0.2.7:5555\"}\n"
        );
        let failed: Value = serde_json::from_str(&show(Style::Json, bad())).unwrap();
        assert_eq!((&failed["result"], &failed["next"]), (&"failed".into(), &"start the peer".into()));
    }

    #[test]
    fn colours_are_for_those_who_want_them() {
        let skipped = || Ok(Finding::skipped("nothing to do"));
        let shown = show(Style::Terminal { colours: true }, skipped());
        assert_eq!(shown, "\r\x1b[K\x1b[33m-\x1b[0m connect        1.23 ms  nothing to do\n");
        assert!(!show(Style::Terminal { colours: false }, skipped()).contains("\x1b[3"));
    }
}
