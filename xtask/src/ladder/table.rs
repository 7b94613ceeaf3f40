//! The ladder as a table for people: Markdown, and a page with charts.

use super::outcome::Outcome;
use crate::page::{Axis, Bars, Cell, Page, PageError, Table};
use crate::trainings::conditions_line;
use lookout::class::ObjectClass;
use std::fmt::Write;
use std::path::Path;

/// What the figures are and are not.
const READING: &str = "Every rung was trained from the start with the same seed and budget; it \
    stands on another, by whose mAP its gain is told. The way from SSD to this project's \
    detector is kept in any case; of the further ideas, those that raise mAP. The budget is \
    small: a difference of a few thousandths is within the noise, and what pays only in long \
    trainings (strong augmentation, deeper heads) looks worse here than it is. Figures are of \
    the float network on validation images.";

/// The table as Markdown.
pub fn markdown(outcomes: &[Outcome], conditions: &[(&str, String)]) -> String {
    let mut text = conditions_line(conditions);
    text.push_str(
        "| rung | change | stands on | mAP | gain | mAP@0.5 | small | medium | large | parameters, M | MACs, M | images/s | images seen | kept |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for o in outcomes {
        let size = |name: &str| number(o.figures.map_by_size.get(name).copied());
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.4} | {:+.4} | {:.4} | {} | {} | {} | {:.2} | {:.0} | {:.1} | {} | {} |",
            o.rung,
            o.change,
            o.stands_on.as_deref().unwrap_or("-"),
            o.figures.map,
            o.gain,
            o.figures.map50,
            size("small"),
            size("medium"),
            size("large"),
            o.parameters as f64 / 1e6,
            o.macs_millions,
            o.images_per_s,
            o.images,
            if o.kept { "yes" } else { "no" },
        );
    }
    text.push_str("\nAverage precision at IoU 0.5 of each class:\n\n| rung |");
    for class in ObjectClass::ALL {
        let _ = write!(text, " {class} |");
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(ObjectClass::COUNT));
    for o in outcomes {
        let _ = write!(text, "\n| {} |", o.rung);
        for class in ObjectClass::ALL {
            let _ = write!(
                text,
                " {} |",
                number(o.figures.ap50.get(class.name()).copied())
            );
        }
    }
    let _ = write!(
        text,
        "\n\n{}\n",
        READING.split_whitespace().collect::<Vec<_>>().join(" ")
    );
    text
}

/// Writes the ladder as a page.
pub fn write_page(
    outcomes: &[Outcome],
    conditions: &[(&str, String)],
    path: &Path,
) -> Result<(), PageError> {
    let mut page = Page::new("Ladder");
    page.section("conditions", "Conditions");
    page.paragraph(&READING.split_whitespace().collect::<Vec<_>>().join(" "));
    page.facts(
        conditions
            .iter()
            .map(|(name, value)| (*name, value.as_str())),
    );
    page.section("chart", "mAP of each rung");
    let bars = |of: fn(&Outcome) -> f64| outcomes.iter().map(of).collect();
    page.chart(Bars {
        title: "Mean average precision, all validation sets together".into(),
        y: Axis::linear("average precision"),
        groups: outcomes.iter().map(|o| o.rung.clone()).collect(),
        series: vec![
            ("mAP".into(), bars(|o| o.figures.map)),
            ("mAP@0.5".into(), bars(|o| o.figures.map50)),
        ],
    });
    page.section("rungs", "Rungs");
    page.table(&rungs_table(outcomes));
    page.section("classes", "Average precision at IoU 0.5 of each class");
    page.table(&classes_table(outcomes));
    page.write(path)
}

fn rungs_table(outcomes: &[Outcome]) -> Table {
    let mut table = Table::new([
        "rung",
        "change",
        "stands on",
        "mAP",
        "gain",
        "mAP@0.5",
        "small",
        "medium",
        "large",
        "parameters, M",
        "MACs, M",
        "images/s",
        "images seen",
        "kept",
    ]);
    for o in outcomes {
        let size = |name: &str| {
            Cell::fixed(
                o.figures.map_by_size.get(name).copied().unwrap_or(f64::NAN),
                3,
            )
        };
        table.row([
            Cell::text(&o.rung),
            Cell::text(&o.change),
            Cell::text(o.stands_on.as_deref().unwrap_or("-")),
            Cell::fixed(o.figures.map, 4),
            Cell::fixed(o.gain, 4),
            Cell::fixed(o.figures.map50, 4),
            size("small"),
            size("medium"),
            size("large"),
            Cell::fixed(o.parameters as f64 / 1e6, 2),
            Cell::fixed(o.macs_millions, 0),
            Cell::fixed(o.images_per_s, 1),
            Cell::count(o.images),
            Cell::text(if o.kept { "yes" } else { "no" }),
        ]);
    }
    table
}

fn classes_table(outcomes: &[Outcome]) -> Table {
    let names = ObjectClass::ALL.map(|class| class.name().to_owned());
    let mut table = Table::new(std::iter::once("rung".to_owned()).chain(names));
    for o in outcomes {
        let value = |class: ObjectClass| {
            o.figures
                .ap50
                .get(class.name())
                .copied()
                .unwrap_or(f64::NAN)
        };
        let cells = ObjectClass::ALL.map(|class| Cell::fixed(value(class), 3));
        table.row(std::iter::once(Cell::text(&o.rung)).chain(cells));
    }
    table
}

fn number(value: Option<f64>) -> String {
    value.map_or("-".into(), |v| format!("{v:.3}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::trainings::Figures;
    use std::collections::BTreeMap;

    fn outcome(rung: &str, map: f64) -> Outcome {
        Outcome {
            rung: rung.into(),
            change: "a | b".into(),
            stands_on: None,
            figures: Figures {
                map,
                map50: 2.0 * map,
                ap50: BTreeMap::from([("bus".into(), 0.25)]),
                map_by_size: BTreeMap::from([("small".into(), 0.125)]),
            },
            parameters: 2_500_000,
            macs_millions: 486.5,
            images: 1234,
            images_per_s: 7.0,
            gain: 0.01,
            kept: true,
        }
    }

    #[test]
    fn every_rung_is_in_both_forms() {
        let outcomes = [outcome("ssd", 0.0123), outcome("pyramid", f64::NAN)];
        let text = markdown(&outcomes, &[("seed", "1".into())]);
        assert!(text.contains("| ssd |") && text.contains("0.0123") && text.contains(" 0.250 |"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ladder.html");
        write_page(&outcomes, &[("seed", "1".into())], &path).unwrap();
        let page = std::fs::read_to_string(path).unwrap();
        assert!(page.contains("pyramid") && page.contains("0.0123"));
    }
}
