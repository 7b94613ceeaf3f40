//! Anchors: the boxes that a model's outputs are relative to, and how they are coded.
//!
//! The board decodes with them, the trainer assigns labels with them and the evaluation
//! trusts both, so they exist once, here. Everything is in pixels of the model's input.

use crate::geometry::BBox;
use serde::{Deserialize, Serialize};

/// The anchors of one feature level: the same shapes at every cell of its grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnchorLevel {
    /// Input pixels from one cell to the next.
    pub stride: u32,
    /// `[width, height]` of each anchor, in input pixels.
    pub shapes: Vec<[f32; 2]>,
}

/// Anchors of all levels over one input size.
///
/// Anchors are numbered level by level, within a level row by row, within a row cell by
/// cell, and within a cell in the order of [`AnchorLevel::shapes`].
#[derive(Clone, Debug, PartialEq)]
pub struct AnchorGrid {
    levels: Vec<AnchorLevel>,
    input_height: u32,
    input_width: u32,
}

impl AnchorGrid {
    /// Anchors for an input of `input_height` x `input_width` pixels. Strides must divide both.
    pub fn new(levels: Vec<AnchorLevel>, input_height: u32, input_width: u32) -> Self {
        Self {
            levels,
            input_height,
            input_width,
        }
    }

    /// The levels, finest first as the card lists them.
    pub fn levels(&self) -> &[AnchorLevel] {
        &self.levels
    }

    /// Cells of a level as `(rows, columns)`.
    pub fn cells(&self, level: usize) -> (usize, usize) {
        let stride = self.levels[level].stride;
        (
            (self.input_height / stride) as usize,
            (self.input_width / stride) as usize,
        )
    }

    /// Anchors of each cell of a level.
    pub fn shapes(&self, level: usize) -> usize {
        self.levels[level].shapes.len()
    }

    /// Number of anchors of a level.
    pub fn level_len(&self, level: usize) -> usize {
        let (rows, columns) = self.cells(level);
        rows * columns * self.levels[level].shapes.len()
    }

    /// Number of anchors of all levels.
    pub fn len(&self) -> usize {
        (0..self.levels.len())
            .map(|level| self.level_len(level))
            .sum()
    }

    /// Whether there is no anchor at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The anchor `shape` at cell (`row`, `column`) of `level`.
    pub fn anchor(&self, level: usize, row: usize, column: usize, shape: usize) -> BBox {
        let AnchorLevel { stride, shapes } = &self.levels[level];
        let [width, height] = shapes[shape];
        let stride = *stride as f32;
        BBox::from_centre(
            (column as f32 + 0.5) * stride,
            (row as f32 + 0.5) * stride,
            width,
            height,
        )
    }

    /// All anchors, in their order.
    pub fn iter(&self) -> impl Iterator<Item = BBox> + '_ {
        (0..self.levels.len()).flat_map(move |level| {
            let (rows, columns) = self.cells(level);
            let shapes = self.levels[level].shapes.len();
            (0..rows * columns * shapes).map(move |i| {
                let (cell, shape) = (i / shapes, i % shapes);
                self.anchor(level, cell / columns, cell % columns, shape)
            })
        })
    }
}

/// How a model writes a box relative to its anchor. A card names it, so that another
/// coding is another variant here and nothing else on the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BoxCoding {
    /// `[dx, dy, log w, log h]`: the centre's offset in units of the anchor's size, and the
    /// logarithm of the size as a multiple of the anchor's.
    CentreSize,
}

/// Logarithms of size ratios beyond this are clamped, so that no output makes an infinite box.
pub const LOG_SIZE_MAX: f32 = 4.0;

impl BoxCoding {
    /// What the model should say for `object` at `anchor`.
    pub fn encode(self, anchor: &BBox, object: &BBox) -> [f32; 4] {
        let ((ax, ay), (ox, oy)) = (anchor.centre(), object.centre());
        let (aw, ah) = (anchor.width(), anchor.height());
        [
            (ox - ax) / aw,
            (oy - ay) / ah,
            libm::logf((object.width() / aw).max(1e-6)),
            libm::logf((object.height() / ah).max(1e-6)),
        ]
    }

    /// The box that `code` means at `anchor`. `libm` keeps it equal to the bit on every CPU.
    pub fn decode(self, anchor: &BBox, code: [f32; 4]) -> BBox {
        let (ax, ay) = anchor.centre();
        let (aw, ah) = (anchor.width(), anchor.height());
        BBox::from_centre(
            ax + code[0] * aw,
            ay + code[1] * ah,
            aw * libm::expf(code[2].clamp(-LOG_SIZE_MAX, LOG_SIZE_MAX)),
            ah * libm::expf(code[3].clamp(-LOG_SIZE_MAX, LOG_SIZE_MAX)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> AnchorGrid {
        let level = |stride, shapes: &[[f32; 2]]| AnchorLevel {
            stride,
            shapes: shapes.to_vec(),
        };
        AnchorGrid::new(
            vec![
                level(8, &[[10.0, 20.0], [16.0, 16.0]]),
                level(16, &[[40.0, 40.0]]),
            ],
            32,
            64,
        )
    }

    #[test]
    fn numbering_is_level_row_column_shape() {
        let grid = grid();
        let all: Vec<_> = grid.iter().collect();
        assert_eq!(all.len(), grid.len());
        assert_eq!(grid.len(), 4 * 8 * 2 + 2 * 4);
        assert_eq!(all[0], BBox::from_centre(4.0, 4.0, 10.0, 20.0));
        assert_eq!(all[1], BBox::from_centre(4.0, 4.0, 16.0, 16.0));
        assert_eq!(all[2], grid.anchor(0, 0, 1, 0));
        assert_eq!(all[16], grid.anchor(0, 1, 0, 0));
        assert_eq!(all[64], BBox::from_centre(8.0, 8.0, 40.0, 40.0));
    }

    #[test]
    fn decoding_undoes_encoding() {
        let coding = BoxCoding::CentreSize;
        let object = BBox::new(3.0, 5.0, 31.0, 17.0);
        for anchor in grid().iter() {
            let back = coding.decode(&anchor, coding.encode(&anchor, &object));
            assert!(back.iou(&object) > 0.999, "{back:?}");
        }
    }

    #[test]
    fn wild_codes_stay_finite() {
        let anchor = BBox::new(0.0, 0.0, 8.0, 8.0);
        let b = BoxCoding::CentreSize.decode(&anchor, [0.0, 0.0, 1e30, -1e30]);
        assert!(b.is_valid(), "{b:?}");
    }
}
