//! What can be drawn, as plain data. [`super::draw`] turns it into SVG.

use super::axis::Axis;
use super::histogram::Histogram;

/// A drawing with a title.
#[derive(Clone, Debug)]
pub enum Chart {
    /// Lines, points or histograms over two axes.
    Plot(Plot),
    /// Groups of bars.
    Bars(Bars),
    /// A grid of values.
    HeatMap(HeatMap),
}

impl Chart {
    /// The title.
    pub fn title(&self) -> &str {
        match self {
            Self::Plot(Plot { title, .. })
            | Self::Bars(Bars { title, .. })
            | Self::HeatMap(HeatMap { title, .. }) => title,
        }
    }
}

/// Series over two axes.
#[derive(Clone, Debug)]
pub struct Plot {
    /// What it shows.
    pub title: String,
    /// The axis that runs right.
    pub x: Axis,
    /// The axis that runs up.
    pub y: Axis,
    /// What is drawn, each in a colour of its own; the legend names them where there are
    /// several.
    pub series: Vec<Series>,
}

/// One line, cloud of points or histogram.
#[derive(Clone, Debug)]
pub struct Series {
    /// Name in the legend.
    pub name: String,
    /// How the points are drawn.
    pub form: Form,
    /// The points as `(x, y)`; those that are not finite leave a gap in a line.
    pub points: Vec<(f64, f64)>,
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A line through the points.
    Line,
    /// A line, and a dot at every point.
    LineAndPoints,
    /// Dots only.
    Points,
    /// A filled outline that keeps each point's height up to the next point.
    Steps,
}

impl Plot {
    /// A plot without series.
    pub fn new(title: impl Into<String>, x: Axis, y: Axis) -> Self {
        Self {
            title: title.into(),
            x,
            y,
            series: Vec::new(),
        }
    }

    /// The same plot with one more series.
    #[must_use]
    pub fn with(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }
}

impl Series {
    /// A series of the given form.
    pub fn new(name: impl Into<String>, form: Form, points: Vec<(f64, f64)>) -> Self {
        Self {
            name: name.into(),
            form,
            points,
        }
    }

    /// A histogram; heights are counts.
    pub fn histogram(name: impl Into<String>, histogram: &Histogram) -> Self {
        let heights = histogram.counts.iter().map(|count| *count as f64);
        let edges = histogram.edges.iter().copied();
        // The last edge closes the last bin.
        let points = edges.zip(heights.chain([0.0])).collect();
        Self::new(name, Form::Steps, points)
    }
}

/// Bars side by side, in groups.
#[derive(Clone, Debug)]
pub struct Bars {
    /// What it shows.
    pub title: String,
    /// The axis that runs up.
    pub y: Axis,
    /// Names of the groups, from left to right.
    pub groups: Vec<String>,
    /// Name and heights of each series, a height a group; one that is not finite has no bar.
    pub series: Vec<(String, Vec<f64>)>,
}

/// A grid of values, drawn as shades from 0 (or the lowest value, if that is below) to the
/// highest.
#[derive(Clone, Debug, Default)]
pub struct HeatMap {
    /// What it shows.
    pub title: String,
    /// What the columns are.
    pub x_label: String,
    /// What the rows are.
    pub y_label: String,
    /// Names of the columns; may be empty.
    pub x_names: Vec<String>,
    /// Names of the rows; may be empty.
    pub y_names: Vec<String>,
    /// The values row by row, from the top; those that are not finite stay blank.
    pub values: Vec<Vec<f64>>,
    /// What a value is, with its unit.
    pub value_label: String,
    /// Height of a cell as a multiple of its width.
    pub cell_ratio: f64,
    /// Whether the values are written into the cells.
    pub show_values: bool,
}

impl From<Plot> for Chart {
    fn from(plot: Plot) -> Self {
        Self::Plot(plot)
    }
}

impl From<Bars> for Chart {
    fn from(bars: Bars) -> Self {
        Self::Bars(bars)
    }
}

impl From<HeatMap> for Chart {
    fn from(map: HeatMap) -> Self {
        Self::HeatMap(map)
    }
}
