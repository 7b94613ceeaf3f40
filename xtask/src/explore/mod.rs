//! Verb `explore`: what is in data sets, as a page for people and as figures for programs.
//!
//! It counts and measures the boxes, suggests anchors and class weights, shows examples of
//! every class, and lets a detector point to labels that may be wrong. Each picture is decoded
//! once; the few with examples of what the detector found are decoded a second time.

pub mod anchors;
pub mod class_weights;
mod collection;
mod distribution;
mod faults;
mod finding;
mod gallery;
mod html;
mod measure;
mod output;
mod outside;
mod report;
mod scan;
mod survey;
mod view;

pub use distribution::Distribution;
pub use finding::{Example, Finding, Mark, Owner};
pub use report::{AnchorReport, ClassReport, PictureReport, Presence, Report, SetReport};

use crate::dataset::{DatasetError, Split};
use crate::evaluate::EvaluateError;
use crate::page::{PageError, write_file};
use crate::train_and_export::InputSize;
use crate::train_job::INPUT_SIDE_MAX;
use crate::workspace;
use collection::Collection;
use faults::DetectorFaults;
use gallery::Item;
use lookout::detector::{Detector, DetectorOptions};
use lookout::model::ModelError;
use measure::Measured;
use output::Output;
use scan::{Sight, Wanted, scan};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use view::Jpeg;

/// The model that looks for faults unless another is named, in the repository.
const SHIPPED_MODEL: &str = "models/road-288x512";

/// Input that sizes refer to without a model.
const DEFAULT_INPUT: InputSize = InputSize {
    height: 288,
    width: 512,
};

/// Threads more than this are of no use: reading files is the limit.
const THREADS_MAX: usize = 32;

/// Files of a kind that are named one by one.
const FILES_NAMED_MAX: usize = 20;

const AFTER_HELP: &str = "\
Example: look at a set before training on it, with the shipped model as a second opinion
  cargo xtask explore --data ~/data/city --out target/explore/city
  then open target/explore/city/index.html in a browser

Without the model it only counts and shows, which is faster:
  cargo xtask explore --data ~/data/city --data ~/data/village --out target/explore/both --no-model";

/// Shows what is in data sets: counts, sizes, places, anchors, examples, suspected label faults
///
/// Writes DIR/index.html (one file, readable offline), DIR/explore.json with the same figures,
/// and DIR/pictures with the pictures that the page links to.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct ExploreArgs {
    /// Data set with images/, annotations_train.json + annotations_val.json (or one
    /// annotations.json) and dataset.toml. May be given more than once
    #[arg(long, value_name = "DIR", required = true)]
    pub data: Vec<PathBuf>,
    /// Folder of the report: a new one, or that of an earlier report, which is replaced
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Model that looks for label faults [default: the repository's models/road-288x512]
    #[arg(long, value_name = "DIR", conflicts_with = "no_model")]
    pub model: Option<PathBuf>,
    /// Do not run a detector: no suspected label faults but those that boxes alone show
    #[arg(long)]
    pub no_model: bool,
    /// Input that sizes and anchors refer to, height x width in pixels [default: the model's,
    /// else 288x512]
    #[arg(long, value_name = "HxW")]
    pub input: Option<InputSize>,
    /// Which split: train, val or both
    #[arg(long, value_name = "SPLIT", default_value = "both")]
    pub split: SplitChoice,
    /// Only the first N images of each split of each set
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// Objects shown of each class
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u16).range(0..=1000))]
    pub gallery: u16,
    /// Examples shown of each finding
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u16).range(0..=1000))]
    pub examples: u16,
}

/// Which splits to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitChoice {
    /// Those to train on.
    Train,
    /// Those to measure on.
    Val,
    /// All that there are.
    Both,
}

