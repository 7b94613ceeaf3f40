//! The files of a release, put together in a folder.

use super::{BundleError, file_error};
use crate::board::{Board, FlashTimes};
use crate::workspace;
use lookout::model::sha256_hex;
use lookout::release::{FileEntry, Manifest, Version};
use serde::Serialize;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The program.
const PROGRAM: &str = "lookout";
/// The settings that come with a release.
const SETTINGS: &str = "lookout.toml";
/// Where a release in use lies on a board.
const SLOT_IN_USE: &str = "/opt/lookout/current";
/// Where a package puts the firmware.
pub(super) const PACKAGE_FOLDER: &str = "/usr/lib/lookout";
/// The units that only slots need.
const SLOT_UNITS: [&str; 1] = ["lookout-guard.service"];

/// How the files come to be on the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Install {
    /// In one of two slots.
    Slots,
    /// As a Debian package.
    Package,
}

impl Install {
    fn folder(self) -> &'static str {
        match self {
            Self::Slots => SLOT_IN_USE,
            Self::Package => PACKAGE_FOLDER,
        }
    }
}

/// A folder with the files of a release.
pub struct Stage {
    folder: PathBuf,
    /// Paths below the folder, sorted.
    files: Vec<String>,
}

/// The settings of a release, in the words of the firmware's configuration.
#[derive(Serialize)]
struct ReleaseSettings<'a> {
    source: &'a str,
    model: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    lite_model: Option<String>,
    threads: u32,
    celsius_shed: u32,
    sinks: [&'a str; 1],
}

impl Stage {
    /// Puts the files together anew.
    pub fn make(
        folder: &Path,
        board: &Board,
        binary: &Path,
        install: Install,
    ) -> Result<Self, BundleError> {
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(file_error(folder))?;
        }
        let mut stage = Self {
            folder: folder.to_owned(),
            files: Vec::new(),
        };
        let program = fs::read(binary).map_err(file_error(binary))?;
        stage.write(PROGRAM, &program)?;
        let models = [Some(&board.model), board.lite_model.as_ref()];
        for model in models.into_iter().flatten() {
            stage.model(board, model)?;
        }
        stage.write(SETTINGS, settings(board, install).as_bytes())?;
        stage.units(board, install)?;
        for name in ["LICENSE", "src/sink/SCHEMA.md"] {
            let path = workspace::root().join(name);
            let text = fs::read(&path).map_err(file_error(&path))?;
            let name = name.rsplit('/').next().unwrap_or(name);
            stage.write(name, &text)?;
        }
        stage.files.sort();
        Ok(stage)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The files' paths below the folder.
    pub fn files(&self) -> &[String] {
        &self.files
    }

    /// Puts a file of one's own in, or in another's place: tests make bad releases with it.
    pub fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), BundleError> {
        let path = self.folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(file_error(parent))?;
        }
        fs::write(&path, bytes).map_err(file_error(&path))?;
        if name == PROGRAM {
            let mode = fs::Permissions::from_mode(0o755);
            fs::set_permissions(&path, mode).map_err(file_error(&path))?;
        }
        if !self.files.iter().any(|file| file == name) {
            self.files.push(name.to_owned());
        }
        Ok(())
    }

    fn model(&mut self, board: &Board, model: &str) -> Result<(), BundleError> {
        let folder = workspace::root().join("models").join(model);
        for name in ["model.onnx", "model.toml"] {
            let path = folder.join(name);
            if !path.is_file() {
                return Err(BundleError::NoModel {
                    board: board.name.clone(),
                    model: model.to_owned(),
                });
            }
            let bytes = fs::read(&path).map_err(file_error(&path))?;
            self.write(&format!("models/{model}/{name}"), &bytes)?;
        }
        Ok(())
    }

    fn units(&mut self, board: &Board, install: Install) -> Result<(), BundleError> {
        let folder = workspace::root().join("board/units");
        let entries = fs::read_dir(&folder).map_err(file_error(&folder))?;
        for entry in entries {
            let entry = entry.map_err(file_error(&folder))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if install == Install::Package && SLOT_UNITS.contains(&name.as_str()) {
                continue;
            }
            let text = fs::read_to_string(entry.path()).map_err(file_error(&entry.path()))?;
            let text = filled(&text, board, install).map_err(|name| BundleError::Placeholder {
                path: entry.path(),
                name,
            })?;
            self.write(&format!("units/{name}"), text.as_bytes())?;
        }
        Ok(())
    }

    /// What the files are, for the board that installs them.
    pub fn manifest(
        &self,
        board: &Board,
        version: Version,
        times: FlashTimes,
    ) -> Result<Manifest, BundleError> {
        let entry = |name: &String| {
            let path = self.folder.join(name);
            let bytes = fs::read(&path).map_err(file_error(&path))?;
            Ok(FileEntry {
                path: name.clone(),
                bytes: bytes.len() as u64,
                executable: name == PROGRAM,
                sha256: sha256_hex(&bytes),
            })
        };
        let files: Result<Vec<FileEntry>, BundleError> = self.files.iter().map(entry).collect();
        let machine = board.target.split('-').next().unwrap_or_default();
        Ok(Manifest {
            format: 1,
            version,
            board: board.name.clone(),
            machine: machine.to_owned(),
            compatible: board.compatible.clone(),
            disk_free_min_bytes: u64::from(board.limits.disk_free_min_mib) << 20,
            health_wait_s: times.health_wait_s.into(),
            soak_s: times.soak_s.into(),
            files: files?,
        })
    }
}

fn settings(board: &Board, install: Install) -> String {
    let model = |name: &String| format!("{}/models/{name}", install.folder());
    let settings = ReleaseSettings {
        source: &board.camera,
        model: model(&board.model),
        lite_model: board.lite_model.as_ref().map(model),
        threads: board.threads,
        celsius_shed: board.limits.celsius_shed,
        sinks: ["unix:/run/lookout/lookout.sock"],
    };
    let head = "# Settings of this release; the board's owner changes /etc/lookout/lookout.toml.\n";
    // Plain numbers and strings always become TOML.
    head.to_owned() + &toml::to_string(&settings).unwrap_or_default()
}

/// Puts the board's values in the places of `{{NAME}}`; the error is a name without a value.
fn filled(text: &str, board: &Board, install: Install) -> Result<String, String> {
    let number = |value: Option<u32>| value.map_or(String::new(), |value| value.to_string());
    let values = [
        ("DIR", install.folder().to_owned()),
        ("MEMORY_MAX_MIB", board.limits.memory_max_mib.to_string()),
        ("WATCHDOG_S", board.limits.watchdog_s.to_string()),
        ("START_MAX_S", board.flash.health_wait_s.to_string()),
        ("NVPMODEL", number(board.power.nvpmodel)),
        (
            "JETSON_CLOCKS",
            number(board.power.jetson_clocks.then_some(1)),
        ),
    ];
    let fill = |text: String, (name, value): &(&str, String)| {
        text.replace(&format!("{{{{{name}}}}}"), value)
    };
    let filled = values.iter().fold(text.to_owned(), fill);
    match filled.split_once("{{") {
        None => Ok(filled),
        Some((_, rest)) => Err(rest.chars().take_while(|&c| c != '}').collect()),
    }
}
