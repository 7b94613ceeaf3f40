//! The sections of numbers.

use super::figures::{Contestant, ReportFigures};
use super::{LearningPoint, Subject};
use crate::metrics::{ABSENT, Calibration, ClassMetrics, Metrics, OperatingPoint};
use crate::page::{Axis, Cell, Form, HeatMap, Page, Plot, Series, Table, number};
use lookout::class::ObjectClass;

/// Figures of shares are shown with so many decimals.
const DECIMALS: usize = 3;

/// A figure of [`Metrics`], which may be absent.
fn figure(value: f64) -> Cell {
    Cell::fixed(present(value), DECIMALS)
}

fn present(value: f64) -> f64 {
    if value == ABSENT { f64::NAN } else { value }
}

/// The figures that matter most, and what to know before reading on.
pub(super) fn summary(page: &mut Page, figures: &ReportFigures) {
    page.section("summary", "Summary");
    let own = figures.contestants.first().map(|own| &own.metrics);
    let share = |of: fn(&Metrics) -> f64| {
        let value = own.map_or(ABSENT, of);
        number::fixed(present(value), DECIMALS)
    };
    let ms = figures
        .speed
        .as_ref()
        .map_or(f64::NAN, |speed| speed.whole_ms_median);
    page.facts([
        ("mAP", share(|metrics| metrics.map)),
        ("mAP@0.5", share(|metrics| metrics.map50)),
        ("mAP small", share(|metrics| metrics.map_small)),
        ("images", number::count(figures.images)),
        ("data sets", number::count(figures.sets.len() as u64)),
        ("here, ms a picture", number::value(ms)),
    ]);
    for note in &figures.notes {
        page.warning(note);
    }
    page.paragraph(
        "mAP is the mean average precision over IoU 0.50 to 0.95, as COCO computes it; \
         everything else is at IoU 0.5. Where a class is not labelled in an image, that image \
         says nothing about it. Thresholds are chosen on the images that they are measured on, \
         so other images will do a little worse.",
    );
}

/// Losses and learning rate over the steps.
pub(super) fn learning(page: &mut Page, figures: &ReportFigures) {
    page.section("training", "Training");
    let points = &figures.learning;
    if points.is_empty() {
        page.paragraph("No log of the training was given.");
        return;
    }
    let series = |name: &str, of: fn(&LearningPoint) -> Option<f64>| {
        let point = |point: &LearningPoint| (point.step as f64, of(point).unwrap_or(f64::NAN));
        Series::new(name, Form::Line, points.iter().map(point).collect())
    };
    let losses = Plot::new("Loss", Axis::linear("step"), Axis::linear("loss, smoothed"))
        .with(series("all", |point| point.loss))
        .with(series("classes", |point| point.loss_class))
        .with(series("boxes", |point| point.loss_box));
    let mut plots = vec![losses];
    if points.iter().any(|point| point.learning_rate.is_some()) {
        let rate = series("learning rate", |point| point.learning_rate);
        let axes = (Axis::linear("step"), Axis::linear("learning rate"));
        plots.push(Plot::new("Learning rate", axes.0, axes.1).with(rate));
    }
    page.charts(plots);
}

/// COCO metrics of all contestants, by class and size, and of the model by set.
pub(super) fn accuracy(page: &mut Page, figures: &ReportFigures) {
    page.section("accuracy", "Accuracy");
    let mut whole = Table::new([
        "model", "images", "mAP", "mAP@0.5", "mAP@0.75", "small", "medium", "large", "AR@100",
    ])
    .with_caption("All classes");
    let mut classes = Table::new([
        "class", "model", "objects", "AP", "AP@0.5", "small", "medium", "large",
    ])
    .with_caption("By class; small is under 32 × 32 pixels of the picture, large over 96 × 96");
    for Contestant {
        name,
        images,
        metrics: m,
    } in &figures.contestants
    {
        let shares = [
            m.map,
            m.map50,
            m.map75,
            m.map_small,
            m.map_medium,
            m.map_large,
            m.ar100,
        ];
        let first = [Cell::text(name), Cell::count(*images)];
        whole.row(first.into_iter().chain(shares.map(figure)));
    }
    for class in ObjectClass::ALL {
        for contestant in &figures.contestants {
            if let Some(own) = contestant.metrics.per_class.get(&class) {
                classes.row(class_row(class, &contestant.name, own));
            }
        }
    }
    page.table(&whole).table(&classes);
    let mut sets = Table::new([
        "set",
        "split",
        "images",
        "not readable",
        "mAP",
        "mAP@0.5",
        "mAP in float",
        "mAP@0.5 in float",
    ])
    .with_caption("This model by data set");
    for set in &figures.sets {
        let float = set
            .float
            .as_ref()
            .map_or([ABSENT; 2], |float| [float.map, float.map50]);
        let shares = [set.metrics.map, set.metrics.map50]
            .into_iter()
            .chain(float);
        let first = [
            Cell::text(&set.name),
            Cell::text(set.split),
            Cell::count(set.images),
            Cell::count(set.unreadable),
        ];
        sets.row(first.into_iter().chain(shares.map(figure)));
    }
    page.table(&sets);
}

