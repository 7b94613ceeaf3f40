//! Verb `quantize`: an int8 model from a float one, on real pictures and without torch.

use super::folder::{FolderError, ModelFolder, pictures, replace, write_model};
use super::{
    Choice, FoldedWeights, Int8Network, Method, QuantizeError, Ranges, calibrate, channels,
    correct_biases, equalise,
};
use crate::dataset::Split;
use crate::export::{Agreement, VerifyError, verify};
use crate::network::Network;
use crate::onnx::{OnnxError, read_dequantized, write_float, write_int8};
use crate::progress::{Progress, Unit};
use crate::train_and_export::command_line;
use lookout::model::ModelCard;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Pictures that biases are corrected on; all of them are in memory at once.
const BIAS_PICTURES_MAX: usize = 16;

/// Options of `cargo xtask quantize`.
#[derive(clap::Args, Clone, Debug)]
pub struct QuantizeArgs {
    /// Folder of the float model, as train-and-export leaves it in WORK/float
    #[arg(long, value_name = "DIR")]
    pub float: PathBuf,
    /// Data set whose training images are calibrated on; may be given more than once
    #[arg(long, value_name = "DIR", required = true)]
    pub data: Vec<PathBuf>,
    /// Folder for the int8 model
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// How ranges are chosen: auto, mse, minmax, percentile (99.99) or percentile:P
    #[arg(long, value_name = "METHOD", default_value = "mse")]
    pub method: Method,
    /// Take out of the biases by how much rounding shifts the mean of each channel
    #[arg(long)]
    pub bias_correction: bool,
    /// Even out the channels of a layer before rounding it
    #[arg(long)]
    pub equalise: bool,
    /// Write the float model with evened channels to this folder: quantize-report needs it
    /// beside an int8 model that was made with --equalise
    #[arg(long, value_name = "DIR", requires = "equalise")]
    pub float_out: Option<PathBuf>,
    /// Calibrate on this many images
    #[arg(long, value_name = "N", default_value_t = 160, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub images: u32,
    /// Draws the images
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Write what was chosen for each layer to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Why there is no int8 model.
#[derive(Debug, thiserror::Error)]
pub enum QuantizeCommandError {
    /// A folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The network cannot be quantized.
    #[error(transparent)]
    Quantize(#[from] QuantizeError),
    /// The network cannot be written.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// The written file does not mean what was meant.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// A model would be lost.
    #[error(
        "--float, --out and --float-out must be three folders; give another one for what is written"
    )]
    SameFolder,
}

/// What is done to the float network.
#[derive(Clone, Copy, Debug, Default)]
pub struct Recipe {
    /// How ranges are chosen.
    pub method: Method,
    /// Whether channels are evened out first.
    pub equalise: bool,
    /// Whether biases are corrected afterwards.
    pub bias_correction: bool,
}

/// An integer network and how it came about.
#[derive(Debug)]
pub struct Quantized {
    /// The network.
    pub int8: Int8Network,
    /// The range of every layer.
    pub choices: BTreeMap<String, Choice>,
    /// The float weights that were rounded, but for the correction of biases.
    pub weights: FoldedWeights,
}

/// Runs the verb.
pub fn run(args: &QuantizeArgs) -> Result<(), QuantizeCommandError> {
    check_folders(args)?;
    let folder = ModelFolder::read(&args.float)?;
    let weights = folder.float()?;
    let network = &folder.network;
    let count = args.images as usize;
    let pictures = pictures(&args.data, Split::Train, network, args.seed, count)?;
    let recipe = Recipe {
        method: args.method,
        equalise: args.equalise,
        bias_correction: args.bias_correction,
    };
    let Quantized {
        int8,
        choices,
        weights,
    } = quantize(network, &weights, &pictures, recipe)?;
    let onnx = write_int8(&int8)?;
    let last = pictures.last().ok_or(QuantizeError::NoPicture)?;
    let Agreement { outputs, differing } = verify(&int8, &onnx, last)?;
    println!(
        "the network agrees with its integer reference: of {outputs} outputs {differing} differ, \
         by one step"
    );
    let command = command_line(std::env::args());
    let card = |onnx: &[u8]| card(folder.model.card.clone(), onnx, &command);
    if let Some(dir) = &args.float_out {
        let onnx = write_float(network, &weights)?;
        write_model(dir, &card(&onnx), &onnx)?;
    }
    write_model(&args.out, &card(&onnx), &onnx)?;
    print_methods(&choices);
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(&choices).map_err(|e| FolderError::Write {
            path: path.clone(),
            reason: e.to_string(),
        })?;
        replace(path, text.as_bytes())?;
    }
    println!(
        "the int8 model is in {}; measure it with `cargo xtask evaluate`",
        args.out.display()
    );
    Ok(())
}

