//! Who is on the street at a given time: vehicles, cycles and people, each a pure function
//! of seed and time, so that any frame can be drawn without the ones before it.

use super::painter::{Painter, Reach};
use super::random::Random;
use super::raster::ID_OBJECTS;
use super::street::{JUNCTION_WIDTH_M, KERB_SLOT_M, Street};
use super::vector::{Placement, sin};
use super::{car, cycle, heavy, person};
use crate::class::ObjectClass;
use std::f32::consts::{FRAC_PI_2, PI};

/// Nothing farther ahead is drawn.
const SIGHT_M: f32 = 85.0;
/// Labelled objects of one frame are bounded.
pub(super) const OBJECTS_MAX: usize = 512;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
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
struct Thing {
    kind: Kind,
    ridden: bool,
    x: f32,
    z: f32,
    heading: f32,
    lean: f32,
    /// Metres gone, which turns pedals and swings legs; `None` stands still.
    gone: Option<f32>,
    braking: bool,
    variant: u64,
    identity: u32,
}

/// The rectangle of ground that a thing takes: middle, half width, half length.
#[derive(Clone, Copy, Debug)]
struct Footprint {
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
        let (s, c) = (sin(t.heading).abs(), super::vector::cos(t.heading).abs());
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
fn identity(stream: u32, slot: i64) -> u32 {
    stream << 22 | ((slot & 0xf_ffff) as u32) << 2
}

fn vehicle(random: &mut Random) -> Kind {
    let u = random.unit();
    match u {
        _ if u < 0.42 => Kind::Car,
        _ if u < 0.52 => Kind::Pickup,
        _ if u < 0.68 => Kind::Truck,
        _ if u < 0.82 => Kind::Bus,
        _ => Kind::Motorcycle,
    }
}

/// The traffic of one street.
#[derive(Clone, Debug)]
pub(super) struct Traffic {
    seed: u64,
    /// The camera's own speed, metres a second.
    pub speed: f32,
    density: f32,
    taken: Vec<Footprint>,
}

/// What is being gathered for a frame.
struct Scene<'a> {
    p: &'a mut Painter,
    actors: &'a mut Vec<Actor>,
    taken: &'a mut Vec<Footprint>,
    z: f32,
}

