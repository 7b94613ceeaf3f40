//! The file by which a local socket is found.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a socket found in our place may take to answer before it counts as alive.
const PROBE_TIME_MAX: Duration = Duration::from_secs(1);

/// The file that a bound socket shows in the file system.
pub(super) struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl SocketFile {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let meta = fs::symlink_metadata(path)?;
        // A later change of the working directory must not make us remove another file.
        let path = std::path::absolute(path)?;
        Ok(Self {
            path,
            device: meta.dev(),
            inode: meta.ino(),
        })
    }

    /// Removes the file, unless another process has put its own in the place.
    pub(super) fn remove(&self) {
        let is_ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|meta| (meta.dev(), meta.ino()) == (self.device, self.inode));
        if is_ours && let Err(error) = fs::remove_file(&self.path) {
            log::warn!(
                "cannot remove {}: {error}; remove it by hand",
                self.path.display()
            );
        }
    }
}

/// Clears `path` for a new socket, or says why it must stay.
pub(super) fn make_way(path: &Path) -> Result<(), String> {
    let Ok(meta) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !meta.file_type().is_socket() {
        return Err(
            "something that is not a socket is there; remove it or choose another path".into(),
        );
    }
    if is_served(path) {
        return Err("another process serves on it; stop that one or choose another path".into());
    }
    log::info!(
        "{}: replacing the socket that a dead process left",
        path.display()
    );
    fs::remove_file(path).map_err(|error| {
        format!("a dead process left a socket there that cannot be removed: {error}")
    })
}

/// Whether some process listens at `path`.
fn is_served(path: &Path) -> bool {
    // A hung server with a full queue would block a connection for ever, so another thread
    // tries it, and silence is taken as a sign of life.
    let (sender, answer) = crossbeam_channel::bounded(1);
    let path = path.to_owned();
    std::thread::spawn(move || {
        let refused = UnixStream::connect(path).err().map(|error| error.kind());
        let _ = sender.send(refused == Some(ErrorKind::ConnectionRefused));
    });
    !answer.recv_timeout(PROBE_TIME_MAX).unwrap_or(false)
}
