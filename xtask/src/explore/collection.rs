//! The data sets to be looked at, as one list of images.

use super::{ExploreArgs, ExploreError, SplitChoice};
use crate::dataset::{Dataset, Description, GroundTruth, ImageEntry, LoadOptions, Split};
use lookout::class::ObjectClass;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One split of one data set, without its images.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub root: PathBuf,
    /// `train`, `val` or `train and val`.
    pub split: &'static str,
    pub description: Description,
    /// The file that the boxes come from.
    pub annotations: PathBuf,
    pub warnings: Vec<String>,
    pub dropped: BTreeMap<String, u64>,
    pub skipped_count: u64,
    pub skipped_reasons: Vec<String>,
    pub clipped_count: u64,
    pub relabelled_count: u64,
}

/// All images of all parts.
#[derive(Debug, Default)]
pub(super) struct Collection {
    pub parts: Vec<Part>,
    pub images: Vec<ImageEntry>,
    /// For each image, the index of its part.
    pub part_of: Vec<usize>,
}

/// Reasons for skipped entries that are told.
const REASONS_MAX: usize = 10;

impl Collection {
    /// Loads what the options name. Riders are told from persons as training does.
    pub fn load(args: &ExploreArgs) -> Result<Self, ExploreError> {
        let mut all = Self::default();
        for dir in &args.data {
            for (split, name) in splits(dir, args.split) {
                let dataset = Dataset::load(dir, split, LoadOptions::TRAINING)?;
                eprintln!("{}", dataset.summary());
                all.add(dataset, name, args.limit);
            }
        }
        let boxes = all.images.iter().flat_map(|image| &image.objects);
        if boxes.filter(|object| !object.crowd).count() == 0 {
            let mut dropped: Vec<String> = all
                .parts
                .iter()
                .flat_map(|p| p.dropped.keys())
                .cloned()
                .collect();
            dropped.sort();
            dropped.dedup();
            dropped.truncate(REASONS_MAX);
            return Err(ExploreError::NoLabels {
                images: all.images.len(),
                dropped: dropped.join(", "),
            });
        }
        Ok(all)
    }

    fn add(&mut self, dataset: Dataset, name: &'static str, limit: Option<u32>) {
        let reasons = dataset.skipped.iter().take(REASONS_MAX);
        let own = dataset
            .root
            .join(format!("annotations_{}.json", dataset.split));
        let annotations = if own.is_file() {
            own
        } else {
            dataset.root.join(Dataset::COMMON_FILE)
        };
        let count = limit
            .map_or(usize::MAX, |limit| limit as usize)
            .min(dataset.images.len());
        self.part_of
            .extend(std::iter::repeat_n(self.parts.len(), count));
        self.images.extend(dataset.images.into_iter().take(count));
        self.parts.push(Part {
            skipped_reasons: reasons
                .map(|skipped| format!("{}: {}", skipped.path.display(), skipped.reason))
                .collect(),
            root: dataset.root,
            split: name,
            description: dataset.description,
            annotations,
            warnings: dataset.warnings,
            dropped: dataset.dropped,
            skipped_count: dataset.skipped_count,
            clipped_count: dataset.clipped_count,
            relabelled_count: dataset.relabelled_count,
        });
    }

    /// The part that an image belongs to.
    pub fn part(&self, image: usize) -> &Part {
        &self.parts[self.part_of[image]]
    }

    /// Whether any part says that it labels this class.
    pub fn is_labelled(&self, class: ObjectClass) -> bool {
        self.parts
            .iter()
            .any(|part| part.description.labelled[class.index()])
    }

    /// Path of an image from its set's folder, for people.
    pub fn name(&self, image: usize) -> String {
        let path = &self.images[image].path;
        let inside = path.strip_prefix(&self.part(image).root).unwrap_or(path);
        inside.display().to_string()
    }

    /// Objects that are no crowd regions, with their image's index and their own in it.
    pub fn objects(&self) -> impl Iterator<Item = (usize, usize, &GroundTruth)> {
        self.images.iter().enumerate().flat_map(|(image, entry)| {
            let objects = entry.objects.iter().enumerate();
            objects
                .filter(|(_, object)| !object.crowd)
                .map(move |(index, object)| (image, index, object))
        })
    }
}

/// Which splits to load, and what they are called.
fn splits(dir: &Path, choice: SplitChoice) -> Vec<(Split, &'static str)> {
    let single = |split: Split| vec![(split, split.name())];
    match choice {
        SplitChoice::Train => single(Split::Train),
        SplitChoice::Val => single(Split::Val),
        SplitChoice::Both => {
            let common = dir.join(Dataset::COMMON_FILE).is_file();
            let there: Vec<(Split, &'static str)> = [Split::Train, Split::Val]
                .into_iter()
                .filter(|split| common || Dataset::has_split(dir, *split))
                .map(|split| (split, split.name()))
                .collect();
            let own = [Split::Train, Split::Val].map(|split| Dataset::has_split(dir, split));
            match own {
                // One file serves for both; its images are not to be counted twice.
                [false, false] => vec![(Split::Train, "train and val")],
                _ => there,
            }
        }
    }
}
