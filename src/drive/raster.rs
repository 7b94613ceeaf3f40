//! A small software rasteriser: flat triangles into 2 x 2 samples a pixel, band by band,
//! with a depth and an object id for every sample.
//!
//! A band of rows is small enough to stay in the cache of a small CPU, and the picture
//! never needs a sample buffer of its full size.

/// Pixel rows of a band.
pub(super) const BAND_ROWS: usize = 16;

/// Sample id of the sky.
pub(super) const ID_SKY: u32 = 0;
/// Sample id of lit ground.
pub(super) const ID_GROUND: u32 = 1;
/// Sample id of ground in a cast shadow.
pub(super) const ID_SHADE: u32 = 2;
/// Sample id of buildings, trees and street furniture.
pub(super) const ID_SCENE: u32 = 3;
/// Sample id of the first labelled object; the others follow.
pub(super) const ID_OBJECTS: u32 = 4;

/// A corner of a triangle: samples right, samples down, and 1 / distance.
pub(super) type Corner = [f32; 3];

/// How a triangle changes the samples it covers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Mode {
    /// Painted on the ground in the order of drawing, without depth.
    Ground,
    /// Darkens lit ground once, whatever the number of shadows that overlap.
    Shadow,
    /// Mixes the colour into ground: share in 1/256.
    Tint(u32),
    /// Tested against depth and hides what is behind it.
    Solid,
}

/// A triangle ready to be drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Triangle {
    pub corners: [Corner; 3],
    /// 0x00RRGGBB.
    pub colour: u32,
    pub id: u32,
    pub mode: Mode,
}

/// What was counted for one labelled object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tally {
    /// Samples where the object is drawn, hidden or not.
    pub own: u32,
    /// Samples where it is seen.
    pub seen: u32,
    /// Extent of the seen samples: left, top, right, bottom; right and bottom are outside.
    pub extent: [u32; 4],
}

impl Tally {
    pub const EMPTY: Self = Self {
        own: 0,
        seen: 0,
        extent: [u32::MAX, u32::MAX, 0, 0],
    };
}

/// The samples of one band.
pub(super) struct Band {
    pub width: usize,
    pub rows: usize,
    pub first_row: usize,
    pub colour: Vec<u32>,
    pub depth: Vec<f32>,
    pub id: Vec<u32>,
    stamp: Vec<u32>,
}

impl Band {
    /// A band for pictures of this many samples a row.
    pub fn new(width: usize) -> Self {
        let n = width * BAND_ROWS * 2;
        Self {
            width,
            rows: 0,
            first_row: 0,
            colour: vec![0; n],
            depth: vec![0.0; n],
            id: vec![0; n],
            stamp: vec![0; n],
        }
    }

    /// Empties the band and puts it at these sample rows.
    pub fn begin(&mut self, first_row: usize, rows: usize) {
        self.first_row = first_row;
        self.rows = rows.min(BAND_ROWS * 2);
        let n = self.rows * self.width;
        self.depth[..n].fill(0.0);
        self.stamp[..n].fill(0);
    }

