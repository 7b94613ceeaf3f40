//! The terms on which a series of trainings is made: what they have in common.

use super::{TrainingsError, absolute};
use crate::dataset::CombinedRiders;
use crate::recipe::Recipe;
use crate::train_and_export::{InputSize, data_folder};
use crate::train_job::{Device, Finish, TrainJob};
use std::path::{Path, PathBuf};

/// Steps of the warm-up where no recipe says otherwise: short trainings have a short one.
const WARM_UP_STEPS: u32 = 40;

/// Options of every series of trainings.
#[derive(clap::Args, Clone, Debug)]
pub struct Terms {
    /// Data set to train on and, its val split, to measure on. May be given more than once
    #[arg(long, value_name = "DIR", required = true)]
    pub data: Vec<PathBuf>,
    /// Input of the network, height x width in pixels, both multiples of 64
    #[arg(long, value_name = "HxW", default_value = "192x320")]
    pub input: InputSize,
    /// Where to train: auto, cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: Device,
    /// Seed of everything random, the same for all trainings
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// How to train, as a TOML file; rounding to integers and looks on the way are left out
    #[arg(long, value_name = "FILE")]
    pub recipe: Option<PathBuf>,
    /// Validation images that each training is measured on, spread over the sets
    #[arg(long, value_name = "N", default_value_t = 400)]
    pub images_max: u32,
}

/// How long each training is.
#[derive(Clone, Copy, Debug)]
pub enum Budget {
    /// So many minutes.
    Minutes(f64),
    /// So many steps: fairer on a machine that has other work.
    Steps(u64),
}

impl Budget {
    /// The budget of two options of which clap lets one through.
    pub fn new(minutes: Option<f64>, steps: Option<u64>) -> Self {
        minutes.map_or(Self::Steps(steps.unwrap_or(0)), Self::Minutes)
    }
}

impl Terms {
    /// The recipe of all trainings, before what each of them changes.
    pub fn recipe(&self) -> Result<Recipe, TrainingsError> {
        let mut recipe = match &self.recipe {
            Some(path) => Recipe::read(path)?,
            None => Recipe::default(),
        };
        if self.recipe.is_none() {
            recipe.schedule.warm_up_steps = WARM_UP_STEPS;
        }
        // Trainings are compared in float; the integers are the export's business.
        recipe.quantization.from = 1.0;
        recipe.evaluation.times = 0;
        recipe.evaluation.images_max = self.images_max;
        Ok(recipe)
    }

    /// The folders of the data sets, absolute.
    pub fn data(&self) -> Result<Vec<PathBuf>, TrainingsError> {
        let folder = |path: &PathBuf| data_folder(path).map_err(TrainingsError::from);
        self.data.iter().map(folder).collect()
    }

    /// A training by `recipe`, with its files in `work`.
    pub fn job(
        &self,
        data: &[PathBuf],
        budget: Budget,
        recipe: Recipe,
        work: &Path,
    ) -> Result<TrainJob, TrainingsError> {
        let work = absolute(work)?;
        let (minutes, steps) = match budget {
            Budget::Minutes(minutes) => (Some(minutes), None),
            Budget::Steps(steps) => (None, Some(steps)),
        };
        Ok(TrainJob {
            data: data.to_vec(),
            validation: data.to_vec(),
            out: work.clone(),
            input_height: self.input.height,
            input_width: self.input.width,
            device: self.device,
            epochs: None,
            steps,
            minutes,
            combined_riders: CombinedRiders::default(),
            strict: false,
            share: 1.0,
            seed: self.seed,
            // One that was cut off goes on.
            resume: true,
            recipe,
            finish: Finish::Measure,
            force: false,
            start_from: None,
            // Known when the weights have been fetched.
            pretrained: PathBuf::new(),
            command: format!("training in {}", work.display()),
            work,
        })
    }

    /// The terms for people to read.
    pub fn conditions(&self, budget: Budget, recipe: &Recipe) -> Vec<(&'static str, String)> {
        let names: Vec<String> = self.data.iter().map(|d| d.display().to_string()).collect();
        let schedule = &recipe.schedule;
        let each = match budget {
            Budget::Minutes(minutes) => format!("{minutes} minutes"),
            Budget::Steps(steps) => format!("{steps} steps of {} images", schedule.batch),
        };
        let input = self.input;
        vec![
            ("data", names.join(", ")),
            ("each training", each),
            ("input", format!("{}x{}", input.height, input.width)),
            ("device", self.device.to_string()),
            (
                "precision",
                format!("{:?}", schedule.precision).to_lowercase(),
            ),
            ("learning rate", schedule.learning_rate.to_string()),
            ("frozen stride", schedule.frozen_stride.to_string()),
            ("seed", self.seed.to_string()),
            ("validation images at most", self.images_max.to_string()),
        ]
    }
}

/// The terms as a line of Markdown.
pub fn conditions_line(conditions: &[(&str, String)]) -> String {
    let told = conditions
        .iter()
        .map(|(name, value)| format!("{name} {value}"));
    format!("Conditions: {}.\n\n", told.collect::<Vec<_>>().join("; "))
}
