//! The network of `xtask::network` as torch computes it.

use crate::fake_quant::FakeQuant;
use std::collections::{BTreeMap, BTreeSet};
use tch::{Device, Kind, Tensor, no_grad};
use xtask::network::{Activation, Bias, Conv, INPUT, NORM_EPSILON, Network, Op};

/// How far running statistics move per step towards the batch's.
const NORM_MOMENTUM: f64 = 0.03;

/// What the body's weights are read from.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// torch said no.
    #[error("torch: {0}")]
    Torch(#[from] tch::TchError),
    /// A tensor of the file has another shape than the network.
    #[error(
        "{name} has shape {found:?} in the file, the network wants {expected:?}; is it EfficientNet-Lite0?"
    )]
    Shape {
        /// Name of the tensor.
        name: String,
        /// Shape in the file.
        found: Vec<i64>,
        /// Shape in the network.
        expected: Vec<i64>,
    },
    /// The file lacks a tensor that the network wants.
    #[error("the file has no tensor {0}")]
    Missing(String),
}

/// Parameters and running statistics by name, and the network that they belong to.
pub struct Model {
    network: Network,
    /// Mean and deviation of the input's channels, `[1, 3, 1, 1]`.
    mean: Tensor,
    std: Tensor,
    /// Learnt tensors.
    pub parameters: BTreeMap<String, Tensor>,
    /// Running means and variances.
    pub statistics: BTreeMap<String, Tensor>,
    /// What [`Mode::Train`] rounds, where it does.
    pub fake_quant: Option<FakeQuant>,
    /// Parameters that stay as they are.
    frozen: BTreeSet<String>,
    device: Device,
    /// What convolutions compute in; parameters are always `f32`.
    compute: Kind,
}

/// Prior of a score where nobody says otherwise.
#[cfg(test)]
pub const OBJECT_PRIOR: f64 = 0.01;

/// Logits and box codes of a batch, anchors in the grid's order.
pub struct Outputs {
    /// `[batch, anchors, classes]`.
    pub scores: Tensor,
    /// `[batch, anchors, 4]`.
    pub boxes: Tensor,
}

/// Whether layers normalise with the batch's statistics or with the running ones.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Batch statistics; the running ones follow.
    Train,
    /// Running statistics.
    Infer,
    /// As [`Mode::Infer`], after each normalisation's running statistics have become the
    /// batch's. Scale and offset change with them, so that the output stays what it was.
    Recentre,
}

/// In memory as batch, row, column, channel: depthwise convolutions on a CPU are much faster.
pub fn channels_last(tensor: &Tensor) -> Tensor {
    tensor
        .permute([0, 2, 3, 1])
        .contiguous()
        .permute([0, 3, 1, 2])
}

/// Numbers of mean 0 and deviation 1. Torch's own generator is one for the whole process, so
/// that its numbers would depend on what else has drawn from it.
fn standard_normal(seed: u64, name: &str, count: usize) -> Vec<f32> {
    let mixed = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let mut random = fastrand::Rng::with_seed(name.bytes().fold(seed, mixed));
    let mut number = || {
        // Box-Muller; 1 - f64() is never 0.
        let radius = (-2.0 * (1.0 - random.f64()).ln()).sqrt();
        (radius * (std::f64::consts::TAU * random.f64()).cos()) as f32
    };
    (0..count).map(|_| number()).collect()
}

impl Model {
    /// A network with random weights, which `seed` alone decides, and whose every score is
    /// `object_prior` at first: so that the many background anchors do not swamp the first
    /// steps.
    pub fn new(
        network: Network,
        device: Device,
        compute: Kind,
        object_prior: f64,
        seed: u64,
    ) -> Self {
        let (parameters, statistics) = (BTreeMap::new(), BTreeMap::new());
        let per_channel = |numbers: [f32; 3]| {
            Tensor::from_slice(&numbers)
                .reshape([1, 3, 1, 1])
                .to_device(device)
        };
        let mut model = Self {
            mean: per_channel(network.input_mean),
            std: per_channel(network.input_std),
            network,
            parameters,
            statistics,
            fake_quant: None,
            frozen: BTreeSet::new(),
            device,
            compute,
        };
        let convs: Vec<Conv> = model.convs().cloned().collect();
        for conv in &convs {
            model.initialise(conv, object_prior, seed);
        }
        model
    }

    fn convs(&self) -> impl Iterator<Item = &Conv> {
        self.network
            .layers
            .iter()
            .filter_map(|layer| match &layer.op {
                Op::Conv(conv) => Some(conv),
                Op::Add | Op::Upsample2 => None,
            })
    }

