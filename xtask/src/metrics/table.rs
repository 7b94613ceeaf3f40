//! The figures as a table for people.

use super::{ABSENT, Metrics};
use std::fmt;

/// What stands in the table for a class without objects.
const NO_OBJECTS: &str = "no objects of this class in the validation set";

impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<12}{:>8}{:>9}{:>9}{:>9}{:>9}{:>9}",
            "class", "boxes", "AP", "AP@0.5", "small", "medium", "large"
        )?;
        for (class, figures) in &self.per_class {
            write!(f, "{:<12}{:>8}", class.name(), figures.boxes)?;
            let sizes = [figures.ap_small, figures.ap_medium, figures.ap_large];
            for value in [figures.ap, figures.ap50].into_iter().chain(sizes) {
                write!(f, "{:>9}", figure(value))?;
            }
            writeln!(
                f,
                "{}",
                if figures.boxes == 0 {
                    format!("  {NO_OBJECTS}")
                } else {
                    String::new()
                }
            )?;
        }
        let row = |f: &mut fmt::Formatter<'_>, figures: [(&str, f64); 3]| {
            for (name, value) in figures {
                write!(f, "{name:<12}{:>7}   ", figure(value))?;
            }
            writeln!(f)
        };
        row(
            f,
            [
                ("mAP", self.map),
                ("mAP@0.5", self.map50),
                ("mAP@0.75", self.map75),
            ],
        )?;
        row(
            f,
            [
                ("mAP small", self.map_small),
                ("mAP medium", self.map_medium),
                ("mAP large", self.map_large),
            ],
        )?;
        row(
            f,
            [
                ("AR@1", self.ar1),
                ("AR@10", self.ar10),
                ("AR@100", self.ar100),
            ],
        )?;
        row(
            f,
            [
                ("AR small", self.ar_small),
                ("AR medium", self.ar_medium),
                ("AR large", self.ar_large),
            ],
        )
    }
}

/// Four decimals, or -1 for what does not exist.
pub(super) fn figure(value: f64) -> String {
    if value == ABSENT {
        "-1".to_owned()
    } else {
        format!("{value:.4}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::Evaluator;
    use super::*;

    #[test]
    fn classes_without_objects_are_named() {
        let table = Evaluator::new().finish().to_string();
        assert_eq!(table.matches(NO_OBJECTS).count(), 8);
        assert!(
            table.contains(
                "scooter            0       -1       -1       -1       -1       -1  no objects"
            ),
            "{table}"
        );
        assert_eq!(figure(0.25), "0.2500");
    }
}
