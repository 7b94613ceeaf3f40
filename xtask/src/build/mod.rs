//! Verb `build`: the firmware for a board, by one command and checked.

mod cargo;
mod reproduce;
mod strip;

pub use cargo::{build_tests, cross_cargo};
pub use strip::strip_debug;

use crate::board::{Board, BoardError};
use crate::command::{CommandError, run_command};
use crate::glibc::{self, GLIBC_MAX, GlibcError, Machine};
use crate::toolchain::{Place, Target, ToolchainError};
use crate::workspace::{self, WorkspaceError};
use std::path::{Path, PathBuf};

/// Options of `cargo xtask build`.
#[derive(clap::Args, Clone, Debug)]
pub struct BuildArgs {
    /// The board: a file of board/ without its .toml, or the path of such a file
    #[arg(long, value_name = "BOARD", default_value = "generic-aarch64")]
    pub board: String,
    /// Build a second time from a copy in another folder, and compare the bytes
    #[arg(long)]
    pub verify_reproducible: bool,
}

/// A binary that `build` has made and checked.
#[derive(Clone, Debug)]
pub struct Built {
    /// Where it is.
    pub binary: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// What it asks of the system, for people.
    pub needs: String,
}

/// Why there is no binary.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The board's file cannot be used.
    #[error(transparent)]
    Board(#[from] BoardError),
    /// There is no linker or C compiler for the board.
    #[error(transparent)]
    Toolchain(#[from] ToolchainError),
    /// Rust's standard library for the target is missing and cannot be fetched.
    #[error(
        "Rust's standard library for {target} is not installed and `rustup target add {target}` \
         failed ({reason}); run it where the network allows"
    )]
    NoStandardLibrary {
        /// The target.
        target: String,
        /// What went wrong.
        reason: String,
    },
    /// A command could not be started or failed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The binary is for the wrong processor.
    #[error("{path} is for {found}: is a linker or a runner set in the environment?")]
    Machine {
        /// The binary.
        path: PathBuf,
        /// Its processor.
        found: Machine,
    },
    /// The binary would not run on old systems.
    #[error("{path}: {source}")]
    Glibc {
        /// The binary.
        path: PathBuf,
        /// Why.
        source: GlibcError,
    },
    /// The workspace cannot be found.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// A file cannot be read or put in place.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// What cargo has built is no program.
    #[error("{path} is not a sound ELF binary: {reason}; remove it and build again")]
    Elf {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Two builds of the same source differ.
    #[error(
        "{first} and {second} differ: {difference}; something of the place or the time of the \
         build is in them (`diff <(strings -a A) <(strings -a B)` often shows it)"
    )]
    NotReproducible {
        /// The binary of the workspace.
        first: PathBuf,
        /// That of the copy.
        second: PathBuf,
        /// Where they differ first.
        difference: String,
    },
}

impl BuildError {
    fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}

/// Runs `cargo xtask build`.
pub fn run(args: &BuildArgs) -> Result<(), BuildError> {
    let board = Board::load(&args.board)?;
    let built = build(&board)?;
    let megabytes = built.bytes as f64 / 1e6;
    println!("board:  {} ({})", board.name, board.description);
    println!("binary: {} ({megabytes:.1} MB)", built.binary.display());
    println!(
        "needs:  {}; runs with GLIBC {GLIBC_MAX} and newer",
        built.needs
    );
    println!(
        "start:  lookout run --source '{}' (there, with models/ beside it)",
        board.camera
    );
    if args.verify_reproducible {
        let sha256 = reproduce::verify(&board, &built.binary)?;
        println!("built twice in different folders, the same bytes: SHA-256 {sha256}");
    }
    Ok(())
}

/// Builds the firmware for a board and checks that it runs there.
pub fn build(board: &Board) -> Result<Built, BuildError> {
    let target = Target::find(&board.target)?;
    let place = workspace_place()?;
    let fresh = build_in(board, &place)?;
    let folder = place.target_dir.join("board").join(&board.name);
    let binary = folder.join("lookout");
    std::fs::create_dir_all(&folder).map_err(BuildError::file(&folder))?;
    strip_debug(&fresh, &binary)?;
    let bytes = std::fs::metadata(&binary)
        .map_err(BuildError::file(&binary))?
        .len();
    let glibc_error = |source| BuildError::Glibc {
        path: binary.clone(),
        source,
    };
    let needs = glibc::inspect_file(&binary).map_err(glibc_error)?;
    if needs.machine != target.machine {
        return Err(BuildError::Machine {
            path: binary,
            found: needs.machine,
        });
    }
    needs.check(GLIBC_MAX).map_err(glibc_error)?;
    Ok(Built {
        binary,
        bytes,
        needs: needs.to_string(),
    })
}

fn workspace_place() -> Result<Place, BuildError> {
    Ok(Place {
        root: workspace::root(),
        target_dir: workspace::target_dir()?,
    })
}

/// Builds the firmware from the source in `place`, and gives cargo's own copy of it, which has
/// all debug information.
fn build_in(board: &Board, place: &Place) -> Result<PathBuf, BuildError> {
    let mut cargo = cargo::board_cargo(board, place, "build")?;
    run_command(cargo.args(["--bin", "lookout"]))?;
    let folder = place.target_dir.join(&board.target);
    Ok(folder.join("release/lookout"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_board_has_a_toolchain() {
        for name in Board::names() {
            let board = Board::load(&name).unwrap();
            assert!(Target::find(&board.target).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_target_without_a_toolchain_is_refused() {
        let board = Board::parse("description = 'x'\ntarget = 'avr-none'").unwrap();
        let message = build(&board).unwrap_err().to_string();
        assert!(message.contains("aarch64-unknown-linux-musl"), "{message}");
    }
}
