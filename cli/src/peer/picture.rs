//! A picture of a cloud: how busy each cluster was, when.

use std::time::Duration;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::simulate::{Moment, Run, name};
use crate::picture::paper::{Drawn, INK, Picture, SIZE, WRONG, short};
use crate::picture::ticks::{Tick, ticks};

/// A row for each cluster.
#[derive(Debug)]
pub(crate) struct Map {
    caption: String,
    rows: Vec<Row>,
    ticks: Vec<Tick>,
}

#[derive(Debug, Default, PartialEq)]
struct Row {
    name: String,
    blocks: Vec<Block>,
    /// What others had of its requests, from 0 to 1 of the most that any had: from which pixel on.
    spilled: Vec<(u32, f64)>,
}

/// As long as it was as busy.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Block {
    from: u32,
    to: u32,
    /// In so many of [`SHADES`] parts; None while it was not there.
    busy: Option<u32>,
}

impl Map {
    pub(crate) fn new(run: &Run) -> Self {
        let most = most(&run.moments);
        let clusters = run.moments.first().map_or(0, |moment| moment.clusters.len());
        let rows = (0..clusters).map(|cluster| row(&run.moments, cluster, run.time, most)).collect();
        let caption =
            format!("{clusters} clusters over {:.1} s, the most spilled {most}", run.time.as_secs_f64());
        Self { caption, rows, ticks: ticks(run.time, WIDTH) }
    }

    /// Room for the names.
    fn margin(&self) -> u32 {
        let longest = self.rows.iter().map(|row| short(&row.name).chars().count()).max().unwrap_or_default();
        24 + longest as u32 * 8
    }

    fn height(&self) -> u32 {
        (600 / (self.rows.len() as u32).max(1)).clamp(12, 40)
    }
}

fn most(moments: &[Moment]) -> u32 {
    let all = moments.iter().flat_map(|moment| moment.clusters.iter().flatten());
    all.map(|load| load.spilled).max().unwrap_or_default()
}

fn row(moments: &[Moment], cluster: usize, time: Duration, most: u32) -> Row {
    let pixel = |at: Duration| (at.as_secs_f64() / time.as_secs_f64() * f64::from(WIDTH)).round() as u32;
    let mut row = Row { name: name(cluster), ..Row::default() };
    let mut from = 0;
    for moment in moments {
        let to = pixel(moment.at);
        if to <= from {
            continue;
        }
        let load = moment.clusters[cluster];
        let busy = load.map(|load| (load.busy * f64::from(SHADES)).round() as u32);
        match row.blocks.last_mut() {
            Some(last) if last.busy == busy => last.to = to,
            _ => row.blocks.push(Block { from, to, busy }),
        }
        let spilled = f64::from(load.map_or(0, |load| load.spilled)) / f64::from(most.max(1));
        if row.spilled.last().is_none_or(|(_, last)| *last != spilled) {
            row.spilled.push((from, spilled));
        }
        from = to;
    }
    row
}

impl Picture for Map {
    fn size(&self) -> (u32, u32) {
        (self.margin() + WIDTH + RIGHT, TOP + self.rows.len() as u32 * self.height() + BOTTOM)
    }

    fn draw<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        write: impl Fn(&DrawingArea<B, Shift>, &str, (i32, i32), HPos) -> Drawn<()>,
    ) -> Drawn<()>
    where
        B::ErrorType: 'static,
    {
        let (left, height) = (self.margin() as i32, self.height() as i32);
        let floor = TOP as i32 + self.rows.len() as i32 * height;
        area.fill(&WHITE)?;
        write(area, &self.caption, (left, 16), HPos::Left)?;
        write(area, LEGEND, (left, 34), HPos::Left)?;
        for tick in &self.ticks {
            let x = left + tick.at as i32;
            area.draw(&PathElement::new([(x, TOP as i32), (x, floor + 4)], INK.mix(0.15)))?;
            write(area, &tick.label, (x, floor + 14), HPos::Center)?;
        }
        let (mut top, mut named) = (TOP as i32, i32::MIN);
        for row in &self.rows {
            let (bottom, middle) = (top + height - 1, top + height / 2);
            if middle >= named.saturating_add(SIZE as i32) {
                write(area, &short(&row.name), (left - 8, middle), HPos::Right)?;
                named = middle;
            }
            for block in &row.blocks {
                let corners = [(left + block.from as i32, top + 1), (left + block.to as i32, bottom)];
                area.draw(&Rectangle::new(corners, colour(block.busy).filled()))?;
            }
            area.draw(&PathElement::new(line(row, left, (top + 2, bottom - 1)), SPILLED))?;
            top += height;
        }
        area.present()?;
        Ok(())
    }
}

/// Steps between these heights, the lower the less.
fn line(row: &Row, left: i32, (top, bottom): (i32, i32)) -> Vec<(i32, i32)> {
    let mut points: Vec<(i32, i32)> = Vec::new();
    for (from, spilled) in &row.spilled {
        let (x, y) = (left + *from as i32, bottom - (spilled * f64::from(bottom - top)) as i32);
        points.extend(points.last().map(|(_, before)| (x, *before)));
        points.push((x, y));
    }
    let end = left + row.blocks.last().map_or(0, |block| block.to as i32);
    points.extend(points.last().map(|(_, before)| (end, *before)));
    points
}

/// The busier the darker.
fn colour(busy: Option<u32>) -> RGBColor {
    let Some(busy) = busy else { return WRONG };
    let part = f64::from(busy) / f64::from(SHADES);
    let between = |idle: f64, full: f64| (idle + (full - idle) * part).round() as u8;
    RGBColor(between(236.0, 20.0), between(242.0, 80.0), between(248.0, 150.0))
}

/// Of the rows.
const WIDTH: u32 = 1000;
const TOP: u32 = 52;
const RIGHT: u32 = 24;
const BOTTOM: u32 = 30;
/// Colours of load.
const SHADES: u32 = 20;
const SPILLED: RGBColor = RGBColor(240, 130, 0);
const LEGEND: &str = "the darker the busier; orange line: requests that others have; red: not there";

#[cfg(test)]
mod tests {
    use super::super::simulate::Load;
    use super::*;

    #[test]
    fn a_row_has_a_block_for_as_long_as_a_cluster_is_as_busy() {
        let load = |busy, spilled| Some(Load { busy, spilled });
        let all = [load(0.5, 0), load(0.5, 4), None, load(1.0, 2)];
        let moments: Vec<_> = (1..)
            .zip(all)
            .map(|(at, load)| Moment { at: Duration::from_millis(25 * at), clusters: vec![load] })
            .collect();
        assert_eq!(most(&moments), 4);
        let row = row(&moments, 0, Duration::from_millis(100), 4);
        let block = |from, to, busy| Block { from, to, busy };
        let blocks = [block(0, 500, Some(10)), block(500, 750, None), block(750, 1000, Some(20))];
        assert_eq!(row.blocks, blocks);
        assert_eq!(row.spilled, [(0, 0.0), (250, 1.0), (500, 0.0), (750, 0.5)]);
        assert_eq!(row.name, "DC1");
        let drawn = line(&row, 0, (0, 10));
        assert_eq!((drawn[0], *drawn.last().unwrap()), ((0, 10), (1000, 5)));
    }
}
