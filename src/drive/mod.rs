//! The built-in drive: a street rendered in code, the same bytes on every CPU for the same
//! seed, with the true box of every road user.
//!
//! It is the demo where there is no camera, the ground truth of tests, and training
//! material for classes that real data lack. Any frame can be drawn by its number: all
//! that moves is a function of seed and time.

mod car;
mod cycle;
mod heavy;
mod lens;
mod light;
mod painter;
mod person;
mod placement;
mod random;
mod raster;
mod scenery;
mod shapes;
mod street;
mod thing;
mod traffic;
pub mod vector;

pub use light::Light;

use crate::class::ObjectClass;
use crate::geometry::BBox;
use lens::Lens;
use light::Lighting;
use painter::{Camera, Painter};
use placement::sin;
use random::Random;
use raster::{BAND_ROWS, Band, Tally};
use street::Street;
use thing::Actor;
use traffic::Traffic;

/// What to render.
#[derive(Clone, Debug, PartialEq)]
pub struct DriveConfig {
    /// Names the drive: street, traffic, weather and camera follow from it.
    pub seed: u64,
    /// Width of a frame in pixels, [`Drive::SIDE_PIXELS_MIN`]..=[`Drive::SIDE_PIXELS_MAX`].
    pub width: u32,
    /// Height of a frame in pixels, within the same limits.
    pub height: u32,
    /// Frames a second, `1..=120`.
    pub frames_per_second: f32,
    /// Light and weather; `None` leaves the choice to the seed.
    pub light: Option<Light>,
}

impl Default for DriveConfig {
    fn default() -> Self {
        Self {
            seed: 0,
            width: 768,
            height: 432,
            frames_per_second: 15.0,
            light: None,
        }
    }
}

/// Why a drive cannot be rendered.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DriveError {
    /// A side is too short or too long.
    #[error("a drive of {width}x{height} pixels is not possible: give each side {min}..={max}",
        min = Drive::SIDE_PIXELS_MIN, max = Drive::SIDE_PIXELS_MAX)]
    Size {
        /// The width asked for.
        width: u32,
        /// The height asked for.
        height: u32,
    },
    /// The rate makes no sense.
    #[error("a drive of {0} frames a second is not possible: give 1 to 120")]
    Rate(f32),
}

/// One road user in one frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DriveBox {
    /// What it is.
    pub class: ObjectClass,
    /// Its visible pixels' extent, in pixels of the frame.
    pub bbox: BBox,
    /// Share of the object that is neither hidden by other things nor outside the frame,
    /// `0..=1`.
    pub visible_fraction: f32,
    /// The same from frame to frame for the same object.
    pub identity: u32,
    /// Distance ahead of the camera in metres.
    pub distance_m: f32,
}

/// A rendered drive. Frames can be drawn in any order.
pub struct Drive {
    config: DriveConfig,
    street: Street,
    traffic: Traffic,
    painter: Painter,
    lens: Lens,
    band: Band,
    bins: Vec<Vec<u32>>,
    actors: Vec<Actor>,
    tallies: Vec<Tally>,
    focal: f32,
    horizon: f32,
    height_m: f32,
    #[cfg(test)]
    ids: Vec<u32>,
}

impl Drive {
    /// Shortest side of a frame.
    pub const SIDE_PIXELS_MIN: u32 = 64;
    /// Longest side of a frame.
    pub const SIDE_PIXELS_MAX: u32 = 1920;

    /// Chosen so that the drive of seed 0, the demo, soon meets every class.
    const SEED_OFFSET: u64 = 47;

    /// After this many seconds a drive starts again.
    pub const REPEAT_S: f32 = 600.0;

    /// Prepares a drive: builds tables and buffers.
    ///
    /// # Errors
    /// [`DriveError`] when size or rate are out of bounds.
    pub fn new(config: DriveConfig) -> Result<Self, DriveError> {
        let (width, height) = (config.width, config.height);
        let sides = Self::SIDE_PIXELS_MIN..=Self::SIDE_PIXELS_MAX;
        if !sides.contains(&width) || !sides.contains(&height) {
            return Err(DriveError::Size { width, height });
        }
        if !(1.0..=120.0).contains(&config.frames_per_second) {
            return Err(DriveError::Rate(config.frames_per_second));
        }
        let world = config.seed.wrapping_add(Self::SEED_OFFSET);
        let mut random = Random::keyed(world, 0xd1, 0);
        let by_seed = if config.seed == 0 {
            Light::Day
        } else {
            random.pick(&Light::ALL)
        };
        let kind = config.light.unwrap_or(by_seed);
        let lighting = Lighting::new(kind, &mut random);
        let focal = width as f32 * 2.0 * random.range(0.72, 1.0);
        let horizon = height as f32 * 2.0 * random.range(0.42, 0.52);
        let height_m = random.range(1.25, 1.6);
        let lens = Lens::new(world, width as usize, height as usize, &lighting);
        let camera = Camera {
            x: 0.0,
            z: 0.0,
            height: height_m,
            yaw: 0.0,
            bend: 0.0,
            focal,
            centre_x: width as f32,
            horizon_y: horizon,
            width: width as f32 * 2.0,
            rows: height as f32 * 2.0,
        };
        let bands = (height as usize).div_ceil(BAND_ROWS);
        Ok(Self {
            street: Street::new(world),
            traffic: Traffic::new(world),
            painter: Painter::new(camera, lighting),
            lens,
            band: Band::new(width as usize * 2),
            bins: vec![Vec::new(); bands],
            actors: Vec::new(),
            tallies: Vec::new(),
            focal,
            horizon,
            height_m,
            config,
            #[cfg(test)]
            ids: Vec::new(),
        })
    }

