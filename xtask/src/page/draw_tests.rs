#![allow(clippy::unwrap_used)]
#![allow(clippy::panic)]
use super::*;
use crate::page::chart::{Bars, Form, HeatMap, Plot, Series};
use crate::page::check::check_balanced;
use crate::page::{Axis, histogram};
use proptest::prelude::*;

fn drawn(chart: impl Into<Chart>) -> String {
    let mut markup = Markup::new();
    figure(&mut markup, &chart.into());
    let markup = markup.finish();
    check_balanced(&markup).unwrap_or_else(|error| panic!("{error}: {markup}"));
    markup
}

fn plot(points: Vec<(f64, f64)>) -> Plot {
    Plot::new("loss", Axis::linear("step"), Axis::log("loss")).with(Series::new(
        "train",
        Form::Line,
        points,
    ))
}

fn bars(heights: Vec<f64>) -> Bars {
    Bars {
        title: "boxes".into(),
        y: Axis::linear("boxes"),
        groups: vec!["car".into(), "bus".into()],
        series: vec![("train".into(), heights.clone()), ("val".into(), heights)],
    }
}

fn map(values: Vec<Vec<f64>>) -> HeatMap {
    HeatMap {
        title: "where".into(),
        y_names: vec!["top".into(), "bottom".into()],
        show_values: true,
        values,
        ..HeatMap::default()
    }
}

#[test]
fn charts_have_titles_labels_and_legends() {
    let text = drawn(
        plot(vec![(0.0, 3.0), (1.0, 2.0), (2.0, 0.5)]).with(Series::new(
            "val",
            Form::LineAndPoints,
            vec![(1.0, 2.5), (2.0, 2.0)],
        )),
    );
    for part in [
        "<title>loss</title>",
        ">step</text>",
        "<desc>",
        "legend",
        "val",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(text.matches("<path").count(), 2);
    assert_eq!(text.matches("<circle").count(), 2);
    let text = drawn(bars(vec![3.0, 1.0]));
    assert_eq!(text.matches("<rect").count(), 4);
    assert!(text.contains("<title>bus, val: 1</title>"));
    let text = drawn(map(vec![vec![0.0, 1.0], vec![2.0, f64::NAN]]));
    assert!(text.contains(">top</text>") && text.contains("fill-opacity=\"0.500\""));
}

#[test]
fn the_lowest_bar_of_a_logarithmic_axis_is_seen() {
    let mut bars = bars(vec![500.0, 5.0]);
    bars.y = Axis::log("boxes");
    assert!(!drawn(bars).contains("height=\"0.0\""));
}

#[test]
fn a_gap_divides_a_line_and_a_lone_point_is_seen() {
    let text = drawn(plot(vec![
        (0.0, 3.0),
        (1.0, 2.0),
        (2.0, f64::NAN),
        (3.0, 1.0),
    ]));
    assert_eq!(text.matches('M').count(), 2, "{text}");
    assert_eq!(text.matches("<circle").count(), 1);
}

#[test]
fn histograms_are_drawn_from_zero() {
    let counted = histogram(&[1.0, 2.0, 2.0], 3, (0.0, 3.0), false);
    let plot = Plot::new("sizes", Axis::linear("size"), Axis::linear("boxes"))
        .with(Series::histogram("car", &counted));
    let text = drawn(plot);
    assert!(
        text.contains("class=\"steps s0\"") && text.contains(">0.0</text>"),
        "{text}"
    );
}

#[test]
fn what_has_no_data_says_so() {
    let empty = Plot::new("a", Axis::linear("x"), Axis::linear("y"));
    let charts: [Chart; 8] = [
        empty.into(),
        plot(vec![]).into(),
        plot(vec![(f64::NAN, 1.0), (1.0, f64::INFINITY), (1.0, -1.0)]).into(),
        bars(vec![]).into(),
        bars(vec![f64::NAN, f64::NEG_INFINITY]).into(),
        Bars {
            groups: vec![],
            ..bars(vec![1.0, 2.0])
        }
        .into(),
        map(vec![]).into(),
        map(vec![vec![f64::NAN], vec![]]).into(),
    ];
    for chart in charts {
        assert!(drawn(chart.clone()).contains(">no data<"), "{chart:?}");
    }
}

#[test]
fn hostile_names_stay_text() {
    let hostile = "</svg><script>alert(1)</script>";
    let mut hostile_bars = bars(vec![1.0, 2.0]);
    hostile_bars.groups[0] = hostile.into();
    hostile_bars.title = hostile.into();
    assert!(!drawn(hostile_bars).contains("<script"));
}

proptest! {
    #[test]
    fn no_data_panics(
        points in proptest::collection::vec(any::<(f64, f64)>(), 0..9),
        form in 0..4usize, x_log in any::<bool>(), y_log in any::<bool>(),
    ) {
        let form = [Form::Line, Form::LineAndPoints, Form::Points, Form::Steps][form];
        let axis = |is_log| if is_log { Axis::log("a") } else { Axis::linear("a") };
        let values: Vec<f64> = points.iter().map(|point| point.0).collect();
        let text = drawn(
            Plot::new("a", axis(x_log), axis(y_log)).with(Series::new("b", form, points)),
        );
        prop_assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
        for text in [drawn(bars(values.clone())), drawn(map(vec![values]))] {
            prop_assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
        }
    }
}
