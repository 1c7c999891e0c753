//! What is printed.

use std::fmt::Write;

use crate::run::Cell;

/// One cell as a Markdown table: medians, and the ratios to libzmq of each round.
pub(crate) fn of(cell: &Cell) -> String {
    let figures = cell.workload.measure.figures();
    let mut text = format!("### {}\n\n| |", cell.workload);
    figures.iter().for_each(|(_, title)| write!(text, " {title} |").expect("memory"));
    text.push_str(" to libzmq (spread) |\n|---|");
    text.push_str(&"---:|".repeat(figures.len() + 1));
    for name in &cell.names {
        let Some(runs) = cell.runs.get(name) else {
            let failure = cell.failures.get(name).map_or("no run", String::as_str);
            write!(text, "\n| {name} | failed: {failure} |").expect("memory");
            continue;
        };
        write!(text, "\n| {name} |").expect("memory");
        for (figure, _) in figures {
            let values = runs.iter().flatten().filter_map(|run| run.get(*figure).copied()).collect();
            write!(text, " {} |", median(values).map_or_else(|| "-".into(), short)).expect("memory");
        }
        let main = figures[0].0;
        let ratios: Vec<f64> = cell
            .runs
            .get("libzmq")
            .into_iter()
            .flatten()
            .zip(runs)
            .filter_map(|(theirs, ours)| Some(ours.as_ref()?.get(main)? / theirs.as_ref()?.get(main)?))
            .collect();
        let spread =
            ratios.iter().fold((f64::MAX, 0.0_f64), |(low, high), ratio| (low.min(*ratio), high.max(*ratio)));
        match median(ratios) {
            Some(ratio) => {
                write!(text, " **{ratio:.2}** ({:.2}-{:.2}) |", spread.0, spread.1).expect("memory")
            }
            None => text.push_str(" - |"),
        }
        let failed = runs.iter().filter(|run| run.is_none()).count();
        if failed > 0 {
            let why = cell.failures.get(name).map_or("", String::as_str);
            write!(text, " {failed} of {} rounds failed: {why} |", runs.len()).expect("memory");
        }
    }
    text
}

/// Processor, cores and system, in a line.
pub(crate) fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model =
        cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("\t: unknown processor");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    let (major, minor, patch) = zmtp_libzmq::version();
    format!(
        "{}, {cores} cores, Linux {}, libzmq {major}.{minor}.{patch} at -O{}",
        model.trim_start_matches(['\t', ':', ' ']),
        kernel.trim(),
        zmtp_libzmq::OPT_LEVEL
    )
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn short(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{:.2} M", v / 1e6),
        v if v >= 1e4 => format!("{:.0} k", v / 1e3),
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}
