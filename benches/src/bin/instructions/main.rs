//! How many instructions a message takes on each hot path, counted by callgrind and compared with
//! `benches/instructions.json`. More than 10 % above or below is a failure.
//!
//! `instructions` counts and compares, `--update` writes the figures down, `--walk PATH BATCHES` is what callgrind
//! runs. Each path is walked twice, the second time twice as far: what the difference comes to per message is free of
//! what starting up costs.

use std::collections::BTreeMap;
use std::path::{Path as File, PathBuf};
use std::process::{Command, ExitCode};

use clap::Parser;
use zmtp_benches::paths::{PATHS, Path};

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::from(3)
        }
    }
}

/// Counts instructions per message.
#[derive(Debug, Parser)]
struct Arguments {
    /// Write the figures down instead of comparing.
    #[arg(long)]
    update: bool,
    /// Only walk along a path, and print how many messages went.
    #[arg(long, num_args = 2, value_names = ["PATH", "BATCHES"])]
    walk: Option<Vec<String>>,
}

fn run(arguments: &Arguments) -> Result<bool, String> {
    if let Some([name, batches]) = arguments.walk.as_deref() {
        let path = PATHS.into_iter().find(|path| path.name == name).ok_or("no such path")?;
        println!("{}", walk(path, batches.parse().map_err(|_| "BATCHES is a number")?));
        return Ok(true);
    }
    let allowed = if arguments.update { BTreeMap::new() } else { read(&figures())? };
    let mut counted = BTreeMap::new();
    println!("{:12} {:>13} {:>9} {:>8}", "path", "per message", "allowed", "change");
    for path in PATHS {
        let now = per_message(path.name)?;
        let then = allowed.get(path.name).copied();
        let change = then.map_or_else(String::new, |then| format!("{:+.1} %", (now / then - 1.0) * 100.0));
        println!("{:12} {now:13.1} {:9.1} {change:>8}", path.name, then.unwrap_or(now));
        counted.insert(path.name.to_owned(), (now * 10.0).round() / 10.0);
    }
    if arguments.update {
        write(&figures(), &counted)?;
        return Ok(true);
    }
    let mut is_well = true;
    for (name, now) in &counted {
        let Some(then) = allowed.get(name) else {
            eprintln!(
                "{name}: {now} instructions per message, and no figure is written down for it; {UPDATE}"
            );
            is_well = false;
            continue;
        };
        if !(then * (1.0 - TOLERANCE)..=then * (1.0 + TOLERANCE)).contains(now) {
            let is_more = if now > then { "more" } else { "less" };
            eprintln!(
                "{name}: {now} instructions per message, {is_more} than {then} by over {} %; {UPDATE}",
                TOLERANCE * 100.0
            );
            is_well = false;
        }
    }
    Ok(is_well)
}

/// How many messages went along the path.
fn walk(path: Path, batches: usize) -> usize {
    let mut round = (path.set_up)();
    (0..batches).map(|_| round()).sum()
}

fn per_message(name: &str) -> Result<f64, String> {
    let (short, few) = count(name, BATCHES)?;
    let (long, many) = count(name, 2 * BATCHES)?;
    Ok((long - short) / (many - few))
}

/// Instructions of a walk, and its messages.
fn count(name: &str, batches: usize) -> Result<(f64, f64), String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(this)
        .args(["--walk", name, &batches.to_string()])
        .output()
        .map_err(|error| format!("valgrind does not start: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said.lines().find_map(|line| line.split_once("Collected :"));
    let instructions = collected.and_then(|(_, count)| count.trim().parse().ok());
    let messages = String::from_utf8_lossy(&output.stdout).trim().parse().ok();
    instructions.zip(messages).ok_or_else(|| format!("callgrind has not counted {name}: {said}"))
}

fn figures() -> PathBuf {
    File::new(env!("CARGO_MANIFEST_DIR")).join("instructions.json")
}

fn read(file: &File) -> Result<BTreeMap<String, f64>, String> {
    let text =
        std::fs::read_to_string(file).map_err(|error| format!("{}: {error}; {UPDATE}", file.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))
}

fn write(file: &File, figures: &BTreeMap<String, f64>) -> Result<(), String> {
    let text = serde_json::to_string_pretty(figures).map_err(|error| error.to_string())?;
    std::fs::write(file, text + "\n").map_err(|error| format!("{}: {error}", file.display()))
}

/// Long enough that buffers are warm, and that the hashes of a set-up, which are seeded anew each time, do not count.
const BATCHES: usize = 100;
/// What a compiler or a library may change without anybody being asked.
const TOLERANCE: f64 = 0.1;
const UPDATE: &str =
    "if that is meant: `cargo run --release -p zmtp-benches --bin instructions -- --update`, and say why";
