//! Groups of bars.

use super::{
    BOTTOM, HEIGHT, LEFT, RIGHT, WIDTH, Y_PIXELS, colour, line, no_data, svg, text, y_axis,
};
use crate::page::axis::Scale;
use crate::page::chart::Bars;
use crate::page::markup::Markup;
use crate::page::number::{self, pixels};

/// Groups beyond this would be thinner than a line.
const GROUPS_MAX: usize = 200;

/// Part of a group's width that its bars fill.
const FILLED: f64 = 0.8;

/// Width of a character of the axis' texts.
const CHARACTER: f64 = 6.5;

/// Draws the bars and returns what the legend says.
pub(super) fn draw(m: &mut Markup, bars: &Bars) -> Vec<String> {
    let groups = bars.groups.len().min(GROUPS_MAX);
    let heights = bars
        .series
        .iter()
        .flat_map(|(_, heights)| heights.iter().take(groups));
    let scale = Scale::fit(&bars.y, heights.copied(), true, Y_PIXELS);
    let Some(scale) = scale.filter(|_| groups > 0) else {
        no_data(m, &bars.title);
        return Vec::new();
    };
    let names: Vec<String> = bars.series.iter().map(|(name, _)| name.clone()).collect();
    let description = format!(
        "{} of {}: {}",
        bars.y.label,
        bars.groups.join(", "),
        names.join(", ")
    );
    svg(m, HEIGHT, &bars.title, &description, |m| {
        y_axis(m, &bars.y, &scale);
        let group_width = (WIDTH - LEFT - RIGHT) / groups as f64;
        for (index, (name, heights)) in bars.series.iter().enumerate() {
            let class = colour("bar", index);
            let width = FILLED * group_width / bars.series.len() as f64;
            let first = LEFT + (1.0 - FILLED) / 2.0 * group_width + index as f64 * width;
            for (group, height) in heights.iter().take(groups).enumerate() {
                let x = first + group as f64 * group_width;
                let title = format!("{}, {name}: {}", bars.groups[group], number::plain(*height));
                bar(m, &class, &scale, (x, width), *height, &title);
            }
        }
        line(m, "axis", [LEFT, scale.base(), WIDTH - RIGHT, scale.base()]);
        group_names(m, &bars.groups[..groups], group_width);
    });
    names
}

fn bar(
    m: &mut Markup,
    class: &str,
    scale: &Scale,
    (x, width): (f64, f64),
    height: f64,
    title: &str,
) {
    let Some(y) = scale.position(height) else {
        return;
    };
    let (top, bottom) = (y.min(scale.base()), y.max(scale.base()));
    let [x, y, width, height] = [x, top, width, bottom - top].map(pixels);
    let attributes = [
        ("class", class),
        ("x", &x),
        ("y", &y),
        ("width", &width),
        ("height", &height),
    ];
    m.element("rect", &attributes, |m| m.leaf("title", &[], title));
}

/// Names below the axis; those that would run into each other are cut.
fn group_names(m: &mut Markup, names: &[String], group_width: f64) {
    let room = (group_width / CHARACTER).floor() as usize;
    for (group, name) in names.iter().enumerate() {
        let name = shortened(name, room);
        let x = LEFT + (group as f64 + 0.5) * group_width;
        text(m, (x, HEIGHT - BOTTOM + 18.0), "middle", &name);
    }
}

/// The text in at most `room` characters.
pub(super) fn shortened(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let kept: String = text.chars().take(room.saturating_sub(1)).collect();
    if kept.is_empty() { kept } else { kept + "…" }
}
