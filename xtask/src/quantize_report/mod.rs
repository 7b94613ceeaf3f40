//! Verb `quantize-report`: what quantization costs, layer by layer, on real pictures.
//!
//! A float model and its int8 copy run side by side (see [`crate::quantize::Twin`]). For every
//! layer the report tells the signal-to-noise ratio when it alone is in integers and when all
//! layers before it are, too; what it alone does to the network's outputs; and for the worst
//! layers how much mean average precision comes back when they stay in floats.

mod detect;
mod measure;
mod noise;
mod page;

pub use measure::{LayerReport, OutputErrors};

use crate::dataset::{Dataset, DatasetError, LoadOptions, Split};
use crate::evaluate::EvaluateError;
use crate::network::Network;
use crate::progress::{Progress, Unit};
use crate::quantize::{
    FolderError, ModelFolder, Precision, QuantizeError, Twin, pictures, replace,
};
use lookout::model::ModelCard;
use serde::Serialize;
use std::path::PathBuf;

/// Options of `cargo xtask quantize-report`.
#[derive(clap::Args, Clone, Debug)]
pub struct QuantizeReportArgs {
    /// Folder of the float model
    #[arg(long, value_name = "DIR")]
    pub float: PathBuf,
    /// Folder of the int8 model made of it
    #[arg(long, value_name = "DIR")]
    pub int8: PathBuf,
    /// Data set whose validation images are looked at; may be given more than once
    #[arg(long, value_name = "DIR", required = true)]
    pub data: Vec<PathBuf>,
    /// Measure noise on this many images
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub images: u32,
    /// Measure what each layer alone does to the outputs on this many of them; each takes the
    /// time of some forty inferences in floats
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(0..=4096))]
    pub layer_images: u32,
    /// Measure mean average precision on this many images of each set; 0 leaves it out
    #[arg(long, value_name = "N", default_value_t = 40)]
    pub map_images: u32,
    /// Keep each of the N worst layers in floats in turn and measure what that gains
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(0..=32))]
    pub worst: u8,
    /// Draws the images
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Write the page for people, Markdown, to this file
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Write the figures to this file, too
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum QuantizeReportError {
    /// A folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The networks cannot be computed.
    #[error(transparent)]
    Quantize(#[from] QuantizeError),
    /// A data set cannot be used.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// Mean average precision cannot be measured.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// The models are of different networks.
    #[error("the two models have inputs of different sizes; give an int8 model made of --float")]
    Different,
    /// The weights have nothing to do with each other.
    #[error(
        "layer {layer} has other weights in the two models; give the float model that the int8 one was made of, for one made with --equalise the folder that quantize wrote by --float-out"
    )]
    Unlike {
        /// Name of the layer.
        layer: String,
    },
}

/// All figures.
#[derive(Clone, Debug, Serialize)]
pub struct QuantizeReport {
    /// Name and hash of the float model.
    pub float: String,
    /// Name and hash of the int8 model.
    pub int8: String,
    /// Pictures that noise was measured on.
    pub images: usize,
    /// Errors of the outputs with all layers in integers.
    pub outputs: OutputErrors,
    /// Every layer, in the order of computation.
    pub layers: Vec<LayerReport>,
    /// Mean average precision, where it was measured.
    pub map: Option<MapReport>,
}

/// Mean average precision on a part of the validation images; good to compare with each other.
#[derive(Clone, Debug, Serialize)]
pub struct MapReport {
    /// Images.
    pub images: usize,
    /// All layers in floats.
    pub float: f64,
    /// All layers in integers.
    pub int8: f64,
    /// The worst layers, the worst first.
    pub one_in_float: Vec<OneInFloat>,
}

/// mAP with one layer in floats and all others in integers.
#[derive(Clone, Debug, Serialize)]
pub struct OneInFloat {
    /// The layer.
    pub layer: String,
    /// mAP.
    pub map: f64,
}

