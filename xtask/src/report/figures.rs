//! All numbers of a report, as plain data. The page shows these and no others.

use super::{LearningPoint, MeasuredSet, Speed, Subject};
use crate::evaluate::{Evaluated, recommended};
use crate::export::OBJECTS_MIN;
use crate::metrics::{
    Aim, Calibration, Confusion, Evaluator, Metrics, OperatingPoint, PictureTally, PrCurve,
    PrPoint, Scene, rank_pictures,
};
use lookout::class::ObjectClass;
use lookout::model::Training;
use serde::Serialize;
use std::collections::BTreeMap;

/// Points of a curve that the page draws and the JSON file keeps.
const CURVE_POINTS: usize = 200;

/// All numbers of a report.
#[derive(Clone, Debug, Serialize)]
pub struct ReportFigures {
    /// The model's name and the start of its hash.
    pub model: String,
    /// Images of all sets.
    pub images: u64,
    /// COCO metrics over all sets: of the model, of its float form, of its peers.
    pub contestants: Vec<Contestant>,
    /// Each set by itself.
    pub sets: Vec<SetReport>,
    /// Every class that has objects or was found.
    pub classes: BTreeMap<ObjectClass, ClassFigures>,
    /// By class: the threshold at which `confusion`, `calibration` and the pictures are made.
    /// The recommended one, or the card's where there were too few objects to choose on.
    pub thresholds: BTreeMap<ObjectClass, f32>,
    /// What is taken for what.
    pub confusion: Confusion,
    /// Whether scores mean what they say, over all classes.
    pub calibration: Calibration,
    /// How the model was trained; empty without a log.
    pub learning: Vec<LearningPoint>,
    /// How fast it is here.
    pub speed: Option<Speed>,
    /// What the card says of data and licences.
    pub training: Training,
    /// What a reader should know before anything else.
    pub notes: Vec<String>,
}

/// A model in the table of COCO metrics.
#[derive(Clone, Debug, Serialize)]
pub struct Contestant {
    /// What it is called on the page.
    pub name: String,
    /// Images that it was measured on.
    pub images: u64,
    /// Its figures.
    pub metrics: Metrics,
}

/// One set.
#[derive(Clone, Debug, Serialize)]
pub struct SetReport {
    /// Its name.
    pub name: String,
    /// `train` or `val`.
    pub split: &'static str,
    /// Images shown.
    pub images: u64,
    /// Images that could not be read.
    pub unreadable: u64,
    /// Figures of the model.
    pub metrics: Metrics,
    /// Figures of its float form.
    pub float: Option<Metrics>,
}

/// One class at IoU 0.5.
#[derive(Clone, Debug, Serialize)]
pub struct ClassFigures {
    /// Precision over recall, thinned.
    pub curve: Vec<PrPoint>,
    /// The threshold to use; `None` where nothing was found or the precision asked for is not
    /// reached.
    pub recommended: Option<OperatingPoint>,
    /// Whether there were enough objects for that.
    pub recommended_is_sound: bool,
    /// What the model's card has; `None` without objects.
    pub on_card: Option<OperatingPoint>,
    /// Whether scores mean what they say.
    pub calibration: Calibration,
    /// Pictures with the most objects found.
    pub best: Vec<RankedPicture>,
    /// Pictures with the most objects missed and false alarms.
    pub worst: Vec<RankedPicture>,
}

/// A picture and how a class fared in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RankedPicture {
    /// Name of its set.
    pub set: String,
    /// Its file's name.
    pub file: String,
    /// The counts.
    #[serde(flatten)]
    pub tally: PictureTally,
}

impl ReportFigures {
    /// Computes all numbers.
    pub(super) fn new(subject: &Subject<'_>) -> Self {
        let (card, sets) = (subject.card, subject.sets);
        let scenes: Vec<&Scene> = scenes(sets).map(|(_, scene)| scene).collect();
        let best = recommended(&scenes, subject.aim);
        let on_card = card.postprocess.thresholds();
        let used = ObjectClass::ALL.map(|class| {
            let sound = best.get(&class).filter(|point| is_sound(point));
            sound.map_or(on_card[class.index()], |point| point.threshold)
        });
        let class = |class: ObjectClass| {
            let curve = PrCurve::new(&scenes, class);
            if curve.objects == 0 && curve.points.is_empty() {
                return None;
            }
            let count = subject.pictures_per_class;
            let (good, bad) = rank_pictures(&scenes, class, used[class.index()], count);
            let recommended = best.get(&class).copied();
            let figures = ClassFigures {
                curve: curve.thinned(CURVE_POINTS),
                recommended,
                recommended_is_sound: recommended.is_some_and(|point| is_sound(&point)),
                on_card: curve.at(on_card[class.index()]),
                calibration: Calibration::new(&scenes, Some(class), &used),
                best: name_all(sets, good),
                worst: name_all(sets, bad),
            };
            Some((class, figures))
        };
        Self {
            model: format!("{}@{:.12}", card.name, card.onnx.sha256),
            images: sets.iter().map(|set| set.model.images).sum(),
            contestants: contestants(subject),
            sets: sets.iter().map(set_report).collect(),
            classes: ObjectClass::ALL.into_iter().filter_map(class).collect(),
            thresholds: ObjectClass::ALL.into_iter().zip(used).collect(),
            confusion: Confusion::new(&scenes, &used),
            calibration: Calibration::new(&scenes, None, &used),
            learning: subject
                .log
                .iter()
                .flat_map(|log| log.points.clone())
                .collect(),
            speed: subject.speed.clone().ok(),
            training: card.training.clone(),
            notes: notes(subject),
        }
    }
}