    fn initialise(&mut self, conv: &Conv, object_prior: f64, seed: u64) {
        let options = (Kind::Float, self.device);
        let n = conv.outputs as i64;
        let (k, fan) = (conv.kernel as i64, (conv.inputs / conv.groups) as i64);
        let device = self.device;
        let name = format!("{}.weight", conv.weight);
        let random = || standard_normal(seed, &name, (n * fan * k * k) as usize);
        self.parameters.entry(name.clone()).or_insert_with(|| {
            let deviation = match conv.bias {
                Bias::Norm(_) => (2.0 / (fan * k * k) as f64).sqrt(),
                Bias::Plain(_) => 0.01,
            };
            let weights = Tensor::from_slice(&random()).reshape([n, fan, k, k]);
            channels_last(&(weights.to_device(device) * deviation))
        });
        match &conv.bias {
            Bias::Norm(norm) => {
                self.parameters
                    .insert(format!("{norm}.weight"), Tensor::ones([n], options));
                self.parameters
                    .insert(format!("{norm}.bias"), Tensor::zeros([n], options));
                let mean = Tensor::zeros([n], options);
                self.statistics.insert(format!("{norm}.running_mean"), mean);
                let variance = Tensor::ones([n], options);
                self.statistics
                    .insert(format!("{norm}.running_var"), variance);
            }
            Bias::Plain(bias) => {
                let prior = if bias.contains("scores") {
                    -((1.0 - object_prior) / object_prior).ln()
                } else {
                    0.0
                };
                self.parameters
                    .insert(bias.clone(), Tensor::full([n], prior, options));
            }
        }
    }

    /// Replaces the body's weights by those of a safetensors file with the same names.
    pub fn load_pretrained(&mut self, path: &std::path::Path) -> Result<usize, ModelError> {
        let file: BTreeMap<String, Tensor> = Tensor::read_safetensors(path)?.into_iter().collect();
        let mut loaded = 0;
        for (name, own) in self.parameters.iter_mut().chain(self.statistics.iter_mut()) {
            if !name.starts_with('_') {
                continue;
            }
            let tensor = file
                .get(name)
                .ok_or_else(|| ModelError::Missing(name.clone()))?;
            if tensor.size() != own.size() {
                let (found, expected) = (tensor.size(), own.size());
                return Err(ModelError::Shape {
                    name: name.clone(),
                    found,
                    expected,
                });
            }
            no_grad(|| own.copy_(&tensor.to_kind(Kind::Float)));
            loaded += 1;
        }
        Ok(loaded)
    }

    /// Keeps the body's layers up to this stride as they are: neither their weights nor their
    /// statistics change from here on.
    pub fn freeze(&mut self, stride: usize) {
        let layers = self.network.body_up_to(stride);
        self.frozen = layers.flat_map(|conv| conv.parameters()).collect();
    }

    /// Names of the parameters that stay as they are.
    pub fn frozen(&self) -> &BTreeSet<String> {
        &self.frozen
    }

