//! `zmtp completions`: what a shell needs to complete the command line.

use std::io::{self, Write};

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use crate::Cli;
use crate::exit::Exit;

/// Print completions for a shell
///
/// Put them where your shell looks for them, or read them in at its start.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Completions {
    /// For which shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self) -> Exit {
        let mut script = Vec::new();
        generate(self.shell, &mut Cli::command(), "zmtp", &mut script);
        match io::stdout().lock().write_all(&script) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Exit::Failed(format!("cannot write to standard output: {error}"))
            }
            _ => Exit::Done,
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  For this bash session:
    source <(zmtp completions bash)
  For zsh, for good:
    zmtp completions zsh > \"${fpath[1]}/_zmtp\"
  For fish, for good:
    zmtp completions fish > ~/.config/fish/completions/zmtp.fish";
