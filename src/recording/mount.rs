//! Whether a recording's disk is mounted.

use super::error::Trouble;
use crate::config::RecordSettings;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Looks whether the folder is on a disk of its own where the settings want that. It need not be
/// there yet, and nothing is made.
pub(super) fn check(settings: &RecordSettings) -> Result<(), Trouble> {
    let directory = &settings.directory;
    if !settings.mounted_only || is_apart(directory).map_err(Trouble::disk(directory))? {
        return Ok(());
    }
    Err(Trouble::NotMounted(directory.clone()))
}

/// Whether `folder`, or the nearest folder above it that there is, is on another file system
/// than `/`.
fn is_apart(folder: &Path) -> io::Result<bool> {
    let root = Path::new("/").metadata()?.dev();
    let folder = std::path::absolute(folder)?;
    for place in folder.ancestors() {
        match place.metadata() {
            Ok(found) => return Ok(found.dev() != root),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn another_file_system_is_told_from_the_root() {
        assert!(!is_apart(Path::new("/")).unwrap());
        assert!(!is_apart(Path::new("/no-such-disk/recordings/ring")).unwrap());
        assert!(is_apart(Path::new("/proc/self")).unwrap());
        assert!(is_apart(Path::new("/proc/self/no-such-folder/ring")).unwrap());
    }

    #[test]
    fn only_who_wants_a_disk_of_its_own_is_refused() {
        let mut settings = RecordSettings::new("/no-such-disk/recordings");
        assert!(check(&settings).is_ok());
        settings.mounted_only = true;
        let trouble = check(&settings).unwrap_err().to_string();
        assert!(trouble.contains("record.mounted_only"), "{trouble}");
        settings.directory = "/proc/self".into();
        assert!(check(&settings).is_ok());
    }
}
