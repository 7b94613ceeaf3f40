//! Measures a network in the making: the validation pictures as the board sees them, its
//! outputs decoded as the board decodes them.

use super::planes::planes;
use crate::dataset::{Dataset, DatasetError, ImageEntry, LoadOptions, Split};
use crate::evaluate::runner::{DETECTIONS_PER_IMAGE_MAX, in_entry_pixels, show_image};
use crate::evaluate::{Found, SCORE_MIN};
use crate::metrics::Evaluator;
use crate::network::Network;
use lookout::anchors::BoxCoding;
use lookout::class::ObjectClass;
use lookout::decode::{BoxDecoder, LevelOutput};
use lookout::detection::Detection;
use lookout::frame::Frame;
use lookout::geometry::BBox;
use lookout::letterbox::{Letterbox, Resampler};
use lookout::pixels::{Decoder, Picture};
use std::path::PathBuf;

/// Scores `[anchors * classes, rows, columns]` and box codes `[anchors * 4, rows, columns]` of
/// each level.
pub type LevelOutputs = Vec<(Vec<f32>, Vec<f32>)>;

/// Validation images of some data sets.
#[derive(Debug)]
pub struct Validation {
    sets: Vec<Dataset>,
}

/// One image of a validation set and what was found in it.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Planar pixels of the network's input, `[3, height, width]`.
    pub pixels: Vec<u8>,
    /// Labelled boxes, in pixels of the network's input.
    pub labelled: Vec<BBox>,
    /// Detections, best first, in pixels of the network's input.
    pub found: Vec<Detection>,
}

impl Validation {
    /// The validation splits of those folders that have one of their own; of each, evenly
    /// spread, its share of `images_max` images.
    pub fn new(folders: &[PathBuf], images_max: usize) -> Result<Self, DatasetError> {
        let mut sets = Vec::new();
        for folder in folders.iter().filter(|f| Dataset::has_split(f, Split::Val)) {
            sets.push(Dataset::load(folder, Split::Val, LoadOptions::EVALUATION)?);
        }
        let all: usize = sets.iter().map(|set| set.images.len()).sum();
        if all > images_max {
            for set in &mut sets {
                let count = (set.images.len() * images_max).div_ceil(all);
                thin(&mut set.images, count);
            }
        }
        Ok(Self { sets })
    }

    /// Whether there is nothing to look at.
    pub fn is_empty(&self) -> bool {
        self.sets.iter().all(|set| set.images.is_empty())
    }

    /// The sets.
    pub fn sets(&self) -> &[Dataset] {
        &self.sets
    }

    /// What `infer` finds, set by set. It is given pixels `[3, height, width]`; `seen` is shown
    /// every image and tells whether to go on.
    pub fn measure(
        &self,
        network: &Network,
        mut infer: impl FnMut(&[u8]) -> LevelOutputs,
        mut seen: impl FnMut(Finding) -> bool,
    ) -> Vec<Evaluator> {
        let mut looker = Looker::new(network);
        let mut evaluators = Vec::new();
        for set in &self.sets {
            let mut evaluator = Evaluator::new();
            for entry in &set.images {
                let Some((found, finding)) = looker.look(entry, &mut infer) else {
                    continue;
                };
                evaluator.add_image(&entry.objects, &entry.labelled, &found);
                if !seen(finding) {
                    return evaluators;
                }
            }
            evaluators.push(evaluator);
        }
        evaluators
    }
}

/// Keeps `count` images, evenly spread.
fn thin(images: &mut Vec<ImageEntry>, count: usize) {
    let all = images.len();
    let mut number = 0;
    images.retain(|_| {
        // Kept where the running share passes a whole number.
        let keep = (number + 1) * count / all > number * count / all;
        number += 1;
        keep
    });
}

/// Owns the buffers for looking at one image after the other.
struct Looker {
    width: u32,
    height: u32,
    frame: Frame,
    decoder: Decoder,
    resampler: Resampler,
    boxes: BoxDecoder,
}

impl Looker {
    fn new(network: &Network) -> Self {
        let (width, height) = (network.input_width as u32, network.input_height as u32);
        let (coding, iou_max) = (BoxCoding::CentreSize, crate::export::NMS_IOU);
        Self {
            width,
            height,
            frame: Frame::with_capacity(1 << 20),
            decoder: Decoder::new(),
            resampler: Resampler::new(width, height),
            boxes: BoxDecoder::new(
                network.anchor_grid(),
                coding,
                [SCORE_MIN; ObjectClass::COUNT],
                iou_max,
            ),
        }
    }

