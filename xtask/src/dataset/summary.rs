//! What a user is told about a data set.

use super::{CombinedRiders, Dataset};
use lookout::class::ObjectClass;

impl Dataset {
    /// A few lines for people: what was loaded, what was left out and why.
    pub fn summary(&self) -> String {
        const SKIPPED_SHOWN: usize = 5;
        let counts = self.boxes_by_class();
        let boxes: Vec<String> = ObjectClass::ALL
            .iter()
            .filter(|class| counts[class.index()] > 0)
            .map(|class| format!("{class} {}", counts[class.index()]))
            .collect();
        let mut lines = vec![format!(
            "{} ({}), {} split: {} images; boxes: {}",
            self.description.name,
            self.root.display(),
            self.split,
            self.images.len(),
            if boxes.is_empty() {
                "none".to_owned()
            } else {
                boxes.join(", ")
            }
        )];
        lines.extend(
            self.warnings
                .iter()
                .map(|warning| format!("  warning: {warning}")),
        );
        for (name, count) in &self.dropped {
            lines.push(format!(
                "  dropped: {count} boxes of `{name}`, which is none of our classes"
            ));
        }
        for (name, count) in &self.ignored {
            lines.push(format!("  regions to ignore: {count} boxes of `{name}`"));
        }
        if self.clipped_count > 0 {
            lines.push(format!(
                "  clipped at the image's edge: {} boxes",
                self.clipped_count
            ));
        }
        if self.relabelled_count > 0 {
            lines.push(format!(
                "  persons on cycles taken as riders: {}",
                self.relabelled_count
            ));
        }
        if self.combined_count > 0 {
            let rule = match self.combined_riders {
                CombinedRiders::Class => "boxes left as they are",
                CombinedRiders::Ignore => "regions to ignore",
                CombinedRiders::Split => "the upper share is taken as the rider's box",
            };
            lines.push(format!(
                "  riders in one box with their cycle: {} ({rule})",
                self.combined_count
            ));
        }
        if self.skipped_count > 0 {
            lines.push(format!("  skipped: {} entries", self.skipped_count));
            for skipped in self.skipped.iter().take(SKIPPED_SHOWN) {
                lines.push(format!(
                    "    {}: {}",
                    skipped.path.display(),
                    skipped.reason
                ));
            }
            if self.skipped_count > SKIPPED_SHOWN as u64 {
                lines.push("    ...".to_owned());
            }
        }
        lines.join("\n")
    }
}
