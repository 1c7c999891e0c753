//! Writing on pixels. Only Latin letters are there; any other is a box.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, Glyph, InvalidFont, PxScale, ScaleFont, point};

/// A line of text, and the coverage of each of its pixels.
#[derive(Debug)]
pub(super) struct Writing {
    glyphs: Vec<Glyph>,
    pub(super) width: f32,
}

impl Writing {
    /// `text` with its left end at the origin, and the middle of its letters.
    pub(super) fn new(text: &str, size: f32) -> Result<Self, InvalidFont> {
        let font = font()?.as_scaled(PxScale::from(size));
        let (mut glyphs, mut x) = (Vec::new(), 0.0);
        for letter in text.chars() {
            let mut glyph = font.scaled_glyph(letter);
            glyph.position = point(x, size * MIDDLE);
            x += font.h_advance(glyph.id);
            glyphs.push(glyph);
        }
        Ok(Self { glyphs, width: x })
    }

    /// Hands over each pixel that has some of it.
    pub(super) fn pixels(self, mut put: impl FnMut(i32, i32, f64)) -> Result<(), InvalidFont> {
        let font = font()?;
        for glyph in self.glyphs {
            let Some(outline) = font.outline_glyph(glyph) else { continue };
            let corner = outline.px_bounds().min;
            outline.draw(|x, y, coverage| {
                put(corner.x as i32 + x as i32, corner.y as i32 + y as i32, coverage.into());
            });
        }
        Ok(())
    }
}

fn font() -> Result<&'static FontRef<'static>, InvalidFont> {
    static FONT: LazyLock<Result<FontRef<'static>, InvalidFont>> =
        LazyLock::new(|| FontRef::try_from_slice(include_bytes!("DejaVuSans.ttf")));
    FONT.as_ref().map_err(|_| InvalidFont)
}

/// How far the foot of a letter is below its middle, in parts of its size.
const MIDDLE: f32 = 0.31;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_a_width_and_pixels_around_its_middle() {
        let (one, two) = (Writing::new("m", 16.0).unwrap(), Writing::new("mü", 16.0).unwrap());
        assert!(one.width > 5.0 && two.width > one.width);
        let (mut above, mut below) = (0, 0);
        two.pixels(|_, y, coverage| {
            if coverage > 0.5 {
                *(if y < 0 { &mut above } else { &mut below }) += 1;
            }
        })
        .unwrap();
        assert!(above > 5 && below > 5, "{above} {below}");
        // A letter that is not there is a box.
        let mut pixels = 0;
        Writing::new("\u{4e2d}", 16.0).unwrap().pixels(|_, _, _| pixels += 1).unwrap();
        assert!(pixels > 0);
    }
}