    /// What is rendered.
    pub fn config(&self) -> &DriveConfig {
        &self.config
    }

    /// Light and weather of this drive.
    pub fn light(&self) -> Light {
        self.painter.light.kind
    }

    /// Renders frame `index` into `rgb` (3 bytes a pixel, rows from the top, resized to
    /// `3 * width * height`) and lists every road user with at least one visible sample
    /// in `boxes`, nearest first.
    pub fn render(&mut self, index: u32, rgb: &mut Vec<u8>, boxes: &mut Vec<DriveBox>) {
        let (width, height) = (self.config.width as usize, self.config.height as usize);
        rgb.resize(3 * width * height, 0);
        let frame_key = Random::keyed(self.config.seed, 0xf4a, i64::from(index)).bits();
        self.stage(index);
        self.sort_into_bands();
        #[cfg(test)]
        self.ids.clear();
        for band in 0..self.bins.len() {
            let first = band * BAND_ROWS;
            let rows = BAND_ROWS.min(height - first);
            self.draw_band(band, first, rows);
            let out = &mut rgb[3 * width * first..3 * width * (first + rows)];
            self.lens
                .resolve(&self.band, &self.painter.camera, out, frame_key);
            self.lens.glow(&self.band, &self.painter.glows, out);
            self.band.count(&mut self.tallies);
            #[cfg(test)]
            self.ids
                .extend_from_slice(&self.band.id[..self.band.rows * self.band.width]);
        }
        self.lens
            .finish(rgb, width, height, self.painter.light.wet, frame_key);
        self.list_boxes(boxes);
    }

    /// Collects the triangles of a frame.
    fn stage(&mut self, index: u32) {
        // Positions are metres in f32: after a while the drive starts again, before they
        // lose their millimetres.
        let frames = (Self::REPEAT_S * self.config.frames_per_second) as u32;
        let time_s = (index % frames.max(1)) as f32 / self.config.frames_per_second;
        let z = self.traffic.speed * time_s;
        let sway = |rate: f32, phase: f32| sin(time_s * rate + phase);
        let camera = Camera {
            x: self.street.own_lane() + 0.12 * sway(0.7, 1.0),
            z,
            height: self.height_m,
            yaw: 0.008 * sway(0.5, 0.3) + 0.0015 * sway(5.1, 0.0),
            bend: self.street.bend_at(z),
            focal: self.focal,
            horizon_y: self.horizon
                + self.focal * (0.0030 * sway(2.3, 0.7) + 0.0012 * sway(9.0, 0.0)),
            ..self.painter.camera
        };
        self.painter.begin(camera);
        self.street.draw(&mut self.painter, z);
        self.traffic
            .draw(&mut self.painter, &self.street, time_s, z, &mut self.actors);
        self.tallies.clear();
        self.tallies.resize(self.actors.len(), Tally::EMPTY);
    }

    /// Notes for each band which solid triangles touch it, in order of drawing.
    fn sort_into_bands(&mut self) {
        for bin in &mut self.bins {
            bin.clear();
        }
        let last = self.bins.len() - 1;
        let rows = (2 * BAND_ROWS) as f32;
        for (i, t) in self.painter.triangles.iter().enumerate() {
            let [a, b, c] = t.corners.map(|c| c[1]);
            let first = (a.min(b).min(c) / rows).max(0.0) as usize;
            let end = ((a.max(b).max(c) / rows).max(0.0) as usize).min(last);
            if let Some(bins) = self.bins.get_mut(first..=end) {
                bins.iter_mut().for_each(|bin| bin.push(i as u32));
            }
        }
    }

    fn draw_band(&mut self, band: usize, first: usize, rows: usize) {
        let light = &self.painter.light;
        self.band.begin(first * 2, rows * 2);
        self.lens.sky(&mut self.band, &self.painter.camera, light);
        let shade = ((1.0 - light.shadow) * 256.0) as u32;
        for t in &self.painter.ground {
            self.band.draw(t, shade, &mut []);
        }
        for i in &self.bins[band] {
            let t = &self.painter.triangles[*i as usize];
            self.band.draw(t, shade, &mut self.tallies);
        }
    }

    fn list_boxes(&self, boxes: &mut Vec<DriveBox>) {
        boxes.clear();
        let (width, height) = (self.painter.camera.width, self.painter.camera.rows);
        for (actor, tally) in self.actors.iter().zip(&self.tallies) {
            if tally.seen == 0 {
                continue;
            }
            let [x0, y0, x1, y1] = tally.extent.map(|v| v as f32 * 0.5);
            // The share inside the frame is that of the object's rectangle: what is
            // outside is never drawn, so its pixels cannot be counted.
            let r = &actor.reach;
            let whole = (r.x1 - r.x0).max(1e-3) * (r.y1 - r.y0).max(1e-3);
            let inside = (r.x1.min(width) - r.x0.max(0.0)).max(0.0)
                * (r.y1.min(height) - r.y0.max(0.0)).max(0.0);
            let unhidden = tally.seen as f32 / tally.own.max(tally.seen) as f32;
            boxes.push(DriveBox {
                class: actor.class,
                bbox: BBox::new(x0, y0, x1, y1),
                visible_fraction: (unhidden * inside / whole).clamp(0.0, 1.0),
                identity: actor.identity,
                distance_m: actor.distance_m,
            });
        }
        boxes.sort_unstable_by(|a, b| {
            a.distance_m
                .total_cmp(&b.distance_m)
                .then(a.identity.cmp(&b.identity))
        });
    }
}

#[cfg(test)]
mod tests;
