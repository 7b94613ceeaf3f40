//! Puts a model's two files where they belong, so that a reader finds the old model or the
//! new one.

use lookout::model::{CARD_FILE, ModelCard};
use std::path::{Path, PathBuf};

/// Why the files could not be put in place.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct PlaceError {
    path: PathBuf,
    reason: String,
}

fn failed(path: &Path, reason: impl std::fmt::Display) -> PlaceError {
    PlaceError {
        path: path.to_path_buf(),
        reason: reason.to_string(),
    }
}

/// Last part of a folder's path.
pub(crate) fn name(dir: &Path) -> String {
    dir.file_name()
        .unwrap_or(dir.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// Writes card and network into `dir`, which is made if need be.
pub(super) fn write(dir: &Path, card: &ModelCard, onnx: &[u8]) -> Result<(), PlaceError> {
    std::fs::create_dir_all(dir).map_err(|e| failed(dir, e))?;
    let text = toml::to_string_pretty(card).map_err(|e| failed(&dir.join(CARD_FILE), e))?;
    for (file, bytes) in [
        (card.onnx.file.as_str(), onnx),
        (CARD_FILE, text.as_bytes()),
    ] {
        let path = dir.join(file);
        std::fs::write(&path, bytes).map_err(|e| failed(&path, e))?;
    }
    Ok(())
}

/// Copies the model in `from` to `to`. Each file is renamed into place, the card last; between
/// the two renames the card's hash refuses the pair.
pub(super) fn install(from: &Path, to: &Path) -> Result<(), PlaceError> {
    std::fs::create_dir_all(to).map_err(|e| failed(to, e))?;
    for file in [super::card::ONNX_FILE, CARD_FILE] {
        let temporary = to.join(format!("{file}.partial"));
        std::fs::copy(from.join(file), &temporary).map_err(|e| failed(&temporary, e))?;
        std::fs::File::open(&temporary)
            .and_then(|file| file.sync_all())
            .map_err(|e| failed(&temporary, e))?;
        let path = to.join(file);
        std::fs::rename(&temporary, &path).map_err(|e| failed(&path, e))?;
    }
    Ok(())
}
