//! From a model's raw outputs to candidate boxes.

use crate::anchors::{AnchorGrid, BoxCoding};
use crate::class::ObjectClass;
use crate::detection::{DETECTIONS_MAX, Detection};
use crate::int8::graph::Scheme;
use crate::letterbox::Letterbox;
use crate::nms::suppress;

/// The most candidates that are kept before suppression; beyond it the worst are dropped.
pub const CANDIDATES_MAX: usize = 2048;

/// A threshold that no byte reaches.
const NO_BYTE: u16 = u8::MAX as u16 + 1;

/// Raw outputs of one feature level, `f32`, batch of one, channels first.
#[derive(Clone, Copy, Debug)]
pub struct LevelOutput<'a> {
    /// Class logits `[anchors * 8, rows, columns]`, the classes of one anchor side by side.
    pub scores: &'a [f32],
    /// Box codes `[anchors * 4, rows, columns]`, the numbers of one anchor side by side.
    pub boxes: &'a [f32],
}

/// One output tensor of a feature level as the int8 engine leaves it: cells row by row, the
/// numbers of a cell side by side.
#[derive(Clone, Copy, Debug)]
pub struct QuantizedOutput<'a> {
    /// The bytes.
    pub data: &'a [u8],
    /// Bytes from a cell to the next.
    pub pixel_bytes: usize,
    /// Bytes from a row of cells to the next.
    pub row_bytes: usize,
    /// What every byte is combined with by exclusive or.
    pub flip: u8,
    /// What the bytes stand for.
    pub scheme: Scheme,
}

impl QuantizedOutput<'_> {
    /// The number that a stored byte stands for.
    fn number(&self, byte: u8) -> f32 {
        let steps = i32::from(byte ^ self.flip) - i32::from(self.scheme.zero_point);
        steps as f32 * self.scheme.scale
    }

    /// The lowest byte, its flip undone, that stands for at least `number`; [`NO_BYTE`] where
    /// none does. Numbers rise with their bytes, so half of the bytes is left at each look.
    fn lowest(&self, number: f32) -> u16 {
        let (mut low, mut high) = (0, NO_BYTE);
        while low < high {
            let middle = (low + high) / 2;
            if self.number(middle as u8 ^ self.flip) >= number {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }

    /// The bytes of a cell.
    fn cell(&self, row: usize, column: usize, numbers: usize) -> &[u8] {
        &self.data[row * self.row_bytes + column * self.pixel_bytes..][..numbers]
    }
}

/// Outputs of one feature level of the int8 engine.
#[derive(Clone, Copy, Debug)]
pub struct QuantizedLevel<'a> {
    /// Class logits, the classes of one anchor side by side.
    pub scores: QuantizedOutput<'a>,
    /// Box codes, the numbers of one anchor side by side.
    pub boxes: QuantizedOutput<'a>,
}

/// Turns raw outputs into detections; owns its buffers, so a frame allocates nothing.
#[derive(Debug)]
pub struct BoxDecoder {
    grid: AnchorGrid,
    coding: BoxCoding,
    /// What a logit must reach to be a candidate, by class index.
    logit_min: [f32; ObjectClass::COUNT],
    iou_max: f32,
    candidates: Vec<Detection>,
}

/// The logistic function, by `libm` so that every CPU gives the same bits.
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + libm::expf(-x))
}

impl BoxDecoder {
    /// A decoder that keeps scores of at least `score_min`, given by class index, and
    /// suppresses boxes of a class that overlap by more than `iou_max`.
    pub fn new(
        grid: AnchorGrid,
        coding: BoxCoding,
        score_min: [f32; ObjectClass::COUNT],
        iou_max: f32,
    ) -> Self {
        Self {
            grid,
            coding,
            logit_min: score_min.map(logit),
            iou_max,
            candidates: Vec::with_capacity(2 * CANDIDATES_MAX),
        }
    }

