//! How many there are: sets, splits, classes, files.

use super::names;
use crate::explore::report::{Presence, Report, SetReport};
use crate::page::{Axis, Bars, Cell, Link, Page, Plot, Series, Table, number};
use lookout::class::ObjectClass;

/// Images and boxes per class and split, and per set.
pub(super) fn counts(page: &mut Page, report: &Report) {
    page.section("counts", "Images and boxes");
    let splits = report.splits();
    let mut columns = vec!["class".to_owned(), "boxes".into(), "images".into()];
    for split in &splits {
        columns.push(format!("boxes, {split}"));
        columns.push(format!("images, {split}"));
    }
    let mut table = Table::new(columns)
        .with_caption("A count of boxes leads to examples. Regions to be ignored do not count.");
    for class in &report.classes {
        let boxes = Cell::count(class.boxes);
        let boxes = match class.presence {
            Presence::Present => boxes.with_link(gallery_of(class.class)),
            _ => boxes.with_link(Link::section("missing")),
        };
        let of_split = splits.iter().flat_map(|split| {
            let count = |counts: &std::collections::BTreeMap<&'static str, u64>| {
                Cell::count(counts.get(split).copied().unwrap_or(0))
            };
            [count(&class.boxes_by_split), count(&class.images_by_split)]
        });
        let head = [
            Cell::text(class.class.name()),
            boxes,
            Cell::count(class.images),
        ];
        table.row(head.into_iter().chain(of_split));
    }
    page.table(&table);
    page.chart(bars(report, &splits));
    page.table(&sets_table(report));
    for set in &report.sets {
        for warning in &set.warnings {
            page.warning(&format!("{}, {}: {warning}.", set.name, set.split));
        }
    }
}

/// The examples of a class.
fn gallery_of(class: ObjectClass) -> Link {
    Link::section(&format!("gallery-{class}"))
}

fn bars(report: &Report, splits: &[&'static str]) -> Bars {
    let heights = |split: &&'static str| {
        let counts = report
            .classes
            .iter()
            .map(|class| class.boxes_by_split.get(split));
        let heights = counts.map(|count| count.copied().unwrap_or(0) as f64);
        ((*split).to_owned(), heights.collect())
    };
    Bars {
        title: "Boxes per class and split (logarithmic)".into(),
        y: Axis::log("boxes"),
        groups: report
            .classes
            .iter()
            .map(|class| class.class.to_string())
            .collect(),
        series: splits.iter().map(heights).collect(),
    }
}

fn sets_table(report: &Report) -> Table {
    let fixed = [
        "set",
        "split",
        "images",
        "without a box",
        "regions to ignore",
    ];
    let classes = ObjectClass::ALL.map(ObjectClass::name);
    let mut table = Table::new(fixed.into_iter().chain(classes))
        .with_caption("Boxes per set and split. A dash: the set does not label this class.");
    for set in &report.sets {
        let head = [
            Cell::text(&set.name),
            Cell::text(set.split),
            Cell::count(set.images),
            Cell::count(set.images_without_box),
            Cell::count(set.crowd_regions),
        ];
        let counts = classes.map(|class| {
            let count = set.boxes.get(class);
            count.map_or(Cell::value(f64::NAN), |count| Cell::count(*count))
        });
        table.row(head.into_iter().chain(counts));
    }
    table
}

/// What it means that a class has no box.
pub(super) fn missing(page: &mut Page, report: &Report) {
    let of = |presence| {
        names(
            report
                .with_presence(presence)
                .map(|class| class.class.name()),
        )
    };
    page.section("missing", "Classes without an example");
    let (absent, unlabelled) = (of(Presence::LabelledWithoutBox), of(Presence::NotLabelled));
    if absent.is_empty() && unlabelled.is_empty() {
        page.paragraph("None: every class has at least one box.");
        return;
    }
    page.paragraph(
        "A detector that learns from these sets alone can never report a class without an \
         example. Such an object is called something else (a scooter's rider becomes a person, a \
         bus becomes a truck) or is not seen at all.",
    );
    if !absent.is_empty() {
        page.subsection(&format!("Labelled, but without a box: {absent}"));
        page.paragraph(
            "dataset.toml says that these classes are labelled, and there is no box. So every \
             image counts as one without such an object, and training teaches the detector \
             not to see them. If they do occur in the pictures, the labels are wrong: take the \
             class out of `labelled` in dataset.toml, or label them.",
        );
    }
    if !unlabelled.is_empty() {
        page.subsection(&format!("Not labelled in any set: {unlabelled}"));
        page.paragraph(
            "No dataset.toml lists these classes. Training leaves their scores alone in these \
             images: nothing is learnt about them, nothing is unlearnt.",
        );
    }
    page.paragraph("What to do, for a detector that has to report them:");
    page.list([
        "Add images with such objects: a further --data DIR next to this one.",
        "Render some: `cargo xtask render-drive --out DIR` makes drives with all classes; they \
         help most for classes that real sets lack.",
        "Start from a model that knows them (--start-from).",
    ]);
}

/// The files, and what the loader left out.
pub(super) fn files(page: &mut Page, report: &Report) {
    let files = &report.pictures;
    page.section("files", "Files");
    page.facts([
        ("pictures read", number::count(files.read)),
        ("unreadable", number::count(files.unreadable)),
        (
            "of another size than annotated",
            number::count(files.other_size),
        ),
    ]);
    if files.unreadable > 0 {
        page.warning("These pictures could not be read, and training fails on them or skips them:");
        page.list(&files.unreadable_files);
    }
    if files.other_size > 0 {
        page.paragraph(
            "In these the file's size is not the annotations' `width` and `height`. Boxes are \
             scaled along, which is right only if the whole picture was scaled:",
        );
        page.list(&files.other_size_files);
    }
    page.paragraph(
        "Brightness of the pictures: means near 40 are night, near 110 daylight. A detector is \
         as good at night as its pictures of the night are many.",
    );
    let plot = Plot::new(
        "Brightness",
        Axis::linear("mean luma of a picture, 0 to 255"),
        Axis::linear("pictures"),
    );
    page.chart(plot.with(Series::histogram("pictures", &files.brightness.histogram)));
    for set in &report.sets {
        left_out(page, set);
    }
}

fn left_out(page: &mut Page, set: &SetReport) {
    let mut lines = Vec::new();
    if set.relabelled > 0 {
        let count = number::count(set.relabelled);
        lines.push(format!(
            "{count} persons on cycles count as riders, as in training"
        ));
    }
    if set.clipped > 0 {
        let count = number::count(set.clipped);
        lines.push(format!("{count} boxes were cut at the picture's edge"));
    }
    for (name, count) in &set.dropped {
        let count = number::count(*count);
        lines.push(format!(
            "{count} boxes of `{name}` were dropped: none of our classes"
        ));
    }
    if set.skipped > 0 {
        let count = number::count(set.skipped);
        lines.push(format!("{count} entries were left out; the first of them:"));
        lines.extend(set.skipped_reasons.iter().cloned());
    }
    if !lines.is_empty() {
        page.subsection(&format!("{}, {}", set.name, set.split));
        page.list(lines);
    }
}

/// How many boxes images have.
pub(super) fn per_image(report: &Report) -> Plot {
    let histogram = &report.boxes_per_image.histogram;
    let label = "boxes in an image";
    Plot::new(
        "Boxes in an image",
        Axis::linear(label),
        Axis::linear("images"),
    )
    .with(Series::histogram("images", histogram))
}
