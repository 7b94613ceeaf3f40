//! The page: the report's figures and pictures in an order in which they explain each other.

mod boxes;
mod examples;
mod sets;
mod training;

use super::Album;
use super::report::{Presence, Report};
use crate::page::{Page, number};
use lookout::class::ObjectClass;

/// The whole page.
pub(super) fn page(report: &Report, album: &Album<'_>) -> Page {
    let names: Vec<&str> = report.sets.iter().map(|set| set.name.as_str()).collect();
    let mut names = names;
    names.dedup();
    let mut page = Page::new(format!("Data set report: {}", names.join(" + ")));
    summary(&mut page, report);
    sets::counts(&mut page, report);
    sets::missing(&mut page, report);
    examples::gallery(&mut page, report, album);
    boxes::sizes(&mut page, report);
    boxes::places(&mut page, report);
    boxes::crowding(&mut page, report, album);
    training::anchors(&mut page, report);
    training::weights(&mut page, report);
    examples::faults(&mut page, report, album);
    sets::files(&mut page, report);
    page
}

fn summary(page: &mut Page, report: &Report) {
    let present = report.with_presence(Presence::Present).count() as u64;
    page.facts([
        ("images", number::count(report.images)),
        ("boxes", number::count(report.boxes)),
        (
            "classes with boxes",
            format!("{present} of {}", ObjectClass::COUNT),
        ),
        (
            "images without a box",
            number::count(report.images_without_box),
        ),
        (
            "unreadable pictures",
            number::count(report.pictures.unreadable),
        ),
        (
            "model's input",
            format!("{}×{} pixels", report.input_height, report.input_width),
        ),
    ]);
    if let Some(limit) = report.limit {
        page.warning(&format!(
            "Only the first {} images of each split were looked at (--limit).",
            number::count(limit.into())
        ));
    }
    if let (1, Some(only)) = (present, report.with_presence(Presence::Present).next()) {
        page.warning(&format!(
            "All boxes are of one class: {}. A detector that learns from this alone reports \
             nothing else, and where other road users are not labelled it learns that they are \
             background. That is fine for one more set beside others.",
            only.class
        ));
    }
}

/// Names of classes, joined.
fn names<'a>(classes: impl IntoIterator<Item = &'a str>) -> String {
    classes.into_iter().collect::<Vec<_>>().join(", ")
}
