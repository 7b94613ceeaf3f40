//! How fast the model is on the machine that writes the report.

use super::MeasuredSet;
use crate::bench::cpu;
use crate::bench::statistics::median;
use crate::dataset::read_frame;
use lookout::detection::{DETECTIONS_MAX, Detection};
use lookout::detector::{Detector, DetectorOptions};
use lookout::frame::Frame;
use lookout::pixels::Decoder;
use serde::Serialize;
use std::path::Path;

/// Pictures that are timed.
const PICTURES: usize = 30;
/// How often each is timed.
const REPEATS: usize = 3;

/// Medians over some pictures, with one thread.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Speed {
    /// The processor.
    pub cpu: String,
    /// What computed the network.
    pub engine: String,
    /// Programs that wanted to run in the last minute; `None` where the system does not say.
    pub load_average: Option<f64>,
    /// Pictures timed.
    pub pictures: usize,
    /// Letterbox, network and boxes together, in milliseconds; the picture is decoded before.
    pub whole_ms_median: f64,
    /// The network alone.
    pub network_ms_median: f64,
}

impl Speed {
    /// Whether more programs wanted to run than there are processors.
    pub(super) fn is_of_a_busy_machine(&self) -> bool {
        let processors = std::thread::available_parallelism().map_or(1, |n| n.get());
        self.load_average
            .is_some_and(|load| load > processors as f64)
    }
}

/// Times the firmware's detector on pictures of the sets; the error is a sentence.
pub(super) fn measure(model: &Path, sets: &[MeasuredSet]) -> Result<Speed, String> {
    let options = DetectorOptions {
        threads: 1,
        ..DetectorOptions::default()
    };
    let mut detector = Detector::load(model, &options).map_err(|error| error.to_string())?;
    let (mut frame, mut decoder) = (Frame::with_capacity(0), Decoder::new());
    let mut found = heapless::Vec::<Detection, DETECTIONS_MAX>::new();
    let (mut whole_ms, mut network_ms) = (Vec::new(), Vec::new());
    let mut pictures = 0;
    for path in some_pictures(sets) {
        if read_frame(path, &mut frame).is_err() {
            continue;
        }
        let Ok(picture) = decoder.picture(&frame) else {
            continue;
        };
        // The first time brings it into the caches.
        for repeat in 0..=REPEATS {
            let times = detector.detect(&picture, &mut found);
            let times = times.map_err(|error| error.to_string())?;
            if repeat > 0 {
                let ms = |time: std::time::Duration| 1e3 * time.as_secs_f64();
                whole_ms.push(ms(times.preprocess + times.infer + times.postprocess));
                network_ms.push(ms(times.infer));
            }
        }
        pictures += 1;
    }
    let none = || "no picture could be read".to_owned();
    Ok(Speed {
        cpu: cpu::name(),
        engine: detector.engine().to_owned(),
        load_average: cpu::load_average(),
        pictures,
        whole_ms_median: median(&whole_ms).ok_or_else(none)?,
        network_ms_median: median(&network_ms).ok_or_else(none)?,
    })
}

/// Pictures from all over the sets.
fn some_pictures(sets: &[MeasuredSet]) -> impl Iterator<Item = &Path> {
    let all: usize = sets.iter().map(|set| set.dataset.images.len()).sum();
    let images = sets.iter().flat_map(|set| &set.dataset.images);
    let paths = images.map(|image| image.path.as_path());
    paths.step_by(all.div_ceil(PICTURES).max(1))
}