fn is_sound(point: &OperatingPoint) -> bool {
    point.objects >= OBJECTS_MIN
}

/// All scenes, each with its set, in the order in which [`PictureTally::scene`] counts.
pub(super) fn scenes(sets: &[MeasuredSet]) -> impl Iterator<Item = (&MeasuredSet, &Scene)> {
    sets.iter()
        .flat_map(|set| set.model.scenes.iter().map(move |scene| (set, scene)))
}

fn name_all(sets: &[MeasuredSet], tallies: Vec<PictureTally>) -> Vec<RankedPicture> {
    let name = |tally: PictureTally| {
        let (set, scene) = scenes(sets).nth(tally.scene)?;
        let path = &set.dataset.images.get(scene.image)?.path;
        Some(RankedPicture {
            set: set.name.clone(),
            file: path.file_name()?.to_string_lossy().into_owned(),
            tally,
        })
    };
    tallies.into_iter().filter_map(name).collect()
}

fn set_report(set: &MeasuredSet) -> SetReport {
    SetReport {
        name: set.name.clone(),
        split: set.dataset.split.name(),
        images: set.model.images,
        unreadable: set.model.failures.len() as u64,
        metrics: set.model.evaluator.finish(),
        float: set.float.as_ref().map(|float| float.evaluator.finish()),
    }
}

/// The model first, then its float form, then its peers.
fn contestants(subject: &Subject<'_>) -> Vec<Contestant> {
    let pooled = |name: &str, all: Vec<&Evaluated>| {
        let mut pool = Evaluator::new();
        all.iter().for_each(|one| pool.append(&one.evaluator));
        Contestant {
            name: name.to_owned(),
            images: all.iter().map(|one| one.images).sum(),
            metrics: pool.finish(),
        }
    };
    let own = subject.sets.iter().map(|set| &set.model).collect();
    let mut all = vec![pooled("this model", own)];
    let float: Option<Vec<&Evaluated>> = subject.sets.iter().map(|s| s.float.as_ref()).collect();
    if let Some(float) = float.filter(|float| !float.is_empty()) {
        all.push(pooled("in float", float));
    }
    all.extend(subject.peers.iter().map(|(name, file)| Contestant {
        name: name.clone(),
        images: file.images,
        metrics: file.metrics.clone(),
    }));
    all
}

fn notes(subject: &Subject<'_>) -> Vec<String> {
    let images: u64 = subject.sets.iter().map(|set| set.model.images).sum();
    let mut notes = Vec::new();
    for set in subject.sets {
        let unreadable = set.model.failures.len();
        if unreadable > 0 {
            notes.push(format!(
                "{}: {unreadable} pictures could not be read and are in no figure",
                set.name
            ));
        }
        if set.dataset.split.name() == "train" {
            notes.push(format!(
                "{}: measured on the training split; if the model learnt from it, it is better \
                 here than elsewhere",
                set.name
            ));
        }
        let warnings = set.dataset.warnings.iter();
        notes.extend(warnings.map(|warning| format!("{}: {warning}", set.name)));
    }
    for (name, file) in &subject.peers {
        if file.images != images {
            notes.push(format!(
                "{name} was measured on {} images, not on the {images} of this report: its \
                 figures may be of other data",
                file.images
            ));
        }
    }
    if let Aim::PrecisionMin(precision) = subject.aim {
        notes.push(format!(
            "thresholds are the lowest with a precision of {precision}"
        ));
    }
    match &subject.speed {
        Err(reason) => notes.push(format!("the speed could not be measured: {reason}")),
        Ok(speed) if speed.is_of_a_busy_machine() => notes.push(
            "other programs kept this machine busy: the speed is lower than it could be".into(),
        ),
        Ok(_) => {}
    }
    notes
}
