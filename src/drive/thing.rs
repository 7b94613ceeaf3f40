//! One thing on the street: where it stands, which ground it takes, how it is drawn and
//! labelled.

use super::painter::{Painter, Reach};
use super::placement::{Placement, cos, sin};
use super::raster::ID_OBJECTS;
use super::{car, cycle, heavy, person};
use crate::class::ObjectClass;

/// Nothing farther ahead is drawn.
pub(super) const SIGHT_M: f32 = 85.0;
/// Labelled objects of one frame are bounded.
pub(super) const OBJECTS_MAX: usize = 512;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Car,
    Pickup,
    Truck,
    Bus,
    Motorcycle,
    Bicycle,
    Scooter,
    Person,
}

/// One thing on the street.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thing {
    pub kind: Kind,
    pub ridden: bool,
    pub x: f32,
    pub z: f32,
    pub heading: f32,
    pub lean: f32,
    /// Metres gone, which turns pedals and swings legs; `None` stands still.
    pub gone: Option<f32>,
    pub braking: bool,
    pub variant: u64,
    pub identity: u32,
}

/// The rectangle of ground that a thing takes: middle, half width, half length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Footprint {
    x: f32,
    z: f32,
    half_x: f32,
    half_z: f32,
}

impl Footprint {
    fn of(t: &Thing) -> Self {
        let (wide, long) = match t.kind {
            Kind::Car => (0.95, 2.3),
            Kind::Pickup => (0.95, 2.6),
            Kind::Truck => (1.25, 4.4),
            Kind::Bus => (1.3, 6.0),
            Kind::Motorcycle => (0.35, 0.95),
            Kind::Bicycle => (0.25, 0.85),
            Kind::Scooter => (0.2, 0.5),
            Kind::Person => (0.2, 0.2),
        };
        let (s, c) = (sin(t.heading).abs(), cos(t.heading).abs());
        Self {
            x: t.x,
            z: t.z,
            half_x: wide * c + long * s,
            half_z: wide * s + long * c,
        }
    }

    fn meets(&self, o: &Self) -> bool {
        (self.x - o.x).abs() < self.half_x + o.half_x
            && (self.z - o.z).abs() < self.half_z + o.half_z
    }
}

/// A labelled object of the frame being drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Actor {
    pub class: ObjectClass,
    pub identity: u32,
    pub distance_m: f32,
    pub reach: Reach,
}

/// Two numbers that name a thing become its identity; two more bits tell cycle from rider.
pub(super) fn identity(stream: u32, slot: i64) -> u32 {
    stream << 22 | ((slot & 0xf_ffff) as u32) << 2
}

/// What is being gathered for a frame.
pub(super) struct Scene<'a> {
    pub p: &'a mut Painter,
    pub actors: &'a mut Vec<Actor>,
    pub taken: &'a mut Vec<Footprint>,
    pub z: f32,
}

impl Scene<'_> {
    /// Starts an object: the painter's id and place. `None` when there are too many.
    fn object(&mut self, t: &Thing, class: ObjectClass, part: u32) -> Option<()> {
        if self.actors.len() >= OBJECTS_MAX {
            return None;
        }
        let id = ID_OBJECTS + self.actors.len() as u32;
        self.p
            .place(id, Placement::new(t.x, t.z, t.heading, t.lean));
        self.actors.push(Actor {
            class,
            identity: t.identity | part,
            distance_m: t.z - self.z,
            reach: Reach::NONE,
        });
        Some(())
    }

    fn finish(&mut self) {
        if let Some(actor) = self.actors.last_mut() {
            actor.reach = self.p.reach;
        }
    }

    /// Draws a thing and, when it has one, its rider.
    pub fn draw(&mut self, t: Thing) {
        let ahead = t.z - self.z;
        if !(-8.0..SIGHT_M).contains(&ahead) {
            return;
        }
        let class = match t.kind {
            Kind::Car => ObjectClass::Car,
            Kind::Pickup | Kind::Truck => ObjectClass::Truck,
            Kind::Bus => ObjectClass::Bus,
            Kind::Motorcycle => ObjectClass::Motorcycle,
            Kind::Bicycle => ObjectClass::Bicycle,
            Kind::Scooter => ObjectClass::Scooter,
            Kind::Person => ObjectClass::Person,
        };
        // The streams know nothing of each other; who comes second to a place is left out.
        let footprint = Footprint::of(&t);
        if (t.ridden || t.gone.is_some()) && self.taken.iter().any(|o| o.meets(&footprint)) {
            return;
        }
        if self.object(&t, class, 0).is_none() {
            return;
        }
        self.taken.push(footprint);
        let eye_ahead = cos(t.heading) < 0.15;
        let phase = t.gone.map(|g| g * 1.2);
        let p = &mut *self.p;
        let grip = match t.kind {
            Kind::Car => {
                car::draw(p, t.variant, false, t.braking, eye_ahead);
                None
            }
            Kind::Pickup => {
                car::draw(p, t.variant, true, t.braking, eye_ahead);
                None
            }
            Kind::Truck => {
                heavy::truck(p, t.variant, t.braking, eye_ahead);
                None
            }
            Kind::Bus => {
                heavy::bus(p, t.variant, t.braking, eye_ahead);
                None
            }
            Kind::Person => {
                person::pedestrian(p, t.variant, t.gone.map(|g| g * 4.4));
                None
            }
            Kind::Motorcycle => Some((cycle::motorcycle(p, t.variant, eye_ahead), 1.0, None)),
            Kind::Bicycle => {
                let grip = cycle::bicycle(p, t.variant, phase.unwrap_or(0.6), eye_ahead);
                Some((grip, 0.45, None))
            }
            Kind::Scooter => {
                let grip = cycle::scooter(p, t.variant, eye_ahead);
                let pushing = phase.filter(|_| t.variant.is_multiple_of(4));
                Some((grip, 0.25, pushing))
            }
        };
        self.finish();
        if let Some((grip, helmet, pushing)) = grip
            && t.ridden
            && self.object(&t, ObjectClass::Rider, 1).is_some()
        {
            person::rider(self.p, t.variant, &grip, helmet, pushing);
            self.finish();
        }
    }
}
