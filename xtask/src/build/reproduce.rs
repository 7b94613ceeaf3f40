//! The second build: a copy of the source in another folder must give the same bytes.

use super::{BuildError, build_in, strip_debug};
use crate::board::Board;
use crate::command::CommandError;
use crate::toolchain::Place;
use crate::workspace;
use object::{Object, ObjectSection};
use sha2::{Digest, Sha256};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

/// Builds `board` from a copy, compares with `first`, and gives the SHA-256 of both.
///
/// What is left behind where they differ is both binaries; where they agree, nothing.
pub fn verify(board: &Board, first: &Path) -> Result<String, BuildError> {
    let work = workspace::target_dir()?.join("reproducible");
    remove(&work)?;
    let place = Place {
        root: work.join("a copy"),
        target_dir: work.join("build"),
    };
    copy_source(&workspace::root(), &place.root)?;
    let second = work.join("lookout");
    strip_debug(&build_in(board, &place)?, &second)?;
    let sha256 = compare(first, &second)?;
    remove(&work)?;
    Ok(sha256)
}

fn remove(folder: &Path) -> Result<(), BuildError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(BuildError::file(folder)(error))
        }
        _ => Ok(()),
    }
}

/// Copies what git knows or would take up: not data, models in the making or build results.
fn copy_source(from: &Path, to: &Path) -> Result<(), BuildError> {
    for name in source_files(from)? {
        let (old, new) = (from.join(&name), to.join(&name));
        // Deleted files are listed until that is committed; links lead out of the copy.
        if !fs::symlink_metadata(&old).is_ok_and(|file| file.is_file()) {
            continue;
        }
        if let Some(parent) = new.parent() {
            fs::create_dir_all(parent).map_err(BuildError::file(parent))?;
        }
        fs::copy(&old, &new).map_err(BuildError::file(&new))?;
    }
    Ok(())
}

fn source_files(root: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let failed = |reason: String| CommandError {
        command: "git ls-files".to_owned(),
        reason: format!("{reason}; the check copies the files that git lists"),
    };
    let output = Command::new("git")
        .arg("-C")
        .arg(root)
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        return Err(failed(reason.trim().to_owned()).into());
    }
    let names = output.stdout.split(|&byte| byte == 0);
    let paths = names.map(|name| PathBuf::from(OsStr::from_bytes(name)));
    let is_inside = |path: &PathBuf| {
        let plain = |part| matches!(part, Component::Normal(_));
        path.components().count() > 0 && path.components().all(plain)
    };
    Ok(paths.filter(is_inside).collect())
}

fn compare(first: &Path, second: &Path) -> Result<String, BuildError> {
    let read = |path: &Path| fs::read(path).map_err(BuildError::file(path));
    let (a, b) = (read(first)?, read(second)?);
    match difference(&a, &b) {
        None => Ok(format!("{:x}", Sha256::digest(&a))),
        Some(difference) => Err(BuildError::NotReproducible {
            first: first.to_owned(),
            second: second.to_owned(),
            difference,
        }),
    }
}

/// The first difference, for people; none where all bytes are the same.
fn difference(a: &[u8], b: &[u8]) -> Option<String> {
    if a == b {
        return None;
    }
    let mut text = String::new();
    if a.len() != b.len() {
        text = format!("{} and {} bytes, ", a.len(), b.len());
    }
    let offset = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let place = section_at(a, offset as u64).unwrap_or_else(|| "no section".to_owned());
    Some(format!("{text}first at byte {offset}, in {place}"))
}

fn section_at(elf: &[u8], offset: u64) -> Option<String> {
    let file = object::File::parse(elf).ok()?;
    let section = file.sections().find(|section| {
        section
            .file_range()
            .is_some_and(|(start, length)| (start..start.saturating_add(length)).contains(&offset))
    })?;
    Some(format!("section {}", section.name().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_difference_is_told_by_its_place() {
        assert_eq!(difference(b"abc", b"abc"), None);
        let found = difference(b"abc", b"abxd").unwrap();
        assert_eq!(found, "3 and 4 bytes, first at byte 2, in no section");

        // This very program: a byte in its code is told to be there.
        let elf = fs::read(std::env::current_exe().unwrap()).unwrap();
        let file = object::File::parse(&*elf).unwrap();
        let (start, _) = file.section_by_name(".text").unwrap().file_range().unwrap();
        let mut other = elf.clone();
        other[start as usize] ^= 1;
        let found = difference(&elf, &other).unwrap();
        assert!(found.ends_with("in section .text"), "{found}");
    }

    #[test]
    fn the_copy_has_the_source_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let (from, to) = (root.path().join("from"), root.path().join("to"));
        fs::create_dir_all(from.join("target")).unwrap();
        for (name, text) in [
            ("lib.rs", "x"),
            (".gitignore", "target/\n"),
            ("target/o", ""),
        ] {
            fs::write(from.join(name), text).unwrap();
        }
        std::os::unix::fs::symlink("/etc", from.join("link")).unwrap();
        let mut git = Command::new("git");
        let status = git.arg("-C").arg(&from).args(["init", "-q"]).status();
        assert!(status.unwrap().success());
        copy_source(&from, &to).unwrap();
        assert_eq!(fs::read(to.join("lib.rs")).unwrap(), b"x");
        assert!(!to.join("target").exists() && !to.join("link").exists());
    }

    #[test]
    fn a_folder_without_git_is_said() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join(".git"), "gitdir: nowhere").unwrap();
        let message = source_files(root.path()).unwrap_err().to_string();
        assert!(message.contains("git"), "{message}");
    }
}
