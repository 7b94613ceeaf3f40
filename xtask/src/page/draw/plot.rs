//! Lines, points and histograms.

use super::{HEIGHT, X_PIXELS, Y_PIXELS, colour, no_data, svg, x_axis, y_axis};
use crate::page::axis::Scale;
use crate::page::chart::{Form, Plot, Series};
use crate::page::markup::Markup;
use crate::page::number::pixels;

/// Series with more points are thinned: more than this nobody can see, and a page with
/// millions would not open.
const POINTS_MAX: usize = 2000;

/// Lines with more points than this get no dots.
const DOTS_MAX: usize = 400;

/// A shape to be drawn: runs of positions without a gap.
type Runs = Vec<Vec<(f64, f64)>>;

/// Draws the plot and returns what its legend says.
pub(super) fn draw(m: &mut Markup, plot: &Plot) -> Vec<String> {
    let shown = || {
        let points = plot.series.iter().flat_map(|series| &series.points);
        points.filter(|(x, y)| plot.x.shows(*x) && plot.y.shows(*y))
    };
    let from_zero = plot.series.iter().any(|series| series.form == Form::Steps);
    let x = Scale::fit(&plot.x, shown().map(|point| point.0), false, X_PIXELS);
    let y = Scale::fit(&plot.y, shown().map(|point| point.1), from_zero, Y_PIXELS);
    let (Some(x), Some(y)) = (x, y) else {
        no_data(m, &plot.title);
        return Vec::new();
    };
    let names: Vec<String> = plot.series.iter().map(|s| s.name.clone()).collect();
    let description = format!(
        "{} over {}: {}",
        plot.y.label,
        plot.x.label,
        names.join(", ")
    );
    svg(m, HEIGHT, &plot.title, &description, |m| {
        y_axis(m, &plot.y, &y);
        x_axis(m, &plot.x, &x);
        for (index, series) in plot.series.iter().enumerate() {
            draw_series(m, index, series, &x, &y);
        }
    });
    names
}

fn draw_series(m: &mut Markup, index: usize, series: &Series, x: &Scale, y: &Scale) {
    let runs = runs(series, x, y);
    if series.form == Form::Steps {
        let area: String = runs.iter().map(|run| step_path(run, y.base())).collect();
        m.void("path", &[("class", &colour("steps", index)), ("d", &area)]);
        return;
    }
    if series.form != Form::Points {
        let path: String = runs.iter().map(|run| line_path(run)).collect();
        m.void("path", &[("class", &colour("line", index)), ("d", &path)]);
    }
    let few = runs.iter().map(Vec::len).sum::<usize>() <= DOTS_MAX;
    // A point between two gaps would be no line at all.
    let dots = |run: &&Vec<_>| match series.form {
        Form::Points => true,
        Form::LineAndPoints => few || run.len() == 1,
        Form::Line | Form::Steps => run.len() == 1,
    };
    let class = colour("dot", index);
    for (cx, cy) in runs.iter().filter(dots).flatten() {
        let (cx, cy) = (pixels(*cx), pixels(*cy));
        m.void(
            "circle",
            &[("class", &class), ("cx", &cx), ("cy", &cy), ("r", "2.5")],
        );
    }
}

/// Positions of the points that have one, cut where one has none.
fn runs(series: &Series, x: &Scale, y: &Scale) -> Runs {
    let mut runs: Runs = vec![Vec::new()];
    for point in thinned(&series.points) {
        match (x.position(point.0), y.position(point.1)) {
            (Some(px), Some(py)) => {
                if let Some(run) = runs.last_mut() {
                    run.push((px, py));
                }
            }
            // A bin without height on a logarithmic axis still has its width.
            (Some(px), None) if series.form == Form::Steps => {
                if let Some(run) = runs.last_mut() {
                    run.push((px, y.base()));
                }
            }
            _ => runs.push(Vec::new()),
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

/// At most [`POINTS_MAX`] of the points; of each stretch the lowest and the highest are kept,
/// so that no spike is lost.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= POINTS_MAX {
        return points.to_vec();
    }
    let stretch = points.len().div_ceil(POINTS_MAX / 2);
    points
        .chunks(stretch)
        .flat_map(|chunk| {
            let by_y = |a: &(usize, &(f64, f64)), b: &(usize, &(f64, f64))| a.1.1.total_cmp(&b.1.1);
            let ends = [
                chunk.iter().enumerate().min_by(by_y),
                chunk.iter().enumerate().max_by(by_y),
            ];
            let mut ends: Vec<_> = ends.into_iter().flatten().collect();
            ends.sort_by_key(|(index, _)| *index);
            ends.dedup_by_key(|(index, _)| *index);
            ends.into_iter().map(|(_, point)| *point)
        })
        .collect()
}

fn line_path(run: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (index, (x, y)) in run.iter().enumerate() {
        let command = if index == 0 { 'M' } else { 'L' };
        path += &format!("{command}{} {}", pixels(*x), pixels(*y));
    }
    path
}

/// Each height reaches to the next position; the area is closed at `base`.
fn step_path(run: &[(f64, f64)], base: f64) -> String {
    let (Some(first), Some(last)) = (run.first(), run.last()) else {
        return String::new();
    };
    let mut path = format!("M{} {}", pixels(first.0), pixels(base));
    for pair in run.windows(2) {
        let y = pixels(pair[0].1);
        path += &format!("L{} {y}L{} {y}", pixels(pair[0].0), pixels(pair[1].0));
    }
    path + &format!("L{} {}Z", pixels(last.0), pixels(base))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_the_spikes() {
        let mut points: Vec<(f64, f64)> = (0..100_000).map(|i| (f64::from(i), 0.0)).collect();
        points[77_777].1 = 5.0;
        points[12_345].1 = -5.0;
        let thin = thinned(&points);
        assert!(thin.len() <= POINTS_MAX);
        assert!(thin.contains(&points[77_777]) && thin.contains(&points[12_345]));
        assert!(thin.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn steps_go_along_and_up() {
        assert_eq!(
            step_path(&[(0.0, 5.0), (10.0, 2.0), (20.0, 9.0)], 9.0),
            "M0.0 9.0L0.0 5.0L10.0 5.0L10.0 2.0L20.0 2.0L20.0 9.0Z"
        );
        assert_eq!(step_path(&[], 9.0), "");
    }
}