fn class_row(class: ObjectClass, name: &str, own: &ClassMetrics) -> Vec<Cell> {
    let shares = [own.ap, own.ap50, own.ap_small, own.ap_medium, own.ap_large];
    let first = [
        Cell::text(class.name()),
        Cell::text(name),
        Cell::count(own.boxes),
    ];
    first.into_iter().chain(shares.map(figure)).collect()
}

/// Precision over recall.
pub(super) fn curves(page: &mut Page, figures: &ReportFigures) {
    page.section("curves", "Precision and recall").paragraph(
        "Each point is a threshold: lower ones are further to the right. The dot is the \
         threshold recommended below.",
    );
    let share = |label: &str| Axis::linear(label).with_range(0.0, 1.0);
    let plots = figures.classes.iter().map(|(class, own)| {
        let points = own.curve.iter().map(|p| (p.recall, p.precision)).collect();
        let dot = own
            .recommended
            .iter()
            .map(|p| (p.recall, p.precision))
            .collect();
        Plot::new(class.name(), share("recall"), share("precision"))
            .with(Series::new("every threshold", Form::Line, points))
            .with(Series::new("recommended", Form::Points, dot))
    });
    page.charts(plots);
}

/// What to set each class's threshold to, and what it is now.
pub(super) fn thresholds(page: &mut Page, figures: &ReportFigures) {
    page.section("thresholds", "Thresholds");
    let mut table = Table::new([
        "class",
        "objects",
        "recommended",
        "precision",
        "recall",
        "F1",
        "on the card",
        "precision",
        "recall",
        "F1",
        "remark",
    ])
    .with_caption("Recommended thresholds, and those on the model's card, which the board uses");
    for (class, own) in &figures.classes {
        let objects = own.on_card.map_or(0, |point| point.objects);
        let remark = match own.recommended {
            None => "none can be recommended",
            Some(_) if !own.recommended_is_sound => "too few objects to trust",
            Some(_) => "",
        };
        let first = [Cell::text(class.name()), Cell::count(objects)];
        let both = [own.recommended, own.on_card]
            .into_iter()
            .flat_map(point_cells);
        table.row(first.into_iter().chain(both).chain([Cell::text(remark)]));
    }
    page.table(&table);
}

fn point_cells(point: Option<OperatingPoint>) -> [Cell; 4] {
    let values = point.map_or([f64::NAN; 4], |point| {
        [
            f64::from(point.threshold),
            point.precision,
            point.recall,
            point.f1,
        ]
    });
    values.map(|value| Cell::fixed(value, DECIMALS))
}

/// What is taken for what.
pub(super) fn confusion(page: &mut Page, figures: &ReportFigures) {
    let counts = &figures.confusion;
    page.section("confusion", "What is taken for what").paragraph(
        "Rows are what is labelled, columns what is shown at each class's threshold. A box shown \
         meets an object of its own class first, and what is left the object that it overlaps \
         most. \"found already\" is a second box on an object, \"nobody knows\" a class that is \
         not labelled in the image, or a crowd.",
    );
    let names = || {
        ObjectClass::ALL
            .map(|class| class.name().to_owned())
            .into_iter()
    };
    let mut table = Table::new(
        ["labelled".to_owned()]
            .into_iter()
            .chain(names())
            .chain(["missed".to_owned()]),
    );
    let rows = ObjectClass::ALL
        .iter()
        .zip(counts.taken_for)
        .zip(counts.missed);
    for ((class, row), missed) in rows.clone() {
        let cells = row.into_iter().chain([missed]).map(Cell::count);
        table.row([Cell::text(class.name())].into_iter().chain(cells));
    }
    let rest = [
        ("nothing there", counts.nothing_there),
        ("found already", counts.doubled),
        ("nobody knows", counts.left_out),
    ];
    for (name, row) in rest {
        let cells = row.into_iter().map(Cell::count);
        let none = Cell::text("");
        table.row([Cell::text(name)].into_iter().chain(cells).chain([none]));
    }
    let share = |((_, row), missed): ((&ObjectClass, [u64; ObjectClass::COUNT]), u64)| {
        let whole = row.iter().sum::<u64>() + missed;
        let all = row.into_iter().chain([missed]);
        all.map(|count| (100.0 * number::share(count, whole)).round())
            .collect()
    };
    let map = HeatMap {
        title: "Share of the labelled objects, %".to_owned(),
        x_label: "shown as".to_owned(),
        y_label: "labelled".to_owned(),
        x_names: names().chain(["missed".to_owned()]).collect(),
        y_names: names().collect(),
        values: rows.map(share).collect(),
        value_label: "share, %".to_owned(),
        cell_ratio: 0.6,
        show_values: true,
    };
    page.chart(map).table(&table.with_caption("Counts"));
}

