//! Options that are not on the command line: from the environment, and then from a file.
//!
//! What is found becomes part of the command line before that is understood, so every option of a verb with `--config` can
//! stand in three places, is checked in one way, and the nearest place wins.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Args, Command};
use toml::{Table, Value};

/// Where a verb's options may stand beside the command line.
#[derive(Debug, Clone, Args)]
pub(crate) struct Configured {
    /// Take options from this TOML file that are not given here: `queue = 1000` is --queue 1000, a list gives a repeatable
    /// one. Before the file the environment is asked: ZMTP_BALANCE_QUEUE, ZMTP_CLONE_BEAT
    #[arg(long, value_name = "FILE", help_heading = "Form")]
    config: Option<PathBuf>,
}

/// The command line with what it leaves to the environment and to the file.
///
/// # Errors
/// What is wrong with the file, in a sentence.
pub(crate) fn complete(
    zmtp: &Command,
    line: Vec<OsString>,
    environment: impl Fn(&str) -> Option<OsString>,
) -> Result<Vec<OsString>, String> {
    let word = |at: usize| line.get(at).and_then(|word| word.to_str());
    let Some((family, verb)) = word(1).zip(word(2)) else { return Ok(line) };
    let Some(command) = zmtp.find_subcommand(family).and_then(|family| family.find_subcommand(verb)) else {
        return Ok(line);
    };
    let options: BTreeMap<&str, &Arg> =
        command.get_arguments().filter_map(|option| Some((option.get_long()?, option))).collect();
    if !options.contains_key(CONFIG) {
        return Ok(line);
    }
    let name = |option: &str| format!("ZMTP_{family}_{option}").to_uppercase().replace('-', "_");
    let given = given(&line[3..]);
    let file = match given.get(CONFIG).cloned().flatten().or_else(|| environment(&name(CONFIG))) {
        Some(path) => read(Path::new(&path), &options)?,
        None => Table::new(),
    };
    let mut words = Vec::new();
    for (option, arg) in options.into_iter().filter(|(option, _)| !given.contains_key(*option)) {
        if let Some(value) = environment(&name(option)) {
            words.extend(from_environment(option, arg, value));
        } else if let Some(value) = file.get(option) {
            words.extend(from_file(option, arg, value)?);
        }
    }
    let mut line = line;
    line.splice(3..3, words);
    Ok(line)
}

/// The options that are on the command line, up to a command behind `--`, and the values of those that name one.
fn given(words: &[OsString]) -> BTreeMap<String, Option<OsString>> {
    let mut given = BTreeMap::new();
    let words: Vec<_> = words.iter().take_while(|word| *word != "--").collect();
    for (at, word) in words.iter().enumerate() {
        let Some(option) = word.to_str().and_then(|word| word.strip_prefix("--")) else { continue };
        match option.split_once('=') {
            Some((option, value)) => given.insert(option.to_owned(), Some(value.into())),
            None => given.insert(option.to_owned(), words.get(at + 1).map(|value| (*value).clone())),
        };
    }
    given
}

