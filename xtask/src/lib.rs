//! Host side of Lookout, without torch: data sets, training samples, the network as data,
//! quantization and the ONNX writer, evaluation, boards and the verbs of `cargo xtask`.

pub mod bench;
pub mod board;
pub mod build;
pub mod check_trainer;
pub mod command;
pub mod dataset;
pub mod evaluate;
pub mod explore;
pub mod export;
pub mod fetch;
pub mod glibc;
pub mod golden;
pub mod lab;
pub mod mca;
pub mod metrics;
pub mod network;
pub mod onnx;
pub mod page;
pub mod pretrained;
pub mod progress;
pub mod quantize;
pub mod render_drive;
pub mod report;
pub mod smoke;
pub mod train_and_export;
pub mod train_job;
pub mod trainer;
pub mod training;
pub mod workspace;