    /// From here on keeps scores of at least `score_min`, given by class index.
    pub fn keep_from(&mut self, score_min: [f32; ObjectClass::COUNT]) {
        self.logit_min = score_min.map(logit);
    }

    /// The anchors.
    pub fn grid(&self) -> &AnchorGrid {
        &self.grid
    }

    /// Decodes the `levels` (in the order of the grid; each slice as long as its shape says)
    /// and writes the surviving detections, in pixels of the source frame, to `out`.
    pub fn decode(
        &mut self,
        levels: &[LevelOutput<'_>],
        letterbox: &Letterbox,
        out: &mut heapless::Vec<Detection, DETECTIONS_MAX>,
    ) {
        self.candidates.clear();
        for (level, output) in levels.iter().enumerate() {
            self.collect(level, output, letterbox);
        }
        self.keep_best();
        suppress(&mut self.candidates, self.iou_max, out);
    }

    /// As [`BoxDecoder::decode`], from the int8 engine's outputs.
    pub fn decode_quantized(
        &mut self,
        levels: &[QuantizedLevel<'_>],
        letterbox: &Letterbox,
        out: &mut heapless::Vec<Detection, DETECTIONS_MAX>,
    ) {
        self.candidates.clear();
        for (level, output) in levels.iter().enumerate() {
            self.collect_quantized(level, output, letterbox);
        }
        self.keep_best();
        suppress(&mut self.candidates, self.iou_max, out);
    }

    /// Adds the candidates of one level. A cell is skipped by its largest byte.
    fn collect_quantized(
        &mut self,
        level: usize,
        output: &QuantizedLevel<'_>,
        letterbox: &Letterbox,
    ) {
        let (scores, boxes) = (&output.scores, &output.boxes);
        // Beyond the largest byte where a class cannot reach its threshold.
        let byte_min = self.logit_min.map(|logit_min| scores.lowest(logit_min));
        let lowest = byte_min.into_iter().fold(NO_BYTE, u16::min);
        if lowest == NO_BYTE {
            return;
        }
        let shapes = self.grid.shapes(level);
        let (rows, columns) = self.grid.cells(level);
        for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |c| (row, c))) {
            let cell = scores.cell(row, column, shapes * ObjectClass::COUNT);
            let flip = scores.flip;
            let largest = cell
                .iter()
                .fold(0, |largest, byte| largest.max(byte ^ flip));
            if u16::from(largest) < lowest {
                continue;
            }
            let codes = boxes.cell(row, column, 4 * shapes);
            for (number, byte) in cell.iter().enumerate() {
                let (shape, class) = (number / ObjectClass::COUNT, number % ObjectClass::COUNT);
                let Some(class) = ObjectClass::from_index(class) else {
                    continue;
                };
                if u16::from(byte ^ flip) >= byte_min[class.index()] {
                    let code = std::array::from_fn(|i| boxes.number(codes[4 * shape + i]));
                    let place = (level, row, column, shape);
                    self.candidate(class, scores.number(*byte), place, code, letterbox);
                }
            }
        }
    }

    /// Adds one candidate unless its box is no box.
    fn candidate(
        &mut self,
        class: ObjectClass,
        logit: f32,
        (level, row, column, shape): (usize, usize, usize, usize),
        code: [f32; 4],
        letterbox: &Letterbox,
    ) {
        let anchor = self.grid.anchor(level, row, column, shape);
        let bbox = letterbox.to_source(&self.coding.decode(&anchor, code));
        if bbox.is_valid() {
            self.push(Detection::new(class, sigmoid(logit), bbox));
        }
    }

