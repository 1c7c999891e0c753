//! A folder as a list of what is in it: relative path to content. Two folders with equal trees are equal
//! copies.
//!
//! Files count by the BLAKE3 of their content, links by their target (they are never followed), folders by
//! being there. Devices, sockets and named pipes have no content to copy; they are left out and counted.
//! Permissions and times are copied, but are not part of the comparison.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use walkdir::WalkDir;

use super::Fault;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    pub(crate) leaves: BTreeMap<PathBuf, Leaf>,
    /// Things that cannot be copied.
    pub(crate) skipped: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Leaf {
    Folder,
    File { bytes: u64, hash: blake3::Hash },
    Link { target: PathBuf },
}

impl Tree {
    /// Reads every octet below `root`.
    pub(crate) fn read(root: &Path) -> Result<Self, Fault> {
        Self::walk(root, |entry, leaf| match leaf {
            Kind::File => {
                let mut file = File::open(entry).map_err(Fault::at(entry))?;
                let (bytes, hash) = hash(&mut file, |_| Ok(())).map_err(Fault::at(entry))?;
                Ok(Leaf::File { bytes, hash })
            }
            Kind::Folder => Ok(Leaf::Folder),
            Kind::Link => Ok(Leaf::Link { target: std::fs::read_link(entry).map_err(Fault::at(entry))? }),
        })
    }

    /// Asks `visit` for every folder, file and link below `root`, parents first, in the order of their names.
    pub(super) fn walk(
        root: &Path,
        mut visit: impl FnMut(&Path, Kind) -> Result<Leaf, Fault>,
    ) -> Result<Self, Fault> {
        let mut tree = Self::default();
        for entry in WalkDir::new(root).min_depth(1).sort_by_file_name() {
            let entry = entry.map_err(|error| {
                let path = error.path().unwrap_or(root).to_owned();
                Fault::at(&path)(error.into())
            })?;
            let kind = match entry.file_type() {
                kind if kind.is_dir() => Kind::Folder,
                kind if kind.is_file() => Kind::File,
                kind if kind.is_symlink() => Kind::Link,
                _ => {
                    tree.skipped += 1;
                    continue;
                }
            };
            let leaf = visit(entry.path(), kind)?;
            let path = entry.path().strip_prefix(root).expect("walkdir stays below its root");
            tree.leaves.insert(path.to_owned(), leaf);
        }
        Ok(tree)
    }

    /// Files and links.
    pub(crate) fn files(&self) -> u64 {
        self.leaves.values().filter(|leaf| !matches!(leaf, Leaf::Folder)).count() as u64
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.leaves.values().map(Leaf::bytes).sum()
    }

    /// One hash for the whole tree, in hexadecimal.
    pub(crate) fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (path, leaf) in &self.leaves {
            for part in [path_text(path), leaf.to_string()] {
                hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
            }
        }
        hasher.finalize().to_hex().to_string()
    }

    /// The first path that is not the same in both.
    pub(crate) fn first_difference<'a>(&'a self, other: &'a Self) -> Option<&'a Path> {
        let differs = |a: &Self, b: &'a Self| {
            b.leaves
                .iter()
                .find(|(path, leaf)| a.leaves.get(*path) != Some(leaf))
                .map(|(path, _)| path.as_path())
        };
        differs(self, other).or_else(|| {
            self.leaves.keys().find(|path| !other.leaves.contains_key(*path)).map(PathBuf::as_path)
        })
    }
}

impl Leaf {
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Self::File { bytes, .. } => *bytes,
            Self::Folder | Self::Link { .. } => 0,
        }
    }
}

impl std::fmt::Display for Leaf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder => f.write_str("folder"),
            Self::File { hash, .. } => f.write_str(&hash.to_hex()),
            Self::Link { target } => write!(f, "link to {}", path_text(target)),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    File,
    Link,
}

/// Hashes what is left of `from`, and shows every chunk to `with`.
pub(super) fn hash(
    from: &mut impl Read,
    mut with: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<(u64, blake3::Hash)> {
    let (mut hasher, mut bytes, mut buffer) = (blake3::Hasher::new(), 0, vec![0; CHUNK]);
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok((bytes, hasher.finalize())),
            Ok(count) => {
                with(&buffer[..count])?;
                hasher.update(&buffer[..count]);
                bytes += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A path as text, different for different paths even where their bytes are not UTF-8.
pub(super) fn path_text(path: &Path) -> String {
    match path.to_str() {
        Some(text) => text.replace('\\', r"\\"),
        None => path.as_os_str().as_encoded_bytes().escape_ascii().to_string(),
    }
}

const CHUNK: usize = 128 * 1024;

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt};

    use super::*;

    #[test]
    fn a_digest_changes_with_every_name_content_and_link() {
        let dir = tempfile::tempdir().unwrap();
        let digest = || Tree::read(dir.path()).unwrap().digest();
        let mut seen = vec![digest()];
        let mut changed = || {
            seen.push(digest());
            let last = seen.len() - 1;
            assert!(!seen[..last].contains(&seen[last]), "{last}");
        };

        fs::create_dir(dir.path().join("a")).unwrap();
        changed();
        fs::write(dir.path().join("a/b"), "1").unwrap();
        changed();
        fs::write(dir.path().join("a/b"), "2").unwrap();
        changed();
        fs::rename(dir.path().join("a/b"), dir.path().join("ab")).unwrap();
        changed();
        std::os::unix::fs::symlink("nowhere", dir.path().join("link")).unwrap();
        changed();
    }

    #[test]
    fn paths_that_are_not_utf8_stay_apart() {
        let path = |bytes: &'static [u8]| path_text(Path::new(OsStr::from_bytes(bytes)));
        assert_eq!(path("é".as_bytes()), "é");
        assert_eq!(path(b"\xff"), r"\xff");
        assert_eq!(path(br"\xff"), r"\\xff");
    }

    #[test]
    fn the_first_difference_is_found_on_either_side() {
        let tree = |names: &[&str]| Tree {
            leaves: names.iter().map(|name| (name.into(), Leaf::Folder)).collect(),
            skipped: 0,
        };
        let (small, large) = (tree(&["a"]), tree(&["a", "b"]));
        assert_eq!(small.first_difference(&large), Some(Path::new("b")));
        assert_eq!(large.first_difference(&small), Some(Path::new("b")));
        assert_eq!(small.first_difference(&small), None);
    }
}
