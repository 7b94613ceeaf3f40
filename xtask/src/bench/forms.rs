//! The shipped network in every form that an engine reads, the picture, and what the network
//! makes of it.

use super::BenchError;
use super::contestants::{Contestant, FLOAT, FLOAT_RTEN, Host, SHIPPED, TRACT};
use super::engines::{self, SCORE_MIN};
use super::job::Job;
use super::rten_form::for_rten;
use super::worker::run_limited;
use crate::network::detector;
use crate::onnx::{OnnxError, read_int8, write_float};
use crate::quantize::input_bytes;
use lookout::class::ObjectClass;
use lookout::decode::{BoxDecoder, LevelOutput};
use lookout::detection::{DETECTIONS_MAX, Detection};
use lookout::drive::{Drive, DriveConfig};
use lookout::letterbox::Letterbox;
use lookout::model::{ModelCard, VerifiedModel};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// What Python runs. All of them lie in one folder, so that they find each other.
const SCRIPTS: [(&str, &str); 6] = [
    ("forms.py", include_str!("forms.py")),
    ("ncnn_form.py", include_str!("ncnn_form.py")),
    ("network.py", include_str!("network.py")),
    ("onnx_forms.py", include_str!("onnx_forms.py")),
    ("tflite_form.py", include_str!("tflite_form.py")),
    ("worker.py", include_str!("worker.py")),
];

/// Writing all forms takes a second or two.
const WRITE_LIMIT: Duration = Duration::from_secs(300);

/// Number of the drive's frame that all engines see.
const FRAME: u32 = 60;

/// A folder with all of it, deleted when this is dropped.
pub(super) struct Forms {
    folder: TempDir,
    model_dir: PathBuf,
    card: ModelCard,
    python: Option<PathBuf>,
    pub(super) model_name: String,
    /// Outputs of the shipped network, in the order of the card.
    pub(super) outputs: Vec<Vec<f32>>,
    /// What they mean.
    pub(super) detections: Vec<Detection>,
}

/// Writes everything; without Python only the forms that need none.
pub(super) fn prepare(model_dir: &Path, python: Option<&Path>) -> Result<Forms, BenchError> {
    let VerifiedModel { card, onnx } = VerifiedModel::read(model_dir)?;
    let network = detector(card.input.height as usize, card.input.width as usize)
        .with_normalisation(card.input.mean.0, card.input.std.0);
    let weights = read_int8(&onnx, &network)?;
    let float = write_float(&network, &weights)?;
    let folder = tempfile::tempdir().map_err(BenchError::file(&std::env::temp_dir()))?;
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).map_err(BenchError::file(&path))
    };
    write(SHIPPED, &onnx)?;
    write(FLOAT, &float)?;
    let rewritten = for_rten(&float).ok_or(OnnxError::Read("it cannot be rewritten".into()))?;
    write(FLOAT_RTEN, &rewritten)?;
    let pixels = planes(&picture(&card)?);
    write("pixels", &pixels)?;
    write("numbers", &numbers(&card, &pixels))?;
    let bytes = input_bytes(card.input.mean.0, card.input.std.0);
    write("integers", &mapped(&pixels, &bytes, |byte| [byte]))?;
    if let Some(python) = python {
        for (name, text) in SCRIPTS {
            write(name, text.as_bytes())?;
        }
        let mut command = script(python, folder.path(), "forms.py");
        command.args([SHIPPED, FLOAT, "."]).current_dir(&folder);
        run_limited(&mut command, WRITE_LIMIT).map_err(|reason| BenchError::Step {
            what: "writing the network for the other engines",
            reason,
        })?;
    }
    let mut forms = Forms {
        model_name: card.name.clone(),
        model_dir: model_dir.to_owned(),
        python: python.map(Path::to_owned),
        outputs: Vec::new(),
        detections: Vec::new(),
        folder,
        card,
    };
    forms.run_reference()?;
    Ok(forms)
}

fn script(python: &Path, folder: &Path, name: &str) -> Command {
    let mut command = Command::new(python);
    // Variables of the user's own Python must not change what is measured.
    command.arg("-E").arg(folder.join(name));
    command
}

/// A frame of the built-in drive as large as the input, R, G, B.
pub(crate) fn picture(card: &ModelCard) -> Result<Vec<u8>, BenchError> {
    let config = DriveConfig {
        width: card.input.width,
        height: card.input.height,
        ..DriveConfig::default()
    };
    let (mut rgb, mut boxes) = (Vec::new(), Vec::new());
    let mut drive = Drive::new(config).map_err(|e| BenchError::Reference(e.to_string()))?;
    drive.render(FRAME, &mut rgb, &mut boxes);
    Ok(rgb)
}

