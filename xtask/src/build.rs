//! Verb `build`: the firmware for a board, by one command and checked.

use crate::board::{Board, BoardError};
use crate::command::{CommandError, run_command};
use crate::glibc::{self, GLIBC_MAX, GlibcError, Machine};
use crate::workspace::{self, WorkspaceError};
use std::path::PathBuf;
use std::process::Command;

/// Options of `cargo xtask build`.
#[derive(clap::Args, Clone, Debug)]
pub struct BuildArgs {
    /// The board: a file of board/ without its .toml, or the path of such a file
    #[arg(long, value_name = "BOARD", default_value = "generic-aarch64")]
    pub board: String,
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

/// What a cross build takes besides Rust.
struct Toolchain {
    target: &'static str,
    machine: Machine,
    programs: &'static [&'static str],
    packages: &'static str,
}

/// The targets that boards may name. The C++ compiler is for the video decoder.
const TOOLCHAINS: [Toolchain; 1] = [Toolchain {
    target: "aarch64-unknown-linux-gnu",
    machine: Machine::Aarch64,
    programs: &["aarch64-linux-gnu-gcc", "aarch64-linux-gnu-g++"],
    packages: "gcc-aarch64-linux-gnu g++-aarch64-linux-gnu",
}];

/// Why there is no binary.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The board's file cannot be used.
    #[error(transparent)]
    Board(#[from] BoardError),
    /// The board's target is none that we know how to build for.
    #[error("target `{target}` is not supported; supported: {known}")]
    Target {
        /// The board's target.
        target: String,
        /// The supported ones.
        known: String,
    },
    /// Rust's standard library for the target is missing and cannot be fetched.
    #[error(
        "Rust's standard library for {target} is not installed and `rustup target add {target}` \
         failed ({reason}); run it where the network allows, or see board/README.md for the \
         packages of Debian that do instead"
    )]
    NoStandardLibrary {
        /// The target.
        target: String,
        /// What went wrong.
        reason: String,
    },
    /// The cross compiler is missing.
    #[error(
        "not found: {programs}; install them, on Debian and Ubuntu: apt-get install {packages}"
    )]
    NoCompiler {
        /// The missing programs.
        programs: String,
        /// The packages that bring them.
        packages: &'static str,
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
    /// The result cannot be put in place.
    #[error("{path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
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
        "start:  lookout run --source {} (there, with models/ beside it)",
        board.camera
    );
    Ok(())
}

/// Builds the firmware for a board and checks that it runs there.
pub fn build(board: &Board) -> Result<Built, BuildError> {
    let Some(toolchain) = TOOLCHAINS.iter().find(|known| known.target == board.target) else {
        let known = TOOLCHAINS.map(|known| known.target).join(", ");
        return Err(BuildError::Target {
            target: board.target.clone(),
            known,
        });
    };
    require_compiler(toolchain)?;
    require_standard_library(toolchain.target)?;
    cargo_build(board)?;

    let target = workspace::target_dir()?;
    let fresh = target.join(toolchain.target).join("release/lookout");
    let folder = target.join("board").join(&board.name);
    let binary = folder.join("lookout");
    let write_error = |source| BuildError::Write {
        path: binary.clone(),
        source,
    };
    std::fs::create_dir_all(&folder).map_err(write_error)?;
    let bytes = std::fs::copy(&fresh, &binary).map_err(write_error)?;
    let glibc_error = |source| BuildError::Glibc {
        path: binary.clone(),
        source,
    };
    let needs = glibc::inspect_file(&binary).map_err(glibc_error)?;
    if needs.machine != toolchain.machine {
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

fn require_compiler(toolchain: &Toolchain) -> Result<(), BuildError> {
    let missing: Vec<&str> = toolchain
        .programs
        .iter()
        .copied()
        .filter(|name| !workspace::is_on_path(name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(BuildError::NoCompiler {
        programs: missing.join(", "),
        packages: toolchain.packages,
    })
}

/// Makes sure of Rust's standard library for the target, fetching it where rustup can.
pub fn require_standard_library(target: &str) -> Result<(), BuildError> {
    if has_standard_library(target) {
        return Ok(());
    }
    let unavailable = |reason: String| BuildError::NoStandardLibrary {
        target: target.to_owned(),
        reason,
    };
    eprintln!("xtask: adding Rust's standard library for {target}");
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", target]);
    run_command(&mut rustup).map_err(|error| unavailable(error.to_string()))?;
    if has_standard_library(target) {
        return Ok(());
    }
    Err(unavailable(
        "rustc does not see it: is RUSTC set to a compiler without rustup?".to_owned(),
    ))
}

fn has_standard_library(target: &str) -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", target])
        .output();
    let Ok(output) = output else { return false };
    let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let Ok(mut entries) = std::fs::read_dir(folder) else {
        return false;
    };
    entries.any(|entry| {
        entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
    })
}

fn cargo_build(board: &Board) -> Result<(), BuildError> {
    let mut cargo = board_cargo(board, "build");
    cargo.args(["--bin", "lookout"]);
    Ok(run_command(&mut cargo)?)
}

/// A command of cargo for a board, release profile. The package is named, so that its
/// dependencies have the features that it asks for and not those of `xtask` as well.
fn board_cargo(board: &Board, verb: &str) -> Command {
    let mut cargo = Command::new(workspace::cargo());
    cargo.current_dir(workspace::root());
    cargo.args([verb, "--release", "--package", "lookout"]);
    cargo.args(["--target", &board.target]);
    if board.cpu != "generic" {
        // Added to the flags of .cargo/config.toml, which link statically.
        let flags = format!("[\"-C\", \"target-cpu={}\"]", board.cpu);
        cargo.args([
            "--config",
            &format!("target.{}.rustflags={flags}", board.target),
        ]);
    }
    // These would replace the flags of .cargo/config.toml.
    cargo
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    cargo
}

/// Builds the library's tests for a board, with the dependencies of [`build`], and gives the
/// program.
pub fn build_tests(board: &Board) -> Result<PathBuf, BuildError> {
    let mut cargo = board_cargo(board, "test");
    cargo.args([
        "--lib",
        "--no-run",
        "--message-format",
        "json-render-diagnostics",
    ]);
    let failed = |reason: String| CommandError {
        command: "cargo test --no-run".to_owned(),
        reason,
    };
    let output = cargo
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(output.status.to_string()).into());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    test_program(&text).ok_or_else(|| failed("it names no test program".to_owned()).into())
}

/// The program among cargo's messages.
fn test_program(messages: &str) -> Option<PathBuf> {
    messages.lines().rev().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        message["executable"].as_str().map(PathBuf::from)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_board_has_a_toolchain() {
        for name in Board::names() {
            let board = Board::load(&name).unwrap();
            assert!(
                TOOLCHAINS.iter().any(|known| known.target == board.target),
                "{name}"
            );
        }
    }

    #[test]
    fn the_test_program_is_found_among_messages() {
        let messages = "{\"reason\":\"compiler-artifact\",\"executable\":null}\n\
                        {\"reason\":\"compiler-artifact\",\"executable\":\"/t/lookout-1\"}\n\
                        {\"reason\":\"build-finished\",\"success\":true}\n";
        assert_eq!(test_program(messages), Some("/t/lookout-1".into()));
        assert_eq!(test_program("nothing"), None);
    }

    #[test]
    fn a_target_without_a_toolchain_is_refused() {
        let board = Board::parse("description = 'x'\ntarget = 'avr-none'").unwrap();
        let message = build(&board).unwrap_err().to_string();
        assert!(message.contains("aarch64-unknown-linux-gnu"), "{message}");
    }
}
