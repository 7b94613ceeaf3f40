//! Python environments with pinned packages, in the cache.

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

/// The engines to compare with.
const ENGINES: Environment = Environment {
    name: "bench-peers",
    what: "the engines to compare with, about 200 MB",
    requirements: include_str!("requirements.txt"),
    needed_bytes: 1_000_000_000,
};

/// Oldest Python that all packages are built for.
const VERSION_MIN: (u32, u32) = (3, 11);

/// Starting Python takes long on a cold disk.
const ASK_LIMIT: Duration = Duration::from_secs(60);

/// Downloading 200 MB takes long over a slow line.
const INSTALL_LIMIT: Duration = Duration::from_secs(3600);

/// Why there is no environment.
#[derive(Debug, thiserror::Error)]
pub enum PythonError {
    /// There is no Python, or it is too old or incomplete.
    #[error(
        "{0}; Python 3.11 or newer with its venv module is needed (Debian: apt install python3 \
         python3-venv)"
    )]
    Missing(String),
    /// The cache cannot hold the environment.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The packages cannot be installed.
    #[error(
        "pip cannot install {what}; check the network and run this again: {reason}; its own \
         message is above"
    )]
    Install {
        /// What was to be installed.
        what: &'static str,
        /// What happened.
        reason: String,
    },
}

/// An environment of its own for one use of Python.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Environment {
    /// Name of the entry in the cache.
    pub(crate) name: &'static str,
    /// What is installed, for the person who waits for it.
    pub(crate) what: &'static str,
    /// The packages as pip reads them, each with its version and hashes. Nothing else is
    /// installed, so the list holds what they need, too.
    pub(crate) requirements: &'static str,
    /// Room for wheels and what is in them.
    pub(crate) needed_bytes: u64,
}

/// The interpreter of the environment with the engines, which is built unless it is there.
///
/// # Errors
/// See [`Environment::ensure`].
pub(crate) fn environment() -> Result<PathBuf, BenchError> {
    Ok(ENGINES.ensure()?)
}

impl Environment {
    /// The interpreter of this environment, which is built unless it is there.
    ///
    /// # Errors
    /// [`PythonError::Missing`] when the machine's own Python is missing or too old,
    /// [`PythonError::Fetch`] for the cache, [`PythonError::Install`] when pip fails.
    pub(crate) fn ensure(&self) -> Result<PathBuf, PythonError> {
        let origin = self.origin()?;
        let cache = Cache::open()?;
        // The cache knows its own errors only; ours is kept beside it.
        let mut failure = None;
        let folder = cache.ensure(self.name, &origin, |folder| {
            cache.check_space(self.needed_bytes)?;
            self.fill(folder).map_err(|error| {
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

    /// The interpreter of this environment if it was built before.
    pub(crate) fn existing(&self) -> Option<PathBuf> {
        let origin = self.origin().ok()?;
        let folder = Cache::open().ok()?.complete(self.name, &origin)?;
        Some(interpreter(&folder))
    }

    /// What the environment is made from: an environment of another Python does not work.
    fn origin(&self) -> Result<String, PythonError> {
        if !is_on_path("python3") {
            return Err(PythonError::Missing(
                "there is no python3 on the path".into(),
            ));
        }
        let version = version(Path::new("python3"))?;
        let mut digest = String::new();
        for byte in Sha256::digest(self.requirements) {
            // Writing to a string cannot fail.
            let _ = write!(digest, "{byte:02x}");
        }
        Ok(format!("python {version} requirements {digest}"))
    }

    fn fill(&self, folder: &Path) -> Result<(), PythonError> {
        eprintln!("installing {}", self.what);
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv"]).arg(folder);
        run_limited(&mut venv, ASK_LIMIT).map_err(|reason| {
            PythonError::Missing(format!("python3 makes no environment ({reason})"))
        })?;
        let list = folder.join("requirements.txt");
        std::fs::write(&list, self.requirements).map_err(FetchError::file(&list))?;
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
        run_limited(&mut pip, INSTALL_LIMIT).map_err(|reason| PythonError::Install {
            what: self.what,
            reason,
        })?;
        Ok(())
    }
}

fn interpreter(folder: &Path) -> PathBuf {
    folder.join("bin/python3")
}

/// The full version, when it is new enough.
fn version(python: &Path) -> Result<String, PythonError> {
    let mut command = Command::new(python);
    command.args(["-c", "import platform; print(platform.python_version())"]);
    let printed = run_limited(&mut command, ASK_LIMIT)
        .map_err(|reason| PythonError::Missing(format!("python3 does not run ({reason})")))?;
    let version = printed.trim().to_owned();
    let mut numbers = version.split('.').map_while(|part| part.parse().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if (major, minor) >= VERSION_MIN => Ok(version),
        _ => Err(PythonError::Missing(format!("python3 is {version:?}"))),
    }
}

/// Whether every package of a list of requirements has a version and a hash; else the first
/// that has not.
#[cfg(test)]
pub(crate) fn unpinned(requirements: &str) -> Option<String> {
    let lines = requirements.lines().filter(|line| !line.starts_with('#'));
    let text = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let is_pinned = |line: &str| line.contains("==") && line.contains("--hash=sha256:");
    text.lines()
        .find(|line| !line.trim().is_empty() && !is_pinned(line))
        .map(str::to_owned)
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
        assert_eq!(unpinned(ENGINES.requirements), None);
        assert_eq!(unpinned("# a\nb==1 \\\n    --hash=sha256:0\n\n"), None);
        assert_eq!(unpinned("a==1\n").as_deref(), Some("a==1"));
        assert!(unpinned("a --hash=sha256:0\n").is_some());
        for engine in ["onnxruntime==", "openvino==", "ai-edge-litert==", "ncnn=="] {
            let mut lines = ENGINES.requirements.lines();
            assert!(lines.any(|line| line.starts_with(engine)), "{engine}");
        }
    }
}
