//! The engines that need no Python: Lookout's own, stock tract and rten.

use super::contestants::{LOOKOUT, RTEN, TRACT};
use super::job::Job;
use lookout::detection::{DETECTIONS_MAX, Detection};
use lookout::detector::{Detector, DetectorOptions};
use lookout::frame::PixelFormat;
use lookout::pixels::Picture;
use rten_tensor::prelude::*;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tract_onnx::prelude::*;

/// Detections below this score are not compared.
pub(super) const SCORE_MIN: f32 = 0.1;

/// What an engine said when it failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EngineError(String);

impl EngineError {
    pub(super) fn new(error: impl std::fmt::Display) -> Self {
        // All of it on one line: the parent shows the last one.
        Self(error.to_string().replace('\n', " "))
    }
}

/// A loaded network with a picture in its input.
pub(super) trait Engine {
    /// One inference. Where that is more than the network, the wall time of the network alone.
    fn run(&mut self) -> Result<Option<Duration>, EngineError>;

    /// What the last inference gave.
    fn outputs(&self) -> Result<Vec<Vec<f32>>, EngineError>;

    /// `u8` or `f32`.
    fn input(&self) -> &'static str;

    /// Version.
    fn version(&self) -> String;
}

/// Loads what `job` names and puts the picture in.
pub(super) fn load(job: &Job, pixels: &[u8]) -> Result<Box<dyn Engine>, EngineError> {
    match job.engine.as_str() {
        LOOKOUT => Ok(Box::new(Lookout::load(job, pixels)?)),
        TRACT => Ok(Box::new(Tract::load(job)?)),
        RTEN => Ok(Box::new(Rten::load(job)?)),
        other => Err(EngineError::new(format!("no engine is called {other}"))),
    }
}

/// The firmware's detector as it is.
struct Lookout {
    detector: Detector,
    rgb: Vec<u8>,
    width: u32,
    height: u32,
    found: heapless::Vec<Detection, DETECTIONS_MAX>,
}

impl Lookout {
    fn load(job: &Job, pixels: &[u8]) -> Result<Self, EngineError> {
        let options = DetectorOptions {
            score_min: Some(SCORE_MIN),
            threads: job.threads.into(),
            ..DetectorOptions::default()
        };
        let plane = job.height * job.width;
        let interleaved = (0..plane).flat_map(|i| [i, plane + i, 2 * plane + i]);
        Ok(Self {
            detector: Detector::load(&job.file, &options).map_err(EngineError::new)?,
            rgb: interleaved.map(|i| pixels[i]).collect(),
            width: job.width as u32,
            height: job.height as u32,
            found: heapless::Vec::new(),
        })
    }
}

impl Engine for Lookout {
    fn run(&mut self) -> Result<Option<Duration>, EngineError> {
        let (width, height) = (self.width, self.height);
        let stride = 3 * width as usize;
        let picture = Picture::new(PixelFormat::Rgb8, width, height, stride, &self.rgb)
            .map_err(EngineError::new)?;
        let times = self.detector.detect(&picture, &mut self.found);
        Ok(Some(times.map_err(EngineError::new)?.infer))
    }

    fn outputs(&self) -> Result<Vec<Vec<f32>>, EngineError> {
        Ok(self.found.iter().map(numbers).collect())
    }

    fn input(&self) -> &'static str {
        "u8"
    }

    fn version(&self) -> String {
        format!("{} ({})", env!("CARGO_PKG_VERSION"), self.detector.engine())
    }
}

/// A detection as numbers: class, score, left, top, right, bottom.
pub(super) fn numbers(detection: &Detection) -> Vec<f32> {
    let Detection {
        class, score, bbox, ..
    } = *detection;
    vec![
        class.index() as f32,
        score,
        bbox.x0,
        bbox.y0,
        bbox.x1,
        bbox.y1,
    ]
}

/// Stock tract.
struct Tract {
    network: Arc<TypedRunnableModel>,
    executor: multithread::Executor,
    input: Arc<Tensor>,
    outputs: TVec<TValue>,
}

