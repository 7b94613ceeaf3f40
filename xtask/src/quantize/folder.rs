//! Model folders and calibration pictures, as the verbs about quantization read and write them.

use super::{Dequantized, FoldedWeights};
use crate::dataset::{Dataset, DatasetError, LoadOptions, Split};
use crate::network::{Network, detector};
use crate::onnx::{OnnxError, read_dequantized, read_float};
use crate::training::{TrainingSet, calibration_pixels};
use lookout::model::{CARD_FILE, ModelCard, ModelError, VerifiedModel};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Sides of the input are multiples of this, which is the coarsest level's stride.
const SIDE_MULTIPLE: u32 = 32;

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The model cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The file holds another network.
    #[error("{}: {error}", path.display())]
    Onnx {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        error: OnnxError,
    },
    /// The network is none of ours.
    #[error(
        "{}: the input is {height}x{width}, whose sides are no multiples of 32; give a model that train-and-export wrote",
        path.display()
    )]
    Size {
        /// The folder.
        path: PathBuf,
        /// Rows of the input.
        height: u32,
        /// Columns of the input.
        width: u32,
    },
    /// A data set cannot be used.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A file cannot be written.
    #[error("{}: {reason}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
}

/// A verified model, and its network as plain data.
pub(crate) struct ModelFolder {
    path: PathBuf,
    pub(crate) model: VerifiedModel,
    pub(crate) network: Network,
}

impl ModelFolder {
    /// Reads and verifies the model in `dir`.
    pub(crate) fn read(dir: &Path) -> Result<Self, FolderError> {
        let model = VerifiedModel::read(dir)?;
        let input = model.card.input.clone();
        let (height, width) = (input.height, input.width);
        let fits = |side: u32| side > 0 && side.is_multiple_of(SIDE_MULTIPLE);
        let path = dir.to_owned();
        if !fits(height) || !fits(width) {
            return Err(FolderError::Size {
                path,
                height,
                width,
            });
        }
        Ok(Self {
            path,
            model,
            network: detector(height as usize, width as usize)
                .with_normalisation(input.mean.0, input.std.0),
        })
    }

    /// The weights of a float model.
    pub(crate) fn float(&self) -> Result<FoldedWeights, FolderError> {
        read_float(&self.model.onnx, &self.network).map_err(|error| self.onnx(error))
    }

    /// What the integers of an int8 model stand for.
    pub(crate) fn int8(&self) -> Result<Dequantized, FolderError> {
        read_dequantized(&self.model.onnx, &self.network).map_err(|error| self.onnx(error))
    }

    fn onnx(&self, error: OnnxError) -> FolderError {
        let path = self.path.clone();
        FolderError::Onnx { path, error }
    }
}

/// Up to `count` pictures `[3, height, width]` of a split of the data sets in `dirs`, drawn by
/// `seed`, as the board sees them.
pub(crate) fn pictures(
    dirs: &[PathBuf],
    split: Split,
    network: &Network,
    seed: u64,
    count: usize,
) -> Result<Vec<Vec<u8>>, FolderError> {
    let load = |dir: &PathBuf| Dataset::load(dir, split, LoadOptions::EVALUATION);
    let sets = dirs.iter().map(load).collect::<Result<Vec<_>, _>>()?;
    let set = Arc::new(TrainingSet::new(sets));
    let size = (network.input_height as u32, network.input_width as u32);
    Ok(calibration_pixels(set, &network.anchor_grid(), size, seed, count).collect())
}

/// Writes card and network into `dir`, which is made if need be. The card comes last: until it
/// is there, its hash refuses the pair.
pub(crate) fn write_model(dir: &Path, card: &ModelCard, onnx: &[u8]) -> Result<(), FolderError> {
    std::fs::create_dir_all(dir).map_err(|e| unwritable(dir, e))?;
    let card_path = dir.join(CARD_FILE);
    let text = toml::to_string_pretty(card).map_err(|e| unwritable(&card_path, e))?;
    replace(&dir.join(&card.onnx.file), onnx)?;
    replace(&card_path, text.as_bytes())
}

/// Writes a file beside `path` and renames it into place, so that a full disk leaves the old
/// one as it was.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), FolderError> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    std::fs::write(&partial, bytes).map_err(|e| unwritable(&partial, e))?;
    std::fs::rename(&partial, path).map_err(|e| unwritable(path, e))
}

fn unwritable(path: &Path, reason: impl std::fmt::Display) -> FolderError {
    FolderError::Write {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}