    /// Turns gradients of all parameters on that are not frozen.
    pub fn require_gradients(&mut self) {
        for (name, parameter) in &mut self.parameters {
            *parameter = parameter.set_requires_grad(!self.frozen.contains(name));
        }
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// From here on convolutions compute in this kind of number.
    pub fn compute_in(&mut self, kind: Kind) {
        self.compute = kind;
    }

    /// The device.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Pixels `[batch, 3, height, width]` in `u8` as the input of the network.
    pub fn normalise(&self, pixels: &Tensor) -> Tensor {
        let input = pixels.to_device(self.device).to_kind(Kind::Float);
        channels_last(&((input - &self.mean) / &self.std)).to_kind(self.compute)
    }

    /// Computes all layers; `visit` sees the output of each one.
    pub fn forward(
        &self,
        input: Tensor,
        mode: Mode,
        mut visit: impl FnMut(&str, &Tensor),
    ) -> Outputs {
        let mut known: BTreeMap<&str, Tensor> = BTreeMap::new();
        let mut readers = self.readers();
        known.insert(INPUT, input);
        for layer in &self.network.layers {
            let inputs: Vec<&Tensor> = layer.inputs.iter().map(|i| &known[i.as_str()]).collect();
            let output = match &layer.op {
                Op::Conv(conv) => self.convolve(conv, inputs[0], mode),
                Op::Add => inputs[0] + inputs[1],
                Op::Upsample2 => {
                    let size = inputs[0].size();
                    inputs[0].upsample_nearest2d([2 * size[2], 2 * size[3]], None, None)
                }
            };
            let output = match (&self.fake_quant, &layer.op) {
                (Some(fake), Op::Conv(_) | Op::Add) if mode == Mode::Train => {
                    fake.output(&layer.name, output)
                }
                _ => output,
            };
            visit(&layer.name, &output);
            // What nobody reads any more is freed: activations are the bulk of the memory.
            for input in &layer.inputs {
                if let Some(count) = readers.get_mut(input.as_str()) {
                    *count -= 1;
                    if *count == 0 {
                        known.remove(input.as_str());
                    }
                }
            }
            known.insert(&layer.name, output);
        }
        self.gather(&known)
    }

    fn readers(&self) -> BTreeMap<&str, usize> {
        let mut readers = BTreeMap::new();
        for input in self.network.layers.iter().flat_map(|l| &l.inputs) {
            *readers.entry(input.as_str()).or_insert(0) += 1;
        }
        readers
    }

    fn convolve(&self, conv: &Conv, input: &Tensor, mode: Mode) -> Tensor {
        let name = format!("{}.weight", conv.weight);
        let weight = match &self.fake_quant {
            Some(fake) if mode == Mode::Train => fake.weight(&self.parameters[&name]),
            _ => self.parameters[&name].shallow_clone(),
        };
        let is_still = mode == Mode::Infer || mode == Mode::Train && self.frozen.contains(&name);
        let mut out = match &conv.bias {
            Bias::Plain(bias) => self.filter(conv, input, &weight, Some(&self.parameters[bias])),
            Bias::Norm(norm) if is_still => {
                let (slope, offset) = self.line(norm);
                let weight = weight * slope.reshape([-1, 1, 1, 1]);
                self.filter(conv, input, &weight, Some(&offset))
            }
            Bias::Norm(norm) => {
                let out = self.filter(conv, input, &weight, None);
                self.normalised(norm, &out, mode)
            }
        };
        match conv.activation {
            // In place: nobody else reads it, and memory is what a CPU waits for.
            Activation::Relu6 => out.relu6_(),
            Activation::None => out,
        }
    }

    /// The convolution alone.
    fn filter(
        &self,
        conv: &Conv,
        input: &Tensor,
        weight: &Tensor,
        bias: Option<&Tensor>,
    ) -> Tensor {
        // oneDNN finds no fast 16-bit kernel for the gradients of a depthwise convolution.
        let is_slow = conv.groups > 1 && !self.device.is_cuda();
        let kind = if is_slow { Kind::Float } else { self.compute };
        let (stride, pad) = (conv.stride as i64, (conv.kernel / 2) as i64);
        let out = input.to_kind(kind).conv2d(
            &weight.to_kind(kind),
            bias.map(|bias| bias.to_kind(kind)).as_ref(),
            [stride, stride],
            [pad, pad],
            [1, 1],
            conv.groups as i64,
        );
        out.to_kind(self.compute)
    }

    /// What a normalisation does by its running statistics: slope and offset, `[channels]`.
    fn line(&self, norm: &str) -> (Tensor, Tensor) {
        let parameter = |part: &str| &self.parameters[&format!("{norm}.{part}")];
        let statistic = |part: &str| &self.statistics[&format!("{norm}.{part}")];
        let slope = parameter("weight") / (statistic("running_var") + NORM_EPSILON).sqrt();
        let offset = parameter("bias") - statistic("running_mean") * &slope;
        (slope, offset)
    }

    fn normalised(&self, norm: &str, out: &Tensor, mode: Mode) -> Tensor {
        if mode == Mode::Recentre {
            self.recentre(norm, out);
        }
        out.batch_norm(
            Some(&self.parameters[&format!("{norm}.weight")]),
            Some(&self.parameters[&format!("{norm}.bias")]),
            Some(&self.statistics[&format!("{norm}.running_mean")]),
            Some(&self.statistics[&format!("{norm}.running_var")]),
            mode == Mode::Train,
            NORM_MOMENTUM,
            NORM_EPSILON,
            self.device.is_cuda(),
        )
    }

    /// Makes mean and variance of `input` those of a normalisation, its result the same.
    fn recentre(&self, norm: &str, input: &Tensor) {
        let parameter = |part: &str| self.parameters[&format!("{norm}.{part}")].shallow_clone();
        let statistic = |part: &str| self.statistics[&format!("{norm}.{part}")].shallow_clone();
        let (mut scale, mut offset) = (parameter("weight"), parameter("bias"));
        let (mut mean, mut variance) = (statistic("running_mean"), statistic("running_var"));
        let input = input.to_kind(Kind::Float);
        let planes = [0i64, 2, 3];
        let new_mean = input.mean_dim(planes.as_slice(), false, Kind::Float);
        let new_variance = input.var_dim(planes.as_slice(), false, false);
        let slope = &scale / (&variance + NORM_EPSILON).sqrt();
        offset.copy_(&(&offset + &slope * (&new_mean - &mean)));
        scale.copy_(&(&slope * (&new_variance + NORM_EPSILON).sqrt()));
        mean.copy_(&new_mean);
        variance.copy_(&new_variance);
    }

    /// Puts the levels' outputs one behind the other, anchors in the grid's order.
    fn gather(&self, known: &BTreeMap<&str, Tensor>) -> Outputs {
        let flat = |name: &str, numbers: i64| {
            let output = known[name].to_kind(Kind::Float);
            let batch = output.size()[0];
            output.permute([0, 2, 3, 1]).reshape([batch, -1, numbers])
        };
        let scores: Vec<Tensor> = self
            .network
            .heads
            .iter()
            .map(|h| flat(&h.scores, 8))
            .collect();
        let boxes: Vec<Tensor> = self
            .network
            .heads
            .iter()
            .map(|h| flat(&h.boxes, 4))
            .collect();
        Outputs {
            scores: Tensor::cat(&scores, 1),
            boxes: Tensor::cat(&boxes, 1),
        }
    }
}
