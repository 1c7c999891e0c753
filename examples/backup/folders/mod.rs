//! Everything that touches the disk: what is to be saved ([`Plan`]), the copy, the destination, the archive.

mod archive;
mod copy;
mod store;
mod tree;

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

pub(crate) use self::{
    archive::{Archived, archive},
    copy::copy,
    store::Store,
    tree::Tree,
};

/// A folder to be saved, and the name of its backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) source: String,
    pub(crate) name: String,
}

impl Plan {
    /// Checks every folder, so that a typing mistake is found before anything is started, and names the
    /// backups: after the folder or, where two have the same name, with a piece of the hash of their paths,
    /// so that they do not overwrite each other today, nor tomorrow in another order.
    pub(crate) fn all(folders: &[PathBuf], destinations: &[&Path]) -> Result<Vec<Self>, Fault> {
        let mut sources: Vec<String> = Vec::new();
        for folder in folders {
            let source = real(folder, destinations)?;
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
        let base = |source: &String| match Path::new(source).file_name() {
            Some(name) => name.to_string_lossy().into_owned(),
            None => "root".to_owned(),
        };
        let bases: Vec<_> = sources.iter().map(base).collect();
        let is_taken = |base: &String| {
            RESERVED.contains(&base.as_str()) || bases.iter().filter(|b| *b == base).count() > 1
        };
        let name = |(source, base): (&String, &String)| match is_taken(base) {
            true => format!("{base}-{}", &blake3::hash(source.as_bytes()).to_hex()[..8]),
            false => base.clone(),
        };
        let names = sources.iter().zip(&bases).map(name).collect::<Vec<_>>();
        Ok(sources.into_iter().zip(names).map(|(source, name)| Self { source, name }).collect())
    }
}

/// The folder's absolute path, if it can be read and has nothing to do with where the copies go.
fn real(folder: &Path, destinations: &[&Path]) -> Result<String, Fault> {
    let refuse = |text: String| Err(Fault::at(folder)(io::Error::other(text)));
    fs::read_dir(folder).map_err(Fault::at(folder))?;
    let source = folder.canonicalize().map_err(Fault::at(folder))?;
    for destination in destinations {
        if destination.starts_with(&source) {
            return refuse(format!("cannot copy it into itself, to {}", destination.display()));
        }
        if source.starts_with(destination) {
            return refuse(format!("it is inside of the destination {}", destination.display()));
        }
    }
    match source.into_os_string().into_string() {
        Ok(source) => Ok(source),
        Err(source) => refuse(format!("its path {source:?} is not UTF-8, and orders are text")),
    }
}

/// What went wrong with which file or folder.
#[derive(Debug)]
pub(crate) struct Fault {
    path: PathBuf,
    error: io::Error,
}

impl Fault {
    /// For `map_err`.
    pub(crate) fn at(path: &Path) -> impl Fn(io::Error) -> Self {
        move |error| Self { path: path.to_owned(), error }
    }

    #[cfg(test)]
    pub(crate) fn kind(&self) -> io::ErrorKind {
        self.error.kind()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.error)
    }
}

/// Names in the destination that are not backups.
const RESERVED: [&str; 2] = [".partial", "archive"];

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(folders: &[&Path]) -> Result<Vec<Plan>, Fault> {
        let folders: Vec<_> = folders.iter().map(|folder| folder.to_path_buf()).collect();
        Plan::all(&folders, &[Path::new("/nowhere/backups")])
    }

    #[test]
    fn two_folders_with_the_same_name_have_two_backups_in_any_order() {
        let dir = tempfile::tempdir().unwrap();
        let [a, b, c] = ["a/data", "b/data", "b/other"].map(|path| dir.path().join(path));
        for folder in [&a, &b, &c] {
            fs::create_dir_all(folder).unwrap();
        }

        let plans = plan(&[&a, &b, &c]).unwrap();
        assert_ne!(plans[0].name, plans[1].name);
        assert!(plans[0].name.starts_with("data-") && plans[1].name.starts_with("data-"));
        assert_eq!(plans[2].name, "other");

        let turned = plan(&[&b, &a]).unwrap();
        assert_eq!(turned, [plans[1].clone(), plans[0].clone()]);
        assert_eq!(plan(&[&c, &c, &dir.path().join("a/../b/other")]).unwrap(), [plans[2].clone()]);
    }

    #[test]
    fn reserved_names_are_kept_free() {
        let dir = tempfile::tempdir().unwrap();
        let archive = dir.path().join("archive");
        fs::create_dir(&archive).unwrap();
        assert!(plan(&[&archive]).unwrap()[0].name.starts_with("archive-"));
        assert_eq!(
            plan(&[Path::new("/")]).unwrap_err().to_string(),
            "/: cannot copy it into itself, to /nowhere/backups"
        );
    }

    #[test]
    fn a_folder_that_cannot_be_saved_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let (file, missing) = (dir.path().join("file"), dir.path().join("missing"));
        fs::write(&file, "").unwrap();
        assert_eq!(plan(&[&file]).unwrap_err().kind(), io::ErrorKind::NotADirectory);
        let fault = plan(&[&missing]).unwrap_err().to_string();
        assert!(fault.contains("missing: No such file or directory"), "{fault}");

        let inside = dir.path().join("backups/etc");
        fs::create_dir_all(&inside).unwrap();
        let real = dir.path().canonicalize().unwrap();
        let fault = Plan::all(&[inside], &[&real.join("backups")]).unwrap_err().to_string();
        assert!(fault.contains("it is inside of the destination"), "{fault}");
    }
}
