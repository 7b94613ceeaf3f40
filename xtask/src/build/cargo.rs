//! Cargo for a board: the standard library, the toolchain and the flags.

use super::{BuildError, workspace_place};
use crate::board::Board;
use crate::command::{CommandError, run_command};
use crate::toolchain::{Cross, Place, Target};
use std::path::PathBuf;
use std::process::Command;

/// Cargo set up to build the manifest of `place` for a target, with these flags for rustc
/// besides those that every cross build has; the caller adds the verb. Programs come out in
/// `TARGET_DIR/TARGET/PROFILE/`, statically linked.
///
/// Fetches the toolchain and Rust's standard library for the target where they are missing.
pub fn cross_cargo(target: &str, place: &Place, flags: &[String]) -> Result<Command, BuildError> {
    let target = Target::find(target)?;
    require_standard_library(target.triple)?;
    Ok(Cross::ensure(target)?.cargo(place, flags))
}

/// Makes sure of Rust's standard library for the target, fetching it where rustup can.
fn require_standard_library(target: &str) -> Result<(), BuildError> {
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

/// A command of cargo for a board, release profile. The package is named, so that its
/// dependencies have the features that it asks for and not those of `xtask` as well.
pub(super) fn board_cargo(board: &Board, place: &Place, verb: &str) -> Result<Command, BuildError> {
    let mut cargo = cross_cargo(&board.target, place, &board_flags(board))?;
    cargo.args([verb, "--release", "--locked", "--package", "lookout"]);
    Ok(cargo)
}

fn board_flags(board: &Board) -> Vec<String> {
    let mut flags = vec![format!("-Ctarget-cpu={}", board.cpu)];
    if !board.features.is_empty() {
        let features: Vec<String> = board
            .features
            .iter()
            .map(|name| format!("+{name}"))
            .collect();
        flags.push(format!("-Ctarget-feature={}", features.join(",")));
    }
    flags
}

/// Builds the library's tests for a board, with the dependencies of [`super::build`], and gives
/// the program.
pub fn build_tests(board: &Board) -> Result<PathBuf, BuildError> {
    let mut cargo = board_cargo(board, &workspace_place()?, "test")?;
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
    fn the_test_program_is_found_among_messages() {
        let messages = "{\"reason\":\"compiler-artifact\",\"executable\":null}\n\
                        {\"reason\":\"compiler-artifact\",\"executable\":\"/t/lookout-1\"}\n\
                        {\"reason\":\"build-finished\",\"success\":true}\n";
        assert_eq!(test_program(messages), Some("/t/lookout-1".into()));
        assert_eq!(test_program("nothing"), None);
    }

    #[test]
    fn the_boards_processor_and_features_reach_the_compiler() {
        let plain = Board::parse("description = 'x'").unwrap();
        assert_eq!(board_flags(&plain), ["-Ctarget-cpu=generic"]);
        let text = "description = 'x'\ncpu = 'cortex-a57'\nfeatures = ['crc', 'aes']";
        let flags = board_flags(&Board::parse(text).unwrap());
        assert_eq!(
            flags,
            ["-Ctarget-cpu=cortex-a57", "-Ctarget-feature=+crc,+aes"]
        );
    }
}