    /// Draws the part of a triangle that lies in the band.
    pub fn draw(&mut self, t: &Triangle, shade: u32, tallies: &mut [Tally]) {
        let mut c = t.corners;
        c.sort_unstable_by(|a, b| a[1].total_cmp(&b[1]));
        let [a, b, d] = c;
        let top = self.first_row as f32;
        let bottom = (self.first_row + self.rows) as f32;
        let y0 = (a[1] - 0.5).ceil().max(top);
        let y1 = (d[1] - 0.5).ceil().min(bottom);
        if y0 >= y1 {
            return;
        }
        let height = d[1] - a[1];
        let area = (b[0] - a[0]) * height - (d[0] - a[0]) * (b[1] - a[1]);
        if area.abs() < 1e-6 || !area.is_finite() {
            return;
        }
        // Depth is linear over the picture: gradients from the plane through the corners.
        let dz_dx = ((b[2] - a[2]) * height - (d[2] - a[2]) * (b[1] - a[1])) / area;
        let dz_dy = ((d[2] - a[2]) * (b[0] - a[0]) - (b[2] - a[2]) * (d[0] - a[0])) / area;
        let long = (d[0] - a[0]) / height;
        let upper = if b[1] > a[1] {
            (b[0] - a[0]) / (b[1] - a[1])
        } else {
            0.0
        };
        let lower = if d[1] > b[1] {
            (d[0] - b[0]) / (d[1] - b[1])
        } else {
            0.0
        };
        let width = self.width as f32;
        let mut fresh = 0;
        for row in y0 as usize..y1 as usize {
            let y = row as f32 + 0.5;
            let xl = a[0] + long * (y - a[1]);
            let xs = if y < b[1] {
                a[0] + upper * (y - a[1])
            } else {
                b[0] + lower * (y - b[1])
            };
            let x0 = (xl.min(xs) - 0.5).ceil().clamp(0.0, width);
            let x1 = (xl.max(xs) - 0.5).ceil().clamp(0.0, width);
            if x0 >= x1 {
                continue;
            }
            let z = a[2] + dz_dx * (x0 + 0.5 - a[0]) + dz_dy * (y - a[1]);
            let start = (row - self.first_row) * self.width;
            let span = start + x0 as usize..start + x1 as usize;
            fresh += self.span(span, t, z, dz_dx, shade);
        }
        if t.id >= ID_OBJECTS
            && let Some(tally) = tallies.get_mut((t.id - ID_OBJECTS) as usize)
        {
            tally.own += fresh;
        }
    }

    /// One row of a triangle; returns how many samples its object met for the first time.
    fn span(
        &mut self,
        span: std::ops::Range<usize>,
        t: &Triangle,
        z: f32,
        dz: f32,
        shade: u32,
    ) -> u32 {
        let colour = &mut self.colour[span.clone()];
        let id = &mut self.id[span.clone()];
        match t.mode {
            Mode::Ground => {
                colour.fill(t.colour);
                id.fill(ID_GROUND);
                0
            }
            Mode::Shadow => {
                for (c, id) in colour.iter_mut().zip(id) {
                    if *id == ID_GROUND {
                        *id = ID_SHADE;
                        *c = blend(*c, 0, shade);
                    }
                }
                0
            }
            Mode::Tint(share) => {
                for (c, id) in colour.iter_mut().zip(id) {
                    if *id == ID_GROUND || *id == ID_SHADE {
                        *c = blend(*c, t.colour, share);
                    }
                }
                0
            }
            Mode::Solid => {
                let depth = &mut self.depth[span.clone()];
                for (i, ((c, id), depth)) in
                    colour.iter_mut().zip(id.iter_mut()).zip(depth).enumerate()
                {
                    let z = z + dz * i as f32;
                    let near = z > *depth;
                    *depth = if near { z } else { *depth };
                    *c = if near { t.colour } else { *c };
                    *id = if near { t.id } else { *id };
                }
                if t.id < ID_OBJECTS {
                    return 0;
                }
                let mut fresh = 0;
                for stamp in &mut self.stamp[span] {
                    fresh += u32::from(*stamp != t.id);
                    *stamp = t.id;
                }
                fresh
            }
        }
    }

    /// Adds the seen samples of the band to the tallies.
    pub fn count(&self, tallies: &mut [Tally]) {
        for row in 0..self.rows {
            let ids = &self.id[row * self.width..(row + 1) * self.width];
            let y = (self.first_row + row) as u32;
            let mut x = 0;
            while x < ids.len() {
                let id = ids[x];
                let start = x;
                while x < ids.len() && ids[x] == id {
                    x += 1;
                }
                if id < ID_OBJECTS {
                    continue;
                }
                if let Some(t) = tallies.get_mut((id - ID_OBJECTS) as usize) {
                    t.seen += (x - start) as u32;
                    let e = &mut t.extent;
                    *e = [
                        e[0].min(start as u32),
                        e[1].min(y),
                        e[2].max(x as u32),
                        e[3].max(y + 1),
                    ];
                }
            }
        }
    }
}

/// Mixes `share` / 256 of colour `b` into `a`.
pub(super) fn blend(a: u32, b: u32, share: u32) -> u32 {
    let keep = 256 - share;
    let odd = ((a & 0x00ff_00ff) * keep + (b & 0x00ff_00ff) * share) >> 8 & 0x00ff_00ff;
    let even = ((a & 0x0000_ff00) * keep + (b & 0x0000_ff00) * share) >> 8 & 0x0000_ff00;
    odd | even
}
