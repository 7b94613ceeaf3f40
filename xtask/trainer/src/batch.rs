//! The samples of one step.

use crate::model::{Model, Outputs};
use std::path::{Path, PathBuf};
use tch::{Kind, Tensor, no_grad};
use xtask::recipe::Assignment;
use xtask::training::{DynamicAssigner, Loader, LoaderError, Sample, Targets};

/// Some samples, ready for the network.
pub struct Batch {
    /// `u8` `[images, 3, height, width]`.
    pub pixels: Tensor,
    samples: Vec<Sample>,
    targets: Vec<Targets>,
}

impl Batch {
    /// The next `count` samples.
    pub fn next(
        loader: &mut Loader,
        count: u32,
        [height, width]: [u32; 2],
    ) -> Result<Self, LoaderError> {
        let shape = [count, 3, height, width].map(i64::from);
        let (mut pixels, mut samples, mut targets) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..count {
            let (mut sample, target) = loader.next_sample()?;
            pixels.append(&mut sample.pixels);
            samples.push(sample);
            targets.push(target);
        }
        let pixels = Tensor::from_slice(&pixels).reshape(shape);
        Ok(Self {
            pixels,
            samples,
            targets,
        })
    }

    /// What every anchor is to learn, where that depends on what the network says now.
    pub fn assign(&mut self, rule: Assignment, assigner: &DynamicAssigner, outputs: &Outputs) {
        if rule != Assignment::Dynamic {
            return;
        }
        let plain = |tensor: &Tensor| no_grad(|| numbers(tensor));
        let (logits, codes) = (plain(&outputs.scores), plain(&outputs.boxes));
        let count = self.samples.len().max(1);
        let (logits, codes) = (
            logits.chunks_exact(logits.len() / count),
            codes.chunks_exact(codes.len() / count),
        );
        self.targets = self
            .samples
            .iter()
            .zip(logits.zip(codes))
            .map(|(sample, (logits, codes))| assigner.assign(sample, logits, codes))
            .collect();
    }

    /// What every anchor is to learn.
    pub fn targets(&self) -> &[Targets] {
        &self.targets
    }

    /// Keeps the batch for whoever looks into why it went wrong: pixels, and the objects as
    /// lines of text. Gives the path of the pixels.
    pub fn keep(&self, folder: &Path, first: u64) -> Option<PathBuf> {
        let path = folder.join("bad-batch.safetensors");
        let tensors = [("pixels", self.pixels.shallow_clone())];
        Tensor::write_safetensors(&tensors, &path).ok()?;
        let mut text = format!("samples from number {first} of the sequence\n");
        for (i, sample) in self.samples.iter().enumerate() {
            for object in &sample.objects {
                let b = object.bbox;
                text += &format!("{i} {} {} {} {} {}\n", object.class, b.x0, b.y0, b.x1, b.y1);
            }
        }
        std::fs::write(folder.join("bad-batch.txt"), text).ok()?;
        Some(path)
    }
}

/// The numbers of a tensor, in row order.
pub fn numbers(tensor: &Tensor) -> Vec<f32> {
    let plain = no_grad(|| {
        tensor
            .detach()
            .to_device(tch::Device::Cpu)
            .to_kind(Kind::Float)
            .contiguous()
            .view(-1)
    });
    let mut values = vec![0.0; plain.numel()];
    let count = values.len();
    plain.copy_data(&mut values, count);
    values
}

/// Outputs of one level of one image, `[numbers, rows, columns]`, from `[cells * shapes, n]`.
pub fn planes(flat: &[f32], cells: usize, numbers_per_cell: usize) -> Vec<f32> {
    let mut planes = vec![0.0; flat.len()];
    for (cell, values) in flat.chunks_exact(numbers_per_cell).enumerate() {
        for (plane, &value) in values.iter().enumerate() {
            planes[plane * cells + cell] = value;
        }
    }
    planes
}

/// One image's outputs, level by level, as the board's decoder reads them.
pub fn level_outputs(model: &Model, outputs: &Outputs) -> xtask::training::LevelOutputs {
    let grid = model.network().anchor_grid();
    let (scores, boxes) = (numbers(&outputs.scores), numbers(&outputs.boxes));
    let mut first = 0;
    (0..grid.levels().len())
        .map(|level| {
            let (rows, columns) = grid.cells(level);
            let (shapes, len) = (grid.shapes(level), grid.level_len(level));
            let part = |flat: &[f32], n: usize| {
                planes(&flat[n * first..][..n * len], rows * columns, n * shapes)
            };
            let level = (part(&scores, 8), part(&boxes, 4));
            first += len;
            level
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_become_planes() {
        // Two cells, one anchor with three numbers each.
        let flat = [1.0, 2.0, 3.0, 10.0, 20.0, 30.0];
        assert_eq!(planes(&flat, 2, 3), [1.0, 10.0, 2.0, 20.0, 3.0, 30.0]);
    }
}