/// Red, green and blue planes of R, G, B.
pub(crate) fn planes(rgb: &[u8]) -> Vec<u8> {
    let plane = |channel: usize| rgb.iter().skip(channel).step_by(3).copied();
    (0..3).flat_map(plane).collect()
}

/// What a network takes for planes of pixels: the bytes of `f32`, little endian.
pub(crate) fn numbers(card: &ModelCard, pixels: &[u8]) -> Vec<u8> {
    mapped(pixels, &card.input.pixel_numbers(), f32::to_le_bytes)
}

/// The bytes that `bytes` makes of each pixel's entry in its channel's table.
fn mapped<T: Copy, const N: usize>(
    pixels: &[u8],
    tables: &[[T; 256]; 3],
    bytes: impl Fn(T) -> [u8; N],
) -> Vec<u8> {
    let planes = pixels.chunks((pixels.len() / 3).max(1)).zip(tables);
    let values = planes.flat_map(|(plane, table)| plane.iter().map(|p| table[usize::from(*p)]));
    values.flat_map(bytes).collect()
}

impl Forms {
    /// What the worker of `contestant` is told.
    pub(super) fn job(&self, contestant: &Contestant, threads: u8) -> Job {
        let levels = self.card.levels.iter();
        Job {
            engine: contestant.engine.into(),
            form: contestant.form.into(),
            file: match contestant.file {
                "" => self.model_dir.clone(),
                file => self.path(file),
            },
            threads,
            pixels: self.path("pixels"),
            numbers: self.path("numbers"),
            integers: self.path("integers"),
            height: self.card.input.height as usize,
            width: self.card.input.width as usize,
            input_name: self.card.input.tensor.clone(),
            outputs: levels
                .flat_map(|level| [level.scores.clone(), level.boxes.clone()])
                .collect(),
        }
    }

    /// The program that does `job`; `None` for one that needs Python where there is none.
    pub(super) fn command(&self, host: Host, job: &Job) -> Option<Command> {
        let job = serde_json::to_string(job).ok()?;
        let mut command = match host {
            Host::Ours => {
                let mut command = Command::new(std::env::current_exe().ok()?);
                command.arg("bench-worker");
                command
            }
            Host::Python => script(self.python.as_deref()?, self.folder.path(), "worker.py"),
        };
        command.arg(job);
        Some(command)
    }

    /// Whether the contestants of this host can run.
    pub(super) fn has(&self, host: Host) -> bool {
        host == Host::Ours || self.python.is_some()
    }

    /// A file of this folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the shipped file in stock tract: what every engine is compared with.
    fn run_reference(&mut self) -> Result<(), BenchError> {
        let failed = |error: &dyn std::fmt::Display| BenchError::Reference(error.to_string());
        let contestant = Contestant {
            engine: TRACT,
            form: "int8",
            file: SHIPPED,
            host: Host::Ours,
        };
        let job = self.job(&contestant, 1);
        let pixels = std::fs::read(&job.pixels).map_err(BenchError::file(&job.pixels))?;
        let mut engine = engines::load(&job, &pixels).map_err(|e| failed(&e))?;
        engine.run().map_err(|e| failed(&e))?;
        self.outputs = engine.outputs().map_err(|e| failed(&e))?;
        self.detections = self.decode();
        Ok(())
    }

    fn decode(&self) -> Vec<Detection> {
        let (input, post) = (&self.card.input, &self.card.postprocess);
        let (coding, grid) = (post.box_coding, self.card.anchor_grid());
        let mut decoder =
            BoxDecoder::new(grid, coding, [SCORE_MIN; ObjectClass::COUNT], post.nms_iou);
        let level = |pair: &[Vec<f32>]| match pair {
            [scores, boxes] => Some([scores.clone(), boxes.clone()]),
            _ => None,
        };
        let owned: Vec<[Vec<f32>; 2]> = self.outputs.chunks(2).filter_map(level).collect();
        let levels: Vec<LevelOutput<'_>> = owned
            .iter()
            .map(|[scores, boxes]| LevelOutput { scores, boxes })
            .collect();
        let letterbox = Letterbox::new(input.width, input.height, input.width, input.height);
        let mut found = heapless::Vec::<Detection, DETECTIONS_MAX>::new();
        decoder.decode(&levels, &letterbox, &mut found);
        found.to_vec()
    }
}