fn read(path: &Path, options: &BTreeMap<&str, &Arg>) -> Result<Table, String> {
    let wrong = |what: String| format!("the configuration {}: {what}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let table: Table = text.parse().map_err(|error: toml::de::Error| wrong(error.to_string()))?;
    match table.keys().find(|key| !options.contains_key(key.as_str()) || *key == CONFIG) {
        Some(key) => {
            let known: Vec<_> = options.keys().filter(|option| **option != CONFIG).copied().collect();
            Err(wrong(format!("there is no option `{key}`; expected one of {}", known.join(", "))))
        }
        None => Ok(table),
    }
}

fn from_environment(option: &str, arg: &Arg, value: OsString) -> Vec<OsString> {
    let flag = OsString::from(format!("--{option}"));
    match (arg.get_action(), value.to_str()) {
        (ArgAction::SetTrue, text) => {
            let is_on = !matches!(text, Some("" | "0" | "false"));
            is_on.then_some(flag).into_iter().collect()
        }
        (ArgAction::Append, Some(text)) => {
            text.split_whitespace().flat_map(|value| [flag.clone(), value.into()]).collect()
        }
        _ => vec![flag, value],
    }
}

fn from_file(option: &str, arg: &Arg, value: &Value) -> Result<Vec<OsString>, String> {
    let flag = || OsString::from(format!("--{option}"));
    let (expected, words) = match (arg.get_action(), value) {
        (ArgAction::SetTrue, Value::Boolean(is_on)) => return Ok(is_on.then(flag).into_iter().collect()),
        (ArgAction::SetTrue, _) => ("true or false", None),
        (ArgAction::Append, Value::Array(values)) => {
            ("a list of texts", values.iter().map(text).collect::<Option<Vec<_>>>())
        }
        (_, value) => ("a text or a number", text(value).map(|value| vec![value])),
    };
    let words =
        words.ok_or_else(|| format!("`{option}` in the configuration is {value}; expected {expected}"))?;
    Ok(words.into_iter().flat_map(|word| [flag(), word]).collect())
}

fn text(value: &Value) -> Option<OsString> {
    match value {
        Value::String(text) => Some(text.into()),
        Value::Integer(number) => Some(number.to_string().into()),
        _ => None,
    }
}

const CONFIG: &str = "config";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::Cli;

    /// What comes of a command line, a file and variables of the environment.
    fn completed(line: &str, file: &str, variables: &[(&str, &str)]) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("broker.toml");
        std::fs::write(&path, file).unwrap();
        let line = line.replace("FILE", &path.display().to_string());
        let line = line.split_whitespace().map(OsString::from).collect();
        let environment =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        let words = complete(&Cli::command(), line, environment)?;
        let words: Vec<_> = words.iter().map(|word| word.to_str().unwrap()).collect();
        Ok(words.join(" ").replace(&path.display().to_string(), "FILE"))
    }

    #[test]
    fn the_nearest_place_wins_the_command_line_the_environment_the_file() {
        let file =
            "queue = 10\nbeat = '2s'\nlegacy = true\nbind = ['tcp://*:1', 'tcp://*:2']\nmax-attempts = 7";
        let line = "zmtp balance broker --queue=1 --config FILE";
        assert_eq!(
            completed(line, file, &[("ZMTP_BALANCE_BEAT", "3s")]).unwrap(),
            "zmtp balance broker --beat 3s --bind tcp://*:1 --bind tcp://*:2 --legacy --max-attempts 7 --queue=1 --config FILE"
        );
        let variables = [("ZMTP_BALANCE_BIND", "tcp://*:3 tcp://*:4"), ("ZMTP_BALANCE_LEGACY", "0")];
        assert_eq!(
            completed("zmtp balance broker", "", &variables).unwrap(),
            "zmtp balance broker --bind tcp://*:3 --bind tcp://*:4"
        );
    }

    #[test]
    fn what_stands_behind_two_dashes_or_belongs_to_another_verb_is_left_alone() {
        let line = "zmtp balance worker --connect tcp://x:1 -- cp --slots 3";
        let variables = [("ZMTP_BALANCE_SLOTS", "2")];
        assert_eq!(
            completed(line, "", &variables).unwrap(),
            "zmtp balance worker --slots 2 --connect tcp://x:1 -- cp --slots 3"
        );
        let other = "zmtp push --connect tcp://x:1";
        assert_eq!(completed(other, "", &[("ZMTP_BALANCE_CONNECT", "tcp://y:1")]).unwrap(), other);
    }

    #[test]
    fn a_file_that_makes_no_sense_is_refused_with_its_name_and_what_was_expected() {
        for (file, expected) in [
            ("beats = '1s'", "broker.toml: there is no option `beats`; expected one of"),
            ("queue = [1]", "`queue` in the configuration is [1]; expected a text or a number"),
            ("legacy = 'yes'", "`legacy` in the configuration is \"yes\"; expected true or false"),
            ("bind = [1.5]", "`bind` in the configuration is [1.5]; expected a list of texts"),
            ("queue 1", "broker.toml: TOML parse error at line 1"),
        ] {
            let refused = completed("zmtp balance broker --config FILE", file, &[]).unwrap_err();
            assert!(refused.contains(expected), "{refused}");
        }
        let missing = completed("zmtp balance broker --config nowhere", "", &[]).unwrap_err();
        assert!(missing.starts_with("the configuration nowhere: No such file"), "{missing}");
    }
}
