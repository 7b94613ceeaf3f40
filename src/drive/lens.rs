//! From samples to a picture: sky, ground texture, halos, rain and what a cheap camera
//! does to an image.

use super::light::{Light, Lighting, mix};
use super::painter::{Camera, Glow};
use super::random::Random;
use super::raster::{Band, ID_GROUND, ID_SHADE, ID_SKY, blend};

const CLOUD_WIDTH: usize = 512;
const CLOUD_HEIGHT: usize = 128;
const GRAIN: usize = 128;

/// Tables made once for a drive.
pub(super) struct Lens {
    clouds: Vec<u8>,
    /// Roughness of the ground, 128 = none.
    grain: Vec<u8>,
    noise: Vec<i8>,
    /// Brightness by distance from the middle: one table across, one down, in 1/256.
    vignette_x: Vec<i32>,
    vignette_y: Vec<i32>,
    exposure: i32,
    soft: bool,
}

/// Smooth noise of one scale at a lattice of `cells` per tile.
fn lattice(seed: u64, cells_x: usize, cells_y: usize, x: f32, y: f32) -> f32 {
    let (fx, fy) = (x * cells_x as f32, y * cells_y as f32);
    let (ix, iy) = (fx.floor(), fy.floor());
    let (tx, ty) = (fx - ix, fy - iy);
    let smooth = |t: f32| t * t * (3.0 - 2.0 * t);
    let at = |dx: usize, dy: usize| {
        let cx = (ix as usize + dx) % cells_x;
        let cy = (iy as usize + dy) % cells_y;
        Random::keyed(seed, cx as u64, cy as i64).unit()
    };
    let (sx, sy) = (smooth(tx), smooth(ty));
    let top = at(0, 0) + (at(1, 0) - at(0, 0)) * sx;
    let bottom = at(0, 1) + (at(1, 1) - at(0, 1)) * sx;
    top + (bottom - top) * sy
}

impl Lens {
    pub fn new(seed: u64, width: usize, height: usize, light: &Lighting) -> Self {
        let mut random = Random::keyed(seed, 0x1e5, 0);
        let cover = light.cloud_cover;
        let key = random.bits();
        let mut clouds = Vec::with_capacity(CLOUD_WIDTH * CLOUD_HEIGHT);
        for y in 0..CLOUD_HEIGHT {
            for x in 0..CLOUD_WIDTH {
                let (u, v) = (
                    x as f32 / CLOUD_WIDTH as f32,
                    y as f32 / CLOUD_HEIGHT as f32,
                );
                let mut sum = 0.0;
                for (octave, weight) in [(1usize, 0.5), (2, 0.25), (4, 0.14), (8, 0.11)] {
                    sum += weight * lattice(key ^ octave as u64, 7 * octave, 5 * octave, u, v);
                }
                let density = ((sum - (0.72 - 0.5 * cover)) * 3.4).clamp(0.0, 1.0);
                clouds.push((density * 235.0) as u8);
            }
        }
        let grain = (0..GRAIN * GRAIN)
            .map(|i| {
                let (u, v) = (
                    (i % GRAIN) as f32 / GRAIN as f32,
                    (i / GRAIN) as f32 / GRAIN as f32,
                );
                let coarse = lattice(key ^ 77, 6, 6, u, v) - 0.5;
                let fine = random.unit() - 0.5;
                (128.0 + 20.0 * coarse + 14.0 * fine) as u8
            })
            .collect();
        let sigma = match light.kind {
            Light::Dusk => random.range(4.0, 7.0),
            Light::Rain => random.range(2.0, 4.5),
            _ => random.range(0.8, 3.0),
        };
        let noise = (0..65_536)
            .map(|_| {
                let sum = random.unit() + random.unit() + random.unit() + random.unit() - 2.0;
                (sum * 1.7 * sigma) as i8
            })
            .collect();
        let dark = random.range(10.0, 34.0);
        let fall = |n: usize| {
            (0..n)
                .map(|i| {
                    let d = (i as f32 + 0.5) / n as f32 * 2.0 - 1.0;
                    (dark * d * d) as i32
                })
                .collect()
        };
        Self {
            clouds,
            grain,
            noise,
            vignette_x: fall(width),
            vignette_y: fall(height),
            exposure: (256.0 * random.range(0.90, 1.12)) as i32,
            soft: random.chance(0.4),
        }
    }

