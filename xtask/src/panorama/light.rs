//! From what rays have met to the three channels: depth, ambient light, intensity.

use super::RANGE_M;
use super::canvas::{Canvas, Pixel};
use super::material::{GLASS, Material, Surface};
use super::random::{between, grain, keyed};
use super::shadow::Shadows;
use fastrand::Rng;
use lookout::drive::vector::{Vec3, v3};

/// Distance at which half of a lidar's picture is black, on the scale of the depth channel.
const DEPTH_KNEE_M: f32 = 2.5;

/// Share of returns from glass that get lost.
const GLASS_LOSS: f32 = 0.65;

/// Sun, sky and the sensor's exposure on one drive.
#[derive(Clone, Debug)]
pub(super) struct Light {
    /// Towards the sun.
    pub sun: Vec3,
    /// What the sun gives; 0 at night and under clouds.
    pub sun_strength: f32,
    sky: f32,
    haze: f32,
    noise: f32,
}

impl Light {
    pub fn new(seed: u64) -> Self {
        let mut rng = keyed(seed, 0x1197, 0);
        let (azimuth, elevation) = (between(&mut rng, 0.0, 6.3), between(&mut rng, 0.3, 1.2));
        let flat = elevation.cos();
        let sun = v3(flat * azimuth.sin(), elevation.sin(), flat * azimuth.cos());
        let (sun_strength, sky) = match rng.u8(..10) {
            0..5 => (between(&mut rng, 0.9, 1.5), between(&mut rng, 0.3, 0.5)),
            5..8 => (0.0, between(&mut rng, 0.5, 0.9)),
            // Dusk and night: hardly anything but noise.
            _ => (0.0, between(&mut rng, 0.01, 0.08)),
        };
        Self {
            sun,
            sun_strength,
            sky,
            haze: between(&mut rng, 0.2, 0.9),
            noise: between(&mut rng, 0.01, 0.03),
        }
    }

    /// Writes depth, ambient light and intensity of every pixel. `eye` is the sensor's place.
    pub fn shade(
        &self,
        canvas: &Canvas,
        shadows: Option<&Shadows>,
        eye: Vec3,
        rng: &mut Rng,
        rgb: &mut Vec<u8>,
    ) {
        rgb.clear();
        rgb.reserve(3 * canvas.pixels.len());
        let width = canvas.lens.columns.len();
        for (at, pixel) in canvas.pixels.iter().enumerate() {
            let d = canvas.lens.direction(at % width, at / width);
            let random = Noise::new(rng);
            if pixel.distance == f32::INFINITY {
                rgb.extend([0, byte(self.sky_at(d) + random.centred * self.noise), 0]);
                continue;
            }
            let place = d * pixel.distance;
            let material = textured(pixel, place + eye);
            let ambient = self.ambient(pixel, material, place, shadows);
            let [depth, intensity] = laser(pixel, material, d, &random);
            let ambient = byte(ambient + random.centred * self.noise);
            rgb.extend([depth, ambient, intensity]);
        }
    }

    fn ambient(
        &self,
        pixel: &Pixel,
        material: Material,
        place: Vec3,
        shadows: Option<&Shadows>,
    ) -> f32 {
        let facing = pixel.normal.dot(self.sun);
        let lit = facing > 0.0 && shadows.is_none_or(|s| !s.is_dark(place, pixel.normal));
        let sun = if lit { self.sun_strength * facing } else { 0.0 };
        tone(material.day * (self.sky * (0.6 + 0.4 * pixel.normal.y) + sun))
    }

    fn sky_at(&self, d: Vec3) -> f32 {
        let towards = d.dot(self.sun).max(0.0);
        let glow = 0.6 * self.sun_strength * towards.powi(24);
        tone(self.sky * self.haze * (1.0 - 0.6 * d.y.max(0.0)) + glow)
    }
}

/// Brightness as a byte would show it, `0..=1`.
fn tone(light: f32) -> f32 {
    light.max(0.0).sqrt()
}

fn byte(value: f32) -> u8 {
    (value * 255.0 + 0.5) as u8
}