/// Quantizes `weights` by what the network puts out over `pictures`, `[3, height, width]` each.
pub fn quantize(
    network: &Network,
    weights: &FoldedWeights,
    pictures: &[Vec<u8>],
    recipe: Recipe,
) -> Result<Quantized, QuantizeCommandError> {
    if pictures.is_empty() {
        return Err(QuantizeError::NoPicture.into());
    }
    let mut weights = weights.clone();
    if recipe.equalise {
        let found = follow("looking at channels", pictures.len(), |tell| {
            channels(network, &weights, pictures, tell)
        })?;
        weights = equalise(network, &weights, &found)?;
    }
    let choices = follow("calibrating", pictures.len(), |tell| {
        calibrate(network, &weights, pictures, recipe.method, tell)
    })?;
    let range = |(name, choice): (&String, &Choice)| (name.clone(), (choice.low, choice.high));
    let ranges: Ranges = choices.iter().map(range).collect();
    let mut int8 = Int8Network::new(network, &weights, &ranges)?;
    if recipe.bias_correction {
        let dequantized = read_dequantized(&write_int8(&int8)?, network)?;
        let few = &pictures[..pictures.len().min(BIAS_PICTURES_MAX)];
        let corrected = follow("correcting biases", network.layers.len(), |tell| {
            correct_biases(network, &weights, &dequantized, few, tell)
        })?;
        int8 = Int8Network::new(network, &corrected, &ranges)?;
    }
    Ok(Quantized {
        int8,
        choices,
        weights,
    })
}

/// Nothing may be written over a model that is read or written elsewhere.
fn check_folders(args: &QuantizeArgs) -> Result<(), QuantizeCommandError> {
    let resolved = |dir: &PathBuf| dir.canonicalize().unwrap_or_else(|_| dir.clone());
    let dirs = [&args.float, &args.out].into_iter().chain(&args.float_out);
    let mut dirs: Vec<PathBuf> = dirs.map(resolved).collect();
    dirs.sort_unstable();
    if dirs.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(QuantizeCommandError::SameFolder);
    }
    Ok(())
}

/// Runs `work` with progress shown.
fn follow<T>(label: &str, steps: usize, work: impl FnOnce(&mut dyn FnMut(usize)) -> T) -> T {
    let mut progress = Progress::new(label, Unit::Steps, steps as u64);
    let result = work(&mut |done| progress.set(done as u64));
    progress.finish();
    result
}

/// The float model's card for the new file. Figures of another file tell nothing about it.
fn card(mut card: ModelCard, onnx: &[u8], command: &str) -> ModelCard {
    card.onnx.sha256 = lookout::model::sha256_hex(onnx);
    card.training.command = format!("{} && {command}", card.training.command);
    card.metrics = Default::default();
    card
}

fn print_methods(choices: &BTreeMap<String, Choice>) {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for choice in choices.values() {
        let name = choice.method.map(|method| method.to_string());
        let name = name.unwrap_or_else(|| "rule of scores and boxes".into());
        *counts.entry(name).or_default() += 1;
    }
    let counts: Vec<String> = counts
        .iter()
        .map(|(name, n)| format!("{name} {n}"))
        .collect();
    println!("ranges of layers: {}", counts.join(", "));
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
