//! The second stage: what has been backed up goes to the archive, whole on Sundays, otherwise as what has
//! changed since the last whole one.
//!
//! An archive is a tar file and a manifest, `NAME/DATE-KIND.tar` and `.json`. The manifest lists every file
//! with its BLAKE3, changed or not, and for an incremental archive what is gone since. It is written last,
//! under another name and renamed: an archive with a manifest is whole.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, BufWriter},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use time::{Date, Weekday};

use super::{
    Fault,
    tree::{Leaf, Tree, path_text},
};

/// What has been archived, and where.
#[derive(Debug)]
pub(crate) struct Archived {
    pub(crate) kind: Kind,
    /// In the tar file.
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) tar: PathBuf,
}

/// Archives `folder`, whose content is `tree`, into the folder `into`.
pub(crate) fn archive(folder: &Path, tree: &Tree, into: &Path, today: Date) -> Result<Archived, Fault> {
    fs::create_dir_all(into).map_err(Fault::at(into))?;
    let base = last_full(into, today)?;
    let kind = Kind::of(today, base.is_some());
    let (base, known) = match (kind, base) {
        (Kind::Incremental, Some((name, manifest))) => (Some(name), manifest.files),
        _ => (None, BTreeMap::new()),
    };

    let files: BTreeMap<_, _> =
        tree.leaves.iter().map(|(path, leaf)| (path_text(path), leaf.to_string())).collect();
    let changed: Vec<_> = tree
        .leaves
        .iter()
        .filter(|(path, leaf)| known.get(&path_text(path)).is_none_or(|old| *old != leaf.to_string()))
        .collect();
    let gone = known.into_keys().filter(|path| !files.contains_key(path)).collect();

    let stem = format!("{today}-{kind}");
    let tar = into.join(&stem).with_extension("tar");
    write(&tar, |file| pack(folder, &changed, file))?;
    let manifest = Manifest { kind: kind.to_string(), date: today.to_string(), base, files, gone };
    write(&into.join(&stem).with_extension("json"), |file| {
        serde_json::to_writer_pretty(file, &manifest).map_err(io::Error::from)
    })?;

    let files = changed.iter().filter(|(_, leaf)| **leaf != Leaf::Folder).count() as u64;
    let bytes = changed.iter().map(|(_, leaf)| leaf.bytes()).sum();
    Ok(Archived { kind, files, bytes, tar })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Full,
    Incremental,
}

impl Kind {
    /// Full on Sundays, and when there is nothing yet that an incremental archive could build upon.
    fn of(day: Date, has_full: bool) -> Self {
        if day.weekday() == Weekday::Sunday || !has_full { Self::Full } else { Self::Incremental }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Incremental => "incremental",
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    kind: String,
    date: String,
    /// The full archive this one builds upon.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    base: Option<String>,
    files: BTreeMap<String, String>,
    gone: BTreeSet<String>,
}

/// The last full archive up to `today`. Dates sort as text.
fn last_full(into: &Path, today: Date) -> Result<Option<(String, Manifest)>, Fault> {
    let newest = format!("{today}-full");
    let names = fs::read_dir(into).map_err(Fault::at(into))?.flatten().map(|entry| entry.file_name());
    let full = names
        .filter_map(|name| Some(name.to_str()?.strip_suffix(".json")?.to_owned()))
        .filter(|stem| stem.ends_with("-full") && *stem <= newest)
        .max();
    let Some(stem) = full else { return Ok(None) };
    let path = into.join(&stem).with_extension("json");
    let text = fs::read(&path).map_err(Fault::at(&path))?;
    let manifest = serde_json::from_slice(&text).map_err(|error| Fault::at(&path)(error.into()))?;
    Ok(Some((stem, manifest)))
}

fn pack(folder: &Path, changed: &[(&PathBuf, &Leaf)], file: &mut BufWriter<File>) -> io::Result<()> {
    let mut tar = tar::Builder::new(file);
    tar.follow_symlinks(false);
    for (path, _) in changed {
        tar.append_path_with_name(folder.join(path), path)?;
    }
    tar.finish()
}

/// Writes a file under another name and renames it once it is whole.
fn write(to: &Path, content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<(), Fault> {
    let partial = to.with_added_extension("partial");
    let mut file = BufWriter::new(File::create(&partial).map_err(Fault::at(&partial))?);
    content(&mut file)
        .and_then(|()| file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all())
        .and_then(|()| fs::rename(&partial, to))
        .map_err(Fault::at(to))
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    #[test]
    fn b03_full_on_sundays_and_incremental_on_the_other_days_of_a_fortnight() {
        let first = date!(2026 - 11 - 22);
        assert_eq!(first.weekday(), Weekday::Sunday);
        let fortnight: String = std::iter::successors(Some(first), |day| day.next_day())
            .take(14)
            .map(|day| if Kind::of(day, true) == Kind::Full { 'F' } else { 'i' })
            .collect();
        assert_eq!(fortnight, "FiiiiiiFiiiiii");
        assert_eq!(Kind::of(date!(2026 - 11 - 24), false), Kind::Full);
    }

    #[test]
    fn an_incremental_archive_has_what_changed_since_the_last_full_one() {
        let (source, into) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let write = |name: &str, text: &str| fs::write(source.path().join(name), text).unwrap();
        let archived = |day| {
            let tree = Tree::read(source.path()).unwrap();
            archive(source.path(), &tree, into.path(), day).unwrap()
        };
        let inside = |archived: &Archived| {
            let mut tar = tar::Archive::new(File::open(&archived.tar).unwrap());
            let names =
                tar.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string());
            names.collect::<Vec<_>>()
        };
        write("same", "1");
        write("changes", "1");
        write("goes", "1");
        std::os::unix::fs::symlink("/nowhere", source.path().join("link")).unwrap();

        let sunday = archived(date!(2026 - 11 - 22));
        assert_eq!((sunday.kind, sunday.files, sunday.bytes), (Kind::Full, 4, 3));
        assert_eq!(inside(&sunday), ["changes", "goes", "link", "same"]);

        write("changes", "22");
        write("new", "333");
        fs::remove_file(source.path().join("goes")).unwrap();
        let monday = archived(date!(2026 - 11 - 23));
        assert_eq!((monday.kind, monday.files, monday.bytes), (Kind::Incremental, 2, 5));
        assert_eq!(inside(&monday), ["changes", "new"]);
        let manifest = fs::read(into.path().join("2026-11-23-incremental.json")).unwrap();
        let manifest: Manifest = serde_json::from_slice(&manifest).unwrap();
        assert_eq!(manifest.base.as_deref(), Some("2026-11-22-full"));
        assert_eq!(manifest.gone, BTreeSet::from(["goes".to_owned()]));
        assert_eq!(manifest.files.len(), 4);

        // Tuesday is measured against Sunday as well, not against Monday.
        let tuesday = archived(date!(2026 - 11 - 24));
        assert_eq!(inside(&tuesday), ["changes", "new"]);
        assert_eq!(archived(date!(2026 - 11 - 29)).kind, Kind::Full);
    }
}
