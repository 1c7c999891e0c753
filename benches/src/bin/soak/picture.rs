//! The samples as a picture: a row for each figure, with the line that was judged.

use std::path::Path;

use plotters::prelude::*;

use crate::report::Report;
use crate::sample::FIGURES;

/// Writes an SVG.
pub(crate) fn draw(path: &Path, report: &Report) -> Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::new(path, (860, 180 * FIGURES.len() as u32)).into_drawing_area();
    area.fill(&WHITE)?;
    let minutes = report.samples.last().map_or(1.0, |sample| sample.seconds / 60.0);
    for ((row, figure), judged) in
        area.split_evenly((FIGURES.len(), 1)).iter().zip(FIGURES).zip(&report.figures)
    {
        let points = report.samples.iter().map(|sample| (sample.seconds / 60.0, (figure.of)(sample)));
        let mut chart = ChartBuilder::on(row)
            .margin(8)
            .caption(figure.name, ("sans-serif", 15))
            .x_label_area_size(28)
            .y_label_area_size(64)
            .build_cartesian_2d(0.0..minutes, 0.0..(judged.most * 1.1).max(1.0))?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .y_labels(5)
            .x_desc("minutes")
            .label_style(("sans-serif", 12))
            .draw()?;
        chart.draw_series(LineSeries::new(points, &Palette99::pick(0)))?;
        if let Some(slope) = &judged.slope {
            let line = [slope.from, slope.to].map(|(seconds, value)| (seconds / 60.0, value));
            chart.draw_series(LineSeries::new(line, BLACK.stroke_width(2)))?;
        }
    }
    area.present()?;
    Ok(())
}
