//! Linker and C/C++ compiler for the boards, fetched and not installed.
//!
//! One way only: the wheel of Zig from the package index, pinned by hash. It brings clang, lld,
//! musl, libc++ and libunwind for every target in one file, so that a computer with nothing but
//! Rust builds the firmware, and all computers build the same bytes.
//!
//! The boards' programs are static, with musl. A static program runs on every JetPack, in a
//! rescue system and in the lab's initramfs alike, and no upgrade of the board's system can take
//! its C library away: the guard that brings a board back must not depend on what it repairs.
//! Dynamic ones with the symbols of glibc 2.27 would work too, but Zig has no static glibc. That
//! musl's allocator is slow does not matter here, because the frame path allocates nothing.

mod environment;
mod script;
mod zig;

pub use environment::{Cross, Place};

use crate::fetch::FetchError;
use crate::fetch::cache::Cache;
use crate::glibc::Machine;
use std::path::PathBuf;

/// A target that boards may name.
#[derive(Debug)]
pub struct Target {
    /// Rust's name for it.
    pub triple: &'static str,
    /// Zig's name for it.
    zig: &'static str,
    /// The processor of its programs.
    pub machine: Machine,
}

/// All of them.
pub const TARGETS: [Target; 1] = [Target {
    triple: "aarch64-unknown-linux-musl",
    zig: "aarch64-linux-musl",
    machine: Machine::Aarch64,
}];

/// Why there is no toolchain.
#[derive(Debug, thiserror::Error)]
pub enum ToolchainError {
    /// The target is none that we know how to build for.
    #[error("target `{target}` is not supported; supported: {known}")]
    Target {
        /// What was asked for.
        target: String,
        /// The supported ones.
        known: String,
    },
    /// There is no wheel for this computer.
    #[error(
        "the cross compiler is fetched for Linux on x86-64 and aarch64 only, and this is {0}: \
         build on such a computer, or in a container of one"
    )]
    Host(String),
    /// The wheel could not be fetched or unpacked.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// What was fetched does not run.
    #[error("{program} does not run: {reason}; is {folder} on a disk mounted with noexec?")]
    NotRunning {
        /// The program.
        program: PathBuf,
        /// What went wrong.
        reason: String,
        /// The cache folder.
        folder: PathBuf,
    },
}

impl Target {
    /// The target of this triple.
    pub fn find(triple: &str) -> Result<&'static Self, ToolchainError> {
        let found = TARGETS.iter().find(|target| target.triple == triple);
        found.ok_or_else(|| ToolchainError::Target {
            target: triple.to_owned(),
            known: TARGETS.map(|target| target.triple).join(", "),
        })
    }
}

/// The programs that a cross build needs besides Rust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    /// The C compiler, and the linker.
    pub cc: PathBuf,
    /// The C++ compiler.
    pub cxx: PathBuf,
    /// The archiver.
    pub ar: PathBuf,
    /// Where the compiler keeps the C libraries that it has built.
    cache: PathBuf,
}

impl Toolchain {
    /// The toolchain for a target, fetched into the cache unless it is there.
    pub fn ensure(cache: &Cache, target: &Target) -> Result<Self, ToolchainError> {
        let zig = zig::ensure(cache)?;
        let folder = script::ensure(cache, &zig, target)?;
        Ok(Self {
            cc: folder.join("cc"),
            cxx: folder.join("c++"),
            ar: folder.join("ar"),
            cache: cache.root().join("zig-cache"),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_unknown_target_is_told_which_there_are() {
        let message = Target::find("avr-none").unwrap_err().to_string();
        assert!(message.contains(TARGETS[0].triple), "{message}");
        assert_eq!(
            Target::find(TARGETS[0].triple).unwrap().machine,
            Machine::Aarch64
        );
    }
}
