//! `zmtp clone load`: keys and values from standard input.

use clap::Args;
use serde_json::json;
use zmtp::Message;

use crate::clone::entry;
use crate::clone::load::Loading;
use crate::clone::servers::Servers;
use crate::exit::Exit;

/// Set keys from lines of JSON on standard input, as `dump` prints them
///
/// Up to 100 keys are set at once, all or none of them; the times to live begin anew. Other keys stay as they are. Prints
/// `loaded`, how many keys, and the version of the last change. A line that makes no sense is told and passed over, and the
/// exit code is 3.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Load {
    /// Print an object
    #[arg(long, help_heading = "Form")]
    json: bool,

    #[command(flatten)]
    servers: Servers,
}

impl Load {
    pub(crate) async fn run(&self) -> Result<Exit, Exit> {
        let (loaded, exit) = Loading::new(&self.servers).run().await;
        let version = loaded.version.map(|version| version.to_string());
        let mut output = entry::output(self.json);
        let line = if self.json {
            json!({ "loaded": loaded.keys, "version": version }).to_string().into()
        } else {
            let version = version.unwrap_or_else(|| "-".to_owned());
            Message::new("loaded").with(loaded.keys.to_string()).with(version)
        };
        match (output.print(line).await, exit) {
            (Err(exit), Exit::Done) => Ok(exit),
            (_, exit) => Ok(exit.after_writing(&mut output).await),
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  What was kept:
    zmtp clone load --connect tcp://192.0.2.7:5556 < clone.jsonl
  From another program:
    jq -c 'to_entries[] | {key, value: (.value | tostring)}' settings.json | zmtp clone load --connect tcp://192.0.2.7:5556
  A server that begins with what there was:
    zmtp clone serve --at 'tcp://*:5556' &
    zmtp clone load --connect tcp://127.0.0.1:5556 < clone.jsonl";
