//! Which part of a data set is loaded, and how.

use super::CombinedRiders;
use std::fmt;

/// Which part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// To train on.
    Train,
    /// To measure on.
    Val,
}

impl Split {
    /// `train` or `val`, as in the names of the annotation files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Split {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "train" => Ok(Self::Train),
            "val" => Ok(Self::Val),
            _ => Err(format!("`{text}` is no split; give `train` or `val`")),
        }
    }
}

/// How a data set is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadOptions {
    /// In sets without rider boxes ([`super::RiderBox::None`]): relabel as riders the persons on a
    /// cycle, see [`super::is_on_cycle`]. Other sets are not touched by it.
    pub relabel_riders: bool,
    /// In sets whose rider boxes hold the cycle too ([`super::RiderBox::WithCycle`]): what
    /// becomes of these boxes.
    pub combined_riders: CombinedRiders,
    /// Fail on the first broken entry instead of skipping it; every picture is decoded once
    /// to find torn ones.
    pub strict: bool,
}

impl LoadOptions {
    /// For training: riders are told from persons and from their cycles in every set, so
    /// that classes and boxes mean the same everywhere. The share that is taken for the
    /// rider's own box fits better than the combined box does, see [`super::rider_share`].
    pub const TRAINING: Self = Self {
        relabel_riders: true,
        combined_riders: CombinedRiders::Split,
        strict: false,
    };

    /// For measuring: labels as they are, so that figures can be compared with others'.
    pub const EVALUATION: Self = Self {
        relabel_riders: false,
        combined_riders: CombinedRiders::Class,
        strict: false,
    };
}
