//! What rounding does to each layer, on real pictures.

use super::noise::Noise;
use crate::network::{Head, Layer, Network, Op};
use crate::quantize::{FoldedWeights, LOGIT_MIN, Precision, QuantizeError, Tensors, Twin, inputs};
use lookout::class::ObjectClass;
use serde::Serialize;

/// Only anchors with a class logit from here up count for errors of logits and boxes: a score
/// of 0.01, from which evaluation takes detections.
const LOGIT_COUNTS: f32 = -4.6;

/// Integer weights are nearer to their floats than this, in decibels, unless they are those of
/// another model.
const WEIGHTS_SNR_DB_MIN: f64 = 15.0;

/// The first layer whose integer weights cannot come from the float ones.
pub(super) fn unlike(float: &FoldedWeights, int8: &FoldedWeights) -> Option<String> {
    let mut layers = float.iter().filter_map(|(name, float)| {
        let mut noise = Noise::default();
        noise.add(&float.weight, &int8.get(name)?.weight);
        (noise.decibels()? < WEIGHTS_SNR_DB_MIN).then(|| name.clone())
    });
    layers.next()
}

/// One layer of the report.
#[derive(Clone, Debug, Serialize)]
pub struct LayerReport {
    /// Its name.
    pub layer: String,
    /// `conv 1x1`, `depthwise 3x3`, `add` or `upsample`.
    pub kind: String,
    /// Least number that its integers stand for.
    pub low: f32,
    /// Greatest number that its integers stand for.
    pub high: f32,
    /// Share of its values that are clipped.
    pub clipped: f64,
    /// Signal to noise of its integer weights, in decibels.
    pub weights_snr_db: Option<f64>,
    /// The same of the worst output channel.
    pub worst_channel_snr_db: Option<f64>,
    /// Which that is.
    pub worst_channel: Option<usize>,
    /// Signal to noise of its output when it alone is in integers and reads exact floats.
    pub alone_snr_db: Option<f64>,
    /// Signal to noise of its output when all layers up to it are in integers.
    pub accumulated_snr_db: Option<f64>,
    /// Mean error (root of the mean square) of the class logits when it alone is in integers.
    pub logit_error: Option<f64>,
    /// The same of the box codes.
    pub box_error: Option<f64>,
}

/// Errors of the network's outputs with all layers in integers, as in [`LayerReport`].
#[derive(Clone, Copy, Debug, Serialize)]
pub struct OutputErrors {
    /// Of the class logits.
    pub logit_error: Option<f64>,
    /// Of the box codes.
    pub box_error: Option<f64>,
}

#[derive(Clone, Default)]
struct LayerNoise {
    alone: Noise,
    accumulated: Noise,
    outputs: OutputNoise,
    clipped: u64,
    values: u64,
}

#[derive(Clone, Copy, Default)]
struct OutputNoise {
    logits: Noise,
    boxes: Noise,
}

impl OutputNoise {
    fn errors(&self) -> OutputErrors {
        OutputErrors {
            logit_error: self.logits.error(),
            box_error: self.boxes.error(),
        }
    }
}

/// Measures every layer over `pictures`; what a layer alone does to the outputs is worked out
/// on the first `sensitivity` of them only, since it takes the time of many runs. `tell` hears
/// how many pictures are done.
pub(super) fn measure(
    twin: &Twin<'_>,
    weights: [&FoldedWeights; 2],
    pictures: &[Vec<u8>],
    sensitivity: usize,
    mut tell: impl FnMut(usize),
) -> Result<(Vec<LayerReport>, OutputErrors), QuantizeError> {
    let network = twin.network();
    let mut noises = vec![LayerNoise::default(); network.layers.len()];
    let mut all = OutputNoise::default();
    for (done, pixels) in pictures.iter().enumerate() {
        let float = twin.run(pixels, |_| Precision::Float)?;
        let int8 = twin.run(pixels, |_| Precision::Int8)?;
        add_outputs(network, &float, &int8, &mut all);
        for (layer, noise) in network.layers.iter().zip(&mut noises) {
            add_layer(twin, layer, &float, &int8, noise)?;
            if done < sensitivity {
                let changed = twin.with_int8(&float, layer)?;
                add_outputs(network, &float, &changed, &mut noise.outputs);
            }
        }
        tell(done + 1);
    }
    let layers = network.layers.iter().zip(&noises);
    let reports = layers.map(|(layer, noise)| report(twin, layer, noise, weights));
    Ok((reports.collect::<Result<_, _>>()?, all.errors()))
}

