//! `zmtp clone diff`: in what two servers differ.

use bytes::Bytes;
use clap::Args;
use serde_json::{Value, json};
use zmtp::Message;
use zmtp_patterns::clone::{Difference, Entry, Place};

use crate::clone::servers::{Reach, place};
use crate::clone::{entry, keys};
use crate::exit::Exit;
use crate::json::octets;

/// Print in what two servers differ
///
/// Four columns with tabs between them: `first` or `second`, if only that one has the key, or `differs`; the key; and since
/// when it is so there, `-` for the one that lacks it. Each of the two is as it was at one moment. The exit code is 0 if
/// they have the same, 1 if not.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Diff {
    /// Where the first one is, as its --at says
    #[arg(value_name = "A", value_parser = place)]
    first: Place,

    /// Where the second one is
    #[arg(value_name = "B", value_parser = place)]
    second: Place,

    /// Only keys that begin with this
    #[arg(long, value_name = "PREFIX", value_parser = keys::prefix(), help_heading = "What")]
    prefix: Option<Bytes>,

    /// Also keys that have the same value and time to live, since another version: those of two servers with a history of
    /// their own, not those of two that follow each other
    #[arg(long, help_heading = "What")]
    versions: bool,

    /// Print objects: key, and under `first` and `second` version, value and ttl_ms, or null
    #[arg(long, help_heading = "Form")]
    json: bool,

    #[command(flatten)]
    reach: Reach,
}

impl Diff {
    pub(crate) async fn run(&self) -> Result<Exit, Exit> {
        let prefix = self.prefix.clone().unwrap_or_default();
        let [first, second] = [&self.first, &self.second].map(|place| self.reach.server(place));
        let (first, second) = tokio::try_join!(first.state(&prefix), second.state(&prefix))?;
        let mut differences = first.tree.differences(&second.tree);
        differences.retain(|difference| self.versions || is_of_value(difference));
        let mut output = entry::output(self.json);
        entry::print_lines(&mut output, differences.iter().map(|difference| self.line(difference))).await?;
        let exit = match differences.len() {
            0 => Exit::Done,
            1 => Exit::Failed("1 key differs".to_owned()),
            many => Exit::Failed(format!("{many} keys differ")),
        };
        Ok(exit.after_writing(&mut output).await)
    }

    fn line(&self, Difference { key, one, other }: &Difference<'_>) -> Message {
        if self.json {
            return json!({ "key": octets(key), "first": object(*one), "second": object(*other) })
                .to_string()
                .into();
        }
        let word = match (one, other) {
            (Some(_), None) => "first",
            (None, _) => "second",
            _ => "differs",
        };
        let since =
            |entry: &Option<&Entry>| entry.map_or_else(|| "-".to_owned(), |it| it.version.to_string());
        Message::new(word).with((*key).clone()).with(since(one)).with(since(other))
    }
}

/// Whether it is one for those who do not care for versions.
fn is_of_value(Difference { one, other, .. }: &Difference<'_>) -> bool {
    let said = |entry: &Option<&Entry>| entry.map(|entry| (entry.value.clone(), entry.lasts));
    said(one) != said(other)
}

fn object(entry: Option<&Entry>) -> Value {
    entry.map_or(Value::Null, |Entry { value, version, lasts }| {
        let mut object = json!({ "version": version.to_string(), "value": octets(value) });
        entry::tell_lasts(&mut object, *lasts);
        object
    })
}

const EXAMPLES: &str = "\
Examples:
  Has the copy all that there is?
    zmtp clone diff tcp://192.0.2.7:5556 tcp://192.0.2.8:5556
  Only a part, for a script that asks by the exit code:
    zmtp clone diff tcp://192.0.2.7:5556 tcp://192.0.2.8:5556 --prefix lamp/ > /dev/null && echo the same
  What the second one has and the first one lacks:
    zmtp clone diff tcp://192.0.2.7:5556 tcp://192.0.2.8:5556 --json | jq -c 'select(.first == null) | .key'";
