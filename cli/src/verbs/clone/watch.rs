//! `zmtp clone watch`: what there is, and then everything that changes.

use bytes::Bytes;
use clap::Args;
use serde_json::json;
use zmtp::Message;
use zmtp_patterns::clone::{Client, Entry, Health, Lasts, Tree, Update, Version, Watched};

use crate::clone::servers::Servers;
use crate::clone::{entry, keys};
use crate::exit::{Exit, say};
use crate::output::Output;
use crate::signals::Signals;

/// Print what there is, and then each change
///
/// A line has columns with tabs between them. First `now` and a number: so many keys follow, each as `is`, KEY, version,
/// VALUE. Then each change: `set`, KEY, version, VALUE; or `deleted` or `expired`, KEY, version. Another `now` comes when
/// changes were missed, or the server is another one: forget what was before it.
///
/// Standard error is told when the server is silent, and when all is well again. What is no text is escaped; --json has it
/// as it is.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Watch {
    /// Only keys that begin with this
    #[arg(value_name = "PREFIX", value_parser = keys::prefix())]
    prefix: Option<Bytes>,

    /// End after N changes; what is told anew counts as one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "End")]
    count: Option<u64>,

    /// Print objects: event, and keys, or key, version, value and ttl_ms
    #[arg(long, help_heading = "Form")]
    json: bool,

    #[command(flatten)]
    servers: Servers,
}

impl Watch {
    pub(crate) async fn run(&self) -> Result<Exit, Exit> {
        let cannot_listen = |error| Exit::Failed(format!("cannot listen for signals: {error}"));
        let mut signals = Signals::new().map_err(cannot_listen)?;
        let prefix = self.prefix.clone().unwrap_or_default();
        let client = self.servers.follow(&prefix);
        let mut output = entry::output(self.json);
        let number = tokio::select! {
            biased;
            number = signals.next() => number,
            end = self.follow(&client, &prefix, &mut output) => {
                return Ok(end.err().unwrap_or(Exit::Done).after_writing(&mut output).await);
            }
        };
        output.finish_soon().await;
        Ok(Exit::Signal(number))
    }

    /// Until there were enough changes.
    async fn follow(&self, client: &Client, prefix: &Bytes, output: &mut Output) -> Result<(), Exit> {
        let mut watch = client.watch(prefix.clone());
        let mut left = self.count.unwrap_or(u64::MAX);
        let mut word = output.during(self.servers.in_time(watch.next())).await??;
        let mut is_first = true;
        loop {
            match word {
                Some(Watched::Now(tree)) => {
                    self.now(&tree, prefix, output).await?;
                    left -= u64::from(!std::mem::take(&mut is_first));
                }
                Some(Watched::Changed(updates)) => {
                    for update in updates {
                        output.print(self.changed(&update)).await?;
                        left -= 1;
                        if left == 0 {
                            break;
                        }
                    }
                }
                Some(Watched::Health(Health::Live)) => say("live: all that was printed is so now"),
                Some(Watched::Health(_)) => say(format_args!(
                    "stale: nothing is heard of {}; what was printed is as it was at {}",
                    self.servers.places(),
                    client.state().version
                )),
                None => return Err(Exit::Failed("the client has ended".to_owned())),
            }
            if left == 0 {
                return Ok(());
            }
            word = output.during(watch.next()).await?;
        }
    }

    async fn now(&self, tree: &Tree, prefix: &Bytes, output: &mut Output) -> Result<(), Exit> {
        let keys = tree.sums(prefix).count;
        output
            .print(if self.json {
                json!({ "event": "now", "keys": keys }).to_string().into()
            } else {
                Message::new("now").with(keys.to_string())
            })
            .await?;
        let line = |key: &Bytes, Entry { value, version, lasts }: &Entry| {
            self.line("is", key, *version, Some((value, *lasts)))
        };
        entry::print_all(output, tree, prefix, line).await
    }

    fn changed(&self, update: &Update) -> Message {
        let (event, value) = entry::change(update);
        self.line(event, &update.key, update.version, value)
    }

    fn line(&self, event: &str, key: &Bytes, version: Version, value: Option<(&Bytes, Lasts)>) -> Message {
        if !self.json {
            let line = Message::new(event).with(key.clone()).with(version.to_string());
            return match value {
                Some((value, _)) => line.with(value.clone()),
                None => line,
            };
        }
        entry::happened(event, key, version, value).to_string().into()
    }
}

const EXAMPLES: &str = "\
Examples:
  All that happens:
    zmtp clone watch --connect tcp://192.0.2.7:5556
  Wait until a key is changed:
    zmtp clone watch job/7 --count 1 --connect tcp://192.0.2.7:5556
  Only what is set, for a program:
    zmtp clone watch lamp/ --json --connect tcp://192.0.2.7:5556 | jq -c 'select(.event == \"set\") | {key, value}'";
