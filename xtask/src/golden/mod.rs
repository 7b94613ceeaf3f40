//! Verb `golden`: what onnxruntime makes of one picture, to the byte, kept beside the tests.
//!
//! Tests compare the int8 engine with it on machines that have no onnxruntime.

mod exact;

use crate::bench::{BenchError, numbers, picture, planes, python, run_limited};
use lookout::model::{ModelError, VerifiedModel};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const SCRIPT: &str = include_str!("golden.py");

/// One inference without any optimisation takes a second.
const RUN_LIMIT: Duration = Duration::from_secs(300);

/// Options of `cargo xtask golden`.
#[derive(clap::Args, Clone, Debug)]
pub struct GoldenArgs {
    /// Folder of the model: its card and its ONNX file
    #[arg(long, value_name = "DIR", default_value = "models/road-288x512")]
    pub model: PathBuf,
    /// Folder to write picture, outputs and their origin to
    #[arg(long, value_name = "DIR", default_value = "tests/data/road-288x512")]
    pub out: PathBuf,
}

/// Why there are no golden outputs.
#[derive(Debug, thiserror::Error)]
pub enum GoldenError {
    /// The model cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Its file is not int8 up to its outputs.
    #[error("{0}; export the model anew")]
    Outputs(String),
    /// There is no onnxruntime, or no picture.
    #[error(transparent)]
    Python(#[from] BenchError),
    /// onnxruntime has failed.
    #[error("onnxruntime does not run the model ({0}); its own message is above")]
    Run(String),
    /// A file cannot be written.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
}

/// Where the bytes come from.
#[derive(Serialize)]
struct Origin<'a> {
    command: &'a str,
    onnxruntime: &'a str,
    /// Of the model's ONNX file.
    sha256: &'a str,
}

/// Runs `cargo xtask golden`.
///
/// # Errors
/// See [`GoldenError`].
pub fn run(args: &GoldenArgs) -> Result<(), GoldenError> {
    let VerifiedModel { card, onnx } = VerifiedModel::read(&args.model)?;
    let python = python::environment()?;
    let work = tempfile::tempdir().map_err(file_error(&std::env::temp_dir()))?;
    let path = |name: &str| work.path().join(name);
    let rgb = picture(&card)?;
    write(&path("numbers"), &numbers(&card, &planes(&rgb)))?;
    let integers = exact::exact(&onnx).map_err(GoldenError::Outputs)?;
    write(&path("model.onnx"), &integers)?;
    write(&path("golden.py"), SCRIPT.as_bytes())?;
    let mut command = Command::new(python);
    command.current_dir(&work).args(["-E", "golden.py"]);
    command.args(["model.onnx", "numbers", "outputs.bin"]);
    let version = run_limited(&mut command, RUN_LIMIT).map_err(GoldenError::Run)?;

    std::fs::create_dir_all(&args.out).map_err(file_error(&args.out))?;
    let picture = args.out.join("picture.png");
    let (width, height) = (card.input.width, card.input.height);
    image::save_buffer(&picture, &rgb, width, height, image::ColorType::Rgb8)
        .map_err(|e| file_error(&picture)(std::io::Error::other(e)))?;
    let bytes = std::fs::read(path("outputs.bin")).map_err(file_error(&path("outputs.bin")))?;
    write(&args.out.join("outputs.bin"), &bytes)?;
    let origin = Origin {
        command: "cargo xtask golden",
        onnxruntime: version.trim(),
        sha256: &card.onnx.sha256,
    };
    let origin = toml::to_string(&origin).map_err(|e| GoldenError::Run(e.to_string()))?;
    write(&args.out.join("origin.toml"), origin.as_bytes())?;
    println!(
        "{} bytes of outputs are in {}",
        bytes.len(),
        args.out.display()
    );
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), GoldenError> {
    std::fs::write(path, bytes).map_err(file_error(path))
}

fn file_error(path: &Path) -> impl FnOnce(std::io::Error) -> GoldenError {
    let path = path.to_path_buf();
    move |error| GoldenError::File {
        path,
        reason: error.to_string(),
    }
}