    /// Fills a band with sky, and with haze below the horizon.
    pub fn sky(&self, band: &mut Band, camera: &Camera, light: &Lighting) {
        let byte = |v: f32| (v * 255.0).clamp(0.0, 255.0) as u32;
        let pack = |c: [f32; 3]| byte(c[0]) << 16 | byte(c[1]) << 8 | byte(c[2]);
        let width = band.width;
        let turn = camera.yaw + camera.bend * 60.0 + 1.0;
        for row in 0..band.rows {
            let y = (band.first_row + row) as f32;
            let rise = (camera.horizon_y - y) / camera.focal;
            let up = rise / (1.0 + rise * rise).sqrt();
            let out = &mut band.colour[row * width..(row + 1) * width];
            if rise <= 0.0 {
                out.fill(pack(light.horizon));
                continue;
            }
            let base = pack(light.sky(up));
            let thin = ((rise * 7.0).min(1.0) * 256.0) as u32;
            let cloud = pack(mix(light.horizon, light.cloud, (rise * 4.0).min(1.0)));
            let v = 1.0 / (0.12 + rise);
            let cloud_row = ((v * 30.0) as usize % CLOUD_HEIGHT) * CLOUD_WIDTH;
            let step = v * 55.0 / camera.focal;
            let start = turn * 90.0 + 4096.0 - camera.centre_x * step;
            for (x, pair) in out.chunks_mut(2).enumerate() {
                let u = (start + (2 * x) as f32 * step) as usize % CLOUD_WIDTH;
                let d = (u32::from(self.clouds[cloud_row + u]) * thin) >> 8;
                pair.fill(blend(base, cloud, d));
            }
        }
        band.id[..band.rows * width].fill(ID_SKY);
    }

    /// Averages the samples of a band into `rgb`, whose rows are those of the band.
    pub fn resolve(&self, band: &Band, camera: &Camera, rgb: &mut [u8], frame_key: u64) {
        let width = band.width / 2;
        for (row, out) in rgb.chunks_exact_mut(width * 3).enumerate() {
            let y = band.first_row / 2 + row;
            let upper = &band.colour[2 * row * band.width..][..band.width];
            let lower = &band.colour[(2 * row + 1) * band.width..][..band.width];
            let ids = &band.id[2 * row * band.width..][..band.width];
            let ground = self.ground_row(camera, y);
            let shift = Random::keyed(frame_key, 0x40, y as i64).bits() as usize;
            for x in 0..width {
                let four = [
                    upper[2 * x],
                    upper[2 * x + 1],
                    lower[2 * x],
                    lower[2 * x + 1],
                ];
                let odd: u32 = four.iter().map(|c| c & 0x00ff_00ff).sum();
                let even: u32 = four.iter().map(|c| c >> 8 & 0xff).sum();
                let mut gain = self.exposure - self.vignette_x[x] - self.vignette_y[y];
                let id = ids[2 * x];
                if id == ID_GROUND || id == ID_SHADE {
                    gain += ground.gain(&self.grain, x);
                }
                let noise = i32::from(self.noise[(shift.wrapping_add(x * 7)) & 0xffff]);
                let channel = |sum: u32| (((sum as i32 * gain) >> 10) + noise).clamp(0, 255) as u8;
                out[3 * x] = channel(odd >> 16);
                out[3 * x + 1] = channel(even);
                out[3 * x + 2] = channel(odd & 0x3ff);
            }
        }
    }

    /// How to look up the ground texture along a row of pixels.
    fn ground_row(&self, camera: &Camera, y: usize) -> GroundRow {
        let drop = (2 * y) as f32 + 1.0 - camera.horizon_y;
        let z = camera.focal * camera.height / drop.max(0.5);
        let per_pixel = 2.0 * z / camera.focal;
        let x0 =
            camera.x - camera.bend * z * z + camera.yaw * z - camera.centre_x * z / camera.focal;
        GroundRow {
            row: ((z + camera.z) * 14.0) as usize % GRAIN * GRAIN,
            start: x0 * 14.0 + 8192.0,
            step: per_pixel * 14.0,
            strength: ((9.0 / z).min(1.0) * 256.0) as i32,
        }
    }

