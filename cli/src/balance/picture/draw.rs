//! Draws a layout, as SVG or as PNG.

use std::error::Error;

use plotters::backend::{BitMapBackend, SVGBackend};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::font::Writing;
use super::layout::{Block, Layout};
use super::record::End;

type Drawn<T> = Result<T, Box<dyn Error>>;

pub(super) fn svg(layout: &Layout) -> Drawn<Vec<u8>> {
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, size(layout)).into_drawing_area();
    draw(&area, layout, |area, words, at, side| {
        // The reader's own font: nobody knows its width, so text hangs where it is to be.
        let style = TextStyle::from(("sans-serif", SIZE * 1.24).into_font()).color(&INK);
        Ok(area.draw_text(words, &style.pos(Pos::new(side, VPos::Center)), at)?)
    })?;
    drop(area);
    Ok(text.into_bytes())
}

pub(super) fn png(layout: &Layout) -> Drawn<Vec<u8>> {
    let (width, height) = size(layout);
    let mut pixels = vec![0; 3 * width as usize * height as usize];
    let area = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
    draw(&area, layout, |area, words, (x, y), side| {
        let writing = Writing::new(words, SIZE as f32 * 1.17)?;
        let left = match side {
            HPos::Left => x,
            HPos::Center => x - (writing.width / 2.0) as i32,
            HPos::Right => x - writing.width as i32,
        };
        let (mut put, inside) =
            (Ok(()), |x, y| (0..width as i32).contains(&x) && (0..height as i32).contains(&y));
        writing.pixels(|dx, dy, coverage| {
            let at = (left + dx, y + dy);
            if put.is_ok() && inside(at.0, at.1) {
                put = area.draw_pixel(at, &INK.mix(coverage));
            }
        })?;
        Ok(put?)
    })?;
    drop(area);
    let mut octets = Vec::new();
    let mut encoder = png::Encoder::new(&mut octets, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(octets)
}

/// The same for both, but for how words are written: beside, around or before a point, in the middle of its height.
fn draw<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    layout: &Layout,
    write: impl Fn(&DrawingArea<B, Shift>, &str, (i32, i32), HPos) -> Drawn<()>,
) -> Drawn<()>
where
    B::ErrorType: 'static,
{
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

fn size(layout: &Layout) -> (u32, u32) {
    (margin(layout) + WIDTH + RIGHT, TOP + rows_height(layout) + BOTTOM)
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

/// A name that has room.
fn short(name: &str) -> String {
    if name.chars().count() <= LONGEST_NAME {
        return name.to_owned();
    }
    name.chars().take(LONGEST_NAME - 1).chain(['…']).collect()
}

/// Of the rows.
pub(super) const WIDTH: u32 = 1000;
const TOP: u32 = 52;
const RIGHT: u32 = 24;
const BOTTOM: u32 = 30;
/// Of the letters.
const SIZE: f64 = 13.0;
const LONGEST_NAME: usize = 20;
const INK: RGBColor = RGBColor(40, 44, 52);
const WRONG: RGBColor = RGBColor(200, 0, 0);
const LEGEND: &str = "one colour, one job; red: failed or lost; dark: given back or not over";