    /// Adds the candidates of one level. Logits are compared before any exponential is
    /// taken: of tens of thousands, a few hundred pass.
    fn collect(&mut self, level: usize, output: &LevelOutput<'_>, letterbox: &Letterbox) {
        let (rows, columns) = self.grid.cells(level);
        let cells = rows * columns;
        for (plane, logits) in output.scores.chunks_exact(cells).enumerate() {
            let (shape, class) = (plane / ObjectClass::COUNT, plane % ObjectClass::COUNT);
            let Some(class) = ObjectClass::from_index(class) else {
                continue;
            };
            let logit_min = self.logit_min[class.index()];
            for (cell, &logit) in logits.iter().enumerate() {
                if logit < logit_min || logit.is_nan() {
                    continue;
                }
                let code = std::array::from_fn(|i| output.boxes[(4 * shape + i) * cells + cell]);
                let place = (level, cell / columns, cell % columns, shape);
                self.candidate(class, logit, place, code, letterbox);
            }
        }
    }

    fn push(&mut self, candidate: Detection) {
        if self.candidates.len() == 2 * CANDIDATES_MAX {
            self.keep_best();
        }
        self.candidates.push(candidate);
    }

    fn keep_best(&mut self) {
        if self.candidates.len() > CANDIDATES_MAX {
            self.candidates
                .select_nth_unstable_by(CANDIDATES_MAX, |a, b| b.score.total_cmp(&a.score));
            self.candidates.truncate(CANDIDATES_MAX);
        }
    }
}

