//! Verb `learning-curve`: how good detectors become with growing shares of one's data, and what
//! more of it would bring.

mod fit;
mod table;

pub use fit::Fit;

use crate::page::PageError;
use crate::recipe::Recipe;
use crate::train_job::{JobError, TrainJob};
use crate::trainings::{
    Budget, Figures, Terms, Trainings, TrainingsError, absolute, file, write_json,
};
use std::path::{Path, PathBuf};

/// Options of `cargo xtask learning-curve`.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "Example:\n  cargo xtask learning-curve --data data/city --steps-per-point 2000 --out target/curve\n\n\
Each point is a network trained from the pretrained body with the same recipe and budget on a share \
of the images of every data set; what a small share holds is in the larger ones, too. All are \
measured on the same validation images. A line through the points over the logarithm of the number \
of images tells what a doubling brings, and what the next thousand images would. Started again, the \
command goes on with the point that was cut off."
)]
pub struct LearningCurveArgs {
    /// What all trainings have in common.
    #[command(flatten)]
    pub terms: Terms,
    /// Shares of the images, with commas between
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_values_t = [0.125, 0.25, 0.5, 1.0])]
    pub shares: Vec<f64>,
    /// Steps of training for each point
    #[arg(long, value_name = "N", required_unless_present = "minutes_per_point")]
    pub steps_per_point: Option<u64>,
    /// Minutes of training for each point instead
    #[arg(long, value_name = "M", conflicts_with = "steps_per_point")]
    pub minutes_per_point: Option<f64>,
    /// Folder of the tables, and of the points' checkpoints and logs
    #[arg(long, value_name = "DIR", default_value = "target/learning-curve")]
    pub out: PathBuf,
}

impl LearningCurveArgs {
    fn budget(&self) -> Budget {
        Budget::new(self.minutes_per_point, self.steps_per_point)
    }
}

/// Why there is no curve.
#[derive(Debug, thiserror::Error)]
pub enum LearningCurveError {
    /// Shares that make no curve.
    #[error("--shares: give at least two different shares above 0 and at most 1, as in 0.25,0.5,1")]
    Shares,
    /// A point cannot be trained or measured.
    #[error(transparent)]
    Trainings(#[from] TrainingsError),
    /// A job cannot work.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The page cannot be written.
    #[error(transparent)]
    Page(#[from] PageError),
}

/// A point of the curve.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Point {
    /// Share of the images.
    pub share: f64,
    /// How many they are.
    pub images: u64,
    /// How many of them were seen in training, one as often as it was.
    pub images_seen: u64,
    /// How good the network is.
    #[serde(flatten)]
    pub figures: Figures,
}

/// Runs the verb.
pub fn run(args: &LearningCurveArgs) -> Result<(), LearningCurveError> {
    let terms = &args.terms;
    let data = terms.data()?;
    let shares = shares(&args.shares)?;
    let out = absolute(&args.out)?;
    std::fs::create_dir_all(&out).map_err(|e| file(&out, &e))?;
    let recipe = terms.recipe()?;
    let template = terms.job(&data, args.budget(), recipe.clone(), &out)?;
    template.check()?;
    let trainings = Trainings::prepare(terms.device)?;
    let mut points = Vec::new();
    for share in shares {
        let name = format!("share {share}");
        let job = TrainJob {
            share,
            work: out.join(format!("share-{share}")),
            pretrained: trainings.pretrained.clone(),
            ..template.clone()
        };
        println!("{name} of the images");
        let (figures, logged) = trainings.measure(&name, &job)?;
        println!(
            "{name}: mAP {:.4}, mAP@0.5 {:.4}",
            figures.map, figures.map50
        );
        points.push(Point {
            share,
            images: logged.images,
            images_seen: logged.steps * u64::from(job.recipe.schedule.batch),
            figures,
        });
        write(args, &recipe, &out, &points)?;
    }
    println!("the curve is in {}", out.display());
    Ok(())
}

/// The shares in rising order, each once.
fn shares(given: &[f64]) -> Result<Vec<f64>, LearningCurveError> {
    let mut shares = given.to_vec();
    shares.sort_by(f64::total_cmp);
    shares.dedup();
    let is_good = |share: &f64| *share > 0.0 && *share <= 1.0;
    if shares.len() < 2 || !shares.iter().all(is_good) {
        return Err(LearningCurveError::Shares);
    }
    Ok(shares)
}

fn write(
    args: &LearningCurveArgs,
    recipe: &Recipe,
    out: &Path,
    points: &[Point],
) -> Result<(), LearningCurveError> {
    let conditions = args.terms.conditions(args.budget(), recipe);
    write_json(&out.join("learning-curve.json"), &points)?;
    let path = out.join("learning-curve.md");
    let text = table::markdown(points, &conditions);
    std::fs::write(&path, text).map_err(|e| file(&path, &e))?;
    table::write_page(points, &conditions, &out.join("learning-curve.html"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn shares_come_in_order_and_once() {
        assert_eq!(shares(&[1.0, 0.25, 0.25]).unwrap(), [0.25, 1.0]);
        for bad in [
            vec![],
            vec![1.0],
            vec![0.5, 0.5],
            vec![0.0, 1.0],
            vec![0.5, 1.5],
            vec![0.5, f64::NAN],
        ] {
            assert!(shares(&bad).is_err(), "{bad:?}");
        }
    }
}
