//! Verb `card`: writes on a model's card what `evaluate` has measured.
//!
//! `train-and-export` does so by itself; a model that `quantize` has made afterwards has a card
//! without figures, because those of another file tell nothing about it.

use crate::evaluate::{EvaluateError, EvaluationFile, unused_name};
use crate::export::{class_thresholds, folder_name, set_metrics};
use crate::quantize::{FolderError, write_model};
use lookout::model::{ModelCard, ModelError, SplitMetrics, VerifiedModel};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Digits of a model's hash that its id holds.
const ID_DIGITS: usize = 12;

/// Options of `cargo xtask card`.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "Example:\n  cargo xtask evaluate --model models/new --data data/city --json int8.json\n  \
cargo xtask evaluate --model WORK/float --data data/city --json float.json\n  \
cargo xtask card --model models/new --int8 int8.json --float float.json\n\n\
Figures and recommended thresholds replace those on the card. A set is named by its folder."
)]
pub struct CardArgs {
    /// Folder of the model whose card is written
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
    /// Its figures, as `cargo xtask evaluate --json` writes them
    #[arg(long, value_name = "FILE")]
    pub int8: PathBuf,
    /// Those of the float network that it was made of, on the same images
    #[arg(long, value_name = "FILE")]
    pub float: PathBuf,
    /// Give the model this name, too
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

/// Why a card was left as it was.
#[derive(Debug, thiserror::Error)]
pub enum CardError {
    /// The model cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A file of figures cannot be read.
    #[error(transparent)]
    Figures(#[from] EvaluateError),
    /// The card cannot be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Figures of another model.
    #[error(
        "{}: these are figures of {found}, not of the model {expected}; evaluate that one",
        path.display()
    )]
    OtherModel {
        /// The file.
        path: PathBuf,
        /// The start of the model's hash.
        expected: String,
        /// The model in the file.
        found: String,
    },
    /// The two files do not tell about the same images.
    #[error(
        "the two files tell about different images ({0}); evaluate both models with the same --data"
    )]
    OtherImages(String),
    /// A set that was learnt from.
    #[error("{0}: figures on images to train on do not belong on a card; evaluate --split val")]
    NotValidation(String),
}

/// Runs the verb.
pub fn run(args: &CardArgs) -> Result<(), CardError> {
    let VerifiedModel { mut card, onnx } = VerifiedModel::read(&args.model)?;
    let int8 = EvaluationFile::read(&args.int8)?;
    let float = EvaluationFile::read(&args.float)?;
    let expected = &card.onnx.sha256[..ID_DIGITS.min(card.onnx.sha256.len())];
    if !int8.model.ends_with(&format!("@{expected}")) {
        return Err(CardError::OtherModel {
            path: args.int8.clone(),
            expected: expected.into(),
            found: int8.model,
        });
    }
    put(&mut card, &int8, &float)?;
    if let Some(name) = &args.name {
        card.name.clone_from(name);
    }
    write_model(&args.model, &card, &onnx)?;
    println!(
        "{}: figures on {} sets, {} images; mAP {:.4} in float, {:.4} in int8",
        args.model.display(),
        int8.sets.len(),
        int8.images,
        float.metrics.map,
        int8.metrics.map
    );
    Ok(())
}

/// Puts figures and thresholds on the card in place of those that are there.
fn put(
    card: &mut ModelCard,
    int8: &EvaluationFile,
    float: &EvaluationFile,
) -> Result<(), CardError> {
    let mut metrics = BTreeMap::new();
    for (at, set) in int8.sets.iter().enumerate() {
        let other = float.sets.get(at);
        let same = other.filter(|other| other.data == set.data && other.images == set.images);
        let Some(other) = same else {
            return Err(CardError::OtherImages(set.name.clone()));
        };
        if set.split != "val" || other.split != "val" {
            return Err(CardError::NotValidation(set.name.clone()));
        }
        let figures = SplitMetrics {
            images: set.images,
            float: set_metrics(&other.metrics),
            int8: set_metrics(&set.metrics),
        };
        let name = unused_name(&folder_name(&set.data), |name| !metrics.contains_key(name));
        metrics.insert(name, figures);
    }
    if float.sets.len() != int8.sets.len() {
        return Err(CardError::OtherImages("more sets in one of them".into()));
    }
    card.metrics = metrics;
    card.postprocess.class_thresholds = class_thresholds(&int8.recommended);
    Ok(())
}

#[cfg(test)]
#[path = "card_tests.rs"]
mod tests;