fn add_layer(
    twin: &Twin<'_>,
    layer: &Layer,
    float: &Tensors<'_>,
    int8: &Tensors<'_>,
    noise: &mut LayerNoise,
) -> Result<(), QuantizeError> {
    let missing = || QuantizeError::Network(layer.name.clone());
    let exact = float.get(layer.name.as_str()).ok_or_else(missing)?;
    let accumulated = int8.get(layer.name.as_str()).ok_or_else(missing)?;
    let alone = twin.output(layer, Precision::Int8, &inputs(float, layer)?)?;
    noise.alone.add(exact, &alone);
    noise.accumulated.add(exact, accumulated);
    let scheme = twin.scheme(&layer.name)?;
    let ((low, high), half) = (scheme.range(), 0.5 * scheme.scale);
    let outside = |v: &&f32| **v < low - half || **v > high + half;
    noise.clipped += exact.iter().filter(outside).count() as u64;
    noise.values += exact.len() as u64;
    Ok(())
}

/// Adds the errors of logits and boxes. Tensors that `changed` lacks are as they were.
fn add_outputs(
    network: &Network,
    exact: &Tensors<'_>,
    changed: &Tensors<'_>,
    noise: &mut OutputNoise,
) {
    let tensor = |name: &String| {
        let exact = exact.get(name.as_str())?;
        let changed = changed.get(name.as_str()).unwrap_or(exact);
        Some((exact.as_slice(), changed.as_slice()))
    };
    for head in &network.heads {
        let (Some(logits), Some(boxes)) = (tensor(&head.scores), tensor(&head.boxes)) else {
            continue;
        };
        add_head(head, logits, boxes, noise);
    }
}

fn add_head(
    head: &Head,
    (exact, changed): (&[f32], &[f32]),
    (exact_boxes, changed_boxes): (&[f32], &[f32]),
    noise: &mut OutputNoise,
) {
    let cells = exact.len() / (head.anchors.len() * ObjectClass::COUNT).max(1);
    for shape in 0..head.anchors.len() {
        for cell in 0..cells {
            let mut counts = false;
            for class in 0..ObjectClass::COUNT {
                let at = (shape * ObjectClass::COUNT + class) * cells + cell;
                let (a, b) = (exact[at].max(LOGIT_MIN), changed[at].max(LOGIT_MIN));
                if a >= LOGIT_COUNTS {
                    noise.logits.add(&[a], &[b]);
                    counts = true;
                }
            }
            for number in (0..4).filter(|_| counts) {
                let at = (4 * shape + number) * cells + cell;
                let code = |boxes: &[f32]| boxes.get(at).copied().unwrap_or_default();
                noise
                    .boxes
                    .add(&[code(exact_boxes)], &[code(changed_boxes)]);
            }
        }
    }
}

fn report(
    twin: &Twin<'_>,
    layer: &Layer,
    noise: &LayerNoise,
    [float, int8]: [&FoldedWeights; 2],
) -> Result<LayerReport, QuantizeError> {
    let (low, high) = twin.scheme(&layer.name)?.range();
    let OutputErrors {
        logit_error,
        box_error,
    } = noise.outputs.errors();
    let (mut weights, mut worst) = (Noise::default(), None);
    if let (Some(float), Some(int8)) = (float.get(&layer.name), int8.get(&layer.name)) {
        let per_output = (float.weight.len() / float.bias.len().max(1)).max(1);
        weights.add(&float.weight, &int8.weight);
        let channels = float.weight.chunks(per_output);
        let channels = channels.zip(int8.weight.chunks(per_output)).enumerate();
        let decibels = channels.filter_map(|(channel, (a, b))| {
            let mut noise = Noise::default();
            noise.add(a, b);
            Some((channel, noise.decibels()?))
        });
        worst = decibels.min_by(|a, b| a.1.total_cmp(&b.1));
    }
    Ok(LayerReport {
        layer: layer.name.clone(),
        kind: kind(layer),
        low,
        high,
        clipped: noise.clipped as f64 / noise.values.max(1) as f64,
        weights_snr_db: weights.decibels(),
        worst_channel_snr_db: worst.map(|(_, decibels)| decibels),
        worst_channel: worst.map(|(channel, _)| channel),
        alone_snr_db: noise.alone.decibels(),
        accumulated_snr_db: noise.accumulated.decibels(),
        logit_error,
        box_error,
    })
}

fn kind(layer: &Layer) -> String {
    match &layer.op {
        Op::Conv(conv) if conv.groups > 1 => format!("depthwise {0}x{0}", conv.kernel),
        Op::Conv(conv) => format!("conv {0}x{0}", conv.kernel),
        Op::Add => "add".into(),
        Op::Upsample2 => "upsample".into(),
    }
}