impl Tract {
    fn load(job: &Job) -> Result<Self, EngineError> {
        let shape = [1, 3, job.height, job.width];
        let network = plan(&job.file, &job.outputs);
        let input = Tensor::from_shape(&shape, &input_numbers(job)?);
        Ok(Self {
            network: network.map_err(failed)?,
            executor: match job.threads {
                0 | 1 => multithread::Executor::SingleThread,
                threads => multithread::Executor::multithread(threads.into()),
            },
            input: Arc::new(input.map_err(failed)?),
            outputs: tvec!(),
        })
    }
}

fn plan(file: &Path, outputs: &[String]) -> TractResult<Arc<TypedRunnableModel>> {
    let mut model = tract_onnx::onnx().model_for_path(file)?;
    model.select_outputs_by_name(outputs)?;
    model.into_optimized()?.into_runnable()
}

fn failed(error: TractError) -> EngineError {
    EngineError::new(format!("{error:#}"))
}

impl Engine for Tract {
    fn run(&mut self) -> Result<Option<Duration>, EngineError> {
        let inputs = tvec!(TValue::from_const(self.input.clone()));
        let run = || self.network.run(inputs);
        let outputs = multithread::multithread_tract_scope(self.executor.clone(), run);
        self.outputs = outputs.map_err(failed)?;
        Ok(None)
    }

    fn outputs(&self) -> Result<Vec<Vec<f32>>, EngineError> {
        let values = |output: &TValue| {
            let plain = output.try_as_plain_ram()?;
            Ok(plain.as_slice::<f32>()?.to_vec())
        };
        let outputs: TractResult<_> = self.outputs.iter().map(values).collect();
        outputs.map_err(failed)
    }

    fn input(&self) -> &'static str {
        "f32"
    }

    fn version(&self) -> String {
        "0.23.9".into()
    }
}

/// rten.
struct Rten {
    model: rten::Model,
    options: rten::RunOptions,
    input: rten_tensor::NdTensor<f32, 4>,
    input_id: rten::NodeId,
    output_ids: Vec<rten::NodeId>,
    outputs: Vec<rten::Value>,
}

impl Rten {
    fn load(job: &Job) -> Result<Self, EngineError> {
        let model = rten::Model::load_file(&job.file).map_err(EngineError::new)?;
        let id = |name: &String| model.node_id(name).map_err(EngineError::new);
        let pool = rten::ThreadPool::with_num_threads(job.threads.into());
        let shape = [1, 3, job.height, job.width];
        Ok(Self {
            options: rten::RunOptions::default().with_thread_pool(Some(Arc::new(pool))),
            input: rten_tensor::NdTensor::from_data(shape, input_numbers(job)?),
            input_id: id(&job.input_name)?,
            output_ids: job.outputs.iter().map(id).collect::<Result<_, _>>()?,
            outputs: Vec::new(),
            model,
        })
    }
}

impl Engine for Rten {
    fn run(&mut self) -> Result<Option<Duration>, EngineError> {
        let inputs = vec![(self.input_id, self.input.view().into())];
        let options = Some(self.options.clone());
        let outputs = self.model.run(inputs, &self.output_ids, options);
        self.outputs = outputs.map_err(EngineError::new)?;
        Ok(None)
    }

    fn outputs(&self) -> Result<Vec<Vec<f32>>, EngineError> {
        let values = |value: &rten::Value| match value {
            rten::Value::FloatTensor(tensor) => Ok(tensor.to_vec()),
            _ => Err(EngineError::new("an output is not of numbers")),
        };
        self.outputs.iter().map(values).collect()
    }

    fn input(&self) -> &'static str {
        "f32"
    }

    fn version(&self) -> String {
        "0.24.0".into()
    }
}

/// The numbers that the network takes.
fn input_numbers(job: &Job) -> Result<Vec<f32>, EngineError> {
    let bytes = std::fs::read(&job.numbers).map_err(EngineError::new)?;
    if bytes.len() != 4 * 3 * job.height * job.width {
        return Err(EngineError::new(
            "the picture's numbers are of another size",
        ));
    }
    let (numbers, _) = bytes.as_chunks();
    Ok(numbers.iter().map(|n| f32::from_le_bytes(*n)).collect())
}