/// Random numbers of one pixel.
struct Noise {
    /// About normal, of deviation 1.
    centred: f32,
    /// Another.
    other: f32,
    /// `0.0..1.0`.
    chance: f32,
}

impl Noise {
    fn new(rng: &mut Rng) -> Self {
        let bits = rng.u64(..);
        // The sum of four bytes is nearly normal; its deviation is 148.
        let sum = |bits: u64| (0..4).map(|i| (bits >> (8 * i) & 0xff) as f32).sum::<f32>();
        let other = rng.u64(..);
        Self {
            centred: (sum(bits) - 510.0) / 148.0,
            other: (sum(other) - 510.0) / 148.0,
            chance: (bits >> 40) as f32 * (1.0 / 16_777_216.0),
        }
    }
}

/// The material at a place in the world, with what is painted or built into it.
fn textured(pixel: &Pixel, place: Vec3) -> Material {
    let material = pixel.material;
    match material.surface {
        Surface::Facade(number) => facade(material, number, pixel.normal, place),
        Surface::Foliage => {
            let leaf = grain(
                pixel.id,
                (place.x * 7.0).floor() as i32 ^ ((place.y * 7.0).floor() as i32) << 8,
                (place.z * 7.0).floor() as i32,
            );
            Material {
                day: material.day * (0.5 + leaf),
                laser: material.laser * (0.4 + leaf),
                ..material
            }
        }
        _ => material,
    }
}

/// Rows of windows, and doors and shop windows on the ground floor.
fn facade(material: Material, number: u32, normal: Vec3, place: Vec3) -> Material {
    let along = if normal.x.abs() > 0.5 {
        place.z
    } else {
        place.x
    };
    let height = place.y;
    let wide = 2.0 + 0.8 * grain(number, 1, 0);
    let column = (along / wide).rem_euclid(1.0);
    let floor = if height < 3.2 {
        height / 3.2
    } else {
        ((height - 3.2) / 2.9).rem_euclid(1.0)
    };
    let shop = height < 3.2 && grain(number, 2, 0) < 0.5;
    let window = match shop {
        true => (0.12..0.9).contains(&column) && (0.1..0.8).contains(&floor),
        false => (0.28..0.72).contains(&column) && (0.3..0.78).contains(&floor),
    };
    if window && normal.y < 0.5 {
        return GLASS;
    }
    let stain = grain(
        number,
        (along * 2.0).floor() as i32,
        (height * 2.0).floor() as i32,
    );
    Material {
        day: material.day * (0.9 + 0.15 * stain),
        laser: material.laser * (0.9 + 0.15 * stain),
        ..material
    }
}

/// Bytes of depth and intensity; both 0 where nothing comes back.
fn laser(pixel: &Pixel, material: Material, d: Vec3, random: &Noise) -> [u8; 2] {
    let distance = pixel.distance;
    let facing = (-pixel.normal.dot(d)).clamp(0.0, 1.0);
    let energy = material.laser * (0.15 + 0.85 * facing);
    let falloff = |metres: f32| (1.0 + (distance / metres).powi(2)).recip();
    let lost = match material.surface {
        Surface::Glass => GLASS_LOSS,
        Surface::Retro => 0.002,
        _ => 0.003 + (0.012 / (energy * falloff(35.0)) - 0.6).clamp(0.0, 0.97),
    };
    if random.chance < lost || distance > RANGE_M {
        return [0, 0];
    }
    let intensity = match material.surface {
        Surface::Retro => (0.55 + 0.6 * facing) * material.laser * falloff(120.0),
        _ => 0.8 * energy * falloff(45.0),
    };
    let speckle = 1.0 + 0.1 * random.centred;
    let measured = distance + (0.02 + 0.0015 * distance) * random.other;
    [
        depth_byte(measured),
        byte(tone(intensity * speckle).max(0.004)),
    ]
}

/// Near is bright, and a step is worth more metres the farther it is.
fn depth_byte(distance: f32) -> u8 {
    let scale = |metres: f32| (1.0 + metres.max(0.0) / DEPTH_KNEE_M).ln();
    byte((1.0 - scale(distance) / scale(RANGE_M)).clamp(0.004, 1.0))
}
