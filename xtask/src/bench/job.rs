//! What a worker is told at its start.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One engine, one form of the network, one number of threads. Passed to the worker as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Name of the engine, as in the table.
    pub engine: String,
    /// Form of the network, as in the table.
    pub form: String,
    /// The network's file; the model's folder for Lookout itself.
    pub file: PathBuf,
    /// Threads of the engine, at least 1.
    pub threads: u8,
    /// The picture: red, green and blue planes, a byte a value.
    pub pixels: PathBuf,
    /// The numbers that the network takes for it: `f32`, little endian, in the same order.
    pub numbers: PathBuf,
    /// Their integers in the shipped network, a byte each.
    pub integers: PathBuf,
    /// Rows of the picture.
    pub height: usize,
    /// Columns of the picture.
    pub width: usize,
    /// Name of the network's input.
    pub input_name: String,
    /// Names of the network's outputs, in the order in which they are written.
    pub outputs: Vec<String>,
}

/// A worker's first answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Loaded {
    /// From the file to an engine that can run, without the program's own start.
    pub load_ms: f64,
    /// Resident memory before, in MiB: the program and its libraries.
    pub rss_base_mib: Option<f64>,
    /// Version of the engine.
    pub version: String,
    /// `u8` or `f32`.
    pub input: String,
}

/// Answer to `round N S`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// One inference each.
    pub times_ms: Vec<f64>,
}

/// Answer to `check FILE`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checked {}

/// Answer to `end`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// Most resident memory that the process ever had, in MiB.
    pub rss_peak_mib: Option<f64>,
}
