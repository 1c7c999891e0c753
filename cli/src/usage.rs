//! Options that exist, but not for this verb.

use clap::Command;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

use crate::exit::say;

/// Says which verbs have the option that the verb lacks to which these words lead. Clap itself has only said that it lacks
/// it.
pub(crate) fn explain(error: &Error, command: &Command, words: &[String]) {
    if error.kind() != ErrorKind::UnknownArgument {
        return;
    }
    let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg) else { return };
    let Some(name) = option.strip_prefix("--").and_then(|option| option.split('=').next()) else { return };
    let (mut command, mut verb) = (command, words.first().map_or("", String::as_str));
    for word in words {
        let Some(deeper) = command.find_subcommand(word) else { break };
        verb = word;
        if !deeper.has_subcommands() {
            break;
        }
        command = deeper;
    }
    let has = |verb: &&Command| verb.get_arguments().any(|argument| argument.get_long() == Some(name));
    let verbs: Vec<&str> = command.get_subcommands().filter(has).map(Command::get_name).collect();
    match &*verbs {
        [] => {}
        [one] => say(format_args!("{verb} has no --{name}: {one} has")),
        [others @ .., last] => {
            say(format_args!("{verb} has no --{name}: {} and {last} have", others.join(", ")));
        }
    }
}
