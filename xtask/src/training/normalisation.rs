//! What a network's pixels are normalised with.
//!
//! Pictures of a camera go in with the numbers that the body was pretrained with. A lidar's
//! channels have nothing to do with those: they are measured.

use super::channels::{ChannelStatistics, ChannelsError, common_channels, measure_channels};
use crate::dataset::{COLOURS, Dataset};
use crate::network::{Network, PIXEL_STD};
use lookout::letterbox::PAD;
use lookout::model::{InputSpec, PerChannel};
use serde::{Deserialize, Serialize};

/// Pictures that are measured: more of them move the third digit.
const MEASURED_IMAGES_MAX: usize = 2000;

/// Least deviation of a channel beside that of the widest one. All channels share the 256
/// steps of the int8 input, so that one that hardly varies would take them from the others.
const STD_SHARE_MIN: f32 = 0.25;

/// Least deviation at all, in pixel values; it only matters for pictures of one grey.
const STD_MIN: f32 = 1.0;

/// What a network's input is to be normalised with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Normalisation {
    /// Colours with what the body was pretrained with, other channels measured.
    #[default]
    Auto,
    /// Measured, colours too.
    Measured,
}

impl std::str::FromStr for Normalisation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "measured" => Ok(Self::Measured),
            _ => Err(format!(
                "`{text}` is no normalisation: write auto or measured"
            )),
        }
    }
}

impl std::fmt::Display for Normalisation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Measured => "measured",
        })
    }
}

/// The numbers for a network's input.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct InputNormalisation {
    /// Subtracted from the pixel values of each channel.
    pub mean: [f32; 3],
    /// Divides the difference.
    pub std: [f32; 3],
    /// Whether the channels are red, green and blue.
    pub channels_are_colours: bool,
    /// What was measured, where it was.
    pub measured: Option<ChannelStatistics>,
}

/// What the body was pretrained with.
const PRETRAINED: ([f32; 3], [f32; 3]) = ([PAD as f32; 3], [PIXEL_STD; 3]);

impl Normalisation {
    /// The numbers for a training on `sets`. A training that goes on from a `finished` model
    /// keeps that one's measured numbers, since its weights belong to them.
    ///
    /// # Errors
    /// [`ChannelsError`] for sets of different channels, and where nothing can be measured.
    pub fn resolve(
        self,
        sets: &[Dataset],
        finished: Option<&InputSpec>,
        seed: u64,
    ) -> Result<InputNormalisation, ChannelsError> {
        let channels_are_colours =
            common_channels(sets)?.is_none_or(|channels| channels.iter().eq(&COLOURS));
        let numbers = |(mean, std), measured| InputNormalisation {
            mean,
            std,
            channels_are_colours,
            measured,
        };
        if let Some(InputSpec { mean, std, .. }) = finished
            && (mean.0, std.0) != PRETRAINED
        {
            return Ok(numbers((mean.0, std.0), None));
        }
        if channels_are_colours && self == Self::Auto {
            return Ok(numbers(PRETRAINED, None));
        }
        let measured = measure_channels(sets, MEASURED_IMAGES_MAX, seed)?;
        Ok(numbers(
            (measured.mean, usable(measured.std)),
            Some(measured),
        ))
    }
}

impl InputNormalisation {
    /// `network` with these numbers.
    pub fn apply(&self, network: Network) -> Network {
        network.with_normalisation(self.mean, self.std)
    }
}

impl std::fmt::Display for InputNormalisation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (mean, std) = (PerChannel(self.mean), PerChannel(self.std));
        write!(
            f,
            "channels are normalised by mean {mean} and deviation {std}"
        )?;
        match &self.measured {
            Some(ChannelStatistics {
                images, skipped: 0, ..
            }) => write!(f, ", measured on {images} pictures"),
            Some(ChannelStatistics {
                images, skipped, ..
            }) => {
                write!(
                    f,
                    ", measured on {images} pictures; {skipped} others could not be read"
                )
            }
            None => Ok(()),
        }
    }
}

/// Deviations to divide by.
fn usable(std: [f32; 3]) -> [f32; 3] {
    let widest = std.iter().copied().fold(0.0, f32::max);
    std.map(|std| std.max(STD_SHARE_MIN * widest).max(STD_MIN))
}

#[cfg(test)]
#[path = "normalisation_tests.rs"]
mod tests;
