//! `lab equal`: the ARM binary must see exactly what this computer's binary sees, and every
//! set of its inner loops compute what plain loops compute.

use super::clip::{self, ClipError};
use super::{LabError, file_error, require_model, require_program};
use crate::board::Board;
use crate::build::{self, BuildError};
use crate::command::run_command;
use crate::workspace;
use lookout::drive::{Drive, DriveConfig};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Options of `cargo xtask lab equal`.
#[derive(clap::Args, Clone, Debug)]
pub struct EqualArgs {
    /// The board whose firmware is compared
    #[arg(long, value_name = "BOARD", default_value = "generic-aarch64")]
    pub board: String,
    /// The model that both use
    #[arg(long, value_name = "DIR", default_value = "models/road-288x512")]
    pub model: PathBuf,
    /// How many pictures both look at
    #[arg(long, value_name = "N", default_value_t = 4,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub images: u32,
}

/// QEMU's processors: the oldest one that we support, without the dot product, and one
/// with everything that QEMU knows.
const PROCESSORS: [&str; 2] = ["cortex-a57", "max"];

/// The tests of the int8 engine: every set of inner loops that a processor has.
const KERNEL_TESTS: &str = "int8::";

/// Low, so that many detections are compared and not only the clear ones.
const SCORE_MIN: &str = "0.05";

/// What a line says about the moment and not about the picture.
const KEYS_OF_TIME: [&str; 4] = [
    "captured_monotonic_ns",
    "captured_unix_ns",
    "wall_clock_synchronised",
    "age_us",
];

/// Runs `cargo xtask lab equal`.
pub fn run(args: &EqualArgs) -> Result<(), LabError> {
    require_program("qemu-aarch64-static", "qemu-user-static")?;
    let model = workspace::root().join(&args.model);
    require_model(&model)?;
    let board = Board::load(&args.board).map_err(BuildError::from)?;
    let arm = build::build(&board)?.binary;
    let tests = build::build_tests(&board)?;
    let here = build_here()?;
    let folder = workspace::target_dir()?.join("lab/equal");
    render(&folder.join("images"), args.images)?;

    let expected = detect(&mut Command::new(here), &folder, &model, "here")?;
    let objects = count_objects(&expected);
    println!(
        "this computer: {} pictures, {objects} objects",
        expected.len()
    );
    if expected.len() != args.images as usize || objects == 0 {
        let reason = format!(
            "{} pictures with {objects} objects prove nothing",
            expected.len()
        );
        return Err(LabError::Differs(reason));
    }
    for processor in PROCESSORS {
        let mut qemu = Command::new("qemu-aarch64-static");
        qemu.args(["-cpu", processor]).arg(&arm);
        let found = detect(&mut qemu, &folder, &model, processor)?;
        compare(&expected, &found)
            .map_err(|reason| LabError::Differs(format!("{processor} differs: {reason}")))?;
        println!("{processor}: equal");
    }
    for processor in PROCESSORS {
        let mut qemu = Command::new("qemu-aarch64-static");
        qemu.args(["-cpu", processor]).arg(&tests);
        run_command(qemu.arg(KERNEL_TESTS))?;
        println!("{processor}: all inner loops give the same bytes");
    }
    Ok(())
}

fn build_here() -> Result<PathBuf, LabError> {
    let mut cargo = Command::new(workspace::cargo());
    cargo.current_dir(workspace::root());
    run_command(cargo.args(["build", "--release", "--bin", "lookout"]))?;
    Ok(workspace::target_dir()?.join("release/lookout"))
}

/// Pictures of different streets and lights, by turns as JPEG and as PNG.
fn render(folder: &Path, count: u32) -> Result<(), LabError> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(file_error(folder))?;
    }
    std::fs::create_dir_all(folder).map_err(file_error(folder))?;
    let (width, height) = (768, 432);
    let (mut rgb, mut boxes) = (Vec::new(), Vec::new());
    for index in 0..count {
        let seed = u64::from(index);
        let config = DriveConfig {
            seed,
            width,
            height,
            ..Default::default()
        };
        let mut drive = Drive::new(config).map_err(ClipError::from)?;
        drive.render(40 + 25 * index, &mut rgb, &mut boxes);
        let is_jpeg = index % 2 == 0;
        let path = folder.join(format!(
            "{index:04}.{}",
            if is_jpeg { "jpg" } else { "png" }
        ));
        if is_jpeg {
            let bytes = clip::jpeg(&rgb, width, height)?;
            std::fs::write(&path, bytes).map_err(file_error(&path))?;
        } else {
            let rgb8 = image::ExtendedColorType::Rgb8;
            image::save_buffer(&path, &rgb, width, height, rgb8).map_err(ClipError::from)?;
        }
    }
    Ok(())
}

/// Runs the detector over the pictures; `command` is the binary, perhaps under an emulator.
fn detect(
    command: &mut Command,
    folder: &Path,
    model: &Path,
    name: &str,
) -> Result<Vec<Value>, LabError> {
    let lines = folder.join(format!("{name}.jsonl"));
    // The sink appends.
    if lines.exists() {
        std::fs::remove_file(&lines).map_err(file_error(&lines))?;
    }
    command
        .arg("run")
        .arg("--model")
        .arg(model)
        .args(["--score", SCORE_MIN]);
    command
        .arg("--source")
        .arg(format!("images:{}", folder.join("images").display()));
    command
        .arg("--sink")
        .arg(format!("jsonl:{}", lines.display()));
    run_command(command)?;
    let text = std::fs::read_to_string(&lines).map_err(file_error(&lines))?;
    let read = |line: &str| {
        serde_json::from_str(line)
            .map(without_time)
            .map_err(|error| LabError::Differs(format!("{}: {error}", lines.display())))
    };
    text.lines().map(read).collect()
}

fn without_time(mut line: Value) -> Value {
    if let Some(object) = line.as_object_mut() {
        object.retain(|key, _| !KEYS_OF_TIME.contains(&key.as_str()));
    }
    line
}

fn count_objects(lines: &[Value]) -> usize {
    lines
        .iter()
        .filter_map(|line| line["detections"].as_array())
        .map(Vec::len)
        .sum()
}

/// Fails at the first difference and shows it.
fn compare(expected: &[Value], found: &[Value]) -> Result<(), String> {
    if expected.len() != found.len() {
        return Err(format!(
            "{} lines, expected {}",
            found.len(),
            expected.len()
        ));
    }
    for (number, (a, b)) in expected.iter().zip(found).enumerate() {
        if a != b {
            return Err(format!("picture {number}\nexpected {a}\nfound    {b}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_times_may_differ() {
        let line = |age_us: u64, score: f64| {
            without_time(json!({"age_us": age_us, "detections": [{"score": score}]}))
        };
        let expected = [line(1, 0.5), line(2, 0.25)];
        assert_eq!(count_objects(&expected), 2);
        assert!(compare(&expected, &[line(7, 0.5), line(8, 0.25)]).is_ok());
        assert!(compare(&expected, &[line(1, 0.5), line(2, 0.2501)]).is_err());
        assert!(compare(&expected, &expected[..1]).is_err());
    }
}
