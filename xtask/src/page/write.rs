//! Files of a report, each written whole or not at all.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Why a file of a report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The disk is full.
    #[error("{}: the disk is full; make room, or name a folder on another disk", path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// Anything else.
    #[error("{}: cannot be written: {reason}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
}

/// Writes `bytes` to `path` by way of a file beside it, so that a reader never sees half of it
/// and what was there before survives a full disk.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), PageError> {
    // `with_file_name` keeps the folder; a path without a name fails when it is opened.
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    let partial = path.with_file_name(name);
    let written = std::fs::File::create(&partial)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&partial, path));
    written.map_err(|reason| {
        // What is left of it helps nobody.
        let _ = std::fs::remove_file(&partial);
        let path = path.to_owned();
        match reason.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => PageError::Full { path },
            _ => PageError::Write { path, reason },
        }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("page.html");
        write_file(&path, b"old").unwrap();
        write_file(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none/page.html");
        let error = write_file(&path, b"a").unwrap_err().to_string();
        assert!(error.contains("none/page.html"), "{error}");
        assert!(
            write_file(folder.path(), b"a").is_err(),
            "a folder is in the way"
        );
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn a_full_disk_is_told_as_such() {
        let full = Path::new("/dev/full");
        if full.exists() {
            let link = tempfile::tempdir().unwrap();
            let partial = link.path().join("page.html.partial");
            std::os::unix::fs::symlink(full, &partial).unwrap();
            let error = write_file(&link.path().join("page.html"), b"a").unwrap_err();
            assert!(matches!(error, PageError::Full { .. }), "{error}");
            assert!(error.to_string().contains("make room"));
        }
    }
}