/// Runs the verb.
pub fn run(args: &QuantizeReportArgs) -> Result<(), QuantizeReportError> {
    let (float, int8) = (
        ModelFolder::read(&args.float)?,
        ModelFolder::read(&args.int8)?,
    );
    let network = &float.network;
    if *network != int8.network {
        return Err(QuantizeReportError::Different);
    }
    let (weights, dequantized) = (float.float()?, int8.int8()?);
    if let Some(layer) = measure::unlike(&weights, &dequantized.weights) {
        return Err(QuantizeReportError::Unlike { layer });
    }
    let twin = Twin::new(network, &weights, &dequantized)?;
    // Written before the minutes of work: a wrong path shows at once.
    for path in args.json.iter().chain([&args.out]) {
        replace(path, b"")?;
    }
    let count = args.images as usize;
    let pictures = pictures(&args.data, Split::Val, network, args.seed, count)?;
    if pictures.is_empty() {
        return Err(QuantizeError::NoPicture.into());
    }
    let mut progress = Progress::new("measuring noise", Unit::Steps, pictures.len() as u64);
    let (layers, outputs) = measure::measure(
        &twin,
        [&weights, &dequantized.weights],
        &pictures,
        args.layer_images as usize,
        |done| progress.set(done as u64),
    )?;
    progress.finish();
    let map = measure_map(args, &twin, &int8.model.card, &layers)?;
    let id = |card: &ModelCard| format!("{}@{:.12}", card.name, card.onnx.sha256);
    let report = QuantizeReport {
        float: id(&float.model.card),
        int8: id(&int8.model.card),
        images: pictures.len(),
        outputs,
        layers,
        map,
    };
    write(args, &report)
}

fn write(args: &QuantizeReportArgs, report: &QuantizeReport) -> Result<(), QuantizeReportError> {
    replace(&args.out, page::page(report).as_bytes())?;
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(report).map_err(|e| FolderError::Write {
            path: path.clone(),
            reason: e.to_string(),
        })?;
        replace(path, text.as_bytes())?;
    }
    println!("{}", page::summary(report));
    println!("the report is in {}", args.out.display());
    Ok(())
}

fn measure_map(
    args: &QuantizeReportArgs,
    twin: &Twin<'_>,
    card: &ModelCard,
    layers: &[LayerReport],
) -> Result<Option<MapReport>, QuantizeReportError> {
    if args.map_images == 0 {
        return Ok(None);
    }
    let load = |dir: &PathBuf| Dataset::load(dir, Split::Val, LoadOptions::EVALUATION);
    let mut sets = args.data.iter().map(load).collect::<Result<Vec<_>, _>>()?;
    for set in &mut sets {
        set.images.truncate(args.map_images as usize);
    }
    let float = detect::mean_average_precision(twin, card, &sets, |_| Precision::Float)?;
    let int8 = detect::mean_average_precision(twin, card, &sets, |_| Precision::Int8)?;
    let mut one_in_float = Vec::new();
    for layer in worst(twin.network(), layers, args.worst.into()) {
        let precision = |name: &str| {
            if name == layer {
                Precision::Float
            } else {
                Precision::Int8
            }
        };
        let map = detect::mean_average_precision(twin, card, &sets, precision)?;
        let layer = layer.to_string();
        one_in_float.push(OneInFloat { layer, map });
    }
    Ok(Some(MapReport {
        images: sets.iter().map(|set| set.images.len()).sum(),
        float,
        int8,
        one_in_float,
    }))
}

/// The layers that do most to the outputs, by their share of the square of the errors that
/// each layer alone makes of logits or of boxes, whichever is greater. Where no output was
/// worth a comparison, those with the least signal to noise.
fn worst<'a>(network: &Network, layers: &'a [LayerReport], count: usize) -> Vec<&'a str> {
    let shares = shares(layers);
    let rounds = |layer: &LayerReport| {
        let layer = network.layer(&layer.layer);
        layer.is_some_and(|layer| layer.op != crate::network::Op::Upsample2)
    };
    let mut ranked: Vec<(f64, &LayerReport)> = shares
        .into_iter()
        .zip(layers)
        .filter(|(_, layer)| rounds(layer))
        .collect();
    let decibels = |layer: &LayerReport| layer.alone_snr_db.unwrap_or(f64::INFINITY);
    ranked.sort_by(|(a, x), (b, y)| b.total_cmp(a).then(decibels(x).total_cmp(&decibels(y))));
    let names = ranked.into_iter().map(|(_, layer)| layer.layer.as_str());
    names.take(count).collect()
}

/// Share of each layer in the squared errors of logits or of boxes, whichever is greater.
fn shares(layers: &[LayerReport]) -> Vec<f64> {
    let share = |of: fn(&LayerReport) -> Option<f64>| -> Vec<f64> {
        let squares = layers.iter().map(|l| of(l).unwrap_or_default().powi(2));
        let squares: Vec<f64> = squares.collect();
        let sum: f64 = squares.iter().sum();
        let part = |square: &f64| if sum > 0.0 { square / sum } else { 0.0 };
        squares.iter().map(part).collect()
    };
    let (logits, boxes) = (share(|l| l.logit_error), share(|l| l.box_error));
    logits.iter().zip(&boxes).map(|(a, b)| a.max(*b)).collect()
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
