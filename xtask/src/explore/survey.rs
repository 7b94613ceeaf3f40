//! Fills in the part of the report that needs no pixels.

use super::anchors::{anchor_fit, suggest_anchors};
use super::class_weights::{effective_number, inverse_frequency};
use super::collection::Collection;
use super::distribution::Distribution;
use super::measure::{Measured, Sizes, places};
use super::report::{AnchorReport, ClassReport, PictureReport, Presence, Report, SetReport};
use crate::network::detector;
use crate::page::number::share;
use lookout::anchors::AnchorLevel;
use lookout::class::ObjectClass;
use std::collections::{BTreeMap, BTreeSet};

/// Seed of the clustering: the same sets give the same anchors.
const SEED: u64 = 1;

/// The report without findings, for an input of `height` x `width` pixels.
pub(super) fn survey(
    collection: &Collection,
    measured: &[Measured],
    (height, width): (u32, u32),
    limit: Option<u32>,
) -> Report {
    let anchors = anchors(measured, (height, width));
    let images = &collection.images;
    let boxes_in: Vec<u64> = images
        .iter()
        .map(|image| image.objects.iter().filter(|object| !object.crowd).count() as u64)
        .collect();
    let sets: Vec<SetReport> = (0..collection.parts.len())
        .map(|part| set(collection, part, &boxes_in))
        .collect();
    let per_image: Vec<f64> = boxes_in.iter().map(|count| *count as f64).collect();
    Report {
        input_height: height,
        input_width: width,
        model: None,
        limit,
        images: images.len() as u64,
        images_without_box: boxes_in.iter().filter(|count| **count == 0).count() as u64,
        boxes: measured.len() as u64,
        crowd_regions: sets.iter().map(|set| set.crowd_regions).sum(),
        classes: classes(collection, measured, (height, width), &anchors),
        sets,
        boxes_per_image: Distribution::of_counts(&per_image),
        pictures: PictureReport::default(),
        anchors,
        findings: Vec::new(),
        confusion: None,
    }
}

fn set(collection: &Collection, index: usize, boxes_in: &[u64]) -> SetReport {
    let part = &collection.parts[index];
    let labelled: Vec<&'static str> = ObjectClass::ALL
        .into_iter()
        .filter(|class| part.description.labelled[class.index()])
        .map(ObjectClass::name)
        .collect();
    let mut report = SetReport {
        name: part.description.name.clone(),
        data: part.root.clone(),
        split: part.split,
        licence: part.description.licence.clone(),
        images: 0,
        images_without_box: 0,
        boxes: labelled.iter().map(|name| (*name, 0)).collect(),
        labelled,
        crowd_regions: 0,
        relabelled: part.relabelled_count,
        clipped: part.clipped_count,
        skipped: part.skipped_count,
        skipped_reasons: part.skipped_reasons.clone(),
        dropped: part.dropped.clone(),
        warnings: part.warnings.clone(),
    };
    for (image, entry) in collection.images.iter().enumerate() {
        if collection.part_of[image] != index {
            continue;
        }
        report.images += 1;
        report.images_without_box += u64::from(boxes_in[image] == 0);
        for object in &entry.objects {
            if object.crowd {
                report.crowd_regions += 1;
            } else {
                *report.boxes.entry(object.class.name()).or_default() += 1;
            }
        }
    }
    report
}

