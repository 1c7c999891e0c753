//! `--command`: a program of the user's choice does the copying. Never through a shell.
//!
//! The text is split into words by the quoting rules of a shell, and nothing else of a shell: no variables,
//! no `*`, no `;`. In every word `{}` becomes the folder to be copied; a word `DEST`, or one that begins with
//! `DEST/`, means the private folder of this attempt, which exists and is empty.
//!
//! The program runs without input; of its error output the tail is kept for the report. It is killed when the
//! job is dropped.

use std::{
    fmt, io,
    path::Path,
    process::{ExitStatus, Stdio},
    str::FromStr,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    words: Vec<String>,
}

impl Command {
    /// Runs the program to its end; anything but success is an error that a person can read.
    pub(crate) async fn run(&self, source: &str, destination: &Path) -> Result<(), String> {
        let words = self.words(source, destination);
        let mut child = process::Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("cannot start {:?}: {error}", words[0]))?;
        let stderr = child.stderr.take().expect("piped above");
        let (tail, status) = tokio::join!(tail(stderr), child.wait());
        let status = status.map_err(|error| format!("cannot wait for {:?}: {error}", words[0]))?;
        if status.success() { Ok(()) } else { Err(verdict(status, &tail.unwrap_or_default())) }
    }

    fn words(&self, source: &str, destination: &Path) -> Vec<String> {
        let destination = destination.to_string_lossy();
        let word = |word: &String| match word.strip_prefix("DEST") {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("{destination}{rest}"),
            _ => word.replace("{}", source),
        };
        self.words.iter().map(word).collect()
    }
}

impl FromStr for Command {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match shell_words::split(text) {
            Ok(words) if words.is_empty() => Err("a program is missing".into()),
            Ok(words) => Ok(Self { words }),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shell_words::join(&self.words))
    }
}

/// The last [`TAIL`] octets.
async fn tail(mut from: impl AsyncRead + Unpin) -> io::Result<Vec<u8>> {
    let mut tail = Vec::new();
    while from.read_buf(&mut tail).await? > 0 {
        if tail.len() > 2 * TAIL {
            tail.drain(..tail.len() - TAIL);
        }
    }
    tail.drain(..tail.len().saturating_sub(TAIL));
    Ok(tail)
}

fn verdict(status: ExitStatus, stderr: &[u8]) -> String {
    let status = describe(status);
    match String::from_utf8_lossy(stderr).trim() {
        "" => status,
        text => format!("{status}: {text}"),
    }
}

/// How a process has ended, in words.
pub(crate) fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => status.to_string(),
    }
}

const TAIL: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    async fn run(command: &str) -> Result<(), String> {
        command.parse::<Command>().unwrap().run("/some/where", Path::new("/to")).await
    }

    #[test]
    fn words_are_split_once_and_placeholders_never_again() {
        let command: Command = r#"rsync -a '{}/' "DEST/a b" DESTINATION x{}y $HOME; *"#.parse().unwrap();
        let words = command.words("/a folder; rm -rf 'x'", Path::new("/to/1.1"));
        let expected = [
            "rsync",
            "-a",
            "/a folder; rm -rf 'x'/",
            "/to/1.1/a b",
            "DESTINATION",
            "x/a folder; rm -rf 'x'y",
            "$HOME;",
            "*",
        ];
        assert_eq!(words, expected);
        assert_eq!(command.to_string().parse::<Command>().unwrap(), command);
    }

    #[test]
    fn a_command_that_cannot_be_split_is_refused() {
        assert_eq!(" ".parse::<Command>().unwrap_err(), "a program is missing");
        assert_eq!("echo 'a".parse::<Command>().unwrap_err(), "missing closing quote");
    }

    #[tokio::test]
    async fn the_report_of_a_failure_has_the_exit_code_and_the_tail_of_the_error_output() {
        assert_eq!(run("true").await, Ok(()));
        assert_eq!(run("false").await, Err("exit code 1".into()));
        assert_eq!(
            run("sh -c 'echo no such disk >&2; exit 7'").await,
            Err("exit code 7: no such disk".into())
        );
        assert_eq!(run("sh -c 'kill -9 $$'").await, Err("killed by signal 9".into()));
        let missing = run("/no/such/program").await.unwrap_err();
        assert!(missing.starts_with(r#"cannot start "/no/such/program": No such file"#), "{missing}");
        let long = run("sh -c 'yes no | head -c 100000 >&2; echo the end >&2; exit 1'").await.unwrap_err();
        assert!(long.len() < TAIL + 50 && long.ends_with("the end"), "{long}");
    }
}
