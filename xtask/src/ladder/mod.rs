//! Verb `ladder`: what each idea is worth on one's own data, one change at a time.

mod outcome;
mod rungs;
mod table;

pub use outcome::Outcome;
pub use rungs::{RUNGS, Rung, Setting};

use crate::page::PageError;
use crate::recipe::Recipe;
use crate::render_drive::{self, RenderDriveArgs, RenderDriveError};
use crate::train_job::{JobError, TrainJob};
use crate::trainings::{Budget, Terms, Trainings, TrainingsError, absolute, file, write_json};
use std::path::{Path, PathBuf};

/// Frames of the rendered drives that one rung adds.
const RENDERED_FRAMES: u32 = 400;

/// Seed of the rendered drives, unlike those of any test.
const RENDERED_SEED: u64 = 9_100;

/// Width and height of the rendered drives in pixels.
const RENDERED_SIZE: (u32, u32) = (768, 432);

/// Options of `cargo xtask ladder`.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "Example:\n  cargo xtask ladder --data data/city --minutes-per-rung 20 --out target/ladder\n\n\
Each rung is one change on the last: same seed, same budget, from the start. Behind the detector \
of this project come further ideas, each of which stays only if it raises mAP. \
The table grows as the rungs finish; started again, the command goes on with the rung that was \
cut off."
)]
pub struct LadderArgs {
    /// What all trainings have in common.
    #[command(flatten)]
    pub terms: Terms,
    /// Minutes of training for each rung
    #[arg(long, value_name = "M", required_unless_present = "steps_per_rung")]
    pub minutes_per_rung: Option<f64>,
    /// Steps of training for each rung instead: fairer on a machine that has other work
    #[arg(long, value_name = "N", conflicts_with = "minutes_per_rung")]
    pub steps_per_rung: Option<u64>,
    /// Folder of the tables, and of the rungs' checkpoints and logs
    #[arg(long, value_name = "DIR", default_value = "target/ladder")]
    pub out: PathBuf,
    /// Model whose detections the last rung uses as labels
    #[arg(long, value_name = "DIR", default_value = "models/road-288x512")]
    pub teacher: PathBuf,
    /// Only the first N rungs
    #[arg(long, value_name = "N")]
    pub rungs: Option<usize>,
}

impl LadderArgs {
    fn budget(&self) -> Budget {
        Budget::new(self.minutes_per_rung, self.steps_per_rung)
    }
}

/// Why there is no ladder.
#[derive(Debug, thiserror::Error)]
pub enum LadderError {
    /// A rung cannot be trained or measured.
    #[error(transparent)]
    Trainings(#[from] TrainingsError),
    /// A job cannot work.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The drives cannot be rendered.
    #[error(transparent)]
    Render(#[from] RenderDriveError),
    /// The page cannot be written.
    #[error(transparent)]
    Page(#[from] PageError),
}

/// What all rungs have in common.
struct Ladder<'a> {
    args: &'a LadderArgs,
    base: Recipe,
    out: PathBuf,
    trainings: Trainings,
    teacher: PathBuf,
    outcomes: Vec<Outcome>,
}

/// Runs the verb.
pub fn run(args: &LadderArgs) -> Result<(), LadderError> {
    let base = args.terms.recipe()?;
    let bottom = Setting::bottom(&args.terms.data()?, &base);
    let out = absolute(&args.out)?;
    std::fs::create_dir_all(&out).map_err(|e| file(&out, &e))?;
    // Options that cannot work must not cost a download.
    job(args, &out, &RUNGS[0], &bottom)?.check()?;
    let mut ladder = Ladder {
        args,
        base,
        trainings: Trainings::prepare(args.terms.device)?,
        teacher: absolute(&args.teacher)?,
        outcomes: Vec::new(),
        out,
    };
    ladder.climb(bottom)
}

impl Ladder<'_> {
    fn climb(&mut self, bottom: Setting) -> Result<(), LadderError> {
        let mut standing = bottom;
        let mut below: Option<(&'static str, f64)> = None;
        let count = self.args.rungs.unwrap_or(RUNGS.len()).min(RUNGS.len());
        for rung in &RUNGS[..count] {
            // Not a name of a rung, whose folder is its own.
            let rendered = self.out.join("rendered-drives");
            let setting = standing.with(rung, &rendered, &self.teacher);
            if rung.rendered && !rendered.exists() {
                render_drive::run(&RenderDriveArgs {
                    out: rendered,
                    frames: RENDERED_FRAMES,
                    seed: RENDERED_SEED,
                    width: RENDERED_SIZE.0,
                    height: RENDERED_SIZE.1,
                })?;
            }
            let mut outcome = self.train(rung, &setting)?;
            outcome.stands_on = below.map(|(name, _)| name.to_owned());
            outcome.gain = below.map_or(0.0, |(_, map)| outcome.figures.map - map);
            outcome.kept = !rung.optional || outcome.gain > 0.0;
            println!(
                "{}: mAP {:.4} ({:+.4}), mAP@0.5 {:.4}{}",
                rung.name,
                outcome.figures.map,
                outcome.gain,
                outcome.figures.map50,
                if outcome.kept { "" } else { ", not kept" }
            );
            if outcome.kept {
                below = Some((rung.name, outcome.figures.map));
                standing = setting;
            }
            self.outcomes.push(outcome);
            self.write()?;
        }
        println!("the ladder is in {}", self.out.display());
        Ok(())
    }

    fn train(&self, rung: &Rung, setting: &Setting) -> Result<Outcome, LadderError> {
        let job = TrainJob {
            pretrained: self.trainings.pretrained.clone(),
            ..job(self.args, &self.out, rung, setting)?
        };
        println!("rung {}: {}", rung.name, rung.change);
        let name = format!("rung {}", rung.name);
        let (figures, logged) = self.trainings.measure(&name, &job)?;
        let recipe = &job.recipe.network;
        // Fitted anchors are as many as the default ones, which is all that counts here.
        let anchors = recipe
            .fixed_anchors()
            .unwrap_or_else(|| vec![vec![[1.0; 2]; ANCHORS_FITTED]; recipe.strides().len()]);
        let network = recipe
            .architecture(anchors)
            .network(job.input_height as usize, job.input_width as usize);
        Ok(Outcome {
            rung: rung.name.into(),
            change: rung.change.into(),
            stands_on: None,
            figures,
            parameters: network.parameters(),
            macs_millions: network.macs() as f64 / 1e6,
            images: logged.steps * u64::from(job.recipe.schedule.batch),
            images_per_s: logged.images_per_s,
            gain: 0.0,
            kept: true,
        })
    }

    fn write(&self) -> Result<(), LadderError> {
        write_json(&self.out.join("ladder.json"), &self.outcomes)?;
        let path = self.out.join("ladder.md");
        let conditions = self.args.terms.conditions(self.args.budget(), &self.base);
        let text = table::markdown(&self.outcomes, &conditions);
        std::fs::write(&path, text).map_err(|e| file(&path, &e))?;
        table::write_page(&self.outcomes, &conditions, &self.out.join("ladder.html"))?;
        Ok(())
    }
}

/// Anchors of each level where they are fitted to the data.
const ANCHORS_FITTED: usize = 3;

fn job(
    args: &LadderArgs,
    out: &Path,
    rung: &Rung,
    setting: &Setting,
) -> Result<TrainJob, TrainingsError> {
    Ok(TrainJob {
        validation: setting.validation.clone(),
        ..args.terms.job(
            &setting.data,
            args.budget(),
            setting.recipe.clone(),
            &out.join(rung.name),
        )?
    })
}
