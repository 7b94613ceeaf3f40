//! Whether the numbers of a recipe can work.

use super::{Assignment, ClassLoss, ClassWeights, Recipe, RecipeError};

/// The largest batch.
const BATCH_MAX: u32 = 4096;

impl Recipe {
    /// Whether every number is in range for an input of `height` x `width`; the message names
    /// the key to change.
    pub fn check(&self, height: u32, width: u32) -> Result<(), RecipeError> {
        self.check_network(height, width)?;
        self.check_loss()?;
        self.check_augmentation()?;
        self.check_schedule()
    }

    fn check_network(&self, height: u32, width: u32) -> Result<(), RecipeError> {
        let n = &self.network;
        within("network.head_channels", n.head_channels as f64, 8.0, 1024.0)?;
        within("network.tower_layers", n.tower_layers as f64, 0.0, 8.0)?;
        within("network.object_prior", n.object_prior, 1e-6, 0.5)?;
        if !n.head_channels.is_multiple_of(8) {
            return bad("network.head_channels must be a multiple of 8");
        }
        if ![4, 8].contains(&n.stride_min) || ![32, 64].contains(&n.stride_max) {
            return bad("network.stride_min must be 4 or 8, network.stride_max 32 or 64");
        }
        if !height.is_multiple_of(n.stride_max) || !width.is_multiple_of(n.stride_max) {
            return Err(RecipeError::Value(format!(
                "network.stride_max {} does not divide the input {height}x{width}",
                n.stride_max
            )));
        }
        if n.shared_heads && !n.pyramid {
            return bad(
                "network.shared_heads needs network.pyramid: without it the levels differ in channels",
            );
        }
        Ok(())
    }

    fn check_loss(&self) -> Result<(), RecipeError> {
        let loss = &self.loss;
        within("loss.gamma", loss.gamma, 0.0, 10.0)?;
        within("loss.alpha", loss.alpha, 0.0, 1.0)?;
        within("loss.box_weight", loss.box_weight, 0.0, 1e3)?;
        if let ClassWeights::Given(weights) = &loss.class_weights
            && !weights.iter().all(|w| w.is_finite() && *w >= 0.0)
        {
            return bad("loss.class_weights must be numbers that are not negative");
        }
        if loss.class == ClassLoss::HardNegative && loss.assignment == Assignment::Dynamic {
            return bad("loss.class hard-negative does not go with loss.assignment dynamic");
        }
        Ok(())
    }

    fn check_augmentation(&self) -> Result<(), RecipeError> {
        let a = &self.augmentation;
        for (key, share) in [
            ("augmentation.mirror_share", a.mirror_share),
            ("augmentation.view_share", a.view_share),
            ("augmentation.mosaic_share", a.mosaic_share),
            ("augmentation.paste_share", a.paste_share),
        ] {
            within(key, f64::from(share), 0.0, 1.0)?;
        }
        within("augmentation.compose_until", a.compose_until, 0.0, 1.0)?;
        within("augmentation.zoom_min", f64::from(a.zoom_min), 0.1, 10.0)?;
        within(
            "augmentation.zoom_max",
            f64::from(a.zoom_max),
            f64::from(a.zoom_min),
            10.0,
        )
    }

    fn check_schedule(&self) -> Result<(), RecipeError> {
        let s = &self.schedule;
        within(
            "schedule.batch",
            f64::from(s.batch),
            1.0,
            f64::from(BATCH_MAX),
        )?;
        within("schedule.learning_rate", s.learning_rate, 1e-9, 10.0)?;
        within("schedule.learning_rate_end", s.learning_rate_end, 0.0, 1.0)?;
        within("schedule.body_rate", s.body_rate, 0.0, 10.0)?;
        if ![0, 2, 4, 8, 16].contains(&s.frozen_stride) {
            return bad("schedule.frozen_stride must be 0, 2, 4, 8 or 16");
        }
        if s.frozen_stride > 0 && !self.network.pretrained {
            return bad(
                "schedule.frozen_stride needs network.pretrained: random weights must learn",
            );
        }
        within("schedule.weight_decay", s.weight_decay, 0.0, 10.0)?;
        within("schedule.gradient_norm_max", s.gradient_norm_max, 1e-6, 1e9)?;
        within("schedule.average_decay", s.average_decay, 0.0, 0.999_999)?;
        within(
            "schedule.checkpoint_every_s",
            s.checkpoint_every_s,
            1.0,
            86_400.0,
        )?;
        within(
            "schedule.cache_mib",
            s.cache_mib.unwrap_or(0) as f64,
            0.0,
            1e8,
        )?;
        within(
            "evaluation.times",
            f64::from(self.evaluation.times),
            0.0,
            1e4,
        )?;
        within(
            "evaluation.images_max",
            f64::from(self.evaluation.images_max),
            1.0,
            1e6,
        )?;
        let q = &self.quantization;
        within("quantization.from", q.from, 0.0, 1.0)?;
        within(
            "quantization.calibration_images",
            f64::from(q.calibration_images),
            1.0,
            1e5,
        )
    }
}

fn bad(text: &str) -> Result<(), RecipeError> {
    Err(RecipeError::Value(text.into()))
}

fn within(key: &str, value: f64, low: f64, high: f64) -> Result<(), RecipeError> {
    // Written so that NaN is out of range.
    if value >= low && value <= high {
        return Ok(());
    }
    Err(RecipeError::Value(format!(
        "{key} is {value}, it must be {low} to {high}"
    )))
}
