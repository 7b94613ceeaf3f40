//! Verb `check-trainer`: lints and tests of the trainer.
//!
//! The trainer is a workspace of its own, whose build needs libtorch in the environment, so
//! that `cargo clippy` and `cargo test` at the root do not reach it.

use crate::fetch::cache::Cache;
use crate::fetch::{FetchError, libtorch};
use crate::workspace::{self, WorkspaceError};
use std::process::Command;

/// Options of `cargo xtask check-trainer`.
#[derive(clap::Args, Clone, Debug)]
pub struct CheckTrainerArgs {}

/// Why the trainer is not in order, or could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckTrainerError {
    /// libtorch is not to be had.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The folder of build results is unknown.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// Cargo cannot be started.
    #[error("cargo cannot be run: {0}")]
    Start(#[from] std::io::Error),
    /// There are warnings or a test failed.
    #[error("`cargo {0}` of the trainer failed: see above")]
    Failed(&'static str),
}

/// Runs `cargo xtask check-trainer`.
pub fn run(_args: &CheckTrainerArgs) -> Result<(), CheckTrainerError> {
    let libtorch = libtorch::ensure(&Cache::open()?, false)?;
    // The profile and folder of the real build, so that its C++ part is compiled once.
    let target_dir = workspace::target_dir()?;
    let checks: [(&str, &[&str]); 2] = [("clippy", &["--", "-D", "warnings"]), ("test", &[])];
    for (verb, more) in checks {
        let status = Command::new(workspace::cargo())
            .current_dir(workspace::root())
            .args([verb, "--release", "--all-targets"])
            .args(["--manifest-path", "xtask/trainer/Cargo.toml"])
            .args(more)
            .envs(libtorch.environment())
            .env("CARGO_TARGET_DIR", &target_dir)
            .status()?;
        if !status.success() {
            return Err(CheckTrainerError::Failed(verb));
        }
    }
    Ok(())
}