    /// Adds the halos that reach into these rows.
    pub fn glow(&self, band: &Band, glows: &[Glow], rgb: &mut [u8]) {
        let width = band.width / 2;
        let (top, rows) = (band.first_row / 2, band.rows / 2);
        for g in glows {
            let (cx, cy) = (g.x * 0.5, g.y * 0.5);
            let (rx, ry) = (g.radius[0] * 0.5, g.radius[1] * 0.5);
            let y0 = (cy - ry).max(top as f32) as usize;
            let y1 = ((cy + ry).ceil().max(0.0) as usize).min(top + rows);
            let x0 = (cx - rx).max(0.0) as usize;
            let x1 = ((cx + rx).ceil().max(0.0) as usize).min(width);
            for y in y0..y1 {
                for x in x0..x1 {
                    let sample = 2 * (y - top) * band.width + 2 * x;
                    let id = band.id[sample];
                    let on_ground = id == ID_GROUND || id == ID_SHADE;
                    if g.on_ground != on_ground && g.on_ground
                        || band.depth[sample] > g.inverse_distance
                    {
                        continue;
                    }
                    let (dx, dy) = ((x as f32 + 0.5 - cx) / rx, (y as f32 + 0.5 - cy) / ry);
                    let fade = (1.0 - dx * dx - dy * dy).max(0.0);
                    let fade = fade * fade * fade * 255.0;
                    let at = 3 * ((y - top) * width + x);
                    for (out, c) in rgb[at..at + 3].iter_mut().zip(g.colour) {
                        *out = out.saturating_add((c * fade) as u8);
                    }
                }
            }
        }
    }

    /// What lies between lens and street, and what the lens does: rain, softness.
    pub fn finish(&self, rgb: &mut [u8], width: usize, height: usize, wet: f32, frame_key: u64) {
        if self.soft {
            for row in rgb.chunks_exact_mut(width * 3) {
                soften(row);
            }
        }
        if wet > 0.0 {
            rain(rgb, width, height, frame_key);
        }
    }
}

/// One row of the ground texture.
struct GroundRow {
    row: usize,
    start: f32,
    step: f32,
    strength: i32,
}

impl GroundRow {
    /// Brightness to add at this pixel, 1/256.
    fn gain(&self, grain: &[u8], x: usize) -> i32 {
        let column = (self.start + self.step * x as f32) as usize % GRAIN;
        ((i32::from(grain[self.row + column]) - 128) * self.strength) >> 8
    }
}

/// A light horizontal blur in place.
fn soften(row: &mut [u8]) {
    let mut before = [0u16; 3];
    for (b, v) in before.iter_mut().zip(row.iter()) {
        *b = u16::from(*v);
    }
    for i in 0..row.len().saturating_sub(3) {
        let here = u16::from(row[i]);
        let mixed = (before[i % 3] + 2 * here + u16::from(row[i + 3]) + 2) / 4;
        before[i % 3] = here;
        row[i] = mixed as u8;
    }
}

/// Falling drops as short light streaks.
fn rain(rgb: &mut [u8], width: usize, height: usize, frame_key: u64) {
    let mut random = Random::keyed(frame_key, 0x7a1, 0);
    let count = width * height / 1500;
    for _ in 0..count {
        let x = random.range(0.0, width as f32);
        let y = random.range(-0.1, 1.0) * height as f32;
        let near = random.unit();
        let length = height as f32 * (0.02 + 0.06 * near * near);
        let slant = random.range(-0.16, -0.08);
        let share = 20 + (near * 34.0) as u32;
        for i in 0..length as usize {
            let (px, py) = (x + slant * i as f32, y + i as f32);
            if px < 0.0 || py < 0.0 || px as usize >= width || py as usize >= height {
                continue;
            }
            let at = 3 * (py as usize * width + px as usize);
            for v in &mut rgb[at..at + 3] {
                *v = ((u32::from(*v) * (256 - share) + 205 * share) >> 8) as u8;
            }
        }
    }
}
