//! A Python environment with the pinned engines, in the cache.

use super::BenchError;
use super::worker::run_limited;
use crate::fetch::FetchError;
use crate::fetch::cache::Cache;
use crate::workspace::is_on_path;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The pinned packages.
const REQUIREMENTS: &str = include_str!("requirements.txt");

/// Oldest Python that all of them are built for.
const VERSION_MIN: (u32, u32) = (3, 11);

/// Room for wheels and what is in them.
const NEEDED_BYTES: u64 = 1_000_000_000;

/// Starting Python takes long on a cold disk.
const ASK_LIMIT: Duration = Duration::from_secs(60);

/// Downloading 200 MB takes long over a slow line.
const INSTALL_LIMIT: Duration = Duration::from_secs(3600);

/// The interpreter of the environment, which is built unless it is there.
///
/// # Errors
/// [`BenchError::Python`] when the machine's own Python is missing or too old,
/// [`BenchError::Fetch`] for the cache, [`BenchError::Step`] when pip fails.
pub(crate) fn environment() -> Result<PathBuf, BenchError> {
    if !is_on_path("python3") {
        return Err(BenchError::Python("there is no python3 on the path".into()));
    }
    let version = version(Path::new("python3"))?;
    let cache = Cache::open()?;
    let mut digest = String::new();
    for byte in Sha256::digest(REQUIREMENTS) {
        // Writing to a string cannot fail.
        let _ = write!(digest, "{byte:02x}");
    }
    let origin = format!("python {version} requirements {digest}");
    // The cache knows its own errors only; ours is kept beside it.
    let mut failure = None;
    let folder = cache.ensure("bench-peers", &origin, |folder| {
        cache.check_space(NEEDED_BYTES)?;
        fill(folder).map_err(|error| {
            let reason = std::io::Error::other(error.to_string());
            failure = Some(error);
            FetchError::file(folder)(reason)
        })
    });
    match (folder, failure) {
        (_, Some(error)) => Err(error),
        (folder, None) => Ok(interpreter(&folder?)),
    }
}

fn interpreter(folder: &Path) -> PathBuf {
    folder.join("bin/python3")
}

/// The full version, when it is new enough.
fn version(python: &Path) -> Result<String, BenchError> {
    let mut command = Command::new(python);
    command.args(["-c", "import platform; print(platform.python_version())"]);
    let printed = run_limited(&mut command, ASK_LIMIT)
        .map_err(|reason| BenchError::Python(format!("python3 does not run ({reason})")))?;
    let version = printed.trim().to_owned();
    let mut numbers = version.split('.').map_while(|part| part.parse().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if (major, minor) >= VERSION_MIN => Ok(version),
        _ => Err(BenchError::Python(format!("python3 is {version:?}"))),
    }
}

fn fill(folder: &Path) -> Result<(), BenchError> {
    eprintln!("installing the engines to compare with, about 200 MB");
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv"]).arg(folder);
    run_limited(&mut venv, ASK_LIMIT)
        .map_err(|reason| BenchError::Python(format!("python3 makes no environment ({reason})")))?;
    let list = folder.join("requirements.txt");
    std::fs::write(&list, REQUIREMENTS).map_err(BenchError::file(&list))?;
    let mut pip = Command::new(interpreter(folder));
    pip.args([
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--no-input",
        "install",
    ])
    .args([
        "--quiet",
        "--no-deps",
        "--require-hashes",
        "--only-binary",
        ":all:",
    ])
    .arg("--requirement")
    .arg(&list);
    run_limited(&mut pip, INSTALL_LIMIT).map_err(|reason| BenchError::Step {
        what: "pip cannot install the other engines; check the network and run this again",
        reason,
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn fake(folder: &Path, says: &str) -> PathBuf {
        let path = folder.join("python3");
        std::fs::write(&path, format!("#!/bin/sh\necho {says}\n")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn an_old_or_broken_python_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(version(&fake(folder.path(), "3.13.1")).unwrap(), "3.13.1");
        assert_eq!(
            version(&fake(folder.path(), "4.0.0rc1")).unwrap(),
            "4.0.0rc1"
        );
        for old in ["3.9.2", "2.7.18", "", "python"] {
            let error = version(&fake(folder.path(), old)).unwrap_err();
            assert!(error.to_string().contains("3.11 or newer"), "{error}");
        }
        assert!(version(Path::new("/no/such/python3")).is_err());
    }

    #[test]
    fn every_package_is_pinned_and_hashed() {
        let lines = REQUIREMENTS.lines().filter(|line| !line.starts_with('#'));
        let text = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
        let packages: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        for package in &packages {
            assert!(
                package.contains("==") && package.contains("--hash=sha256:"),
                "{package}"
            );
        }
        for engine in ["onnxruntime==", "openvino==", "ai-edge-litert==", "ncnn=="] {
            assert!(
                packages.iter().any(|package| package.starts_with(engine)),
                "{engine}"
            );
        }
    }
}
