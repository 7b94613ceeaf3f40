//! Panoramas of a street as a spinning lidar on a car's roof sees it, rendered in code with
//! known boxes: training material for models whose channels are no colours.
//!
//! Solids (hulls, tubes, ellipsoids, wheels) make up houses, trees and road users. Each solid
//! is met by the rays of the pixels that it may cover; the nearest one wins, and the number of
//! its thing is kept, so that a box is drawn around what is visible and nothing else. A picture
//! has three channels: depth (near is bright, 0 is no return), ambient light, and the intensity
//! of the laser's echo. The seam is behind the car; what lies across it has a box at either end.

mod canvas;
mod cycles;
mod label;
mod lens;
mod light;
mod material;
mod people;
mod random;
mod road_user;
mod roadside;
mod scenery;
mod shadow;
mod shape;
mod street;
#[cfg(test)]
mod tests;
mod thing;
mod traffic;
mod turn;
mod vehicles;

pub use label::PanoramaBox;

use canvas::Canvas;
use light::Light;
use lookout::drive::vector::v3;
use random::keyed;
use shadow::Shadows;
use street::Street;
use thing::Scene;
use traffic::Filler;

/// Names of the channels, in the places of red, green and blue.
pub const CHANNELS: [&str; 3] = ["depth", "ambient", "intensity"];

/// Height of the sensor above the road.
const SENSOR_M: f32 = 1.95;

/// Beyond this nothing comes back.
const RANGE_M: f32 = 120.0;

/// What to render.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PanoramaConfig {
    /// Decides street, traffic and light.
    pub seed: u64,
    /// Columns around the full circle.
    pub width: u32,
    /// Rows over 45 degrees.
    pub height: u32,
}

/// Why there is no panorama.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a panorama of {width}x{height} pixels cannot be rendered; both sides go from {min} to {max}",
    min = Panorama::SIDE_PIXELS_MIN,
    max = Panorama::SIDE_PIXELS_MAX
)]
pub struct PanoramaError {
    width: u32,
    height: u32,
}

/// One drive; any of its moments can be rendered without those before it.
#[derive(Debug)]
pub struct Panorama {
    config: PanoramaConfig,
    street: Street,
    light: Light,
    canvas: Canvas,
    scene: Scene,
    shadows: Option<Shadows>,
}

impl Panorama {
    /// Smallest width and height.
    pub const SIDE_PIXELS_MIN: u32 = 16;
    /// Largest width and height.
    pub const SIDE_PIXELS_MAX: u32 = 4096;

    /// Lays out the drive of this seed.
    ///
    /// # Errors
    /// A side is out of bounds.
    pub fn new(config: PanoramaConfig) -> Result<Self, PanoramaError> {
        let PanoramaConfig {
            seed,
            width,
            height,
        } = config;
        let sane = Self::SIDE_PIXELS_MIN..=Self::SIDE_PIXELS_MAX;
        if !sane.contains(&width) || !sane.contains(&height) {
            return Err(PanoramaError { width, height });
        }
        let light = Light::new(seed);
        let sunny = light.sun_strength > 0.0;
        Ok(Self {
            config,
            street: Street::new(seed),
            canvas: Canvas::new(width, height),
            scene: Scene::default(),
            shadows: sunny.then(|| Shadows::new(light.sun)),
            light,
        })
    }

    /// Renders the moment `time_s` seconds after the start: the three channels of all pixels
    /// row by row to `rgb`, and the road users of which anything is visible to `boxes`.
    pub fn render(&mut self, time_s: f32, rgb: &mut Vec<u8>, boxes: &mut Vec<PanoramaBox>) {
        let z = self.street.speed * time_s;
        self.scene.clear(self.canvas.lens.step());
        Filler {
            scene: &mut self.scene,
            street: &self.street,
            time_s,
            z,
            taken: Vec::new(),
        }
        .fill();
        self.canvas.draw(&self.street, z, &self.scene);
        if let Some(shadows) = &mut self.shadows {
            shadows.cast(&self.scene);
        }
        let eye = v3(self.street.own_x, SENSOR_M, z);
        let mut noise = keyed(self.config.seed, 0x4015e, i64::from(time_s.to_bits()));
        let shadows = self.shadows.as_ref();
        self.light
            .shade(&self.canvas, shadows, eye, &mut noise, rgb);
        label::boxes(&self.canvas, &self.scene, boxes);
    }
}
