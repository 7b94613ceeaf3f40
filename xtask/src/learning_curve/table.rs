//! The curve for people: Markdown, and a page with charts.

use super::{Fit, Point};
use crate::page::{Axis, Cell, Form, Page, PageError, Plot, Series, Table};
use crate::trainings::conditions_line;
use lookout::class::ObjectClass;
use std::fmt::Write;
use std::path::Path;

/// The step into the unknown that is told.
const MORE_IMAGES: u64 = 1000;

/// What the figures are and are not.
const READING: &str = "Every point was trained from the pretrained body with the same recipe, seed \
    and budget, on a share of the same images, and measured on the same validation images in float. \
    The gain of a doubling is the slope of a line through the points over the logarithm of the \
    number of images, with its standard error where there are three points or more; that of the next \
    images goes on along that line, and along it only so far as they are like those that are there. \
    Where the budget is short, a small share looks better than it would in the end: there is not the \
    time to learn more from a large one.";

/// A figure that is followed over the points.
struct Followed {
    name: String,
    values: Vec<(u64, f64)>,
}

fn followed(points: &[Point]) -> Vec<Followed> {
    let figure = |name: &str, of: &dyn Fn(&Point) -> Option<f64>| Followed {
        name: name.into(),
        values: points
            .iter()
            .filter_map(|point| Some((point.images, of(point)?)))
            .collect(),
    };
    let mut all = vec![
        figure("mAP", &|p| Some(p.figures.map)),
        figure("mAP@0.5", &|p| Some(p.figures.map50)),
    ];
    for class in ObjectClass::ALL {
        let of = |p: &Point| p.figures.ap50.get(class.name()).copied();
        all.push(figure(&format!("{class} @0.5"), &of));
    }
    all.retain(|figure| !figure.values.is_empty());
    all
}

/// `+0.0123 ± 0.0045`.
fn gain((gain, error): (f64, Option<f64>)) -> String {
    match error {
        Some(error) => format!("{gain:+.4} ± {error:.4}"),
        None => format!("{gain:+.4}"),
    }
}

/// Head and rows of the table: each figure at each point, and its slope.
fn rows(points: &[Point]) -> (Vec<String>, Vec<Vec<String>>) {
    let last = points.last().map_or(0, |point| point.images);
    let mut head = vec!["figure".to_owned()];
    head.extend(
        points
            .iter()
            .map(|point| format!("{} images", point.images)),
    );
    head.push("a doubling".into());
    head.push(format!("the next {MORE_IMAGES}"));
    let row = |figure: Followed| {
        let mut cells = vec![figure.name];
        for point in points {
            let found = figure
                .values
                .iter()
                .find(|(images, _)| *images == point.images);
            cells.push(found.map_or("-".into(), |(_, value)| format!("{value:.4}")));
        }
        let fit = Fit::through(&figure.values);
        let told =
            |of: &dyn Fn(Fit) -> (f64, Option<f64>)| fit.map_or("-".into(), |fit| gain(of(fit)));
        cells.push(told(&|fit| (fit.per_doubling, fit.per_doubling_error)));
        cells.push(told(&|fit| fit.gain_of(MORE_IMAGES, last)));
        cells
    };
    (head, followed(points).into_iter().map(row).collect())
}

fn reading() -> String {
    READING.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The table as Markdown.
pub fn markdown(points: &[Point], conditions: &[(&str, String)]) -> String {
    let (head, rows) = rows(points);
    let mut text = conditions_line(conditions);
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "| {} |\n|{}",
        head.join(" | "),
        "---|".repeat(head.len())
    );
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    let _ = writeln!(text, "\n{}", reading());
    text
}

/// Writes the curve as a page.
pub fn write_page(
    points: &[Point],
    conditions: &[(&str, String)],
    path: &Path,
) -> Result<(), PageError> {
    let mut page = Page::new("Learning curve");
    page.section("conditions", "Conditions");
    page.paragraph(&reading());
    page.facts(
        conditions
            .iter()
            .map(|(name, value)| (*name, value.as_str())),
    );
    page.section("chart", "Average precision over the number of images");
    page.charts(followed(points).iter().map(chart));
    page.section("figures", "Figures");
    let (head, rows) = rows(points);
    let mut table = Table::new(head);
    for row in rows {
        table.row(row.into_iter().map(Cell::text));
    }
    page.table(&table);
    page.write(path)
}

fn chart(figure: &Followed) -> Plot {
    let points = figure.values.iter();
    let points: Vec<(f64, f64)> = points.map(|(n, value)| (*n as f64, *value)).collect();
    let plot = Plot::new(
        figure.name.clone(),
        Axis::log("training images"),
        Axis::linear("average precision"),
    )
    .with(Series::new("measured", Form::LineAndPoints, points));
    let ends = figure.values.first().zip(figure.values.last());
    let Some((fit, (first, last))) = Fit::through(&figure.values).zip(ends) else {
        return plot;
    };
    let line = [first.0, last.0, last.0 + MORE_IMAGES].map(|n| (n as f64, fit.at(n)));
    plot.with(Series::new("line", Form::Line, line.into()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::trainings::Figures;
    use std::collections::BTreeMap;

    fn point(images: u64, map: f64) -> Point {
        Point {
            share: images as f64 / 4000.0,
            images,
            images_seen: 9000,
            figures: Figures {
                map,
                map50: 2.0 * map,
                ap50: BTreeMap::from([("bus".into(), 3.0 * map)]),
                map_by_size: BTreeMap::new(),
            },
        }
    }

    #[test]
    fn the_next_thousand_are_told_in_both_forms() {
        let points = [point(1000, 0.1), point(2000, 0.12), point(4000, 0.14)];
        let text = markdown(&points, &[]);
        assert!(
            text.contains("| mAP | 0.1000 | 0.1200 | 0.1400 | +0.0200 ± 0.0000 | +0.0064"),
            "{text}"
        );
        assert!(
            text.contains("| bus @0.5 |") && !text.contains("scooter"),
            "{text}"
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("curve.html");
        write_page(&points, &[("seed", "1".into())], &path).unwrap();
        let page = std::fs::read_to_string(path).unwrap();
        assert!(page.contains("the next 1000") && page.contains("0.1400"));
    }

    #[test]
    fn a_single_point_has_no_slope() {
        let text = markdown(&[point(1000, 0.1)], &[("seed", "1".into())]);
        assert!(text.contains("| mAP | 0.1000 | - | - |"), "{text}");
        assert!(text.starts_with("Conditions: seed 1.\n\n|"), "{text}");
    }
}
