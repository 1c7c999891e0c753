//! `plot`: a picture of throughput over message size, from what `compare --json` wrote.
//!
//! ```text
//! cargo run --release -p zmtp-benches --bin plot -- runs.json benches/throughput.svg
//! ```

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Parser;
use plotters::prelude::*;
use serde::Deserialize;

/// Draws PUSH to PULL over TCP: messages a second over octets of a message, both logarithmic.
#[derive(Debug, Parser)]
struct Options {
    /// What `compare --json` wrote.
    runs: PathBuf,
    /// The SVG to write.
    picture: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Cell {
    workload: Workload,
    runs: BTreeMap<String, Vec<Option<BTreeMap<String, f64>>>>,
}

#[derive(Debug, Deserialize)]
struct Workload {
    name: String,
    size: usize,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::parse();
    let text = std::fs::read_to_string(&options.runs)
        .map_err(|error| format!("{}: {error}; `compare --json` writes it", options.runs.display()))?;
    let mut lines: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    for line in text.lines() {
        let cell: Cell = serde_json::from_str(line)?;
        if cell.workload.name != "pushpull" {
            continue;
        }
        for (name, runs) in cell.runs {
            let mut rates: Vec<f64> =
                runs.iter().flatten().filter_map(|run| run.get("msgs_s").copied()).collect();
            rates.sort_by(f64::total_cmp);
            if let Some(rate) = rates.get(rates.len() / 2) {
                lines.entry(name).or_default().push((cell.workload.size as f64, *rate));
            }
        }
    }
    if lines.is_empty() {
        return Err(format!("{} has no runs of pushpull", options.runs.display()).into());
    }
    draw(&options.picture, &lines)
}

fn draw(
    picture: &std::path::Path,
    lines: &BTreeMap<String, Vec<(f64, f64)>>,
) -> Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::new(picture, (860, 480)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .margin(12)
        .caption("PUSH to PULL over TCP loopback, two processes", ("sans-serif", 18))
        .x_label_area_size(42)
        .y_label_area_size(64)
        .build_cartesian_2d((12.0..1_500_000.0).log_scale(), (1000.0..60_000_000.0).log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc("octets of a message")
        .y_desc("messages a second")
        .x_label_formatter(&|size| short(*size))
        .y_label_formatter(&|rate| short(*rate))
        .label_style(("sans-serif", 13))
        .draw()?;
    for (number, (name, points)) in lines.iter().enumerate() {
        let is_ours = name.starts_with("zmtp");
        let color = Palette99::pick(number).to_rgba();
        let style = color.stroke_width(if is_ours { 3 } else { 1 });
        chart
            .draw_series(LineSeries::new(points.clone(), style).point_size(if is_ours { 4 } else { 3 }))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerLeft)
        .background_style(WHITE.mix(0.9))
        .border_style(BLACK.mix(0.3))
        .label_font(("sans-serif", 13))
        .draw()?;
    area.present()?;
    Ok(())
}

fn short(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{} M", v / 1e6),
        v if v >= 1e3 => format!("{} k", v / 1e3),
        v => format!("{v}"),
    }
}
