//! The run as TensorBoard shows it: losses, rates, figures, pictures with boxes, and what the
//! weights and activations look like.

use crate::batch::numbers;
use crate::events::note;
use crate::look::Look;
use crate::model::{Mode, Model};
use crate::schedule::Progress;
use lookout::detection::Detection;
use lookout::geometry::BBox;
use std::path::Path;
use tch::{Tensor, no_grad};
use xtask::metrics::ABSENT;
use xtask::tensorboard::{EventWriter, FOLDER, Histogram, TensorboardError};
use xtask::training::Finding;

/// Labelled boxes in pictures.
const LABEL_COLOUR: [u8; 3] = [60, 220, 60];

/// Detected boxes in pictures.
const FOUND_COLOUR: [u8; 3] = [240, 70, 200];

/// Detections below this score are not drawn: nobody would see the picture for boxes.
const SHOWN_SCORE_MIN: f32 = 0.3;

/// Numbers of a layer's output that go into its histogram; of more, every n-th.
const SAMPLED: usize = 20_000;

/// TensorBoard's log of a run; a log that cannot be written does not stop the training.
pub struct Board {
    writer: Option<EventWriter>,
}

impl Board {
    /// A log in `work`; a resumed run goes on in it.
    pub fn open(work: &Path, progress: &Progress) -> Self {
        let folder = work.join(FOLDER);
        let opened = match progress.batches {
            0 => EventWriter::create(&folder),
            batches => EventWriter::resume(&folder, batches + 1),
        };
        let writer = opened.inspect_err(|e| note(format!("no TensorBoard log: {e}")));
        Self {
            writer: writer.ok(),
        }
    }

    /// Writes with `what`; the first failure is told.
    fn write(&mut self, what: impl FnOnce(&mut EventWriter) -> Result<(), TensorboardError>) {
        if let Some(writer) = &mut self.writer
            && let Err(error) = what(writer)
        {
            note(format!("TensorBoard log: {error}"));
        }
    }

    /// Numbers of one step, by tag.
    pub fn scalars(&mut self, step: u64, values: &[(&str, f64)]) {
        self.write(|writer| {
            values
                .iter()
                .try_for_each(|(tag, value)| writer.scalar(tag, step, *value))
        });
    }

    /// The recipe, as text.
    pub fn recipe(&mut self, toml: &str) {
        self.write(|writer| writer.text("recipe", 0, &format!("```toml\n{toml}\n```")));
    }

    /// What a look found: figures, and pictures with boxes.
    pub fn look(&mut self, step: u64, look: &Look) {
        let metrics = &look.metrics;
        let mut values = vec![
            ("val/mAP".to_string(), metrics.map),
            ("val/mAP@0.5".into(), metrics.map50),
            ("val/mAP small".into(), metrics.map_small),
            ("val/mAP medium".into(), metrics.map_medium),
            ("val/mAP large".into(), metrics.map_large),
        ];
        for (class, figures) in &metrics.per_class {
            values.push((format!("val class/{class} AP"), figures.ap));
            values.push((format!("val class/{class} AP@0.5"), figures.ap50));
        }
        values.retain(|(_, value)| *value != ABSENT);
        let values: Vec<_> = values.iter().map(|(tag, v)| (tag.as_str(), *v)).collect();
        self.scalars(step, &values);
        for (i, shown) in look.shown.iter().enumerate() {
            let (width, height) = look.input;
            let rgb = drawn(shown, width as usize, height as usize);
            self.write(|writer| writer.image(&format!("val/{i}"), step, width, height, &rgb));
        }
    }

    /// Distributions of the weights, and of each layer's output for one picture.
    pub fn distributions(&mut self, step: u64, model: &Model, pixels: &[u8]) {
        if self.writer.is_none() {
            return;
        }
        let mut histograms = Vec::new();
        for (name, parameter) in &model.parameters {
            if parameter.dim() > 1 {
                let histogram = Histogram::of(&numbers(parameter));
                histograms.push((format!("weights/{name}"), histogram));
            }
        }
        let network = model.network();
        let (height, width) = (network.input_height as i64, network.input_width as i64);
        if pixels.len() as i64 == 3 * height * width {
            no_grad(|| {
                let tensor = Tensor::from_slice(pixels).reshape([1, 3, height, width]);
                model.forward(model.normalise(&tensor), Mode::Infer, |layer, output| {
                    let all = numbers(output);
                    let step = all.len().div_ceil(SAMPLED).max(1);
                    let some: Vec<f32> = all.into_iter().step_by(step).collect();
                    histograms.push((format!("activations/{layer}"), Histogram::of(&some)));
                });
            });
        }
        self.write(|writer| {
            histograms
                .iter()
                .try_for_each(|(tag, histogram)| writer.histogram(tag, step, histogram))
        });
    }

    /// Writes out what waits.
    pub fn flush(&mut self) {
        self.write(EventWriter::flush);
    }
}

/// The picture with its labelled and detected boxes, as RGB rows.
fn drawn(finding: &Finding, width: usize, height: usize) -> Vec<u8> {
    let plane = width * height;
    let mut rgb: Vec<u8> = (0..3 * plane)
        .map(|i| finding.pixels[i % 3 * plane + i / 3])
        .collect();
    for bbox in &finding.labelled {
        outline(&mut rgb, width, height, bbox, LABEL_COLOUR);
    }
    let seen = |d: &&Detection| d.score >= SHOWN_SCORE_MIN;
    for detection in finding.found.iter().filter(seen) {
        outline(&mut rgb, width, height, &detection.bbox, FOUND_COLOUR);
    }
    rgb
}

/// A line one pixel wide along a box.
fn outline(rgb: &mut [u8], width: usize, height: usize, bbox: &BBox, colour: [u8; 3]) {
    let b = bbox.clip(width as f32, height as f32);
    let last = |v: f32, side: usize| (v as usize).min(side - 1);
    let (x0, x1) = (last(b.x0, width), last(b.x1, width));
    let (y0, y1) = (last(b.y0, height), last(b.y1, height));
    let mut dot = |x: usize, y: usize| {
        rgb[3 * (y * width + x)..][..3].copy_from_slice(&colour);
    };
    for x in x0..=x1 {
        dot(x, y0);
        dot(x, y1);
    }
    for y in y0..=y1 {
        dot(x0, y);
        dot(x1, y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lookout::class::ObjectClass;

    #[test]
    fn boxes_are_drawn_inside_the_picture() {
        let finding = Finding {
            pixels: vec![9; 3 * 8 * 6],
            labelled: vec![BBox::new(-5.0, -5.0, 50.0, 50.0)],
            found: vec![Detection::new(
                ObjectClass::Car,
                0.9,
                BBox::new(2.0, 2.0, 4.0, 4.0),
            )],
        };
        let rgb = drawn(&finding, 8, 6);
        assert_eq!(rgb[..3], LABEL_COLOUR);
        assert_eq!(rgb[3 * (2 * 8 + 2)..][..3], FOUND_COLOUR);
        assert_eq!(rgb[3 * (3 * 8 + 3)..][..3], [9, 9, 9]);
    }
}
