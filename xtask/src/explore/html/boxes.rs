//! The boxes: how large they are, where, and how they overlap.

use super::{examples, sets};
use crate::explore::Album;
use crate::explore::distribution::Distribution;
use crate::explore::measure::COMPARED_MAX;
use crate::explore::report::{ClassReport, Presence, Report};
use crate::page::{Axis, Cell, Chart, HeatMap, Page, Plot, Series, Table, number};

/// One measure of a box.
type Measure = (&'static str, fn(&ClassReport) -> &Distribution);

const MEASURES: [Measure; 4] = [
    ("width, input pixels", |class| &class.width_pixels),
    ("height, input pixels", |class| &class.height_pixels),
    ("area, square input pixels", |class| &class.area_pixels),
    ("width / height", |class| &class.aspect_ratio),
];

/// Width, height, area and aspect ratio per class.
pub(super) fn sizes(page: &mut Page, report: &Report) {
    page.section("sizes", "Sizes");
    page.paragraph(&format!(
        "Sizes are those on the model's input of {}×{} pixels, into which each picture is \
         scaled as a whole. \"Under 16\" and \"under 32\" are boxes with less area than a square \
         of so many pixels: few detectors find many of the former.",
        report.input_height, report.input_width
    ));
    let mut table = Table::new(["class", "boxes", "under 16", "under 32"]);
    for class in report.with_presence(Presence::Present) {
        table.row([
            Cell::text(class.class.name()),
            Cell::count(class.boxes),
            Cell::percent(class.share_under_16),
            Cell::percent(class.share_under_32),
        ]);
    }
    page.table(&table);
    for (name, measure) in MEASURES {
        page.table(&quantiles(report, name, measure));
    }
    for class in report.with_presence(Presence::Present) {
        let heading = format!("{}, {} boxes", class.class, number::count(class.boxes));
        page.subsection(&heading);
        page.charts(charts(class));
    }
}

fn quantiles(report: &Report, name: &str, measure: fn(&ClassReport) -> &Distribution) -> Table {
    let columns = [
        "class", "least", "5 %", "25 %", "50 %", "75 %", "95 %", "most",
    ];
    let mut table = Table::new(columns).with_caption(format!("{name}: so many boxes are below"));
    for class in report.with_presence(Presence::Present) {
        let d = measure(class);
        let values = [d.min, d.p05, d.p25, d.p50, d.p75, d.p95, d.max];
        let cells = values.map(Cell::value);
        table.row([Cell::text(class.class.name())].into_iter().chain(cells));
    }
    table
}

fn charts(class: &ClassReport) -> [Plot; 4] {
    MEASURES.map(|(name, measure)| {
        let title = name.split(',').next().unwrap_or(name);
        let title = format!("{}: {title}", class.class);
        Plot::new(title, Axis::log(name), Axis::linear("boxes"))
            .with(Series::histogram(name, &measure(class).histogram))
    })
}

/// Where in the picture each class is.
pub(super) fn places(page: &mut Page, report: &Report) {
    page.section("places", "Places in the picture");
    page.paragraph(
        "How many boxes of a class cover each part of the picture. A class that is seen in one \
         place only is found worse elsewhere; training mirrors and shifts pictures, which \
         helps within limits.",
    );
    let maps = report.with_presence(Presence::Present).map(|class| {
        let values = class.places.iter();
        Chart::from(HeatMap {
            title: class.class.to_string(),
            x_label: "left to right".into(),
            y_label: "bottom to top".into(),
            values: values
                .map(|row| row.iter().map(|count| *count as f64).collect())
                .collect(),
            value_label: "boxes".into(),
            cell_ratio: 1.0,
            ..HeatMap::default()
        })
    });
    page.charts(maps.collect::<Vec<_>>());
}

/// Boxes per image, overlap, truncation.
pub(super) fn crowding(page: &mut Page, report: &Report, album: &Album<'_>) {
    page.section("crowding", "Crowding, overlap and truncation");
    let d = &report.boxes_per_image;
    page.paragraph(&format!(
        "An image has {} boxes on average, half of the images have up to {}, one in twenty has \
         {} or more, the fullest has {}.",
        number::value(d.mean),
        number::fixed(d.p50, 0),
        number::fixed(d.p95, 0),
        number::count(d.max as u64)
    ));
    page.chart(sets::per_image(report));
    let columns = [
        "class",
        "overlap over 0.3",
        "overlap over 0.5",
        "at the picture's edge",
    ];
    let mut table = Table::new(columns).with_caption(
        "Share of the boxes that overlap another box of the image, of any class, by more than so \
         much IoU, and of those that touch the picture's edge.",
    );
    for class in report.with_presence(Presence::Present) {
        table.row([
            Cell::text(class.class.name()),
            Cell::percent(class.share_overlap_0_3),
            Cell::percent(class.share_overlap_0_5),
            Cell::percent(class.share_truncated),
        ]);
    }
    page.table(&table);
    if d.max > COMPARED_MAX as f64 {
        page.warning(&format!(
            "In images with more than {COMPARED_MAX} boxes only the first {COMPARED_MAX} are \
             compared with each other."
        ));
    }
    examples::findings(page, report, album, &["tiny", "overlapping", "truncated"]);
}
