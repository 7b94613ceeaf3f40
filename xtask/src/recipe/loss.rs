//! The part of a recipe that is about the loss.

use lookout::class::ObjectClass;
use serde::{Deserialize, Serialize};

/// How the class scores learn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassLoss {
    /// Cross-entropy of all objects and of the three worst background anchors for each, as
    /// SSD does it; one sigmoid a class, because that is what the board reads.
    HardNegative,
    /// Focal loss (Lin et al. 2017).
    #[default]
    Focal,
    /// Quality focal loss (Li et al. 2020): an object's score learns how well its box fits.
    QualityFocal,
}

/// Which outputs learn an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Assignment {
    /// Anchors that overlap it by half or more, and its best one.
    MaxIou,
    /// Anchors near its centre that overlap it more than most there (ATSS, Zhang et al. 2020).
    #[default]
    Adaptive,
    /// Those that predict it best at the moment (SimOTA, Ge et al. 2021).
    Dynamic,
}

/// Which loss the box branch of the heads is trained with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BoxLoss {
    /// Generalised intersection over union of the decoded boxes.
    #[default]
    Giou,
    /// Huber-like loss of the four coded offsets.
    SmoothL1,
}

impl std::str::FromStr for BoxLoss {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "giou" => Ok(Self::Giou),
            "smooth-l1" => Ok(Self::SmoothL1),
            _ => Err(format!("`{text}` is no box loss: write giou or smooth-l1")),
        }
    }
}

/// Weights of the classes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassWeights {
    /// All alike.
    #[default]
    Equal,
    /// Inversely as the number of training boxes.
    Frequency,
    /// Inversely as the effective number of training boxes (Cui et al. 2019).
    EffectiveNumber,
    /// These, in the order of the class list.
    Given([f32; ObjectClass::COUNT]),
}

impl std::str::FromStr for ClassWeights {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "equal" => return Ok(Self::Equal),
            "frequency" => return Ok(Self::Frequency),
            "effective-number" => return Ok(Self::EffectiveNumber),
            _ => {}
        }
        let mut weights = [1.0; ObjectClass::COUNT];
        for part in text.split(',') {
            let (name, weight) = part
                .split_once('=')
                .ok_or_else(|| format!("`{part}`: write class=weight, as in person=2"))?;
            let class = ObjectClass::from_name(name.trim()).ok_or_else(|| {
                let names = ObjectClass::ALL.map(ObjectClass::name).join(", ");
                format!("`{name}` is no class; the classes are {names}")
            })?;
            let weight = weight.trim().parse::<f32>().ok();
            weights[class.index()] = weight
                .filter(|weight| weight.is_finite() && *weight >= 0.0)
                .ok_or_else(|| format!("`{part}`: the weight must be a number from 0 up"))?;
        }
        Ok(Self::Given(weights))
    }
}

/// What is minimised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LossRecipe {
    /// How the class scores learn.
    pub class: ClassLoss,
    /// Focusing exponent of the focal losses; 0 makes them plain cross-entropy.
    pub gamma: f64,
    /// Share of the focal loss that an object's own class has against the background.
    pub alpha: f64,
    /// Weight of each class.
    pub class_weights: ClassWeights,
    /// How the boxes learn.
    pub boxes: BoxLoss,
    /// Weight of the boxes against the classes.
    pub box_weight: f64,
    /// Which outputs learn an object.
    pub assignment: Assignment,
}

impl Default for LossRecipe {
    fn default() -> Self {
        Self {
            class: ClassLoss::default(),
            gamma: 2.0,
            alpha: 0.25,
            class_weights: ClassWeights::default(),
            boxes: BoxLoss::default(),
            box_weight: 2.0,
            assignment: Assignment::default(),
        }
    }
}
