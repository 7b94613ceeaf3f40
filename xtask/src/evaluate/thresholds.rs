//! The recommended thresholds as a table for people.

use crate::metrics::{Aim, OperatingPoint};
use lookout::class::ObjectClass;
use std::collections::BTreeMap;
use std::fmt;

/// Thresholds by class, and what they aim at.
pub(super) struct ThresholdTable<'a>(pub &'a BTreeMap<ObjectClass, OperatingPoint>, pub Aim);

impl fmt::Display for ThresholdTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(recommended, aim) = self;
        match aim {
            Aim::F1 => writeln!(f, "recommended thresholds (largest F1, IoU 0.5)")?,
            Aim::PrecisionMin(precision) => writeln!(
                f,
                "recommended thresholds (lowest with a precision of {precision}, IoU 0.5)"
            )?,
        }
        writeln!(
            f,
            "{:<12}{:>8}{:>11}{:>11}{:>9}",
            "class", "boxes", "threshold", "precision", "recall"
        )?;
        for (class, point) in recommended.iter() {
            writeln!(
                f,
                "{:<12}{:>8}{:>11.4}{:>11.4}{:>9.4}",
                class.name(),
                point.objects,
                point.threshold,
                point.precision,
                point.recall
            )?;
        }
        Ok(())
    }
}

/// A number `0..=1` of the command line.
pub fn share(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok();
    number
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "give a number from 0 to 1, as in 0.9".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_aim_is_named() {
        let point = OperatingPoint {
            threshold: 0.25,
            precision: 0.5,
            recall: 0.75,
            f1: 0.6,
            objects: 12,
            right: 9,
            wrong: 9,
        };
        let all = BTreeMap::from([(ObjectClass::Car, point)]);
        let text = ThresholdTable(&all, Aim::PrecisionMin(0.5)).to_string();
        assert!(text.contains("a precision of 0.5"), "{text}");
        let row = "car               12     0.2500     0.5000   0.7500\n";
        assert!(text.ends_with(row), "{text}");
    }
}
