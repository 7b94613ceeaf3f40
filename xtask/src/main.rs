//! `cargo xtask`: what is done on a workstation, not on the board.

use clap::{Parser, Subcommand};
use std::error::Error;
use std::process::ExitCode;
use xtask::train_and_export::TrainAndExportError;

/// Builds, trains, evaluates and tests Lookout from a workstation
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    version,
    max_term_width = 100
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Trains a detector on data sets and exports it as a model that the board runs
    TrainAndExport(Box<xtask::train_and_export::TrainAndExportArgs>),
    /// Trains a ladder of detectors, one change at a time, and tells what each is worth
    Ladder(xtask::ladder::LadderArgs),
    /// Tells how good detectors become with growing shares of the data, and what more would bring
    LearningCurve(xtask::learning_curve::LearningCurveArgs),
    /// Shows what is in data sets: counts, sizes, anchors, examples, suspected label faults
    Explore(xtask::explore::ExploreArgs),
    /// Measures a model on data sets with the firmware's own detector, or compares two
    Evaluate(xtask::evaluate::EvaluateArgs),
    /// Writes on a model's card what `evaluate` has measured
    Card(xtask::card::CardArgs),
    /// Writes all that is known of a model on one page: figures, curves, pictures, speed
    Report(xtask::report::ReportArgs),
    /// Makes an int8 model of a float one on real pictures, without torch
    Quantize(xtask::quantize::command::QuantizeArgs),
    /// Tells what quantization costs, layer by layer, on real pictures
    QuantizeReport(xtask::quantize_report::QuantizeReportArgs),
    /// Measures the model's speed beside other engines
    Bench(xtask::bench::BenchArgs),
    /// Runs one engine for `bench`
    #[command(hide = true)]
    BenchWorker(xtask::bench::serve::ServeArgs),
    /// Keeps what onnxruntime makes of a picture, to the byte, for the tests of the int8 engine
    Golden(xtask::golden::GoldenArgs),
    /// Measures what showing, recording and publishing cost detection
    Load(xtask::load::LoadArgs),
    /// Measures how well objects keep their numbers, on rendered drives
    Track(xtask::track::TrackArgs),
    /// Renders drives as a data set, for classes and views that real sets lack
    RenderDrive(xtask::render_drive::RenderDriveArgs),
    /// Renders what a spinning lidar sees as a data set: depth, ambient light and intensity
    RenderPanorama(xtask::render_panorama::RenderPanoramaArgs),
    /// Trains a tiny model in a minute and looks at what comes out
    Smoke(xtask::smoke::SmokeArgs),
    /// Lints and tests the trainer, which the root workspace does not reach
    CheckTrainer(xtask::check_trainer::CheckTrainerArgs),
    /// Runs the firmware in the camera lab, or compares processors
    Lab(xtask::lab::LabArgs),
    /// Cross-builds the firmware for a board
    Build(xtask::build::BuildArgs),
    /// Makes the pair of keys that signs releases and checks them
    Keygen(xtask::keygen::KeygenArgs),
    /// Packs everything that a board runs into one signed file
    Bundle(xtask::bundle::BundleArgs),
    /// Puts a release on a board over ssh, and looks after it there
    Flash(xtask::flash::FlashArgs),
    /// Tells what the firmware's bytes are, and how they have grown
    Sizes(xtask::sizes::SizesArgs),
    /// Estimates the speed of the inner loops on ARM processors with llvm-mca
    Mca(xtask::mca::McaArgs),
    /// Tells which C library a program needs, and whether every supported board has it
    Glibc(xtask::glibc::GlibcArgs),
}

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    let result: Result<(), Box<dyn Error>> = match Cli::parse().verb {
        Verb::TrainAndExport(args) => return train_and_export(&args),
        Verb::Ladder(args) => xtask::ladder::run(&args).map_err(Into::into),
        Verb::LearningCurve(args) => xtask::learning_curve::run(&args).map_err(Into::into),
        Verb::Evaluate(args) => xtask::evaluate::run(args).map_err(Into::into),
        Verb::Explore(args) => xtask::explore::run(&args).map(drop).map_err(Into::into),
        Verb::Card(args) => xtask::card::run(&args).map_err(Into::into),
        Verb::Report(args) => xtask::report::run(&args).map_err(Into::into),
        Verb::Quantize(args) => xtask::quantize::command::run(&args).map_err(Into::into),
        Verb::QuantizeReport(args) => xtask::quantize_report::run(&args).map_err(Into::into),
        Verb::Bench(args) => xtask::bench::run(&args).map_err(Into::into),
        Verb::BenchWorker(args) => xtask::bench::serve::run(&args).map_err(Into::into),
        Verb::Golden(args) => xtask::golden::run(&args).map_err(Into::into),
        Verb::Load(args) => xtask::load::run(&args).map_err(Into::into),
        Verb::Track(args) => xtask::track::run(&args).map_err(Into::into),
        Verb::RenderDrive(args) => xtask::render_drive::run(&args).map_err(Into::into),
        Verb::RenderPanorama(args) => xtask::render_panorama::run(&args).map_err(Into::into),
        Verb::Smoke(args) => xtask::smoke::run(&args).map_err(Into::into),
        Verb::CheckTrainer(args) => xtask::check_trainer::run(&args).map_err(Into::into),
        Verb::Lab(args) => xtask::lab::run(&args).map_err(Into::into),
        Verb::Build(args) => xtask::build::run(&args).map_err(Into::into),
        Verb::Keygen(args) => xtask::keygen::run(&args).map_err(Into::into),
        Verb::Bundle(args) => xtask::bundle::run(&args).map_err(Into::into),
        Verb::Flash(args) => xtask::flash::run(&args).map_err(Into::into),
        Verb::Sizes(args) => xtask::sizes::run(&args).map_err(Into::into),
        Verb::Mca(args) => xtask::mca::run(&args).map_err(Into::into),
        Verb::Glibc(args) => xtask::glibc::run(&args).map_err(Into::into),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Ends with the trainer's own exit code, so that scripts can tell an interruption.
fn train_and_export(args: &xtask::train_and_export::TrainAndExportArgs) -> ExitCode {
    match xtask::train_and_export::run(args) {
        Ok(out) => {
            println!("the model is in {}", out.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(TrainAndExportError::exit_code(&error))
        }
    }
}