impl std::str::FromStr for SplitChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(Split::Train) => Ok(Self::Train),
            Ok(Split::Val) => Ok(Self::Val),
            Err(_) if text == "both" => Ok(Self::Both),
            Err(_) => Err(format!(
                "`{text}` is no split; give `train`, `val` or `both`"
            )),
        }
    }
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ExploreError {
    /// A data set cannot be used.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// There is nothing to explore.
    #[error(
        "none of the {images} images has a box of our classes{}; \
         see `labelled` in dataset.toml and `categories` in the annotations",
        if dropped.is_empty() { String::new() } else { format!(" (other categories: {dropped})") }
    )]
    NoLabels {
        /// Images looked at.
        images: usize,
        /// Categories whose boxes were dropped.
        dropped: String,
    },
    /// The model cannot be used.
    #[error("{0}; name another with --model, or leave it out with --no-model")]
    Model(#[from] ModelError),
    /// The input is of an impossible size.
    #[error("--input {height}x{width}: both sides must be multiples of 32, 32 to {INPUT_SIDE_MAX}")]
    Input {
        /// Height asked for.
        height: u32,
        /// Width asked for.
        width: u32,
    },
    /// No picture could be read.
    #[error("none of the {count} pictures could be read; the first: {first}")]
    NoPicture {
        /// Pictures looked at.
        count: usize,
        /// What was wrong with the first one.
        first: String,
    },
    /// The detector failed, or a thread died.
    #[error(transparent)]
    Detector(#[from] EvaluateError),
    /// The folder cannot be written to.
    #[error("--out {}: {reason}; name a folder that can be written to", path.display())]
    Out {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The folder holds something else.
    #[error("--out {} holds `{name}`, which is no part of a report; name a new folder", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
        /// What it holds.
        name: String,
    },
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] PageError),
}

/// Runs the verb and returns what it found.
pub fn run(args: &ExploreArgs) -> Result<Report, ExploreError> {
    let collection = Collection::load(args)?;
    let mut detectors = detectors(args)?;
    let card = detectors
        .first()
        .and_then(|d| d.as_ref().map(Detector::card));
    let own = card.map(|card| InputSize {
        height: card.input.height,
        width: card.input.width,
    });
    let input = checked(args.input.or(own).unwrap_or(DEFAULT_INPUT))?;
    let model = detectors
        .first()
        .and_then(|d| d.as_ref().map(|d| d.model_id().to_owned()));
    let output = Output::open(&args.out)?;

    let (measured, pairs) = measure::measure(&collection, input, faults::DUPLICATE_IOU);
    let mut report = survey::survey(&collection, &measured, input, args.limit);
    report.model = model;
    let examples_max = usize::from(args.examples);
    let of_labels = faults::of_labels(&collection, &measured, &pairs, examples_max);
    report.findings.extend(of_labels);
    report
        .findings
        .push(outside::outside(&collection, examples_max));

    let items = gallery::choose(&collection, &measured, args.gallery.into());
    let mut album = Album::new(&output, items);
    album.look_at_all(
        &collection,
        &measured,
        &mut detectors,
        examples_max,
        &mut report,
    )?;
    album.look_at_examples(&collection, &mut detectors, &mut report)?;

    let figures = serde_json::to_string_pretty(&report).map_err(|error| ExploreError::Out {
        path: args.out.clone(),
        reason: error.to_string(),
    })?;
    write_file(
        &output.path(output::FIGURES),
        format!("{figures}\n").as_bytes(),
    )?;
    html::page(&report, &album).write(&output.path(output::PAGE))?;
    println!("the report is in {}", output.path(output::PAGE).display());
    Ok(report)
}

/// One detector a core, or as many places for none.
fn detectors(args: &ExploreArgs) -> Result<Vec<Option<Detector>>, ExploreError> {
    let threads = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(THREADS_MAX);
    if args.no_model {
        return Ok((0..threads).map(|_| None).collect());
    }
    let shipped = || workspace::root().join(SHIPPED_MODEL);
    let model: PathBuf = args.model.clone().unwrap_or_else(shipped);
    let options = DetectorOptions {
        score_min: Some(faults::GUESS),
        threads: 1,
        ..DetectorOptions::default()
    };
    (0..threads)
        .map(|_| Ok(Some(Detector::load(Path::new(&model), &options)?)))
        .collect()
}

fn checked(InputSize { height, width }: InputSize) -> Result<(u32, u32), ExploreError> {
    let is_good = |side: u32| side.is_multiple_of(32) && (32..=INPUT_SIDE_MAX).contains(&side);
    if is_good(height) && is_good(width) {
        Ok((height, width))
    } else {
        Err(ExploreError::Input { height, width })
    }
}

/// The pictures of the page.
struct Album<'a> {
    output: &'a Output,
    /// Objects of the gallery, each with its crop and the whole picture's path; none where the
    /// picture cannot be read.
    items: Vec<(Item, Option<(Jpeg, String)>)>,
    /// Crops by the id of the finding and the image.
    examples: BTreeMap<(&'static str, usize), Jpeg>,
}

impl<'a> Album<'a> {
    fn new(output: &'a Output, items: Vec<Item>) -> Self {
        Self {
            output,
            items: items.into_iter().map(|item| (item, None)).collect(),
            examples: BTreeMap::new(),
        }
    }

