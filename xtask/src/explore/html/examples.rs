//! Pictures: objects of every class, and what may be wrong with the labels.

use crate::explore::Album;
use crate::explore::finding::Finding;
use crate::explore::report::{Presence, Report};
use crate::page::{Cell, HeatMap, Link, Page, Picture, Table, number};
use lookout::class::ObjectClass;

/// What colours of boxes mean.
const COLOURS: &str = "Labels are green, detections orange. A click shows the whole picture with \
                       all labels and all detections with a score of at least 0.5.";

/// Some objects of every class, by size.
pub(super) fn gallery(page: &mut Page, report: &Report, album: &Album<'_>) {
    page.section("gallery", "Gallery");
    page.paragraph(
        "Some objects of every class by size on the model's input: small ones have less area than \
         a square of 32 pixels, medium ones less than one of 96. Objects of different sizes are \
         shown equally high.",
    );
    page.paragraph(COLOURS);
    for class in report.with_presence(Presence::Present) {
        let id = format!("gallery-{}", class.class);
        page.subsection_with_id(
            &id,
            &format!("{}, {} boxes", class.class, number::count(class.boxes)),
        );
        let items = album
            .items
            .iter()
            .filter(|(item, _)| item.class == class.class);
        let pictures: Vec<Picture> = items
            .filter_map(|(item, place)| {
                let (crop, path) = place.as_ref()?;
                let [width, height] = item.size.map(|side| number::fixed(side.into(), 0));
                let caption = format!("{} {width}×{height}", item.group);
                let picture = Picture::embedded(&crop.bytes, crop.width, crop.height, caption);
                Some(picture.with_link(Link::file(path)))
            })
            .collect();
        if pictures.is_empty() {
            page.paragraph("no pictures");
        } else {
            page.gallery(&pictures);
        }
    }
}

/// Suspected faults of the labels.
pub(super) fn faults(page: &mut Page, report: &Report, album: &Album<'_>) {
    page.section("faults", "Suspected label faults");
    let with_model = report.model.is_some();
    match &report.model {
        Some(model) => page.paragraph(&format!(
            "The detector {model} looked at every picture. Where it disagrees with the labels one \
             of the two is wrong; which one, only people can tell."
        )),
        None => page.paragraph("No detector looked at the pictures (--no-model)."),
    };
    page.paragraph(COLOURS);
    let mut shown = vec!["duplicate", "two-classes", "outside"];
    if with_model {
        shown.splice(0..0, ["unlabelled", "missed", "confused"]);
        shown.push("not-labelled");
    }
    let mut table =
        Table::new(["what", "cases", "images"]).with_caption("A count leads to examples.");
    for finding in of_ids(report, &shown) {
        let link = Link::section(&format!("finding-{}", finding.id));
        table.row([
            Cell::text(finding.title),
            Cell::count(finding.count).with_link(link),
            Cell::count(finding.images),
        ]);
    }
    page.table(&table);
    if let Some(confusion) = &report.confusion {
        page.chart(confusion_map(confusion));
    }
    findings(page, report, album, &shown);
}

fn of_ids<'a>(report: &'a Report, ids: &'a [&'static str]) -> impl Iterator<Item = &'a Finding> {
    ids.iter()
        .filter_map(|id| report.findings.iter().find(|finding| finding.id == *id))
}

/// The findings with these ids: what they mean, how many there are, and examples.
pub(super) fn findings(page: &mut Page, report: &Report, album: &Album<'_>, ids: &[&'static str]) {
    for finding in of_ids(report, ids) {
        let heading = format!("{}: {}", finding.title, number::count(finding.count));
        page.subsection_with_id(&format!("finding-{}", finding.id), &heading);
        page.paragraph(finding.meaning);
        if !finding.by_class.is_empty() {
            let counts = finding.by_class.iter();
            let counts = counts.map(|(class, count)| format!("{class} {}", number::count(*count)));
            page.paragraph(&counts.collect::<Vec<_>>().join(", "));
        }
        let pictures: Vec<Picture> = finding
            .examples
            .iter()
            .filter_map(|example| {
                let crop = album.examples.get(&(finding.id, example.image))?;
                let picture =
                    Picture::embedded(&crop.bytes, crop.width, crop.height, &example.text);
                Some(picture.with_link(Link::file(&example.picture)))
            })
            .collect();
        if !pictures.is_empty() {
            page.gallery(&pictures);
        }
    }
}

/// Labels against detections, each row in shares of its sum, so that rare classes show.
fn confusion_map(confusion: &[Vec<u64>]) -> HeatMap {
    let classes = ObjectClass::ALL.map(|class| class.name().to_owned());
    let names = |none: &str| {
        let all = classes.iter().cloned().chain([none.to_owned()]);
        all.collect::<Vec<_>>()
    };
    let values = confusion.iter().map(|row| {
        let sum: u64 = row.iter().sum();
        row.iter()
            .map(|count| 100.0 * number::share(*count, sum))
            .collect()
    });
    HeatMap {
        title: "What labels (rows) are detected as (columns), with a score of at least 0.5".into(),
        x_label: "detection".into(),
        y_label: "label".into(),
        x_names: names("none"),
        y_names: names("no label"),
        values: values.collect(),
        value_label: "% of the row".into(),
        cell_ratio: 0.55,
        show_values: true,
    }
}