/// The logit of a probability; below every finite logit for 0, above for 1.
fn logit(probability: f32) -> f32 {
    libm::logf(probability / (1.0 - probability))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anchors::AnchorLevel;
    use crate::geometry::BBox;

    fn decoder(score_min: f32) -> BoxDecoder {
        let level = AnchorLevel {
            stride: 16,
            shapes: vec![[16.0, 16.0], [16.0, 32.0]],
        };
        let grid = AnchorGrid::new(vec![level], 32, 64);
        BoxDecoder::new(grid, BoxCoding::CentreSize, [score_min; 8], 0.5)
    }

    #[test]
    fn one_hot_output_becomes_one_box_in_source_pixels() {
        let mut decoder = decoder(0.3);
        let (mut scores, boxes) = (vec![-9.0; 2 * 8 * 8], vec![0.0; 2 * 4 * 8]);
        // Anchor shape 1, class 6 (person), row 1, column 2 of a 2 x 4 grid.
        scores[(8 + 6) * 8 + 4 + 2] = 2.0;
        let letterbox = Letterbox::new(128, 64, 64, 32);
        let mut out = heapless::Vec::new();
        decoder.decode(
            &[LevelOutput {
                scores: &scores,
                boxes: &boxes,
            }],
            &letterbox,
            &mut out,
        );
        assert_eq!(out.len(), 1);
        assert_eq!(out[0].class, ObjectClass::Person);
        assert!((out[0].score - 0.880_797).abs() < 1e-5);
        // Centre (40, 24), 16 x 32, doubled and clipped to a 128 x 64 frame.
        assert_eq!(out[0].bbox, BBox::new(64.0, 16.0, 96.0, 64.0));
    }

    /// One cell with one anchor of each kind of output; the score bytes are given by class.
    fn quantized_classes(decoder: &mut BoxDecoder, bytes: [u8; 8], flip: u8) -> Vec<ObjectClass> {
        let scheme = |scale, zero_point| Scheme { scale, zero_point };
        let output = |data, numbers, scheme| QuantizedOutput {
            data,
            pixel_bytes: numbers,
            row_bytes: numbers,
            flip,
            scheme,
        };
        let (scores, boxes) = (bytes.map(|byte| byte ^ flip), [100 ^ flip; 4]);
        let level = QuantizedLevel {
            scores: output(&scores, 8, scheme(0.0625, 128)),
            boxes: output(&boxes, 4, scheme(0.1, 100)),
        };
        let mut out = heapless::Vec::new();
        let letterbox = Letterbox::new(16, 16, 16, 16);
        decoder.decode_quantized(&[level], &letterbox, &mut out);
        let mut classes: Vec<ObjectClass> = out.iter().map(|found| found.class).collect();
        classes.sort();
        classes
    }

    #[test]
    fn the_lowest_byte_is_the_first_that_reaches_the_number() {
        for (scale, zero_point, flip) in [(0.0625, 128, 0), (0.1, 3, 0x80), (7.5, 250, 0)] {
            let output = QuantizedOutput {
                data: &[],
                pixel_bytes: 1,
                row_bytes: 1,
                flip,
                scheme: Scheme { scale, zero_point },
            };
            let steps = (-400..400).map(|i| i as f32 * 0.03 * scale * 10.0);
            for number in steps.chain([f32::NAN, f32::INFINITY, f32::NEG_INFINITY]) {
                let reaches = |byte: &u8| output.number(byte ^ flip) >= number;
                let first = (0..=u8::MAX).find(reaches).map_or(NO_BYTE, u16::from);
                assert_eq!(
                    output.lowest(number),
                    first,
                    "{number} of {scale}, {zero_point}"
                );
            }
        }
    }

    #[test]
    fn every_class_has_a_threshold_of_its_own_in_bytes_as_in_floats() {
        let shapes = vec![[16.0, 16.0]];
        let mut score_min = [0.5; 8];
        score_min[ObjectClass::Bus.index()] = 0.3;
        score_min[ObjectClass::Rider.index()] = 1.0;
        let decoder = || {
            let stride = 16;
            let level = AnchorLevel {
                stride,
                shapes: shapes.clone(),
            };
            let grid = AnchorGrid::new(vec![level], 16, 16);
            BoxDecoder::new(grid, BoxCoding::CentreSize, score_min, 0.5)
        };
        // Logits: -0.5 (a score of 0.38) everywhere but for person, 0.5, and rider, 7.9.
        let mut bytes = [120; 8];
        bytes[ObjectClass::Person.index()] = 136;
        bytes[ObjectClass::Rider.index()] = 255;
        let expected = [ObjectClass::Bus, ObjectClass::Person];
        for flip in [0, 0x80] {
            assert_eq!(quantized_classes(&mut decoder(), bytes, flip), expected);
        }
        let scores = bytes.map(|byte| (f32::from(byte) - 128.0) * 0.0625);
        let mut out = heapless::Vec::new();
        let level = LevelOutput {
            scores: &scores,
            boxes: &[0.0; 4],
        };
        decoder().decode(&[level], &Letterbox::new(16, 16, 16, 16), &mut out);
        let mut classes: Vec<ObjectClass> = out.iter().map(|found| found.class).collect();
        classes.sort();
        assert_eq!(classes, expected);
    }

    #[test]
    fn a_flood_of_candidates_stays_bounded() {
        let level = AnchorLevel {
            stride: 8,
            shapes: vec![[9.0, 9.0]; 3],
        };
        let grid = AnchorGrid::new(vec![level], 288, 512);
        let cells = 36 * 64;
        let mut decoder = BoxDecoder::new(grid, BoxCoding::CentreSize, [0.0; 8], 0.5);
        let scores: Vec<f32> = (0..24 * cells).map(|i| (i % 977) as f32 / 977.0).collect();
        let boxes = vec![f32::NAN; 12 * cells];
        let mut out = heapless::Vec::new();
        let letterbox = Letterbox::new(512, 288, 512, 288);
        decoder.decode(
            &[LevelOutput {
                scores: &scores,
                boxes: &boxes,
            }],
            &letterbox,
            &mut out,
        );
        assert!(
            out.is_empty(),
            "boxes that are not numbers are no detections"
        );
        let boxes = vec![0.0; 12 * cells];
        decoder.decode(
            &[LevelOutput {
                scores: &scores,
                boxes: &boxes,
            }],
            &letterbox,
            &mut out,
        );
        assert_eq!(out.len(), DETECTIONS_MAX);
        assert!(decoder.candidates.capacity() == 2 * CANDIDATES_MAX);
    }
}
