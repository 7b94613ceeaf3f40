//! Whether the written file means what was meant: the engine's integers against plain loops.

use crate::quantize::{Int8Network, QuantizeError, reference};
use tract_onnx::prelude::*;

/// Share of outputs that may differ, by one step: the engine rounds a sum that lies within
/// `f32`'s last digit of a half to the other side now and then.
const DIFFERING_SHARE_MAX: f64 = 0.01;

/// Why a file was not trusted.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The reference cannot run.
    #[error(transparent)]
    Quantize(#[from] QuantizeError),
    /// The engine cannot run the file.
    #[error("the engine refuses the exported network: {0}; this is a bug in the export")]
    Engine(String),
    /// The two disagree.
    #[error(
        "the exported network disagrees with its integer reference: {differing} of {outputs} outputs, by up to {steps_max} steps; this is a bug in the export or the engine"
    )]
    Differs {
        /// Outputs compared.
        outputs: usize,
        /// Outputs that differ.
        differing: usize,
        /// Largest difference in quantization steps.
        steps_max: u32,
    },
}

/// How far the engine's outputs are from the reference's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Outputs compared.
    pub outputs: usize,
    /// Outputs that differ, by one step.
    pub differing: usize,
}

/// Runs `onnx`, written from `int8`, in the engine and in plain loops on one picture
/// `[3, height, width]`, and compares every output.
pub fn verify(int8: &Int8Network, onnx: &[u8], pixels: &[u8]) -> Result<Agreement, VerifyError> {
    let expected = reference::run(int8, pixels)?;
    let found =
        run_engine(int8, onnx, pixels).map_err(|e| VerifyError::Engine(format!("{e:#}")))?;
    let mut agreement = Agreement::default();
    let mut steps_max = 0;
    let names = int8
        .network()
        .heads
        .iter()
        .flat_map(|head| [&head.scores, &head.boxes]);
    for ((name, expected), found) in names.zip(&expected).zip(&found) {
        let scale = int8.tensor(name)?.scale;
        let same_length = expected.len() == found.len();
        for (a, b) in expected.iter().zip(found) {
            let steps = ((a - b) / scale).abs().round() as u32;
            agreement.outputs += 1;
            agreement.differing += usize::from(steps > 0);
            steps_max = steps_max.max(steps);
        }
        steps_max = if same_length { steps_max } else { u32::MAX };
    }
    let Agreement { outputs, differing } = agreement;
    if steps_max > 1 || differing as f64 > DIFFERING_SHARE_MAX * outputs as f64 {
        return Err(VerifyError::Differs {
            outputs,
            differing,
            steps_max,
        });
    }
    Ok(agreement)
}

fn run_engine(int8: &Int8Network, onnx: &[u8], pixels: &[u8]) -> TractResult<Vec<Vec<f32>>> {
    let network = int8.network();
    let values = network.normalised(pixels);
    let shape = [1, 3, network.input_height, network.input_width];
    let model = tract_onnx::onnx().model_for_read(&mut std::io::Cursor::new(onnx))?;
    let model = model.into_optimized()?.into_runnable()?;
    let outputs = model.run(tvec!(Tensor::from_shape(&shape, &values)?.into()))?;
    outputs
        .iter()
        .map(|output| Ok(output.try_as_plain_ram()?.as_slice::<f32>()?.to_vec()))
        .collect()
}
