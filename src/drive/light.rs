//! Light and weather: sun, sky, haze, and how a surface looks under them.

use super::random::Random;
use super::vector::{Vec3, v3};

/// Kind of light and weather of a drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Light {
    /// Clear day, sun high at one side.
    Day,
    /// Grey sky, no sharp shadows.
    Overcast,
    /// Sun close to the horizon, long shadows, warm colour.
    LowSun,
    /// After sunset: lamps and windows are lit.
    Dusk,
    /// Rain: wet road, streaks, low contrast.
    Rain,
}

impl Light {
    /// All kinds.
    pub const ALL: [Self; 5] = [
        Self::Day,
        Self::Overcast,
        Self::LowSun,
        Self::Dusk,
        Self::Rain,
    ];

    /// Name as written in a source URI.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Overcast => "overcast",
            Self::LowSun => "low-sun",
            Self::Dusk => "dusk",
            Self::Rain => "rain",
        }
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|light| light.name() == name)
    }
}

/// A colour, each channel nominally `0..=1`.
pub(super) type Rgb = [f32; 3];

/// What a surface is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Material {
    Matte,
    Paint,
    Glass,
    /// Shines by itself; its colour is what is seen.
    Lamp,
}

/// Everything that shading needs to know about light and weather.
#[derive(Clone, Debug)]
pub(super) struct Lighting {
    pub kind: Light,
    /// Direction towards the sun.
    pub sun: Vec3,
    pub sun_colour: Rgb,
    pub ambient_sky: Rgb,
    pub ambient_ground: Rgb,
    pub zenith: Rgb,
    pub horizon: Rgb,
    pub cloud: Rgb,
    /// Share of the sky that clouds cover, roughly.
    pub cloud_cover: f32,
    pub haze_per_m: f32,
    /// Share of light left in a cast shadow on the ground; 1 = no cast shadows.
    pub shadow: f32,
    /// Whether headlamps, street lamps and windows are lit.
    pub lamps: bool,
    /// 0 dry, 1 soaked.
    pub wet: f32,
}

pub(super) fn mix(a: Rgb, b: Rgb, t: f32) -> Rgb {
    [
        a[0] + (b[0] - a[0]) * t,
        a[1] + (b[1] - a[1]) * t,
        a[2] + (b[2] - a[2]) * t,
    ]
}

pub(super) fn scale(a: Rgb, k: f32) -> Rgb {
    [a[0] * k, a[1] * k, a[2] * k]
}

