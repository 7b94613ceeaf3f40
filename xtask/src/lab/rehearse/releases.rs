//! Releases to rehearse with: good ones, and one for each way of being bad.

use super::RehearseError;
use crate::board::{Board, FlashTimes};
use crate::bundle::{Install, Stage};
use lookout::release::{Manifest, SecretKey, Version, write_bundle};
use std::path::{Path, PathBuf};

/// What a release does once it is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Sees.
    Good,
    /// Ends with an error as soon as it is started.
    Crashes,
    /// Is started and never says a word.
    Hangs,
    /// Runs, and gets no frame.
    Blind,
    /// Sees, and ends after a while, again and again.
    CrashesLater,
}

/// Seconds after which a release of kind [`Kind::CrashesLater`] ends: longer than it needs to see
/// and shorter than it would have to last.
const CRASH_AFTER_S: u32 = 30;

/// A bundle and what is in it.
#[derive(Clone, Debug)]
pub(super) struct Release {
    pub(super) path: PathBuf,
    pub(super) manifest: Manifest,
}

/// Makes releases with rising versions.
pub(super) struct Releases {
    folder: PathBuf,
    board: Board,
    binary: PathBuf,
    build_number: u64,
}

impl Releases {
    pub(super) fn new(folder: &Path, board: &Board, binary: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            board: board.clone(),
            binary: binary.to_owned(),
            build_number: 0,
        }
    }

    /// The firmware in them.
    pub(super) fn binary(&self) -> &Path {
        &self.binary
    }

    /// The next release of a kind, signed by `key`.
    pub(super) fn make(
        &mut self,
        kind: Kind,
        times: &FlashTimes,
        key: &SecretKey,
    ) -> Result<Release, RehearseError> {
        self.build_number += 1;
        let version: Version = format!("0.0.1+{}", self.build_number).parse()?;
        let stage = self.folder.join("stage");
        let mut stage = Stage::make(&stage, &self.board, &self.binary, Install::Slots)?;
        if let Some((name, from, to)) = spoiled(kind) {
            let path = stage.folder().join(name);
            let text = std::fs::read_to_string(&path).map_err(super::file_error(&path))?;
            let bad: Vec<String> = text
                .lines()
                .map(|line| {
                    if line.starts_with(from) {
                        to.clone()
                    } else {
                        line.to_owned()
                    }
                })
                .collect();
            stage.write(name, (bad.join("\n") + "\n").as_bytes())?;
        }
        let manifest = stage.manifest(&self.board, version.clone(), times.clone())?;
        let path = self.folder.join(format!("{version}.bundle"));
        write_bundle(&path, &manifest, stage.folder(), key)?;
        Ok(Release { path, manifest })
    }
}

/// The file that makes a release bad, the start of the line in it, and what comes in its place.
fn spoiled(kind: Kind) -> Option<(&'static str, &'static str, String)> {
    let unit = |command: &str| {
        let line = format!("ExecStart={command}");
        Some(("units/lookout.service", "ExecStart=", line))
    };
    match kind {
        Kind::Good => None,
        Kind::Crashes => unit("/bin/sh -c 'exit 3'"),
        Kind::Hangs => unit("/bin/sleep infinity"),
        Kind::CrashesLater => unit(&format!(
            "/usr/bin/timeout --foreground {CRASH_AFTER_S} /opt/lookout/current/lookout run \
             --config /opt/lookout/current/lookout.toml --health /run/lookout/health.json"
        )),
        Kind::Blind => {
            let line = "source = \"v4l2:///dev/no-such-camera\"".to_owned();
            Some(("lookout.toml", "source", line))
        }
    }
}