/// Whether scores mean what they say.
pub(super) fn calibration(page: &mut Page, figures: &ReportFigures) {
    page.section("calibration", "Whether scores mean what they say")
        .paragraph(
            "Of the detections with a score of 0.7, seven of ten should be right. The error is the \
         mean distance between score and share of right ones, weighted by detections; most of \
         them have low scores that are never shown, so it is given for those shown, too.",
        );
    let whole = &figures.calibration;
    let filled = whole.bins.iter().filter(|bin| bin.detections > 0);
    let points = filled
        .map(|bin| (bin.score_mean, bin.share_right))
        .collect();
    let share = |label: &str| Axis::linear(label).with_range(0.0, 1.0);
    let plot = Plot::new("All classes", share("score"), share("share that is right"))
        .with(Series::new("measured", Form::LineAndPoints, points))
        .with(Series::new(
            "ideal",
            Form::Line,
            vec![(0.0, 0.0), (1.0, 1.0)],
        ));
    page.chart(plot);
    let mut bins = Table::new(["scores", "detections", "right", "mean score", "share right"])
        .with_caption("All classes");
    for (index, bin) in whole.bins.iter().enumerate() {
        let from = index as f64 / whole.bins.len() as f64;
        let to = (index + 1) as f64 / whole.bins.len() as f64;
        let blank = |value: f64| if bin.detections == 0 { f64::NAN } else { value };
        bins.row([
            Cell::text(format!("{from:.1} to {to:.1}")),
            Cell::count(bin.detections),
            Cell::count(bin.right),
            Cell::fixed(blank(bin.score_mean), DECIMALS),
            Cell::fixed(blank(bin.share_right), DECIMALS),
        ]);
    }
    let mut classes = Table::new(["class", "detections", "error", "error of those shown"])
        .with_caption("Expected calibration error");
    let mut row = |name: &str, own: &Calibration| {
        classes.row([
            Cell::text(name),
            Cell::count(own.bins.iter().map(|bin| bin.detections).sum()),
            Cell::fixed(own.error.unwrap_or(f64::NAN), DECIMALS),
            Cell::fixed(own.error_shown.unwrap_or(f64::NAN), DECIMALS),
        ]);
    };
    row("all", whole);
    for (class, own) in &figures.classes {
        row(class.name(), &own.calibration);
    }
    page.table(&classes).table(&bins);
}

/// How fast the model is here.
pub(super) fn speed(page: &mut Page, subject: &Subject<'_>) {
    page.section("speed", "Speed on this machine");
    let speed = match &subject.speed {
        Ok(speed) => speed,
        Err(reason) => {
            page.paragraph(&format!("It could not be measured: {reason}"));
            return;
        }
    };
    page.facts([
        ("whole, ms", number::value(speed.whole_ms_median)),
        ("network alone, ms", number::value(speed.network_ms_median)),
        ("pictures", number::count(speed.pictures as u64)),
        ("engine", speed.engine.clone()),
    ]);
    let load = match speed.load_average {
        Some(load) => format!(" The machine's load was {load:.1}."),
        None => String::new(),
    };
    page.paragraph(&format!(
        "Medians with one thread on {}. Whole is scaling the picture, the network and the boxes; \
         the picture was decoded before.{load} A board has another processor: run `lookout bench` \
         there.",
        speed.cpu
    ));
}

/// Data, licences and the command, from the card.
pub(super) fn origin(page: &mut Page, figures: &ReportFigures) {
    let training = &figures.training;
    page.section("origin", "Data and licences");
    let mut table = Table::new(["data set", "licence", "images", "objects"])
        .with_caption("What the model has learnt from, by its card");
    for source in &training.data {
        table.row([
            Cell::text(&source.name),
            Cell::text(&source.licence),
            Cell::count(source.images),
            Cell::count(source.objects),
        ]);
    }
    page.table(&table);
    page.list([
        format!("pretrained weights: {}", training.pretrained),
        format!("pictures shown: {}", number::count(training.images_seen)),
        format!(
            "hours: {} on {}",
            number::value(training.hours),
            training.device
        ),
        format!("command: {}", training.command),
        format!("notes: {}", training.notes),
    ]);
}
