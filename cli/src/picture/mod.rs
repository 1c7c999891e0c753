//! Pictures in files.
//!
//! `paper.rs` is what is drawn on, SVG or PNG, `ticks.rs` says where a time axis has its marks, and `font.rs` writes on
//! pixels, without any font of the system.

mod font;
pub(crate) mod paper;
pub(crate) mod ticks;

use std::fs;
use std::path::{Path, PathBuf};

use crate::exit::{Exit, say};
use paper::Picture;

/// Where a picture is wanted.
#[derive(Debug, Clone)]
pub(crate) struct PictureFile {
    path: PathBuf,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Svg,
    Png,
}

impl PictureFile {
    pub(crate) fn new(path: PathBuf) -> Result<Self, String> {
        match kind(&path) {
            Some(kind) => Ok(Self { path, kind }),
            None => Err("a picture's name ends in .svg or .png".to_owned()),
        }
    }

    fn write(&self, picture: &impl Picture) -> Result<(), String> {
        let drawn = match self.kind {
            Kind::Svg => paper::svg(picture),
            Kind::Png => paper::png(picture),
        };
        let path = self.path.display();
        let octets = drawn.map_err(|error| format!("cannot draw {path}: {error}"))?;
        fs::write(&self.path, octets).map_err(|error| {
            format!("cannot write the picture {path}: {error}; see that its folder is there and has room")
        })
    }
}

/// Draws it in all of these, and says how a verb ends that would end like this.
pub(crate) fn write_all(files: &[PictureFile], picture: &impl Picture, exit: Exit) -> Exit {
    let mut exit = exit;
    for file in files {
        let Err(why) = file.write(picture) else { continue };
        match exit {
            Exit::Done => exit = Exit::Failed(why),
            _ => say(why),
        }
    }
    exit
}

fn kind(path: &Path) -> Option<Kind> {
    match path.extension()?.to_ascii_lowercase().to_str()? {
        "svg" => Some(Kind::Svg),
        "png" => Some(Kind::Png),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_of_a_name_says_what_is_drawn() {
        for (name, expected) in [
            ("a.svg", Some(Kind::Svg)),
            ("b/c.d.PNG", Some(Kind::Png)),
            ("svg", None),
            (".svg", None),
            ("a.svg.gz", None),
            ("a", None),
        ] {
            assert_eq!(kind(Path::new(name)), expected, "{name}");
            assert_eq!(PictureFile::new(name.into()).is_ok(), expected.is_some());
        }
    }
}
