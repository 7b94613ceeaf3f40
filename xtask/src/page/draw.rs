//! Charts as SVG: the figure around the drawing, its axes and legend.

mod bars;
mod heat_map;
mod plot;

use super::axis::{Axis, Scale};
use super::chart::Chart;
use super::markup::Markup;
use super::number::pixels;

/// Width of every drawing in its own units; the page scales it.
const WIDTH: f64 = 640.0;
/// Height of plots and bars.
const HEIGHT: f64 = 340.0;
/// Room for the axes' texts.
const LEFT: f64 = 68.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 48.0;
/// Classes `s0`, `s1` ... of the style sheet, after which the colours begin again.
const COLOURS: usize = 8;

/// Adds a figure: title, drawing and, where there are several series, a legend.
pub(super) fn figure(m: &mut Markup, chart: &Chart) {
    m.element("figure", &[], |m| {
        m.leaf("figcaption", &[], chart.title());
        let legend = match chart {
            Chart::Plot(plot) => plot::draw(m, plot),
            Chart::Bars(bars) => bars::draw(m, bars),
            Chart::HeatMap(map) => heat_map::draw(m, map),
        };
        if legend.len() > 1 {
            m.element("ul", &[("class", "legend")], |m| {
                for (index, name) in legend.iter().enumerate() {
                    m.element("li", &[], |m| {
                        m.leaf("span", &[("class", &colour("key", index))], "");
                        m.text(name);
                    });
                }
            });
        }
    });
}

/// The class that gives the series of this number its colour.
fn colour(class: &str, index: usize) -> String {
    format!("{class} s{}", index % COLOURS)
}

/// Adds the drawing with what readers of the page hear of it.
fn svg(m: &mut Markup, height: f64, title: &str, description: &str, add: impl FnOnce(&mut Markup)) {
    let view = format!("0 0 {} {}", pixels(WIDTH), pixels(height));
    let attributes = [
        ("viewBox", view.as_str()),
        ("role", "img"),
        ("aria-label", title),
    ];
    m.element("svg", &attributes, |m| {
        m.leaf("title", &[], title);
        m.leaf("desc", &[], description);
        add(m);
    });
}

/// A drawing that says that there is nothing to draw.
fn no_data(m: &mut Markup, title: &str) {
    svg(m, 120.0, title, "no data", |m| {
        text(m, (WIDTH / 2.0, 64.0), "middle", "no data");
    });
}

fn text(m: &mut Markup, (x, y): (f64, f64), anchor: &'static str, text: &str) {
    let (x, y) = (pixels(x), pixels(y));
    m.leaf(
        "text",
        &[("x", &x), ("y", &y), ("text-anchor", anchor)],
        text,
    );
}

fn line(m: &mut Markup, class: &'static str, [x1, y1, x2, y2]: [f64; 4]) {
    let [x1, y1, x2, y2] = [x1, y1, x2, y2].map(pixels);
    m.void(
        "line",
        &[
            ("class", class),
            ("x1", &x1),
            ("y1", &y1),
            ("x2", &x2),
            ("y2", &y2),
        ],
    );
}

/// Where the x axis of plots and bars is laid out.
const X_PIXELS: (f64, f64) = (LEFT, WIDTH - RIGHT);
/// Where their y axis is; it runs up.
const Y_PIXELS: (f64, f64) = (HEIGHT - BOTTOM, TOP);

/// Draws grid, ticks and label of the y axis.
fn y_axis(m: &mut Markup, axis: &Axis, scale: &Scale) {
    for (value, label) in scale.ticks() {
        if let Some(y) = scale.position(value) {
            line(m, "grid", [LEFT, y, WIDTH - RIGHT, y]);
            text(m, (LEFT - 6.0, y + 4.0), "end", &label);
        }
    }
    upright_label(m, (TOP + HEIGHT - BOTTOM) / 2.0, &axis.label);
}

/// Writes a label that runs up, at the left edge.
fn upright_label(m: &mut Markup, y: f64, label: &str) {
    let y = pixels(y);
    let turn = format!("rotate(-90 14 {y})");
    let attributes = [
        ("class", "label"),
        ("x", "14"),
        ("y", &y),
        ("text-anchor", "middle"),
        ("transform", &turn),
    ];
    m.leaf("text", &attributes, label);
}

/// Draws grid, ticks and label of the x axis.
fn x_axis(m: &mut Markup, axis: &Axis, scale: &Scale) {
    let bottom = HEIGHT - BOTTOM;
    for (value, label) in scale.ticks() {
        if let Some(x) = scale.position(value) {
            line(m, "grid", [x, TOP, x, bottom]);
            text(m, (x, bottom + 16.0), "middle", &label);
        }
    }
    line(m, "axis", [LEFT, bottom, WIDTH - RIGHT, bottom]);
    x_label(m, HEIGHT - 8.0, &axis.label);
}

fn x_label(m: &mut Markup, y: f64, label: &str) {
    let (x, y) = (pixels((LEFT + WIDTH - RIGHT) / 2.0), pixels(y));
    let attributes = [
        ("class", "label"),
        ("x", &x),
        ("y", &y),
        ("text-anchor", "middle"),
    ];
    m.leaf("text", &attributes, label);
}

#[cfg(test)]
#[path = "draw_tests.rs"]
mod tests;
