//! Where the workspace and its build results are, and which programs there are.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Why the workspace's layout is unknown.
#[derive(Debug, thiserror::Error)]
#[error("`cargo metadata` failed: {0}; run this from a checkout of the repository")]
pub struct WorkspaceError(String);

/// The repository's root folder: the one that holds `xtask/`.
pub fn root() -> PathBuf {
    // Cargo sets the variable for `cargo xtask`; a copied binary falls back on the place
    // where it was built.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .filter(|folder| folder.ends_with("xtask"))
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    manifest.parent().map(Path::to_owned).unwrap_or(manifest)
}

/// The cargo that runs us, or else the one on the path.
pub fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// The folder of build results, as cargo sees it.
pub fn target_dir() -> Result<PathBuf, WorkspaceError> {
    let output = Command::new(cargo())
        .current_dir(root())
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .map_err(|error| WorkspaceError(error.to_string()))?;
    if !output.status.success() {
        return Err(WorkspaceError(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        ));
    }
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| WorkspaceError(error.to_string()))?;
    metadata["target_directory"]
        .as_str()
        .map(PathBuf::from)
        .ok_or_else(|| WorkspaceError("it names no target directory".to_owned()))
}

/// Whether a program of this name can be started.
pub fn is_on_path(program: &str) -> bool {
    let Some(path) = std::env::var_os("PATH") else {
        return false;
    };
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_root_is_where_the_boards_are() {
        assert!(root().join("xtask").is_dir());
        assert!(target_dir().unwrap().is_absolute());
    }

    #[test]
    fn programs_are_found_by_name() {
        assert!(is_on_path("sh"));
        assert!(!is_on_path("no-such-program-anywhere"));
    }
}
