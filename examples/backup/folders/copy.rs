//! One folder copied: walked, written, read back and compared by BLAKE3.
//!
//! Links are copied as links, permissions and the times of files are kept, owners are not. What is read back
//! comes from the page cache more often than from the disk: this finds our mistakes and a file system's, not
//! a disk's.

use std::{
    fs::{self, File, Permissions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use super::{
    Fault,
    tree::{Kind, Leaf, Tree, hash},
};

/// Copies `source` into the new folder `destination`, whose parent exists.
///
/// Gives up with [`io::ErrorKind::Interrupted`] soon after `stop` has become true.
pub(crate) fn copy(source: &Path, destination: &Path, stop: &AtomicBool) -> Result<Tree, Fault> {
    refuse_nested(source, destination)?;
    let permissions = fs::metadata(source).map_err(Fault::at(source))?.permissions();
    fs::create_dir(destination).map_err(Fault::at(destination))?;

    // A folder gets its permissions when everything is inside: it may be one that nobody may write to.
    let mut folders: Vec<(PathBuf, Permissions)> = vec![(destination.to_owned(), permissions)];
    let written = Tree::walk(source, |from, kind| {
        let to = destination.join(from.strip_prefix(source).expect("walk stays below its root"));
        let leaf = match kind {
            Kind::Folder => fs::create_dir(&to).and_then(|()| {
                folders.push((to.clone(), fs::metadata(from)?.permissions()));
                Ok(Leaf::Folder)
            }),
            Kind::Link => fs::read_link(from).and_then(|target| {
                std::os::unix::fs::symlink(&target, &to)?;
                Ok(Leaf::Link { target })
            }),
            Kind::File => copy_file(from, &to, stop),
        };
        leaf.map_err(Fault::at(from))
    })?;

    let read = Tree::read(destination)?;
    if let Some(path) = written.first_difference(&read) {
        return Err(Fault::at(&destination.join(path))(io::Error::other(
            "what was read back is not what was written",
        )));
    }
    for (folder, permissions) in folders.into_iter().rev() {
        fs::set_permissions(&folder, permissions).map_err(Fault::at(&folder))?;
    }
    Ok(written)
}

/// A copy inside its own source would be copied for ever.
fn refuse_nested(source: &Path, destination: &Path) -> Result<(), Fault> {
    let source_real = source.canonicalize().map_err(Fault::at(source))?;
    let parent =
        destination.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let parent_real = parent.canonicalize().map_err(Fault::at(parent))?;
    if parent_real.starts_with(&source_real) {
        let text = format!("cannot copy it into itself, to {}", destination.display());
        return Err(Fault::at(source)(io::Error::other(text)));
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path, stop: &AtomicBool) -> io::Result<Leaf> {
    let mut source = File::open(from)?;
    let metadata = source.metadata()?;
    let mut copy = File::options().write(true).create_new(true).open(to)?;
    let (bytes, hash) = hash(&mut source, |chunk| {
        if stop.load(Ordering::Relaxed) {
            return Err(io::Error::new(io::ErrorKind::Interrupted, "stopped"));
        }
        copy.write_all(chunk)
    })?;
    if let Ok(modified) = metadata.modified() {
        copy.set_modified(modified)?;
    }
    copy.set_permissions(metadata.permissions())?;
    Ok(Leaf::File { bytes, hash })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    static GO: AtomicBool = AtomicBool::new(false);

    fn source() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        fs::create_dir_all(at("a/empty")).unwrap();
        fs::write(at("a/large"), vec![7; 300_000]).unwrap();
        fs::write(at("script"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(at("script"), Permissions::from_mode(0o750)).unwrap();
        symlink("a/large", at("link")).unwrap();
        symlink("/nowhere", at("dangling")).unwrap();
        fs::create_dir(at("locked")).unwrap();
        fs::write(at("locked/file"), "x").unwrap();
        fs::set_permissions(at("locked"), Permissions::from_mode(0o555)).unwrap();
        dir
    }

    #[test]
    fn a_copy_is_the_same_tree_with_the_same_permissions_times_and_links() {
        let (source, target) = (source(), tempfile::tempdir().unwrap());
        let copy_at = target.path().join("copy");

        let tree = copy(source.path(), &copy_at, &GO).unwrap();

        assert_eq!(tree, Tree::read(source.path()).unwrap());
        assert_eq!(tree, Tree::read(&copy_at).unwrap());
        assert_eq!((tree.files(), tree.bytes()), (5, 300_011));
        let mode = |path: &str| fs::metadata(copy_at.join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("script"), mode("locked")), (0o750, 0o555));
        assert_eq!(fs::read_link(copy_at.join("dangling")).unwrap(), Path::new("/nowhere"));
        let modified = |root: &Path| fs::metadata(root.join("script")).unwrap().modified().unwrap();
        assert_eq!(modified(&copy_at), modified(source.path()));
    }

    #[test]
    fn nothing_is_copied_into_itself() {
        let source = source();
        for inside in ["copy", "a/copy", "a/../copy"] {
            let fault = copy(source.path(), &source.path().join(inside), &GO).unwrap_err().to_string();
            assert!(fault.contains("cannot copy it into itself"), "{fault}");
        }
    }

    #[test]
    fn a_folder_that_is_there_is_not_written_into() {
        let (source, target) = (source(), tempfile::tempdir().unwrap());
        let fault = copy(source.path(), target.path(), &GO).unwrap_err();
        assert_eq!(fault.kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_copy_stops_when_told() {
        let (source, target) = (source(), tempfile::tempdir().unwrap());
        let fault = copy(source.path(), &target.path().join("copy"), &AtomicBool::new(true)).unwrap_err();
        assert_eq!(fault.kind(), io::ErrorKind::Interrupted);
    }
}
