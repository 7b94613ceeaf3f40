//! Takes the debug information out of a program and leaves the names of its functions, without
//! what in them depends on the place of the build.

use super::BuildError;
use object::build::elf::Builder;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What precedes the number that LLVM gives to a name of one module that another one uses. The
/// number is a hash of the module's path, so it differs from place to place.
const LLVM_SUFFIX: &[u8] = b".llvm.";

/// The largest program that is read, in bytes.
const PROGRAM_BYTES_MAX: u64 = 1 << 30;

/// Writes the program `from` without its debug information to `to`, which appears whole or
/// not at all. Names of functions stay, for messages of panics and for `cargo xtask sizes`.
pub fn strip_debug(from: &Path, to: &Path) -> Result<(), BuildError> {
    let wrong = |reason: String| BuildError::Elf {
        path: from.to_owned(),
        reason,
    };
    let bytes = fs::metadata(from).map_err(BuildError::file(from))?.len();
    if bytes > PROGRAM_BYTES_MAX {
        let limit = format!("{bytes} bytes; the limit is {PROGRAM_BYTES_MAX}");
        return Err(wrong(limit));
    }
    let whole = fs::read(from).map_err(BuildError::file(from))?;
    let stripped = stripped(&whole).map_err(|error| wrong(error.to_string()))?;
    let partial = to.with_extension("partial");
    fs::write(&partial, stripped).map_err(BuildError::file(&partial))?;
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(&partial, executable).map_err(BuildError::file(&partial))?;
    fs::rename(&partial, to).map_err(BuildError::file(to))
}

fn stripped(elf: &[u8]) -> Result<Vec<u8>, object::build::Error> {
    let mut builder = Builder::read(elf)?;
    for section in &mut builder.sections {
        // What is loaded stays, whatever its name.
        section.delete = section.sh_addr == 0 && section.name.starts_with(b".debug_");
    }
    for symbol in &mut builder.symbols {
        if let Some(length) = find(&symbol.name, LLVM_SUFFIX) {
            symbol.name = symbol.name[..length].to_vec().into();
        }
    }
    let mut bytes = Vec::new();
    builder.write(&mut bytes)?;
    Ok(bytes)
}

/// Where `part` begins in `name`.
fn find(name: &[u8], part: &[u8]) -> Option<usize> {
    name.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::command::output_of_fresh;
    use object::{Object, ObjectSection, ObjectSymbol};
    use std::process::Command;

    #[test]
    fn the_program_still_runs_and_keeps_its_names() {
        let root = tempfile::tempdir().unwrap();
        let (from, to) = (std::env::current_exe().unwrap(), root.path().join("to"));
        strip_debug(&from, &to).unwrap();
        let (old, new) = (fs::read(&from).unwrap(), fs::read(&to).unwrap());
        assert!(new.len() < old.len());
        let file = object::File::parse(&*new).unwrap();
        assert!(file.symbols().count() > 1000);
        let is_debug = |section: object::Section| {
            section.address() == 0 && section.name().is_ok_and(|name| name.starts_with(".debug_"))
        };
        assert!(!file.sections().any(is_debug));
        for name in [".text", ".rodata", ".data"] {
            let data = |elf: &[u8]| -> Vec<u8> {
                let file = object::File::parse(elf).unwrap();
                file.section_by_name(name).unwrap().data().unwrap().to_vec()
            };
            assert!(data(&old) == data(&new), "{name} has changed");
        }
        let mut names = file.symbols().filter_map(|symbol| symbol.name().ok());
        assert!(!names.any(|name| find(name.as_bytes(), LLVM_SUFFIX).is_some()));
        let output = output_of_fresh(Command::new(&to).arg("--list")).unwrap();
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stdout).contains("strip"));
    }

    #[test]
    fn the_place_of_the_build_is_not_in_the_names() {
        assert_eq!(find(b"_ZN1aE.llvm.12", LLVM_SUFFIX), Some(6));
        assert_eq!(find(b"_ZN1aE", LLVM_SUFFIX), None);
        assert_eq!(find(b"", LLVM_SUFFIX), None);
    }

    #[test]
    fn what_is_no_program_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let (from, to) = (root.path().join("from"), root.path().join("to"));
        let elf = fs::read(std::env::current_exe().unwrap()).unwrap();
        for bytes in [&b""[..], b"#!/bin/sh\n", &elf[..100], &elf[..elf.len() / 2]] {
            fs::write(&from, bytes).unwrap();
            assert!(strip_debug(&from, &to).is_err(), "{} bytes", bytes.len());
            assert!(!to.exists());
        }
        assert!(strip_debug(&root.path().join("absent"), &to).is_err());
    }
}
