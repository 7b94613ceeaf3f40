//! Trains Lookout's detector with libtorch.
//!
//! Run by `cargo xtask train-and-export` with the path of a job file; prints one event a
//! line. All that does not need torch lives in `xtask` and in the library.

mod batch;
mod board;
mod card;
mod checkpoint;
mod device;
mod error;
mod events;
mod export;
mod fake_quant;
mod look;
mod loss;
mod memory;
mod meter;
mod model;
mod optimizer;
mod schedule;
mod setup;
mod start;
mod train;

use std::process::ExitCode;
use xtask::train_job::TrainJob;

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    memory::keep_freed();
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: trainer JOB.json; `cargo xtask train-and-export` writes the job");
        return ExitCode::from(2);
    };
    match TrainJob::read(path.as_ref())
        .map_err(error::TrainError::from)
        .and_then(setup::run)
    {
        Ok(setup::Outcome::Finished) => ExitCode::SUCCESS,
        Ok(setup::Outcome::Interrupted) => ExitCode::from(130),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