impl Lighting {
    /// The light of a drive; `random` varies sun direction, haze and clouds.
    pub fn new(kind: Light, random: &mut Random) -> Self {
        let side = if random.chance(0.5) { 1.0 } else { -1.0 };
        let along = random.range(-0.7, 0.7);
        let haze = random.range(0.7, 1.5);
        let base = Self {
            kind,
            sun: v3(
                side * random.range(0.5, 0.9),
                random.range(0.75, 1.1),
                along,
            )
            .unit(),
            sun_colour: [0.86, 0.82, 0.73],
            ambient_sky: [0.52, 0.56, 0.64],
            ambient_ground: [0.36, 0.35, 0.33],
            zenith: [0.28, 0.48, 0.80],
            horizon: [0.74, 0.83, 0.92],
            cloud: [0.96, 0.96, 0.97],
            cloud_cover: random.range(0.15, 0.55),
            haze_per_m: 0.0028 * haze,
            shadow: 0.5,
            lamps: false,
            wet: 0.0,
        };
        match kind {
            Light::Day => base,
            Light::Overcast => Self {
                sun_colour: [0.10, 0.10, 0.10],
                ambient_sky: [0.92, 0.94, 0.97],
                ambient_ground: [0.52, 0.52, 0.52],
                zenith: [0.66, 0.70, 0.75],
                horizon: [0.83, 0.85, 0.87],
                cloud: [0.78, 0.80, 0.83],
                cloud_cover: 0.8,
                haze_per_m: 0.0045 * haze,
                shadow: 1.0,
                ..base
            },
            Light::LowSun => Self {
                sun: v3(
                    side * random.range(0.7, 1.0),
                    random.range(0.28, 0.45),
                    along,
                )
                .unit(),
                sun_colour: [0.95, 0.68, 0.40],
                ambient_sky: [0.52, 0.52, 0.58],
                ambient_ground: [0.38, 0.33, 0.28],
                zenith: [0.34, 0.46, 0.70],
                horizon: [0.97, 0.80, 0.58],
                cloud: [1.0, 0.82, 0.66],
                haze_per_m: 0.0045 * haze,
                shadow: 0.48,
                ..base
            },
            Light::Dusk => Self {
                sun_colour: [0.03, 0.03, 0.04],
                ambient_sky: [0.37, 0.39, 0.48],
                ambient_ground: [0.27, 0.25, 0.23],
                zenith: [0.09, 0.13, 0.27],
                horizon: [0.62, 0.44, 0.38],
                cloud: [0.36, 0.29, 0.34],
                cloud_cover: 0.5,
                haze_per_m: 0.004 * haze,
                shadow: 1.0,
                lamps: true,
                ..base
            },
            Light::Rain => Self {
                sun_colour: [0.04, 0.04, 0.04],
                ambient_sky: [0.70, 0.72, 0.75],
                ambient_ground: [0.42, 0.42, 0.43],
                zenith: [0.58, 0.61, 0.65],
                horizon: [0.76, 0.78, 0.80],
                cloud: [0.66, 0.68, 0.71],
                cloud_cover: 0.85,
                haze_per_m: 0.0085 * haze,
                shadow: 1.0,
                lamps: random.chance(0.7),
                wet: 1.0,
                ..base
            },
        }
    }

    /// Colour of the sky, without clouds, in the direction whose sine of elevation is
    /// `up`; below the horizon the colour of a street seen as a reflection.
    pub fn sky(&self, up: f32) -> Rgb {
        if up >= 0.0 {
            let t = 1.0 - up.min(1.0);
            mix(self.zenith, self.horizon, t * t * t)
        } else {
            scale(self.ambient_ground, 0.9)
        }
    }

    /// Colour of a surface with normal `n`, seen along the unit vector `view` (eye to
    /// surface).
    pub fn shade(&self, n: Vec3, view: Vec3, albedo: Rgb, material: Material) -> Rgb {
        if material == Material::Lamp {
            return albedo;
        }
        let diffuse = n.dot(self.sun).max(0.0);
        let up = 0.5 + 0.5 * n.y;
        let ambient = mix(self.ambient_ground, self.ambient_sky, up);
        let mut out = [0.0; 3];
        for i in 0..3 {
            out[i] = albedo[i] * (ambient[i] + self.sun_colour[i] * diffuse);
        }
        let (base, grazing) = match material {
            Material::Paint => (0.06, 0.5),
            Material::Glass => (0.18, 0.6),
            _ => return out,
        };
        let facing = (-n.dot(view)).clamp(0.0, 1.0);
        let mirror = view + n * (2.0 * facing);
        let edge = 1.0 - facing;
        let reflectance = base + (grazing - base) * edge * edge * edge * edge;
        let sky = self.sky(mirror.y);
        let glint = mirror.dot(self.sun).max(0.0);
        let glint = glint * glint * glint * glint;
        let glint = glint * glint * glint * glint;
        for i in 0..3 {
            out[i] = out[i] * (1.0 - reflectance)
                + sky[i] * reflectance
                + self.sun_colour[i] * glint * 0.7;
        }
        out
    }

    /// Share of haze at this distance, `0..1`.
    pub fn haze(&self, distance_m: f32) -> f32 {
        1.0 - libm::expf(-distance_m * self.haze_per_m)
    }
}