    /// Detections in the pixels of the labels, and the same seen from the network; `None` where
    /// the picture cannot be read.
    fn look(
        &mut self,
        entry: &ImageEntry,
        infer: &mut impl FnMut(&[u8]) -> LevelOutputs,
    ) -> Option<(Vec<Detection>, Finding)> {
        let size = (self.height, self.width);
        let (resampler, boxes) = (&mut self.resampler, &mut self.boxes);
        let show = |picture: &Picture<'_>| {
            let letterbox = Letterbox::new(picture.width(), picture.height(), size.1, size.0);
            let view = letterbox.view();
            let pixels = planes(resampler, picture, &view, size);
            let outputs = infer(&pixels);
            let levels: Vec<LevelOutput<'_>> = outputs
                .iter()
                .map(|(scores, boxes)| LevelOutput { scores, boxes })
                .collect();
            let mut found = Found::new();
            boxes.decode(&levels, &letterbox, &mut found);
            let picture_width = picture.width() as f32;
            let on_input = found
                .iter()
                .take(DETECTIONS_PER_IMAGE_MAX)
                .map(|d| Detection {
                    bbox: view.to_input(&d.bbox, picture_width),
                    ..*d
                });
            let sx = picture_width / entry.width as f32;
            let sy = picture.height() as f32 / entry.height as f32;
            let labelled = entry
                .objects
                .iter()
                .filter(|o| !o.crowd)
                .map(|o| view.to_input(&o.bbox.scale(sx, sy), picture_width));
            let finding = Finding {
                labelled: labelled.collect(),
                found: on_input.collect(),
                pixels,
            };
            Ok((in_entry_pixels(entry, picture, &found).collect(), finding))
        };
        show_image(entry, &mut self.frame, &mut self.decoder, show).ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::network::detector;
    use crate::render_drive::{self, RenderDriveArgs};

    fn folder(root: &std::path::Path) -> PathBuf {
        let out = root.join("drives");
        render_drive::run(&RenderDriveArgs {
            out: out.clone(),
            frames: 60,
            seed: 3,
            width: 320,
            height: 192,
        })
        .unwrap();
        out
    }

    #[test]
    fn a_network_that_knows_the_answers_is_perfect() {
        let root = tempfile::tempdir().unwrap();
        let validation = Validation::new(&[folder(root.path())], 1000).unwrap();
        let network = detector(192, 320);
        let grid = network.anchor_grid();
        let mut labels = validation.sets()[0]
            .images
            .iter()
            .map(|i| i.objects.clone());
        // The input has the pictures' size, so that labels need no conversion.
        let oracle = |_: &[u8]| -> LevelOutputs {
            let objects = labels.next().unwrap();
            answers(&grid, &objects)
        };
        let evaluators = validation.measure(&network, oracle, |_| true);
        let metrics = evaluators[0].finish();
        // Suppression takes some of those that stand in a crowd.
        assert!(metrics.map50 > 0.9, "{}", metrics.map50);
        let blind = |_: &[u8]| answers(&grid, &[]);
        let evaluators = validation.measure(&network, blind, |_| true);
        assert_eq!(evaluators[0].finish().map50, 0.0);
    }

    /// Outputs that say exactly these objects, each at an anchor of its own.
    fn answers(
        grid: &lookout::anchors::AnchorGrid,
        objects: &[crate::dataset::GroundTruth],
    ) -> LevelOutputs {
        let mut outputs: LevelOutputs = (0..grid.levels().len())
            .map(|level| {
                let n = grid.level_len(level);
                (vec![-20.0; 8 * n], vec![0.0; 4 * n])
            })
            .collect();
        let mut taken = Vec::new();
        for object in objects {
            let (x, y) = object.bbox.centre();
            let (rows, columns) = grid.cells(0);
            let cell = |v: f32, n: usize| ((v / 8.0) as usize).min(n - 1);
            let (row, column) = (cell(y, rows), cell(x, columns));
            let Some(shape) = (0..3).find(|s| !taken.contains(&(row, column, *s))) else {
                continue;
            };
            taken.push((row, column, shape));
            let anchor = grid.anchor(0, row, column, shape);
            let code = BoxCoding::CentreSize.encode(&anchor, &object.bbox);
            let cells = rows * columns;
            let at = row * columns + column;
            let class = object.class.index();
            outputs[0].0[(8 * shape + class) * cells + at] = 9.0;
            for (i, number) in code.into_iter().enumerate() {
                outputs[0].1[(4 * shape + i) * cells + at] = number;
            }
        }
        outputs
    }

    #[test]
    fn images_are_thinned_evenly() {
        let entry = |id| ImageEntry {
            path: "a".into(),
            id,
            width: 1,
            height: 1,
            objects: Vec::new(),
            labelled: [true; 8],
        };
        for (all, count) in [(10, 3), (7, 7), (100, 1), (5, 4)] {
            let mut images: Vec<ImageEntry> = (0..all).map(entry).collect();
            thin(&mut images, count);
            assert_eq!(images.len(), count);
            let widest = images.windows(2).map(|w| w[1].id - w[0].id).max();
            let bound = (all as usize).div_ceil(count) as i64;
            assert!(widest.is_none_or(|gap| gap <= bound), "{all} {count}");
        }
        assert!(Validation::new(&[], 5).unwrap().is_empty());
    }
}