fn classes(
    collection: &Collection,
    measured: &[Measured],
    input: (u32, u32),
    anchors: &AnchorReport,
) -> Vec<ClassReport> {
    let mut by_class: [Vec<Measured>; ObjectClass::COUNT] = Default::default();
    for one in measured {
        by_class[one.class.index()].push(*one);
    }
    let counts = std::array::from_fn(|index| by_class[index].len() as u64);
    let inverse = inverse_frequency(counts);
    let [effective_3, effective_4] = [0.999, 0.9999].map(|beta| effective_number(counts, beta));
    let maps = places(collection);
    ObjectClass::ALL
        .into_iter()
        .zip(maps)
        .map(|(class, places)| {
            let boxes = &by_class[class.index()];
            let of = |test: fn(&Measured) -> bool| {
                let part = boxes.iter().filter(|one| test(one)).count();
                share(part as u64, boxes.len() as u64)
            };
            let shapes: Vec<[f32; 2]> = boxes.iter().map(|one| one.size).collect();
            let fit = |levels: &[AnchorLevel]| anchor_fit(&shapes, &all_shapes(levels));
            let sizes = Sizes::new(boxes, input);
            let (boxes_by_split, images_by_split) = by_split(collection, boxes);
            ClassReport {
                class,
                presence: presence(collection, class, boxes.len()),
                boxes: boxes.len() as u64,
                images: images_by_split.values().sum(),
                boxes_by_split,
                images_by_split,
                width_pixels: sizes.width,
                height_pixels: sizes.height,
                area_pixels: sizes.area,
                aspect_ratio: sizes.aspect_ratio,
                share_under_16: of(|one| one.side() < 16.0),
                share_under_32: of(|one| one.side() < 32.0),
                share_overlap_0_3: of(|one| one.overlap > 0.3),
                share_overlap_0_5: of(|one| one.overlap > 0.5),
                share_truncated: of(|one| one.truncated),
                given_anchors: fit(&anchors.given),
                suggested_anchors: anchors.suggested_fit.map(|_| fit(&anchors.suggested)),
                weight_inverse: inverse[class.index()],
                weight_effective_0_999: effective_3[class.index()],
                weight_effective_0_9999: effective_4[class.index()],
                places,
            }
        })
        .collect()
}

fn presence(collection: &Collection, class: ObjectClass, boxes: usize) -> Presence {
    if boxes > 0 {
        Presence::Present
    } else if collection.is_labelled(class) {
        Presence::LabelledWithoutBox
    } else {
        Presence::NotLabelled
    }
}

type BySplit = BTreeMap<&'static str, u64>;

/// Boxes of one class, and images with them, by split; splits without any are there, too.
fn by_split(collection: &Collection, boxes: &[Measured]) -> (BySplit, BySplit) {
    let none = || {
        collection
            .parts
            .iter()
            .map(|part| (part.split, 0))
            .collect()
    };
    let (mut counts, mut images): (BySplit, BySplit) = (none(), none());
    for one in boxes {
        *counts.entry(collection.part(one.image).split).or_default() += 1;
    }
    let with_box: BTreeSet<usize> = boxes.iter().map(|one| one.image).collect();
    for image in with_box {
        *images.entry(collection.part(image).split).or_default() += 1;
    }
    (counts, images)
}

fn anchors(measured: &[Measured], (height, width): (u32, u32)) -> AnchorReport {
    let grid = detector(height as usize, width as usize).anchor_grid();
    let given = grid.levels().to_vec();
    let shapes = given
        .iter()
        .map(|level| level.shapes.len())
        .max()
        .unwrap_or(0);
    let sizes: Vec<[f32; 2]> = measured.iter().map(|one| one.size).collect();
    let suggestion = suggest_anchors(&sizes, given.len(), shapes, SEED);
    let levels = suggestion.iter().flat_map(|suggestion| &suggestion.levels);
    let suggested = given.iter().zip(levels).map(|(level, shapes)| AnchorLevel {
        stride: level.stride,
        shapes: shapes.clone(),
    });
    AnchorReport {
        given_fit: anchor_fit(&sizes, &all_shapes(&given)),
        suggested: suggested.collect(),
        suggested_fit: suggestion.as_ref().map(|suggestion| suggestion.fit),
        given,
        seed: SEED,
    }
}

fn all_shapes(levels: &[AnchorLevel]) -> Vec<[f32; 2]> {
    levels
        .iter()
        .flat_map(|level| level.shapes.iter().copied())
        .collect()
}
