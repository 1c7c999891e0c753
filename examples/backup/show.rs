//! How events reach people and programs: bars on a terminal, plain lines in a pipe, JSON lines with `--json`.
//!
//! Texts from outside (folder names, error outputs, reports of whoever connects) are shown without their
//! control characters: a terminal is not theirs to command. If nobody reads any more, the backup goes on.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::events::Event;

#[derive(Debug)]
pub(crate) struct Show {
    start: Instant,
    style: Style,
}

#[derive(Debug)]
enum Style {
    Json,
    Lines,
    Bars(Bars),
    #[cfg(test)]
    Silent,
}

impl Show {
    /// For standard output, whatever that is.
    pub(crate) fn new(json: bool, jobs: usize) -> Self {
        let style = match json {
            true => Style::Json,
            false if io::stdout().is_terminal() => Style::Bars(Bars::new(jobs)),
            false => Style::Lines,
        };
        Self { start: Instant::now(), style }
    }

    #[cfg(test)]
    pub(crate) fn nothing() -> Self {
        Self { start: Instant::now(), style: Style::Silent }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    pub(crate) fn tell(&mut self, event: &Event) {
        match &mut self.style {
            Style::Json => {
                let ms = self.start.elapsed().as_millis() as u64;
                let line = serde_json::to_string(&Stamped { ms, event }).expect("events are plain data");
                print(&line);
            }
            Style::Lines => print(&plain(&event.to_string())),
            Style::Bars(bars) => bars.tell(event),
            #[cfg(test)]
            Style::Silent => {}
        }
    }
}

#[derive(Serialize)]
struct Stamped<'a> {
    /// Milliseconds since the start.
    ms: u64,
    #[serde(flatten)]
    event: &'a Event,
}

/// One bar for all, and a line for every worker with what it is doing.
#[derive(Debug)]
struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    workers: BTreeMap<String, ProgressBar>,
}

impl Bars {
    fn new(jobs: usize) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stdout());
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} folders  {elapsed}  {msg}");
        let total = ProgressBar::new(jobs as u64).with_style(style.expect("a constant"));
        let total = all.add(total);
        total.enable_steady_tick(TICK);
        Self { all, total, workers: BTreeMap::new() }
    }

    fn tell(&mut self, event: &Event) {
        match event {
            Event::Started { worker, folder, .. } => self.worker(worker, folder),
            Event::Done { worker, .. } => {
                self.total.inc(1);
                self.worker(worker, "");
            }
            Event::GivenUp { .. } => self.total.inc(1),
            Event::Ready { worker, .. } | Event::Failed { worker, .. } => self.worker(worker, ""),
            Event::WorkerExited { worker, .. } => {
                if let Some(bar) = self.workers.remove(worker) {
                    bar.finish_and_clear();
                }
            }
            Event::Listening { .. } => self.total.set_message("waiting for the workers"),
            Event::Work { .. } => self.total.set_message(""),
            Event::Stopping { why, .. } => self.total.set_message(plain(why)),
            Event::Archived { folder, kind, .. } => {
                self.total.set_message(plain(&format!("{kind} archive {folder}")))
            }
            Event::Summary(summary) => {
                for bar in self.workers.values() {
                    bar.finish_and_clear();
                }
                self.total.finish_and_clear();
                print(&plain(&summary.to_string()));
                return;
            }
            _ => {}
        }
        if event.is_remarkable() {
            // Nobody is there to be told if this fails.
            let _ = self.all.println(plain(&event.to_string()));
        }
    }

    fn worker(&mut self, name: &str, doing: &str) {
        if self.workers.len() >= MOST_LINES && !self.workers.contains_key(name) {
            return;
        }
        let bar = self.workers.entry(name.to_owned()).or_insert_with(|| {
            let style = ProgressStyle::with_template("  {spinner} {prefix}  {msg}").expect("a constant");
            self.all.add(ProgressBar::new_spinner().with_style(style).with_prefix(plain(name)))
        });
        bar.set_message(plain(doing));
        bar.tick();
    }
}

/// One line of a worker that people have started by hand.
pub(crate) fn say(line: &str) {
    print(&plain(line));
}

fn print(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Without control characters, except for line ends.
fn plain(text: &str) -> String {
    text.replace(|c: char| c.is_control() && c != '\n', "\u{fffd}")
}

const TICK: Duration = Duration::from_millis(200);
/// More workers than this get no line of their own.
const MOST_LINES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_line_is_flat_and_stamped() {
        let event = Event::Bye { worker: "w".into() };
        let line = serde_json::to_string(&Stamped { ms: 7, event: &event }).unwrap();
        assert_eq!(line, r#"{"ms":7,"event":"bye","worker":"w"}"#);
    }

    #[test]
    fn nobody_commands_the_terminal() {
        assert_eq!(plain("a\x1b[2Jb\nc\u{9b}d"), "a\u{fffd}[2Jb\nc\u{fffd}d");
    }
}
