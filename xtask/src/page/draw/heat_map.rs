//! Grids of shaded cells.

use super::bars::shortened;
use super::{LEFT, RIGHT, TOP, WIDTH, no_data, svg, text, upright_label, x_label};
use crate::page::chart::HeatMap;
use crate::page::markup::Markup;
use crate::page::number::{self, pixels};

/// Rows and columns beyond this are left out.
const CELLS_MAX: usize = 256;

/// Drawings higher than this are flattened.
const HEIGHT_MAX: f64 = 600.0;

/// Width of a character of a name.
const CHARACTER: f64 = 6.5;

/// Room below the cells: the columns' names, the label, the scale.
const BELOW: f64 = 76.0;

/// Draws the map; it has no legend but the scale below it.
pub(super) fn draw(m: &mut Markup, map: &HeatMap) -> Vec<String> {
    let rows = map.values.len().min(CELLS_MAX);
    let columns = map
        .values
        .iter()
        .map(Vec::len)
        .max()
        .unwrap_or(0)
        .min(CELLS_MAX);
    let values = map
        .values
        .iter()
        .take(rows)
        .flat_map(|row| row.iter().take(columns));
    let ends = values
        .filter(|value| value.is_finite())
        .fold(None, |ends, value| {
            let (min, max): (f64, f64) = ends.unwrap_or((0.0, *value));
            Some((min.min(*value), max.max(*value)))
        });
    let Some(ends) = ends else {
        no_data(m, &map.title);
        return Vec::new();
    };
    let grid = Grid::new(map, rows, columns, ends);
    let description = format!("{} by {} and {}", map.value_label, map.y_label, map.x_label);
    svg(m, grid.bottom() + BELOW, &map.title, &description, |m| {
        for (row, values) in map.values.iter().take(rows).enumerate() {
            for (column, value) in values.iter().take(columns).enumerate() {
                grid.cell(m, map, row, column, *value);
            }
        }
        grid.names(m, map);
        grid.frame(m);
        upright_label(m, (TOP + grid.bottom()) / 2.0, &map.y_label);
        x_label(m, grid.bottom() + 36.0, &map.x_label);
        scale(m, grid.bottom() + 50.0, ends, &map.value_label);
    });
    Vec::new()
}

/// Where the cells are.
struct Grid {
    rows: usize,
    columns: usize,
    left: f64,
    width: f64,
    height: f64,
    ends: (f64, f64),
}

impl Grid {
    fn new(map: &HeatMap, rows: usize, columns: usize, ends: (f64, f64)) -> Self {
        let longest = map.y_names.iter().map(|name| name.chars().count()).max();
        let left = LEFT.max(34.0 + CHARACTER * longest.unwrap_or(0).min(24) as f64);
        let width = (WIDTH - left - RIGHT) / columns.max(1) as f64;
        let ratio = if map.cell_ratio.is_finite() && map.cell_ratio > 0.0 {
            map.cell_ratio
        } else {
            1.0
        };
        let height = (width * ratio).min(HEIGHT_MAX / rows.max(1) as f64);
        Self {
            rows,
            columns,
            left,
            width,
            height,
            ends,
        }
    }

    fn bottom(&self) -> f64 {
        TOP + self.rows as f64 * self.height
    }

    /// `0..=1` between the ends.
    fn shade(&self, value: f64) -> f64 {
        let (min, max) = self.ends;
        let shade = value / (max - min) - min / (max - min);
        if shade.is_finite() {
            shade.clamp(0.0, 1.0)
        } else {
            0.0
        }
    }

    fn cell(&self, m: &mut Markup, map: &HeatMap, row: usize, column: usize, value: f64) {
        let shade = self.shade(value);
        if !value.is_finite() || (shade == 0.0 && !map.show_values) {
            return;
        }
        let (x, y) = (
            self.left + column as f64 * self.width,
            TOP + row as f64 * self.height,
        );
        let [px, py, width, height] = [x, y, self.width, self.height].map(pixels);
        let opacity = format!("{shade:.3}");
        let attributes = [
            ("class", "heat"),
            ("x", px.as_str()),
            ("y", &py),
            ("width", &width),
            ("height", &height),
            ("fill-opacity", &opacity),
        ];
        m.void("rect", &attributes);
        if map.show_values {
            let class = if shade > 0.55 { "on-heat" } else { "value" };
            let (x, y) = (
                pixels(x + self.width / 2.0),
                pixels(y + self.height / 2.0 + 4.0),
            );
            let attributes = [
                ("class", class),
                ("x", &x),
                ("y", &y),
                ("text-anchor", "middle"),
            ];
            m.leaf("text", &attributes, &number::plain(value));
        }
    }

    fn names(&self, m: &mut Markup, map: &HeatMap) {
        let room = (self.width / CHARACTER).floor() as usize;
        for (column, name) in map.x_names.iter().take(self.columns).enumerate() {
            let x = self.left + (column as f64 + 0.5) * self.width;
            text(
                m,
                (x, self.bottom() + 16.0),
                "middle",
                &shortened(name, room),
            );
        }
        for (row, name) in map.y_names.iter().take(self.rows).enumerate() {
            let y = TOP + (row as f64 + 0.5) * self.height + 4.0;
            text(m, (self.left - 6.0, y), "end", &shortened(name, 24));
        }
    }

    fn frame(&self, m: &mut Markup) {
        let width = self.columns as f64 * self.width;
        let [x, y, width, height] = [self.left, TOP, width, self.bottom() - TOP].map(pixels);
        let attributes = [
            ("class", "frame"),
            ("x", &x),
            ("y", &y),
            ("width", &width),
            ("height", &height),
        ];
        m.void("rect", &attributes);
    }
}

/// Five shades with the values at their ends.
fn scale(m: &mut Markup, y: f64, (min, max): (f64, f64), label: &str) {
    const SHADES: u32 = 5;
    const SIDE: f64 = 24.0;
    let first = WIDTH / 2.0 - SIDE * f64::from(SHADES) / 2.0;
    let (top, width) = (pixels(y), pixels(SIDE));
    for shade in 0..SHADES {
        let x = pixels(first + f64::from(shade) * SIDE);
        let opacity = format!("{:.2}", f64::from(shade) / f64::from(SHADES - 1));
        let attributes = [
            ("class", "heat"),
            ("x", x.as_str()),
            ("y", &top),
            ("width", &width),
            ("height", "12"),
            ("fill-opacity", &opacity),
        ];
        m.void("rect", &attributes);
    }
    text(m, (first - 6.0, y + 11.0), "end", &number::plain(min));
    let last = first + f64::from(SHADES) * SIDE + 6.0;
    text(
        m,
        (last, y + 11.0),
        "start",
        &format!("{} {label}", number::plain(max)),
    );
}
