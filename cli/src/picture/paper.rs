//! What pictures are drawn on: SVG or PNG.

use std::error::Error;

use plotters::backend::{BitMapBackend, SVGBackend};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::font::Writing;

pub(crate) type Drawn<T> = Result<T, Box<dyn Error>>;

/// What can be drawn.
pub(crate) trait Picture {
    /// Its width and height in pixels.
    fn size(&self) -> (u32, u32);

    /// Draws it, the same on both, but for how words are written: beside, around or before a point, in the middle of its
    /// height.
    fn draw<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        write: impl Fn(&DrawingArea<B, Shift>, &str, (i32, i32), HPos) -> Drawn<()>,
    ) -> Drawn<()>
    where
        B::ErrorType: 'static;
}

pub(super) fn svg(picture: &impl Picture) -> Drawn<Vec<u8>> {
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, picture.size()).into_drawing_area();
    picture.draw(&area, |area, words, at, side| {
        // The reader's own font: nobody knows its width, so text hangs where it is to be.
        let style = TextStyle::from(("sans-serif", SIZE * 1.24).into_font()).color(&INK);
        Ok(area.draw_text(words, &style.pos(Pos::new(side, VPos::Center)), at)?)
    })?;
    drop(area);
    Ok(text.into_bytes())
}

pub(super) fn png(picture: &impl Picture) -> Drawn<Vec<u8>> {
    let (width, height) = picture.size();
    let mut pixels = vec![0; 3 * width as usize * height as usize];
    let area = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
    picture.draw(&area, |area, words, (x, y), side| {
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

/// A name that has room.
pub(crate) fn short(name: &str) -> String {
    if name.chars().count() <= LONGEST_NAME {
        return name.to_owned();
    }
    name.chars().take(LONGEST_NAME - 1).chain(['…']).collect()
}

/// Of the letters.
pub(crate) const SIZE: f64 = 13.0;
const LONGEST_NAME: usize = 20;
pub(crate) const INK: RGBColor = RGBColor(40, 44, 52);
pub(crate) const WRONG: RGBColor = RGBColor(200, 0, 0);
