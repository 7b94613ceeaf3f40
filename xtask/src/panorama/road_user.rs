//! The kinds of road users: how much ground each takes, and how it is built.

use super::cycles::{bicycle, motorcycle, scooter};
use super::people::{person, rider};
use super::thing::Scene;
use super::traffic::Placed;
use super::vehicles::{bus, car, truck};
use fastrand::Rng;
use lookout::class::ObjectClass;
use lookout::drive::vector::Vec3;

/// What can be on the street.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Car,
    SmallTruck,
    Truck,
    Bus,
    Motorcycle,
    Bicycle,
    Scooter,
    Person,
}

impl Kind {
    /// Half the width and half the length, in metres.
    pub fn half_sizes(self) -> (f32, f32) {
        match self {
            Self::Car => (1.0, 2.4),
            Self::SmallTruck => (1.1, 3.0),
            Self::Truck => (1.4, 4.9),
            Self::Bus => (1.45, 6.4),
            Self::Motorcycle => (0.4, 1.05),
            Self::Bicycle => (0.32, 0.95),
            Self::Scooter => (0.28, 0.6),
            Self::Person => (0.28, 0.28),
        }
    }

    fn class(self) -> ObjectClass {
        match self {
            Self::Car => ObjectClass::Car,
            Self::SmallTruck | Self::Truck => ObjectClass::Truck,
            Self::Bus => ObjectClass::Bus,
            Self::Motorcycle => ObjectClass::Motorcycle,
            Self::Bicycle => ObjectClass::Bicycle,
            Self::Scooter => ObjectClass::Scooter,
            Self::Person => ObjectClass::Person,
        }
    }
}

/// The rectangle of ground that somebody takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Footprint {
    pub x: f32,
    pub z: f32,
    pub half_x: f32,
    pub half_z: f32,
}

impl Footprint {
    pub fn of(placed: &Placed) -> Self {
        let (wide, long) = placed.kind.half_sizes();
        let (sin, cos) = placed.heading.sin_cos();
        let (sin, cos) = (sin.abs(), cos.abs());
        Self {
            x: placed.x,
            z: placed.z,
            half_x: wide * cos + long * sin,
            half_z: wide * sin + long * cos,
        }
    }

    pub fn meets(&self, other: &Self) -> bool {
        (self.x - other.x).abs() < self.half_x + other.half_x
            && (self.z - other.z).abs() < self.half_z + other.half_z
    }
}

/// Builds a road user at `origin`, which is relative to the sensor, and who rides it.
pub(super) fn build(scene: &mut Scene, placed: &Placed, origin: Vec3, rng: &mut Rng) {
    let (kind, identity) = (placed.kind, placed.identity);
    scene.begin(Some(kind.class()), identity, origin, placed.heading);
    let grip = match kind {
        Kind::Car => return car(scene, rng),
        Kind::SmallTruck => return truck(scene, rng, true),
        Kind::Truck => return truck(scene, rng, false),
        Kind::Bus => return bus(scene, rng),
        Kind::Person => return person(scene, rng, placed.gone),
        Kind::Motorcycle => motorcycle(scene, rng),
        Kind::Bicycle => bicycle(scene, rng),
        Kind::Scooter => scooter(scene, rng),
    };
    if placed.ridden {
        let helmet_share = match kind {
            Kind::Motorcycle => 1.0,
            Kind::Bicycle => 0.45,
            _ => 0.25,
        };
        scene.begin(
            Some(ObjectClass::Rider),
            identity | 1,
            origin,
            placed.heading,
        );
        rider(
            scene,
            rng,
            &grip,
            helmet_share,
            placed.gone.unwrap_or_default(),
        );
    }
}
