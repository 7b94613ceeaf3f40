//! `lookout bench`: the pipeline as it is, on frames that are always the same.

use super::{BenchArgs, BenchFormat, CliError, host, print};
use crate::capture::{Opener, SourceMode};
use crate::clock;
use crate::detector::{Detector, DetectorOptions};
use crate::frame::{Frame, FrameStamp, PixelFormat};
use crate::int8::cycles_per_s;
use crate::pipeline::{Lookout, Snapshot, StartError, find_model};
use crate::pixels::{Decoder, nv12_of_rgb, yuyv_of_rgb};
use crate::source::{self, FrameSource, Next, Pace, SourceError};
use crate::statistics::{Stage, StageSummary};
use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use serde_json::json;
use std::fmt::Write as _;

/// Time from frame to frame in what is seen.
const FRAME_NS: u64 = 1_000_000_000 / 30;

/// Name and version of the JSON report.
const SCHEMA: &str = "lookout.bench/1";

/// Different pictures; when more frames are wanted they come again.
const PICTURES: u32 = 32;

/// About what dashcams use.
const JPEG_QUALITY: u8 = 85;

/// Measures and prints.
pub(super) fn run(args: &BenchArgs) -> Result<(), CliError> {
    if args.explain {
        return explain(args);
    }
    let pictures = encode_drive(args).map_err(StartError::Source)?;
    let opener: Opener = Box::new(move || {
        Ok(Box::new(Reel {
            pictures: pictures.clone(),
            sequence: 0,
        }))
    });
    let mut builder = Lookout::builder()
        .source_with(opener, SourceMode::Finite, Pace::EveryFrame)
        .frames_max(args.frames.into())
        .threads(args.threads.into())
        .pinned(args.pinned)
        .engine(args.engine());
    if let Some(model) = &args.model {
        builder = builder.model(model);
    }
    let (receiver, handle) = builder.start()?;
    let model_id = handle.model_id().to_owned();
    while receiver.recv().is_ok() {}
    drop(receiver);
    let summary = handle.join();
    let counters = summary.counters.clone();
    summary.into_result()?;
    if counters.frames == 0 {
        return Err(CliError::NothingMeasured);
    }
    let report = if args.json { json_text } else { table };
    print(&report(args, &model_id, &counters))
}

/// Shows where the time of the network goes.
fn explain(args: &BenchArgs) -> Result<(), CliError> {
    let found;
    let folder = match &args.model {
        Some(folder) => folder,
        None => {
            found = find_model().map_err(|searched| StartError::NoModel { searched })?;
            &found
        }
    };
    let options = DetectorOptions {
        engine: args.engine(),
        ..DetectorOptions::default()
    };
    let mut detector = Detector::load(folder, &options).map_err(StartError::from)?;
    let Some(explanation) = detector.explain(args.frames as usize) else {
        return Err(CliError::NotExplained);
    };
    if args.json {
        return print(&format!("{:#}\n", json!(explanation)));
    }
    print(&explanation.table(cycles_per_s()))
}

fn table(args: &BenchArgs, model_id: &str, counters: &Snapshot) -> String {
    let ms = |ns: u64| ns as f64 / 1e6;
    let mut text = format!(
        "{}, {} threads; {model_id}; {} frames of the built-in drive, {} {}\n\
         stage           min ms  median ms     p99 ms\n",
        host::cpu_name(),
        args.threads,
        counters.frames,
        args.size,
        args.format.name(),
    );
    for (stage, summary) in Stage::ALL.iter().zip(&counters.stages) {
        let StageSummary {
            min_ns,
            median_ns,
            p99_ns,
        } = *summary;
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:<12} {:>9.3}  {:>9.3}  {:>9.3}",
            stage.name(),
            ms(min_ns),
            ms(median_ns),
            ms(p99_ns)
        );
    }
    text
}

fn json_text(args: &BenchArgs, model_id: &str, counters: &Snapshot) -> String {
    let stages: serde_json::Map<String, serde_json::Value> = Stage::ALL
        .iter()
        .zip(&counters.stages)
        .map(|(stage, summary)| (stage.name().to_owned(), json!(summary)))
        .collect();
    let report = json!({
        "schema": SCHEMA,
        "cpu": host::cpu_name(),
        "model_id": model_id,
        "threads": args.threads,
        "frames": counters.frames,
        "size": args.size,
        "format": args.format.name(),
        "stages": stages,
    });
    format!("{report:#}\n")
}

/// The first frames of the built-in drive as a dashcam would send them.
fn encode_drive(args: &BenchArgs) -> Result<Vec<Frame>, SourceError> {
    let broken = |reason: String| SourceError::Uri(format!("the built-in drive: {reason}"));
    let (count, size) = (args.frames.min(PICTURES), &args.size);
    let uri = format!("drive:?pace=max&frames={count}&size={size}");
    let mut drive = source::open(&uri.parse()?)?;
    let (mut frame, mut decoder) = (Frame::with_capacity(0), Decoder::new());
    let (mut rgb, mut pictures) = (Vec::new(), Vec::new());
    while drive.next_frame(&mut frame)? == Next::Frame {
        let picture = decoder
            .picture(&frame)
            .map_err(|error| broken(error.to_string()))?;
        let (width, height) = (picture.width(), picture.height());
        picture.write_rgb(&mut rgb);
        let is_even = width.is_multiple_of(2) && height.is_multiple_of(2);
        if args.format != BenchFormat::Mjpg && !is_even {
            return Err(broken(format!(
                "{size} is odd; take even sides for this format"
            )));
        }
        let columns = width as usize;
        let (format, stride, data) = match args.format {
            BenchFormat::Yuyv => (PixelFormat::Yuyv, 2 * columns, yuyv_of_rgb(&rgb)),
            BenchFormat::Nv12 => (PixelFormat::Nv12, columns, nv12_of_rgb(&rgb, columns)),
            BenchFormat::Mjpg => {
                let mut jpeg = Vec::new();
                JpegEncoder::new_with_quality(&mut jpeg, JPEG_QUALITY)
                    .encode(&rgb, width, height, ExtendedColorType::Rgb8)
                    .map_err(|error| broken(error.to_string()))?;
                (PixelFormat::Mjpeg, 0, jpeg)
            }
        };
        pictures.push(Frame {
            format,
            width,
            height,
            stride,
            data,
            ..Frame::with_capacity(0)
        });
    }
    Ok(pictures)
}

/// Gives the same pictures again and again, without end.
struct Reel {
    pictures: Vec<Frame>,
    sequence: u64,
}

impl FrameSource for Reel {
    fn next_frame(&mut self, frame: &mut Frame) -> Result<Next, SourceError> {
        let Some(index) = self.sequence.checked_rem(self.pictures.len() as u64) else {
            return Ok(Next::End);
        };
        let picture = &self.pictures[index as usize];
        (frame.format, frame.stride) = (picture.format, picture.stride);
        (frame.width, frame.height) = (picture.width, picture.height);
        frame.data.clear();
        frame.data.extend_from_slice(&picture.data);
        frame.stamp = FrameStamp {
            sequence: self.sequence,
            monotonic_ns: clock::monotonic_ns(),
            scene_ns: self.sequence * FRAME_NS,
        };
        self.sequence += 1;
        Ok(Next::Frame)
    }

    fn describe(&self) -> String {
        "pictures of the built-in drive".into()
    }

    fn pace(&self) -> Pace {
        Pace::EveryFrame
    }
}
