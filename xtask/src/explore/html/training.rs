//! What the figures suggest for training: anchors and class weights.

use crate::explore::anchors::AnchorFit;
use crate::explore::report::{ClassReport, Presence, Report};
use crate::page::{Cell, Page, Table, number};
use lookout::anchors::AnchorLevel;

/// The network's anchors and those that suit the boxes.
pub(super) fn anchors(page: &mut Page, report: &Report) {
    let anchors = &report.anchors;
    page.section("anchors", "Anchors");
    page.paragraph(
        "The network tells boxes relative to anchors, shapes that stand at every cell of its \
         grids. The better a shape fits, the less there is to learn. The suggested ones are the \
         centres of a k-means clustering of all boxes with 1 - IoU as the distance, the smallest \
         for the finest grid. They fit the boxes that there are most of: look at the rare \
         classes, too, before you take them.",
    );
    let mut table = Table::new([
        "anchors",
        "mean best IoU",
        "no anchor over 0.5",
        "no anchor over 0.3",
    ])
    .with_caption("IoU of a box with the anchor that fits best, if both had the same centre.");
    let fits = [
        ("the network's", Some(&anchors.given_fit)),
        ("suggested", anchors.suggested_fit.as_ref()),
    ];
    for (name, fit) in fits {
        if let Some(fit) = fit {
            table.row([Cell::text(name)].into_iter().chain(cells(fit)));
        }
    }
    page.table(&table);
    let mut shapes = Table::new(["stride, pixels", "the network's", "suggested"])
        .with_caption("Width × height in input pixels.");
    for (index, given) in anchors.given.iter().enumerate() {
        shapes.row([
            Cell::count(given.stride.into()),
            Cell::text(text(given)),
            Cell::text(anchors.suggested.get(index).map(text).unwrap_or_default()),
        ]);
    }
    page.table(&shapes);
    page.table(&per_class(report));
}

fn cells(fit: &AnchorFit) -> [Cell; 3] {
    [
        Cell::fixed(fit.mean_best_iou, 3),
        Cell::percent(fit.share_below_0_5),
        Cell::percent(fit.share_below_0_3),
    ]
}

fn text(level: &AnchorLevel) -> String {
    let side = |side: f32| number::fixed(side.into(), usize::from(side.fract() != 0.0));
    let shapes = level.shapes.iter();
    let texts: Vec<String> = shapes
        .map(|[w, h]| format!("{}×{}", side(*w), side(*h)))
        .collect();
    texts.join(", ")
}

fn per_class(report: &Report) -> Table {
    let mut table = Table::new([
        "class",
        "mean best IoU, the network's",
        "mean best IoU, suggested",
        "no anchor over 0.5, the network's",
        "no anchor over 0.5, suggested",
    ]);
    for class in report.with_presence(Presence::Present) {
        let ClassReport {
            given_anchors: given,
            suggested_anchors: suggested,
            ..
        } = class;
        let of = |value: fn(&AnchorFit) -> f64| suggested.as_ref().map_or(f64::NAN, value);
        table.row([
            Cell::text(class.class.name()),
            Cell::fixed(given.mean_best_iou, 3),
            Cell::fixed(of(|fit| fit.mean_best_iou), 3),
            Cell::percent(given.share_below_0_5),
            Cell::percent(of(|fit| fit.share_below_0_5)),
        ]);
    }
    table
}

/// Weights that make up for rare classes.
pub(super) fn weights(page: &mut Page, report: &Report) {
    page.section("weights", "Class weights");
    page.paragraph(
        "Rare classes are learnt better if their mistakes weigh more. Inverse frequency makes all \
         classes count alike, and is often too much where one is a hundred times rarer than \
         another; the effective number (Cui et al., 2019) is milder, the more so the smaller its \
         beta. The mean over the classes with boxes is 1. Give one of the lists to \
         `train-and-export --class-weights`.",
    );
    let columns = [
        "class",
        "boxes",
        "inverse frequency",
        "effective, beta 0.999",
        "effective, beta 0.9999",
    ];
    let mut table = Table::new(columns);
    for class in report.with_presence(Presence::Present) {
        let weights = weights_of(class).map(|weight| Cell::fixed(weight.into(), 3));
        let head = [Cell::text(class.class.name()), Cell::count(class.boxes)];
        table.row(head.into_iter().chain(weights));
    }
    page.table(&table);
    let lists = ["inverse frequency", "beta 0.999", "beta 0.9999"];
    page.list(lists.iter().enumerate().map(|(index, name)| {
        let classes = report.with_presence(Presence::Present);
        let list: Vec<String> = classes
            .map(|class| format!("{}={:.3}", class.class, weights_of(class)[index]))
            .collect();
        format!("{name}: --class-weights {}", list.join(","))
    }));
}

fn weights_of(class: &ClassReport) -> [f32; 3] {
    [
        class.weight_inverse,
        class.weight_effective_0_999,
        class.weight_effective_0_9999,
    ]
}
