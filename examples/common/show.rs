//! A table that is drawn anew on a terminal, or a line for each change into a pipe.

use std::io::{IsTerminal, Write, stdout};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What is shown.
#[derive(Debug)]
pub(crate) struct Show {
    table: Option<MultiProgress>,
    /// How long names are.
    width: usize,
    /// What happens just now.
    story: Option<ProgressBar>,
}

/// A line of the table.
#[derive(Debug)]
pub(crate) struct Row {
    name: String,
    bar: Option<ProgressBar>,
}

impl Show {
    /// On standard output, whatever that is. Names of rows are as long as this at most.
    pub(crate) fn new(width: usize) -> Self {
        let table =
            stdout().is_terminal().then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stdout()));
        let story = table.as_ref().map(|table| line(table, "{spinner} {wide_msg}"));
        if let Some(story) = &story {
            story.enable_steady_tick(Duration::from_millis(100));
        }
        Self { table, width, story }
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.table.is_some()
    }

    pub(crate) fn row(&self, name: &str) -> Row {
        let name = format!("{name:0$}", self.width);
        let template = "  {prefix} {wide_msg}";
        let bar = self.table.as_ref().map(|table| line(table, template).with_prefix(name.clone()));
        Row { name, bar }
    }

    /// What happens next.
    pub(crate) fn say(&self, what: &str) {
        match &self.story {
            Some(story) => story.set_message(what.to_owned()),
            None => print(what),
        }
    }

    /// The last line, in the table's place.
    pub(crate) fn end(&self, what: &str) {
        if let Some(table) = &self.table {
            // A terminal that is gone needs no tidying.
            let _ = table.clear();
            table.set_draw_target(ProgressDrawTarget::hidden());
        }
        print(what);
    }
}

impl Row {
    pub(crate) fn show(&self, what: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(what.to_owned()),
            None => print(&format!("  {} {what}", self.name)),
        }
    }
}

fn line(table: &MultiProgress, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).expect("a template of ours");
    table.add(ProgressBar::new_spinner().with_style(style))
}

/// Nobody may read it any more; that is no reason to fail.
fn print(line: &str) {
    let _ = writeln!(stdout().lock(), "{line}");
}
