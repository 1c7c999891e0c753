//! `zmtp peer status`: how a broker is, and the others as it sees them.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use clap::Args;
use tokio::time::{MissedTickBehavior, interval};
use zmtp::Message;
use zmtp_patterns::peering::{Operator, Status as Seen};

use crate::exit::Exit;
use crate::format::Format;
use crate::output::Output;
use crate::peer::operators::Reached;
use crate::peer::{map, table};

/// Show how a broker is, and the others as it sees them
///
/// A first line for the broker itself, then one for each other broker: its name, the link to it, its slots and how many of
/// them are free, what waits there, how many tasks it has of us and how many more it would get, how long a task takes to
/// get there and back, and how long ago it was heard. Then what has happened, if it has.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Status {
    /// Show it again each second, until the broker is gone or a signal comes; on a terminal a bar for each cluster, of how
    /// many of its slots are busy
    #[arg(long, help_heading = "Form")]
    watch: bool,

    /// Print an object
    #[arg(long, help_heading = "Form")]
    json: bool,

    #[command(flatten)]
    reached: Reached,
}

impl Status {
    pub(crate) async fn run(&self) -> Result<Exit, Exit> {
        let mut operator = self.reached.operator()?;
        let mut output = Output::new(if self.json { Format::LINES } else { Format::text(false) });
        let exit = if self.watch {
            self.watch(&mut operator, &mut output).await
        } else {
            let status = self.reached.status(&mut operator).await?;
            self.print(&status, &mut output).await?;
            Exit::Done
        };
        Ok(exit.after_writing(&mut output).await)
    }

    /// Again and again.
    async fn watch(&self, operator: &mut Operator, output: &mut Output) -> Exit {
        let is_drawn = !self.json && io::stdout().is_terminal();
        let mut ticks = interval(SECOND);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let status = match output.during(self.reached.status(operator)).await {
                Ok(Ok(status)) => status,
                Ok(Err(exit)) | Err(exit) => return exit,
            };
            let shown = if is_drawn { draw(&status) } else { self.print(&status, output).await };
            if let Err(exit) = shown {
                return exit;
            }
        }
    }

    async fn print(&self, status: &Seen, output: &mut Output) -> Result<(), Exit> {
        let lines: Vec<Message> =
            if self.json { vec![table::object(status).to_string().into()] } else { table::lines(status) };
        for line in lines {
            output.print(line).await?;
        }
        Ok(())
    }
}

/// Instead of what was there before.
fn draw(status: &Seen) -> Result<(), Exit> {
    let screen = format!("\x1b[H\x1b[2J{}\n", map::rows(status).join("\n"));
    let mut terminal = io::stdout().lock();
    let written = terminal.write_all(screen.as_bytes()).and_then(|()| terminal.flush());
    written.map_err(|error| Exit::Failed(format!("cannot write to the terminal: {error}")))
}

const SECOND: Duration = Duration::from_secs(1);

const EXAMPLES: &str = "\
Examples:
  How is it?
    zmtp peer status --connect tcp://10.0.0.1:6000
  How busy is the cloud, each second:
    zmtp peer status --connect tcp://10.0.0.1:6000 --watch
  How many requests has it given to others, for a program:
    zmtp peer status --connect tcp://10.0.0.1:6000 --json | jq .counters.spilled
  For a monitor, by the exit code: 0 if it answers within a second, 2 if not:
    zmtp peer status --connect tcp://10.0.0.1:6000 --timeout 1s";
