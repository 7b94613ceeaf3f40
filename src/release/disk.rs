//! Writing so that a power cut leaves the old or the new, and never a part.

use std::ffi::CString;
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// Makes a folder, and those above it that are missing, readable by everybody.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_folder(parent)?;
    }
    match fs::create_dir(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => set_mode(&File::open(path)?, 0o755),
    }
}

/// Writes a file that must not be there yet, readable by everybody, and flushes it.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    set_mode(&file, 0o644)?;
    file.sync_all()
}

/// Sets what may be done with a file, whatever the process's umask: the firmware runs as another
/// user than the one who installs it.
pub(super) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(mode))
}

/// Puts `bytes` in the place of `path` at once, and flushes both the file and its folder.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = beside(path);
    remove_file(&fresh)?;
    write_new(&fresh, bytes)?;
    fs::rename(&fresh, path)?;
    sync_parent(path)
}

/// Makes `path` a link to `target`, at once and flushed.
pub(super) fn replace_link(path: &Path, target: &Path) -> io::Result<()> {
    let fresh = beside(path);
    remove_file(&fresh)?;
    symlink(target, &fresh)?;
    fs::rename(&fresh, path)?;
    sync_parent(path)
}

/// Removes a file that may not be there.
pub(super) fn remove_file(path: &Path) -> io::Result<()> {
    missing_is_fine(fs::remove_file(path))
}

/// Removes a folder that may not be there.
pub(super) fn remove_folder(path: &Path) -> io::Result<()> {
    missing_is_fine(fs::remove_dir_all(path))
}

fn missing_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Flushes the folders of a tree; files are flushed where they are written.
pub(super) fn sync_tree(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_tree(&entry.path())?;
        }
    }
    File::open(folder)?.sync_all()
}

/// Size of the files below a folder in bytes; what cannot be read counts as nothing.
pub(super) fn tree_bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    let bytes = |entry: fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => tree_bytes(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    };
    entries.flatten().map(bytes).sum()
}

/// Flushes the folder that holds `path`.
pub(super) fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// Room for files of this user in the file system that holds `path`, in bytes.
pub(crate) fn free_bytes(path: &Path) -> io::Result<u64> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: statvfs is plain numbers, for which all zeros is a valid value.
    let mut status: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: the path ends with a zero byte and `status` is valid for writing.
    if unsafe { libc::statvfs(path.as_ptr(), &mut status) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // The types of these numbers differ from platform to platform.
    #[allow(clippy::unnecessary_cast, clippy::useless_conversion)]
    let (blocks, block_bytes) = (status.f_bavail as u64, status.f_frsize as u64);
    Ok(blocks.saturating_mul(block_bytes))
}

/// A name in the same folder, for what is not whole yet.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn files_and_links_are_replaced_also_after_a_broken_attempt() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(folder.path().join("file.tmp"), "half").unwrap();
        fs::write(folder.path().join("link.tmp"), "half").unwrap();
        for text in ["one", "two"] {
            replace(&file, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
            replace_link(&link, Path::new(text)).unwrap();
            assert_eq!(fs::read_link(&link).unwrap(), Path::new(text));
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        assert!(write_new(&file, b"").is_err(), "it is there already");
        assert_eq!(
            tree_bytes(folder.path()),
            3 + 3,
            "a link is as long as its target's name"
        );
        assert_eq!(tree_bytes(&folder.path().join("nothing")), 0);
        assert!(free_bytes(folder.path()).is_ok());
        assert!(free_bytes(&folder.path().join("nothing")).is_err());
        remove_file(&folder.path().join("nothing")).unwrap();
        remove_folder(&folder.path().join("nothing")).unwrap();
    }
}
