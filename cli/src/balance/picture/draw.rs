//! Draws a layout.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::layout::{Block, Layout};
use super::record::End;
use crate::picture::paper::{Drawn, INK, Picture, SIZE, WRONG, short};

impl Picture for Layout {
    fn size(&self) -> (u32, u32) {
        (margin(self) + WIDTH + RIGHT, TOP + rows_height(self) + BOTTOM)
    }

    fn draw<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        write: impl Fn(&DrawingArea<B, Shift>, &str, (i32, i32), HPos) -> Drawn<()>,
    ) -> Drawn<()>
    where
        B::ErrorType: 'static,
    {
        let layout = self;
        let (left, lane) = (margin(layout) as i32, lane_height(layout) as i32);
        let height = rows_height(layout) as i32;
        let floor = TOP as i32 + height;
        area.fill(&WHITE)?;
        write(area, &layout.caption, (left, 16), HPos::Left)?;
        write(area, &layout.note, (left, 34), HPos::Left)?;
        write(area, LEGEND, (left + WIDTH as i32, 34), HPos::Right)?;
        for tick in &layout.ticks {
            let x = left + tick.at as i32;
            area.draw(&PathElement::new([(x, TOP as i32), (x, floor + 4)], INK.mix(0.15)))?;
            write(area, &tick.label, (x, floor + 14), HPos::Center)?;
        }
        let (mut y, mut named) = (TOP as i32, i32::MIN);
        for row in &layout.rows {
            let middle = y + lane * row.lanes.len() as i32 / 2;
            // Names that would run into each other are left out.
            if middle >= named.saturating_add(SIZE as i32) {
                write(area, &short(&row.name), (left - 8, middle), HPos::Right)?;
                named = middle;
            }
            for blocks in &row.lanes {
                for block in blocks {
                    draw_block(area, *block, left, (y + 1, y + lane - 1))?;
                }
                y += lane;
            }
            area.draw(&PathElement::new([(left, y), (left + WIDTH as i32, y)], INK.mix(0.15)))?;
        }
        area.present()?;
        Ok(())
    }
}

fn draw_block<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    block: Block,
    left: i32,
    (top, bottom): (i32, i32),
) -> Drawn<()>
where
    B::ErrorType: 'static,
{
    let Block { from, to, hue, end } = block;
    let (from, to) = (left + from as i32, left + to as i32);
    // A gap to the next one, where there is room for it.
    let to = if to - from > 3 { to - 1 } else { to };
    let box_of = |from, color: RGBColor| Rectangle::new([(from, top), (to, bottom)], color.filled());
    let (red, green, blue) = HSLColor(hue, 0.55, 0.62).rgb();
    area.draw(&box_of(from, RGBColor(red, green, blue)))?;
    let mark = match end {
        End::Done => return Ok(()),
        End::Failed => WRONG,
        End::Open => INK,
    };
    area.draw(&box_of(from.max(to - 4), mark))?;
    area.draw(&Rectangle::new([(from, top), (to, bottom)], mark.stroke_width(1)))?;
    Ok(())
}

/// Room for the names.
fn margin(layout: &Layout) -> u32 {
    let longest = layout.rows.iter().map(|row| short(&row.name).chars().count()).max().unwrap_or_default();
    24 + longest as u32 * 8
}

fn lanes(layout: &Layout) -> u32 {
    layout.rows.iter().map(|row| row.lanes.len() as u32).sum()
}

fn lane_height(layout: &Layout) -> u32 {
    (600 / lanes(layout).max(1)).clamp(6, 24)
}

fn rows_height(layout: &Layout) -> u32 {
    lanes(layout) * lane_height(layout)
}

/// Of the rows.
pub(super) const WIDTH: u32 = 1000;
const TOP: u32 = 52;
const RIGHT: u32 = 24;
const BOTTOM: u32 = 30;
const LEGEND: &str = "one colour, one job; red: failed or lost; dark: given back or not over";