impl Traffic {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::keyed(seed, 0x7af, 0);
        Self {
            seed,
            speed: random.range(7.0, 10.0),
            density: random.range(0.75, 1.2),
            taken: Vec::new(),
        }
    }

    /// Draws everybody at `time_s` seen from `z` and lists them.
    pub fn draw(
        &mut self,
        p: &mut Painter,
        street: &Street,
        time_s: f32,
        z: f32,
        actors: &mut Vec<Actor>,
    ) {
        actors.clear();
        self.taken.clear();
        let mut taken = std::mem::take(&mut self.taken);
        let mut scene = Scene {
            p,
            actors,
            taken: &mut taken,
            z,
        };
        self.own_lane(&mut scene, street, time_s);
        self.moving_lanes(&mut scene, street, time_s);
        self.parked(&mut scene, street);
        self.pavements(&mut scene, street, time_s);
        self.junctions(&mut scene, street, time_s);
        self.taken = taken;
    }

    /// Those ahead in our lane keep their distance, more or less.
    fn own_lane(&self, scene: &mut Scene<'_>, street: &Street, time_s: f32) {
        for slot in 0..3 {
            let mut random = Random::keyed(self.seed, 0x100, slot);
            if !random.chance(0.62 * self.density) {
                continue;
            }
            let wave = sin(time_s * 0.5 + random.range(0.0, 6.0));
            let ahead = 14.0 + slot as f32 * 23.0 + random.range(0.0, 8.0) + 2.5 * wave;
            let kind = vehicle(&mut random);
            scene.draw(Thing {
                kind,
                ridden: true,
                x: street.own_lane() + random.range(-0.25, 0.25),
                z: scene.z + ahead,
                heading: 0.0,
                lean: 0.0,
                gone: Some(scene.z),
                braking: sin(time_s * 0.5 + random.range(0.0, 6.0)) > 0.6,
                variant: random.bits(),
                identity: identity(1, slot),
            });
        }
    }

    /// Streams whose members all go at one speed: other lanes and cycle lanes.
    fn moving_lanes(&self, scene: &mut Scene<'_>, street: &Street, time_s: f32) {
        let edge = street.lanes as f32 * street.lane_width;
        let cycle = if street.cycle_lane {
            edge + 0.85
        } else {
            edge - 0.15
        };
        // Stream, x, speed, spacing, share taken, cycles only.
        let mut streams = [(0u32, 0.0f32, 0.0f32, 1.0f32, 0.0f32, false); 5];
        let half = street.lane_width * 0.5;
        streams[0] = (2, -half, -8.0, 18.0, 0.6, false);
        streams[1] = (3, cycle, 4.4, 13.0, 0.75, true);
        streams[2] = (4, -cycle, -4.4, 13.0, 0.65, true);
        if street.lanes == 2 {
            streams[3] = (5, -half - street.lane_width, -6.0, 19.0, 0.5, false);
            streams[4] = (6, half, self.speed * 1.25, 22.0, 0.55, false);
        }
        for (stream, x, speed, spacing, share, cycles) in streams {
            if stream == 0 {
                continue;
            }
            let shift = speed * time_s;
            let first = ((scene.z - shift) / spacing).floor() as i64 - 1;
            let count = (SIGHT_M / spacing) as i64 + 3;
            for slot in first..first + count {
                let mut random = Random::keyed(self.seed, 0x100 + u64::from(stream), slot);
                if !random.chance(share * self.density) {
                    continue;
                }
                let kind = match cycles {
                    true => random.pick(&[
                        Kind::Bicycle,
                        Kind::Scooter,
                        Kind::Scooter,
                        Kind::Bicycle,
                        Kind::Motorcycle,
                    ]),
                    false => vehicle(&mut random),
                };
                let at = (slot as f32 + random.range(0.3, 0.7)) * spacing + shift;
                let sway = sin(at * 0.5 + random.range(0.0, 6.0));
                scene.draw(Thing {
                    kind,
                    ridden: true,
                    x: x + random.range(-0.25, 0.25) + if cycles { 0.08 * sway } else { 0.0 },
                    z: at,
                    heading: if speed < 0.0 { PI } else { 0.0 },
                    lean: if cycles { 0.04 * sway } else { 0.0 },
                    gone: Some(at.abs()),
                    braking: false,
                    variant: random.bits(),
                    identity: identity(stream, slot),
                });
            }
        }
    }

    /// Parked cars along the kerb, cycles and scooters on the pavement.
    fn parked(&self, scene: &mut Scene<'_>, street: &Street) {
        for (index, side) in [(0usize, -1.0f32), (1, 1.0)] {
            if street.parking {
                let first = (scene.z / 6.6).floor() as i64;
                for slot in first..first + 13 {
                    let mut random = Random::keyed(self.seed, 0x200 + index as u64, slot);
                    let z = (slot as f32 + 0.5) * 6.6;
                    if !random.chance(0.62) || !street.clear_of_junction(z, 9.0) {
                        continue;
                    }
                    let kind = match random.below(20) {
                        0..15 => Kind::Car,
                        15 | 16 => Kind::Pickup,
                        17 => Kind::Truck,
                        _ => Kind::Motorcycle,
                    };
                    // A lorry needs the free half of the slot before it.
                    let kind = if kind == Kind::Truck && slot % 2 != 0 {
                        Kind::Car
                    } else {
                        kind
                    };
                    scene.draw(Thing {
                        kind,
                        ridden: false,
                        x: side * (street.kerb - 1.12 + random.range(-0.08, 0.08)),
                        z,
                        heading: if side < 0.0 { PI } else { 0.0 } + random.range(-0.03, 0.03),
                        lean: 0.0,
                        gone: None,
                        braking: false,
                        variant: random.bits(),
                        identity: identity(8 + index as u32, slot),
                    });
                }
            }
            let first = (scene.z / KERB_SLOT_M).floor() as i64;
            for slot in first..first + 14 {
                let (choice, mut random) = street.kerb_use(index, slot);
                let z = (slot as f32 + 0.5) * KERB_SLOT_M;
                if choice != 4 || !street.clear_of_junction(z, 5.0) {
                    continue;
                }
                let kind = random.pick(&[
                    Kind::Bicycle,
                    Kind::Scooter,
                    Kind::Scooter,
                    Kind::Motorcycle,
                    Kind::Bicycle,
                ]);
                let count = 1 + random.below(3);
                let heading = random.range(0.0, 2.0 * PI);
                for i in 0..count {
                    let gap = if kind == Kind::Motorcycle { 1.3 } else { 0.8 };
                    scene.draw(Thing {
                        kind,
                        ridden: false,
                        x: side * (street.kerb + 0.95) + random.range(-0.1, 0.1),
                        z: z + (i as f32 - 1.0) * gap,
                        heading: heading + random.range(-0.2, 0.2),
                        lean: random.pick(&[-0.12, 0.12]),
                        gone: None,
                        braking: false,
                        variant: random.bits(),
                        identity: identity(10 + index as u32, slot * 4 + i as i64),
                    });
                }
            }
        }
    }

    /// People on the pavements: walking both ways, standing, riding scooters.
    fn pavements(&self, scene: &mut Scene<'_>, street: &Street, time_s: f32) {
        for (index, side) in [(0u32, -1.0f32), (1, 1.0)] {
            for (lane, speed) in [(0u32, 1.35f32), (1, -1.25), (2, 0.0), (3, 3.6)] {
                let spacing = [7.0, 7.0, 9.0, 31.0][lane as usize];
                let shift = speed * time_s;
                let first = ((scene.z - shift) / spacing).floor() as i64;
                let count = (60.0 / spacing) as i64 + 2;
                let stream = 16 + index * 4 + lane;
                for slot in first..first + count {
                    let mut random = Random::keyed(self.seed, 0x300 + u64::from(stream), slot);
                    if !random.chance(0.5 * self.density) {
                        continue;
                    }
                    let at = (slot as f32 + random.unit()) * spacing + shift;
                    let depth = 1.5 + lane.min(2) as f32 * 0.6 + random.range(-0.2, 0.3);
                    let heading = match lane {
                        0 | 3 => 0.0,
                        1 => PI,
                        _ => random.range(0.0, 2.0 * PI),
                    };
                    scene.draw(Thing {
                        kind: if lane == 3 {
                            Kind::Scooter
                        } else {
                            Kind::Person
                        },
                        ridden: true,
                        x: side * (street.kerb + depth),
                        z: at,
                        heading: heading + random.range(-0.1, 0.1),
                        lean: 0.0,
                        gone: (lane != 2).then_some(at.abs()),
                        braking: false,
                        variant: random.bits(),
                        identity: identity(stream, slot),
                    });
                }
            }
        }
    }

    /// Those who cross or wait at a junction.
    fn junctions(&self, scene: &mut Scene<'_>, street: &Street, time_s: f32) {
        let (mut near, mut number) = street.junction_after(scene.z);
        while near < scene.z + SIGHT_M {
            let arrival = near / self.speed;
            let mut random = Random::keyed(self.seed, 0x400, number);
            for i in 0..5i64 {
                // On foot or a cycle over the crossing, gone well before we arrive.
                let dir = random.pick(&[-1.0, 1.0]);
                let kind = random.pick(&[
                    Kind::Person,
                    Kind::Person,
                    Kind::Person,
                    Kind::Bicycle,
                    Kind::Scooter,
                ]);
                let speed = if kind == Kind::Person {
                    random.range(1.1, 1.5)
                } else {
                    random.range(2.4, 3.4)
                };
                let x = speed * (time_s - arrival + random.range(2.5, 8.0) - 0.2 * i as f32)
                    - street.own_lane();
                let z = near - 2.9 + random.range(-0.9, 1.0);
                let variant = random.bits();
                if x.abs() > street.kerb + 9.0 {
                    continue;
                }
                scene.draw(Thing {
                    kind,
                    ridden: true,
                    x: dir * x,
                    z,
                    heading: dir * FRAC_PI_2,
                    lean: 0.0,
                    gone: Some(x + 50.0),
                    braking: false,
                    variant,
                    identity: identity(32, number * 8 + i),
                });
            }
            for (i, side) in [(0i64, -1.0f32), (1, 1.0)] {
                // Waiting to enter our street.
                let kind = vehicle(&mut random);
                let long = matches!(kind, Kind::Bus | Kind::Truck);
                let z = near + JUNCTION_WIDTH_M * if side < 0.0 { 0.25 } else { 0.75 };
                let x =
                    side * (street.kerb + if long { 6.5 } else { 3.8 } + random.range(0.0, 2.0));
                let present = random.chance(0.75);
                let variant = random.bits();
                if present {
                    scene.draw(Thing {
                        kind,
                        ridden: true,
                        x,
                        z,
                        heading: -side * FRAC_PI_2,
                        lean: 0.0,
                        gone: None,
                        braking: true,
                        variant,
                        identity: identity(33, number * 2 + i),
                    });
                }
            }
            near += street.junction_spacing();
            number += 1;
        }
    }
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
    fn draw(&mut self, t: Thing) {
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
        let eye_ahead = super::vector::cos(t.heading) < 0.15;
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
                let pushing = phase.filter(|_| t.variant % 4 == 0);
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
