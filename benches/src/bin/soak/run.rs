//! Starts server and visitors, samples, and judges.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::process::Process;
use crate::report::Report;
use crate::sample::Sample;
use crate::server::{HANDSHAKE, Places};
use crate::visits::Count;
use crate::{Options, picture};

/// Says whether the server kept its size, and everybody was served as they must be.
pub(crate) fn main(options: &Options) -> Result<bool, Box<dyn std::error::Error>> {
    let minutes = options.minutes.clamp(0.5, 60.0 * 24.0 * 30.0);
    let whole = Duration::from_secs_f64(minutes * 60.0);
    let every = options.every.unwrap_or((whole.as_secs_f64() / 240.0).min(10.0)).max(0.1);
    let folder = tempfile::tempdir()?;
    let leak = options.leak.to_string();
    let serve = ["--serve", &folder.path().to_string_lossy(), "--leak", &leak];
    let mut server = Process::start("the server", &serve)?;
    let places: Places = server.hear()?;
    let before = settled(&mut server)?;
    server.ask::<Sample>("begin")?;
    let mut visitors = Process::start("the visitors", &["--visit", &serde_json::to_string(&places)?])?;

    let (start, mut samples, mut progress) = (Instant::now(), Vec::new(), Progress::new(whole));
    for number in 1.. {
        let due = start + Duration::from_secs_f64(every * f64::from(number));
        if due > start + whole {
            break;
        }
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let seconds = start.elapsed().as_secs_f64();
        let sample = Sample { seconds, ..server.ask("sample")? };
        let counts: Vec<Count> = visitors.ask("count")?;
        progress.show(&sample, &counts);
        samples.push(sample);
    }
    let counts: Vec<Count> = visitors.ask("stop")?;
    let after = rest(&mut server, &before, &counts)?;
    progress.end();

    let report = Report::new(samples, before, after, counts);
    if let Some(path) = &options.svg {
        picture::draw(path, &report)?;
    }
    if options.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("{report}");
    }
    Ok(report.complaints.is_empty())
}

/// What the server is once it has begun all that it does: several samples that are alike.
fn settled(server: &mut Process) -> Result<Sample, String> {
    let (mut last, mut alike): (Sample, u32) = (server.ask("rest")?, 0);
    while alike < 5 {
        std::thread::sleep(Duration::from_millis(100));
        let now: Sample = server.ask("rest")?;
        alike = if (now.descriptors, now.tasks) == (last.descriptors, last.tasks) { alike + 1 } else { 0 };
        last = now;
    }
    Ok(last)
}

/// Waits until the server is as it was before, and has received what was pushed; for so long as that may take.
fn rest(server: &mut Process, before: &Sample, counts: &[Count]) -> Result<Sample, String> {
    let pushed: u64 = counts.iter().map(|count| count.pushed).sum();
    let deadline = Instant::now() + REST;
    loop {
        let now: Sample = server.ask("rest")?;
        let is_as_before = now.descriptors <= before.descriptors && now.tasks <= before.tasks;
        if is_as_before && now.pulled == pushed || Instant::now() > deadline {
            return Ok(now);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A bar on a terminal, else a line now and then, on standard error both.
#[derive(Debug)]
struct Progress {
    bar: Option<ProgressBar>,
    whole: Duration,
    /// When the next line is due, in seconds.
    next: f64,
}

impl Progress {
    fn new(whole: Duration) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:30} {elapsed} of {len} s  {msg}");
            ProgressBar::new(whole.as_secs())
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { bar, whole, next: 0.0 }
    }

    fn show(&mut self, sample: &Sample, counts: &[Count]) {
        let sum = |of: fn(&Count) -> u64| counts.iter().map(of).sum::<u64>();
        let text = format!(
            "{} visits, {} failures, {} KiB, {} descriptors, {} threads, {} tasks",
            sum(|count| count.visits),
            sum(|count| count.failures),
            sample.rss_kib,
            sample.descriptors,
            sample.threads,
            sample.tasks
        );
        if let Some(bar) = &self.bar {
            bar.set_position(sample.seconds as u64);
            bar.set_message(text);
        } else if sample.seconds >= self.next {
            eprintln!("{:.0} of {} s: {text}", sample.seconds, self.whole.as_secs());
            self.next = sample.seconds + self.whole.as_secs_f64() / 30.0;
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// The handshake's deadline, lingering, and a machine with other things to do.
const REST: Duration = Duration::from_secs(HANDSHAKE.as_secs() + 30);