    /// Looks at every picture: cuts out the gallery, and compares labels with detections.
    fn look_at_all(
        &mut self,
        collection: &Collection,
        measured: &[Measured],
        detectors: &mut [Option<Detector>],
        examples_max: usize,
        report: &mut Report,
    ) -> Result<(), ExploreError> {
        let all: Vec<usize> = (0..collection.images.len()).collect();
        let wanted = self.wanted();
        let sides = sides(collection, measured);
        let with_model = report.model.is_some();
        let mut faults = DetectorFaults::new(examples_max);
        let mut brightness = Vec::with_capacity(all.len());
        let files = &mut report.pictures;
        scan(
            "explore",
            &collection.images,
            &all,
            detectors,
            &wanted,
            |image, sight| {
                let entry = &collection.images[image];
                let sight = match sight {
                    Ok(sight) => sight,
                    Err(reason) => {
                        files.unreadable += 1;
                        if files.unreadable_files.len() < FILES_NAMED_MAX {
                            let line = format!("{}: {reason}", collection.name(image));
                            files.unreadable_files.push(line);
                        }
                        return Ok(());
                    }
                };
                files.read += 1;
                if (sight.width, sight.height) != (entry.width, entry.height) {
                    files.other_size += 1;
                    if files.other_size_files.len() < FILES_NAMED_MAX {
                        files.other_size_files.push(format!(
                            "{}: {}x{}, not {}x{}",
                            collection.name(image),
                            sight.width,
                            sight.height,
                            entry.width,
                            entry.height
                        ));
                    }
                }
                brightness.push(f64::from(sight.brightness));
                if with_model {
                    faults.add(image, entry, &sides[image], &sight.found);
                }
                self.place_items(image, sight)
            },
        )?;
        if files.read == 0 {
            return Err(ExploreError::NoPicture {
                count: all.len(),
                first: files.unreadable_files.first().cloned().unwrap_or_default(),
            });
        }
        files.brightness = Distribution::new(&brightness, (0.0, 255.0), false);
        if with_model {
            report.confusion = Some(faults.confusion);
            let found = [
                faults.unlabelled,
                faults.missed,
                faults.confused,
                faults.not_labelled,
            ];
            report.findings.extend(found);
        }
        Ok(())
    }

    /// The gallery's crops.
    fn wanted(&self) -> Wanted {
        let mut wanted = Wanted::new();
        for (item, _) in &self.items {
            wanted.entry(item.image).or_default().push(vec![item.mark]);
        }
        wanted
    }

    /// Gives the crops of an image to its objects, in the order in which they were wanted.
    fn place_items(&mut self, image: usize, sight: Sight) -> Result<(), ExploreError> {
        let Some(whole) = &sight.whole else {
            return Ok(());
        };
        let path = self.output.picture(image, whole)?;
        let of_image = self
            .items
            .iter_mut()
            .filter(|(item, _)| item.image == image);
        for ((_, place), crop) in of_image.zip(sight.crops) {
            *place = Some((crop, path.clone()));
        }
        Ok(())
    }

    /// Looks again at the pictures of the findings' examples.
    fn look_at_examples(
        &mut self,
        collection: &Collection,
        detectors: &mut [Option<Detector>],
        report: &mut Report,
    ) -> Result<(), ExploreError> {
        let mut wanted = Wanted::new();
        for example in report
            .findings
            .iter_mut()
            .flat_map(|finding| &mut finding.examples)
        {
            example.path = collection.name(example.image);
            wanted
                .entry(example.image)
                .or_default()
                .push(example.marks.clone());
        }
        let indices: Vec<usize> = wanted.keys().copied().collect();
        let findings = &mut report.findings;
        scan(
            "examples",
            &collection.images,
            &indices,
            detectors,
            &wanted,
            |image, sight| {
                let Ok(Sight {
                    crops,
                    whole: Some(whole),
                    ..
                }) = sight
                else {
                    return Ok(());
                };
                let path = self.output.picture(image, &whole)?;
                let mut crops = crops.into_iter();
                for finding in findings.iter_mut() {
                    let of_image = finding.examples.iter_mut().filter(|e| e.image == image);
                    for (example, crop) in of_image.zip(crops.by_ref()) {
                        example.picture.clone_from(&path);
                        self.examples.insert((finding.id, image), crop);
                    }
                }
                Ok(())
            },
        )
    }
}

/// For each object of each image the side of a square as large, in input pixels; 0 for regions
/// to be ignored.
fn sides(collection: &Collection, measured: &[Measured]) -> Vec<Vec<f32>> {
    let images = collection.images.iter();
    let mut sides: Vec<Vec<f32>> = images.map(|image| vec![0.0; image.objects.len()]).collect();
    for one in measured {
        sides[one.image][one.object] = one.side();
    }
    sides
}
