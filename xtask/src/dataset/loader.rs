//! Loads one split of a data set: finds its kind, has every entry judged, sets the masks.

use super::alias::CategoryMeaning;
use super::judge::{Judge, MeantCategory};
use super::lists::Faults;
use super::{
    CombinedRiders, Dataset, DatasetError, DatasetLocation, Description, GroundTruth, ImageEntry,
    LoadOptions, RiderBox, Skipped, Split, check_pictures, combined_riders, relabel_riders,
};
use lookout::class::ObjectClass;
use std::collections::HashMap;

/// Broken entries that an error names.
const STRICT_SHOWN: usize = 5;

/// See [`Dataset::load`].
pub(super) fn load(
    location: &DatasetLocation,
    split: Split,
    options: LoadOptions,
) -> Result<Dataset, DatasetError> {
    let root = location.root.as_path();
    let kind = location.detect()?;
    let description = Description::read(root)?;
    let mut lists = kind.lists(root, split)?;
    let (rider_box, path) = (lists.rider_box, lists.path.clone());
    let mut warnings = std::mem::take(&mut lists.warnings);
    let (mut judge, entries) = Judge::new(root, lists);
    let categories = judge.categories(&entries.categories);
    let mut description = description
        .unwrap_or_else(|| Description::assumed(root, listed_classes(&categories), rider_box));
    let mut images = judge.images(entries.images, &description);
    judge.place_boxes(&mut images, entries.annotations, &categories);
    if images.is_empty() {
        let first = judge.faults.listed.first();
        return Err(DatasetError::Empty {
            path,
            skipped: judge.faults.count,
            first: first.map_or("no picture is listed".to_owned(), |skipped| {
                skipped.reason.clone()
            }),
        });
    }
    let Riders {
        relabelled_count,
        combined_count,
    } = finish_entries(&mut images, &mut description, options);
    if judge.shrunk_count > 0 {
        warnings.push(format!(
            "{} pictures are smaller than the set's own; their boxes are taken to refer to the \
             full size",
            judge.shrunk_count
        ));
    }
    warnings.splice(..0, std::mem::take(&mut description.warnings));
    let Faults { listed, count } = judge.faults;
    let dataset = Dataset {
        root: root.to_owned(),
        kind,
        split,
        description,
        images,
        skipped: listed,
        skipped_count: count,
        dropped: judge.boxes.dropped,
        ignored: judge.boxes.ignored,
        clipped_count: judge.boxes.clipped_count,
        relabelled_count,
        combined_riders: options.combined_riders,
        combined_count,
        warnings,
    };
    if options.strict {
        check(&dataset)?;
    }
    Ok(dataset)
}

/// Fails where anything is broken, torn pictures too.
fn check(dataset: &Dataset) -> Result<(), DatasetError> {
    let fail = |faults: &[Skipped], count: u64| {
        let line = |fault: &Skipped| format!("\n  {}: {}", fault.path.display(), fault.reason);
        Err(DatasetError::Strict {
            root: dataset.root.clone(),
            count,
            first: faults.iter().take(STRICT_SHOWN).map(line).collect(),
        })
    };
    if dataset.skipped_count > 0 {
        return fail(&dataset.skipped, dataset.skipped_count);
    }
    match check_pictures(dataset) {
        torn if torn.is_empty() => Ok(()),
        torn => fail(&torn, torn.len() as u64),
    }
}

/// Which of our classes the set lists.
fn listed_classes(categories: &HashMap<i64, MeantCategory>) -> [bool; ObjectClass::COUNT] {
    let mut listed = [false; ObjectClass::COUNT];
    for category in categories.values() {
        if let CategoryMeaning::Class(class) = category.meaning {
            listed[class.index()] = true;
        }
    }
    listed
}

/// What became of riders.
struct Riders {
    /// Persons that became riders.
    relabelled_count: u64,
    /// Riders in one box with their cycle.
    combined_count: u64,
}

/// Sets the `labelled` masks and, where asked for, tells riders from persons and from their
/// cycles.
fn finish_entries(
    entries: &mut [ImageEntry],
    description: &mut Description,
    options: LoadOptions,
) -> Riders {
    use ObjectClass::{Bicycle, Motorcycle, Person, Rider};
    let relabel = options.relabel_riders && description.rider_box == RiderBox::None;
    let combined = description.rider_box == RiderBox::WithCycle;
    let (mut relabelled_count, mut combined_count) = (0, 0);
    for entry in entries {
        entry.labelled = description.labelled;
        if description.per_image {
            let with_box = classes_with_box(&entry.objects);
            entry
                .labelled
                .iter_mut()
                .zip(with_box)
                .for_each(|(l, with_box)| *l &= with_box);
        }
        if relabel {
            let count = relabel_riders(&mut entry.objects);
            relabelled_count += count as u64;
            let all_needed = [Person, Bicycle, Motorcycle]
                .iter()
                .all(|c| entry.labelled[c.index()]);
            entry.labelled[Rider.index()] |= all_needed || count > 0;
        }
        if combined {
            combined_count += combined_riders::apply(
                options.combined_riders,
                &mut entry.objects,
                &entry.labelled,
            );
        }
    }
    if relabel {
        description.labelled[Rider.index()] |= [Person, Bicycle, Motorcycle]
            .iter()
            .all(|c| description.labelled[c.index()]);
    }
    if combined && options.combined_riders != CombinedRiders::Class {
        description.rider_box = RiderBox::Alone;
    }
    Riders {
        relabelled_count,
        combined_count,
    }
}

/// Which classes have a box that is no crowd region. Crowd regions do not count: some of
/// them stand for objects that nobody labelled.
fn classes_with_box(objects: &[GroundTruth]) -> [bool; ObjectClass::COUNT] {
    let mut with_box = [false; ObjectClass::COUNT];
    objects
        .iter()
        .filter(|object| !object.crowd)
        .for_each(|o| with_box[o.class.index()] = true);
    with_box
}
