//! Verb `sizes`: what the firmware's bytes are, and how they have grown.

mod measure;
mod table;

pub use measure::{Sizes, Symbol};

use crate::board::Board;
use crate::build::{self, BuildError};
use crate::workspace;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The largest stored result that is read, in bytes.
const RESULT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The word for the result that is kept in the repository.
const BASELINE: &str = "baseline";

/// Options of `cargo xtask sizes`.
#[derive(clap::Args, Clone, Debug)]
pub struct SizesArgs {
    /// The board whose firmware is measured; it is built first
    #[arg(long, value_name = "BOARD", default_value = "generic-aarch64")]
    pub board: String,
    /// Show the difference to a result of --save; `baseline` is board/sizes/BOARD.json
    #[arg(long, value_name = "FILE")]
    pub compare: Option<PathBuf>,
    /// Write the result as JSON; `baseline` is board/sizes/BOARD.json
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
}

/// Why there are no sizes.
#[derive(Debug, thiserror::Error)]
pub enum SizesError {
    /// There is no firmware.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The firmware cannot be taken apart.
    #[error("{path} is not a sound ELF binary: {reason}")]
    Binary {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The earlier result is none.
    #[error("{path} is no result of `cargo xtask sizes --save`: {reason}")]
    Result {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl SizesError {
    fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}

/// Runs `cargo xtask sizes`.
pub fn run(args: &SizesArgs) -> Result<(), SizesError> {
    let board = Board::load(&args.board).map_err(BuildError::from)?;
    let stored = |file: &PathBuf| result_path(file, &board.name);
    // A wrong path is told before minutes of building.
    let earlier = match &args.compare {
        Some(file) => Some(load(&stored(file))?),
        None => None,
    };
    let binary = build::build(&board)?.binary;
    let bytes = std::fs::read(&binary).map_err(SizesError::file(&binary))?;
    let mut sizes = Sizes::of(&bytes).map_err(|reason| SizesError::Binary {
        path: binary.clone(),
        reason,
    })?;
    sizes.board = board.name.clone();
    let models = workspace::root().join("models");
    for model in [Some(&board.model), board.lite_model.as_ref()] {
        let Some(model) = model else { continue };
        let bytes = model_bytes(&models.join(model))?;
        sizes.models.insert(model.clone(), bytes);
    }
    match &earlier {
        Some(earlier) => print!("{}", table::difference(earlier, &sizes)),
        None => print!("{}", table::all(&sizes)),
    }
    match &args.save {
        Some(file) => save(&stored(file), &sizes),
        None => Ok(()),
    }
}

fn result_path(file: &Path, board: &str) -> PathBuf {
    if file == Path::new(BASELINE) {
        return workspace::root().join(format!("board/sizes/{board}.json"));
    }
    file.to_owned()
}

/// Bytes of what a bundle takes of a model.
fn model_bytes(folder: &Path) -> Result<u64, SizesError> {
    let mut bytes = 0;
    for name in ["model.onnx", "model.toml"] {
        let path = folder.join(name);
        bytes += std::fs::metadata(&path)
            .map_err(SizesError::file(&path))?
            .len();
    }
    Ok(bytes)
}

fn load(path: &Path) -> Result<Sizes, SizesError> {
    let file = std::fs::File::open(path).map_err(SizesError::file(path))?;
    let mut text = String::new();
    let mut limited = file.take(RESULT_BYTES_MAX + 1);
    let read = limited
        .read_to_string(&mut text)
        .map_err(SizesError::file(path))?;
    let wrong = |reason: String| SizesError::Result {
        path: path.to_owned(),
        reason,
    };
    if read as u64 > RESULT_BYTES_MAX {
        return Err(wrong(format!("it has more than {RESULT_BYTES_MAX} bytes")));
    }
    let sizes: Sizes = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    if sizes.schema != measure::SCHEMA {
        return Err(wrong(format!("its schema is `{}`", sizes.schema)));
    }
    Ok(sizes)
}

fn save(path: &Path, sizes: &Sizes) -> Result<(), SizesError> {
    let mut text = serde_json::to_string_pretty(sizes).map_err(|error| SizesError::Result {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    text.push('\n');
    if let Some(parent) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        std::fs::create_dir_all(parent).map_err(SizesError::file(parent))?;
    }
    std::fs::write(path, text).map_err(SizesError::file(path))?;
    println!("written to {}", path.display());
    Ok(())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
