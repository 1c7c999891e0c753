//! `zmtp peer status`: how a broker is, and the others as it sees them.

use clap::Args;

use crate::exit::Exit;
use crate::format::Format;
use crate::output::Output;
use crate::peer::operators::Reached;
use crate::peer::table;

/// Show how a broker is, and the others as it sees them
///
/// A first line for the broker itself, then one for each other broker: its name, the link to it, its slots and how many of
/// them are free, what waits there, how many tasks it has of us and how many more it would get, how long a task takes to
/// get there and back, and how long ago it was heard. Then what has happened, if it has.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Status {
    /// Print an object
    #[arg(long, help_heading = "Form")]
    json: bool,

    #[command(flatten)]
    reached: Reached,
}

impl Status {
    pub(crate) async fn run(&self) -> Result<Exit, Exit> {
        let status = self.reached.status(&mut self.reached.operator()?).await?;
        let mut output = Output::new(if self.json { Format::LINES } else { Format::text(false) });
        let lines =
            if self.json { vec![table::object(&status).to_string().into()] } else { table::lines(&status) };
        for line in lines {
            output.print(line).await?;
        }
        Ok(Exit::Done.after_writing(&mut output).await)
    }
}

const EXAMPLES: &str = "\
Examples:
  How is it?
    zmtp peer status --connect tcp://10.0.0.1:6000
  How many requests has it given to others, for a program:
    zmtp peer status --connect tcp://10.0.0.1:6000 --json | jq .counters.spilled
  For a monitor, by the exit code: 0 if it answers within a second, 2 if not:
    zmtp peer status --connect tcp://10.0.0.1:6000 --timeout 1s";
