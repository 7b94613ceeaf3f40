//! `evaluate --compare`: whether B is better than A.

use super::{
    ComparedModel, EvaluateArgs, EvaluateError, Evaluated, EvaluationFile, SetFigures, Workers,
    print_failures, print_heading, recommended,
};
use crate::dataset::Dataset;
use crate::metrics::{
    ABSENT, Bootstrap, Comparison, Difference, Evaluator, Scene, Stratum, compare,
};
use std::fmt::Write;

/// Shows all sets to both models; prints what differs on each set and on all of them.
pub(super) fn run(
    a: &mut Workers,
    b: &mut Workers,
    datasets: &[Dataset],
    args: &EvaluateArgs,
) -> Result<EvaluationFile, EvaluateError> {
    println!("A is {}\nB is {}", a.id, b.id);
    if a.id == b.id {
        println!("both are the same network: every difference is 0");
    }
    let bootstrap = Bootstrap {
        resamples: args.resamples,
        seed: args.seed,
        threads: args.threads,
    };
    let (mut pooled_a, mut pooled_b) = (Evaluator::new(), Evaluator::new());
    let mut sets = Vec::with_capacity(datasets.len());
    let mut done = Vec::with_capacity(datasets.len());
    for dataset in datasets {
        let (by_a, by_b) = (a.evaluate(dataset)?, b.evaluate(dataset)?);
        print_heading(dataset, by_a.images);
        print_failures(&by_a.failures);
        let compared = ComparedModel {
            model: b.id.clone(),
            metrics: by_b.evaluator.finish(),
            comparison: compare(&[pairs(&by_a, &by_b)], bootstrap),
        };
        print!("{}", table(&compared.comparison));
        pooled_a.append(&by_a.evaluator);
        pooled_b.append(&by_b.evaluator);
        sets.push(SetFigures {
            comparison: Some(compared),
            ..SetFigures::new(dataset, &by_a, by_a.evaluator.finish())
        });
        done.push((by_a, by_b));
    }
    let strata: Vec<Stratum<'_>> = done.iter().map(|(a, b)| pairs(a, b)).collect();
    let comparison = compare(&strata, bootstrap);
    let images = sets.iter().map(|set| set.images).sum();
    if sets.len() > 1 {
        println!("\nall sets together, {images} images");
        print!("{}", table(&comparison));
    }
    println!(
        "\nthe interval holds 95 % of the differences in {} draws of the images",
        args.resamples
    );
    let scenes: Vec<&Scene> = strata.iter().flat_map(|s| s.a.iter().copied()).collect();
    Ok(EvaluationFile {
        model: a.id.clone(),
        images,
        metrics: pooled_a.finish(),
        recommended: recommended(&scenes, args.aim()),
        sets,
        comparison: Some(ComparedModel {
            model: b.id.clone(),
            metrics: pooled_b.finish(),
            comparison,
        }),
    })
}

/// The images that both have seen.
pub(super) fn pairs<'a>(a: &'a Evaluated, b: &'a Evaluated) -> Stratum<'a> {
    let mut stratum = Stratum {
        a: Vec::with_capacity(a.scenes.len()),
        b: Vec::with_capacity(b.scenes.len()),
    };
    // Both are in the order of the images.
    let mut others = b.scenes.iter().peekable();
    for scene in &a.scenes {
        while others.next_if(|other| other.image < scene.image).is_some() {}
        if let Some(other) = others.next_if(|other| other.image == scene.image) {
            stratum.a.push(scene);
            stratum.b.push(other);
        }
    }
    stratum
}

/// One line a figure; classes without objects are left out.
pub(super) fn table(comparison: &Comparison) -> String {
    let mut text = format!(
        "{:<12}{:>8}{:>9}{:>9}{:>9}   {:<20} verdict\n",
        "AP@0.5 of", "images", "A", "B", "B - A", "95 % interval"
    );
    for row in comparison.rows.iter().filter(|row| row.a != ABSENT) {
        let Difference {
            figure,
            images,
            a,
            b,
            difference,
            verdict,
            ..
        } = row;
        let interval = match (row.low, row.high) {
            (Some(low), Some(high)) => format!("{low:+.4} .. {high:+.4}"),
            _ => "none".to_owned(),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{figure:<12}{images:>8}{a:>9.4}{b:>9.4}{difference:>+9.4}   {interval:<20} {verdict}"
        );
    }
    text
}
