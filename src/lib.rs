//! Lookout: the eyes of a car on a small ARM computer.
//!
//! Frames come from a camera, a file or a built-in drive; an int8 detector finds cars, trucks,
//! buses, motorcycles, bicycles, scooters, persons and riders in them; every inference is
//! published, also when nothing was seen. The data flows one way:
//!
//! ```text
//! source -> mailbox of one -> pixels -> letterbox -> detector -> decode + NMS -> channels -> sinks
//! ```
//!
//! The shortest way in is [`pipeline::Lookout`]:
//!
//! ```no_run
//! use lookout::pipeline::Lookout;
//!
//! let (detections, handle) = Lookout::builder().start()?;
//! for frame in detections.iter().take(100) {
//!     println!("{} objects, {} us after capture", frame.detections.len(), frame.age_us);
//! }
//! handle.stop();
//! handle.join().into_result()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `ARCHITECTURE.md` in the repository shows how the modules fit together.

pub mod anchors;
pub mod annotate;
pub mod bulletin;
pub mod capture;
pub mod class;
pub mod cli;
pub mod clock;
pub mod config;
mod count;
pub mod decode;
pub mod detection;
pub mod detector;
pub mod drive;
pub mod event;
pub mod footage;
pub mod frame;
pub mod geometry;
pub mod health;
pub mod int8;
mod lanes;
pub mod letterbox;
pub mod live;
pub mod mailbox;
mod mcap;
pub mod model;
pub mod nms;
pub mod pipeline;
pub mod pixels;
pub mod process;
mod query;
pub mod recording;
pub mod release;
pub mod rules;
pub mod sink;
pub mod source;
pub mod statistics;
pub mod thermal;
pub mod tracking;
