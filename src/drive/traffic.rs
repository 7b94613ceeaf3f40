//! Who is on the street at a given time: vehicles, cycles and people, each a pure function
//! of seed and time, so that any frame can be drawn without the ones before it.

use super::painter::Painter;
use super::placement::sin;
use super::random::Random;
use super::street::{JUNCTION_WIDTH_M, KERB_SLOT_M, Street};
use super::thing::{Actor, Footprint, Kind, SIGHT_M, Scene, Thing, identity};
use std::f32::consts::{FRAC_PI_2, PI};

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
