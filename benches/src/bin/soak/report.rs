//! What is told at the end, and what is held against the server.

use std::fmt::{self, Write};

use serde::Serialize;

use crate::sample::{FIGURES, Sample};
use crate::slope::Slope;
use crate::visits::Count;

/// All that was seen.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// A sentence for each reason to fail.
    pub(crate) complaints: Vec<String>,
    pub(crate) figures: Vec<Judged>,
    pub(crate) visitors: Vec<Count>,
    /// When nobody had come yet.
    pub(crate) before: Sample,
    /// When all had gone.
    pub(crate) after: Sample,
    pub(crate) samples: Vec<Sample>,
}

/// One figure of the samples.
#[derive(Debug, Serialize)]
pub(crate) struct Judged {
    pub(crate) name: &'static str,
    pub(crate) least: f64,
    pub(crate) most: f64,
    /// `None` if there were too few samples.
    pub(crate) slope: Option<Slope>,
    pub(crate) tolerated: f64,
}

impl Report {
    pub(crate) fn new(samples: Vec<Sample>, before: Sample, after: Sample, visitors: Vec<Count>) -> Self {
        let figures = FIGURES.iter().map(|figure| {
            let points: Vec<_> = samples.iter().map(|sample| (sample.seconds, (figure.of)(sample))).collect();
            Judged {
                name: figure.name,
                least: points.iter().fold(f64::MAX, |least, point| least.min(point.1)),
                most: points.iter().fold(0.0, |most, point| most.max(point.1)),
                slope: Slope::of(&points),
                tolerated: figure.tolerated,
            }
        });
        let figures: Vec<_> = figures.collect();
        let complaints = complaints(&figures, &before, &after, &visitors);
        Self { complaints, figures, visitors, before, after, samples }
    }
}

fn complaints(figures: &[Judged], before: &Sample, after: &Sample, visitors: &[Count]) -> Vec<String> {
    let mut said = Vec::new();
    for Judged { name, slope, tolerated, .. } in figures {
        match slope {
            None => said.push(format!("{name}: too few samples to judge; run longer, or sample more often")),
            Some(slope) if slope.is_growth(*tolerated) => said.push(format!(
                "{name}: the server grows, by {:.0} in the judged time ({:.0} +- {:.0} an hour; {tolerated} are tolerated)",
                slope.growth, slope.per_hour, slope.plus_minus
            )),
            Some(_) => {}
        }
    }
    for (name, before, after) in
        [("descriptors", before.descriptors, after.descriptors), ("tasks", before.tasks, after.tasks)]
    {
        if after > before {
            said.push(format!(
                "{name}: {after} are left when everybody has gone; before there were {before}"
            ));
        }
    }
    for Count { kind, visits, failures, first_failure, .. } in visitors {
        if *visits == 0 {
            said.push(format!("{kind}: never came"));
        } else if let Some(first) = first_failure {
            said.push(format!("{kind}: {failures} of {visits} visits failed, the first one: {first}"));
        }
    }
    let pushed: u64 = visitors.iter().map(|count| count.pushed).sum();
    if pushed != after.pulled {
        said.push(format!("{pushed} messages were pushed, and {} received", after.pulled));
    }
    said
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("| visitor | visits | failures |\n|---|---:|---:|\n")?;
        for Count { kind, visits, failures, .. } in &self.visitors {
            writeln!(f, "| {kind} | {visits} | {failures} |")?;
        }
        f.write_str("\n| server | least | most | an hour (95 %) | growth | tolerated |\n|---|---:|---:|---:|---:|---:|\n")?;
        for Judged { name, least, most, slope, tolerated } in &self.figures {
            let (mut an_hour, mut growth) = ("-".to_owned(), "-".to_owned());
            if let Some(slope) = slope {
                (an_hour, growth) = (String::new(), String::new());
                write!(an_hour, "{:+.1} +- {:.1}", slope.per_hour, slope.plus_minus)?;
                write!(growth, "{:+.1}", slope.growth)?;
            }
            writeln!(f, "| {name} | {least} | {most} | {an_hour} | {growth} | {tolerated} |")?;
        }
        let (before, after) = (&self.before, &self.after);
        writeln!(
            f,
            "\nBefore anybody came: {} KiB, {} descriptors, {} tasks. When all had gone: {} KiB, {} descriptors, {} tasks.",
            before.rss_kib, before.descriptors, before.tasks, after.rss_kib, after.descriptors, after.tasks
        )?;
        writeln!(f, "{} messages were pushed to the server's PULL, and received.", after.pulled)?;
        match &*self.complaints {
            [] => f.write_str("The server keeps its size, and every visit went as it must."),
            said => said.iter().try_for_each(|sentence| writeln!(f, "FAILED {sentence}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(number: u32, tasks: usize) -> Sample {
        let seconds = f64::from(number);
        Sample { seconds, rss_kib: 9000, descriptors: 20, threads: 3, tasks, pulled: 0 }
    }

    fn visitor(visits: u64, failure: Option<&str>) -> Count {
        let first_failure = failure.map(str::to_owned);
        Count {
            kind: "somebody".into(),
            visits,
            failures: failure.iter().len() as u64,
            first_failure,
            pushed: 0,
        }
    }

    #[test]
    fn a_server_that_keeps_its_size_and_serves_everybody_is_not_complained_of() {
        let samples = (0..240).map(|number| sample(number, 20 + number as usize % 7)).collect();
        let report = Report::new(samples, sample(0, 12), sample(0, 12), vec![visitor(9, None)]);
        assert!(report.complaints.is_empty(), "{:?}", report.complaints);
    }

    #[test]
    fn a_task_left_behind_now_and_then_a_failed_visit_and_a_missing_visitor_are_complained_of() {
        let samples = (0..240).map(|number| sample(number, 20 + number as usize / 10)).collect();
        let visitors = vec![visitor(9, Some("no answer")), visitor(0, None)];
        let report = Report::new(samples, sample(0, 12), sample(0, 36), visitors);
        let said = report.complaints.join("\n");
        assert_eq!(report.complaints.len(), 4, "{said}");
        for part in
            ["tasks: the server grows", "tasks: 36 are left", "the first one: no answer", "never came"]
        {
            assert!(said.contains(part), "{said}");
        }
    }

    #[test]
    fn a_missing_message_is_complained_of() {
        let samples = (0..240).map(|number| sample(number, 20)).collect();
        let pushing = Count { pushed: 20, ..visitor(1, None) };
        let report =
            Report::new(samples, sample(0, 12), Sample { pulled: 19, ..sample(0, 12) }, vec![pushing]);
        assert_eq!(report.complaints, ["20 messages were pushed, and 19 received"]);
    }
}
