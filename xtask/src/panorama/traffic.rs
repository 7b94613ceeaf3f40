//! Who and what is on the street at a given time, each a pure function of seed and time, so
//! that any frame can be drawn without those before it.

use super::random::{between, keyed, pick};
use super::road_user::{Footprint, Kind};
use super::street::{JUNCTION_HALF_M, KERB_M, Street};
use super::thing::Scene;
use super::{SENSOR_M, road_user};
use fastrand::Rng;
use lookout::drive::vector::v3;
use std::f32::consts::{FRAC_PI_2, PI, TAU};

/// Nothing farther away along the street is drawn.
const SIGHT_M: f32 = 75.0;

/// Clearance that the sensor's own car keeps to all sides of the sensor: half its width, half
/// its length.
const OWN_CAR: (f32, f32) = (1.25, 2.9);

/// One road user to be placed.
pub(super) struct Placed {
    pub kind: Kind,
    pub ridden: bool,
    pub x: f32,
    pub z: f32,
    pub heading: f32,
    /// Metres gone, which swings legs and turns pedals; `None` stands.
    pub gone: Option<f32>,
    pub identity: u32,
}

/// A stream and the number of a slot in it name a road user; one more bit tells cycle from
/// rider.
fn identity(stream: u32, slot: i64) -> u32 {
    stream << 24 | ((slot & 0x7f_ffff) as u32) << 1
}

/// Fills the scene of one moment.
pub(super) struct Filler<'a> {
    pub scene: &'a mut Scene,
    pub street: &'a Street,
    pub time_s: f32,
    /// The sensor's own z.
    pub z: f32,
    pub taken: Vec<Footprint>,
}

impl Filler<'_> {
    pub fn fill(&mut self) {
        self.taken.push(Footprint {
            x: self.street.own_x,
            z: self.z,
            half_x: OWN_CAR.0,
            half_z: OWN_CAR.1,
        });
        self.own_lane();
        self.lanes();
        self.parked();
        self.junctions();
        self.pavements();
        self.houses();
        self.furniture();
    }

    /// Places a road user unless somebody else is there already.
    fn put(&mut self, placed: Placed, rng: &mut Rng) {
        let footprint = Footprint::of(&placed);
        let off = (placed.x - self.street.own_x).hypot(placed.z - self.z);
        if off > SIGHT_M || self.taken.iter().any(|other| other.meets(&footprint)) {
            return;
        }
        self.taken.push(footprint);
        let base = if self.street.is_road(placed.x, placed.z) {
            0.0
        } else {
            KERB_M
        };
        let origin = v3(
            placed.x - self.street.own_x,
            base - SENSOR_M,
            placed.z - self.z,
        );
        road_user::build(self.scene, &placed, origin, rng);
    }

    /// Those in our own lane keep their distance, more or less, ahead and behind.
    fn own_lane(&mut self) {
        for slot in -3i64..3 {
            let mut rng = keyed(self.street.seed, 0x100, slot);
            let phase = between(&mut rng, 0.0, TAU);
            let wave = 2.0 * (self.time_s * 0.5 + phase).sin();
            let gap = 17.0 * (slot as f32 + 0.5) + between(&mut rng, -1.5, 1.5);
            let off = gap + 3.5 * gap.signum() + wave;
            if rng.f32() > 0.62 * self.street.density {
                continue;
            }
            let placed = Placed {
                kind: vehicle(&mut rng),
                ridden: true,
                x: self.street.own_x + between(&mut rng, -0.25, 0.25),
                z: self.z + off,
                heading: 0.0,
                gone: Some(self.z + off),
                identity: identity(1, slot),
            };
            self.put(placed, &mut rng);
        }
    }

    /// Streams whose members all go at one speed: the other lanes and the cycle lanes.
    fn lanes(&mut self) {
        let street = self.street;
        let cycle = street.cycle_x();
        let mut streams = vec![
            (2, cycle, 4.4, 13.0, 0.7, true),
            (3, -cycle, -4.2, 13.0, 0.7, true),
            (4, -street.lane(0), -8.0, 16.0, 0.6, false),
        ];
        if street.lanes == 2 {
            streams.push((5, -street.lane(1), -6.5, 17.0, 0.5, false));
            let inner = street.own_x < street.lane(1);
            let other = street.lane(u32::from(inner));
            streams.push((6, other, street.speed * 0.8, 17.0, 0.55, false));
        }
        for (stream, x, speed, spacing, share, cycles) in streams {
            let shift = speed * self.time_s;
            let first = ((self.z - SIGHT_M - shift) / spacing).floor() as i64;
            for slot in first..first + (2.0 * SIGHT_M / spacing) as i64 + 2 {
                let mut rng = keyed(street.seed, 0x100 + stream, slot);
                if rng.f32() > share * street.density {
                    continue;
                }
                let kind = match cycles {
                    true => pick(&mut rng, &[Kind::Bicycle, Kind::Scooter, Kind::Motorcycle]),
                    false => vehicle(&mut rng),
                };
                let at = (slot as f32 + between(&mut rng, 0.3, 0.7)) * spacing + shift;
                let placed = Placed {
                    kind,
                    ridden: true,
                    x: x + between(&mut rng, -0.25, 0.25),
                    z: at,
                    heading: if speed < 0.0 { PI } else { 0.0 },
                    gone: Some(at),
                    identity: identity(stream as u32, slot),
                };
                self.put(placed, &mut rng);
            }
        }
    }

    /// Cars at the kerb; cycles on the pavement, often several together.
    fn parked(&mut self) {
        let street = self.street;
        for (index, side) in [(0u32, -1.0f32), (1, 1.0)] {
            for slot in slots(self.z, 6.4) {
                let mut rng = keyed(street.seed, 0x200 + u64::from(index), slot);
                let z = (slot as f32 + 0.5) * 6.4;
                if !street.parking || rng.f32() > 0.6 || !street.clear_of_junction(z, 8.0) {
                    continue;
                }
                let kind = match rng.u8(..20) {
                    0..15 => Kind::Car,
                    15..18 => Kind::SmallTruck,
                    _ => Kind::Motorcycle,
                };
                let placed = Placed {
                    kind,
                    ridden: false,
                    x: side * (street.kerb - 1.12 + between(&mut rng, -0.08, 0.08)),
                    z,
                    heading: if side < 0.0 { PI } else { 0.0 } + between(&mut rng, -0.04, 0.04),
                    gone: None,
                    identity: identity(8 + index, slot),
                };
                self.put(placed, &mut rng);
            }
            for slot in slots(self.z, 11.0) {
                let mut rng = keyed(street.seed, 0x210 + u64::from(index), slot);
                let z = (slot as f32 + rng.f32()) * 11.0;
                if rng.f32() > 0.4 || !street.clear_of_junction(z, 4.0) {
                    continue;
                }
                let kind = pick(&mut rng, &[Kind::Bicycle, Kind::Scooter, Kind::Motorcycle]);
                let heading = between(&mut rng, 0.0, TAU);
                let gap = if kind == Kind::Motorcycle { 1.4 } else { 0.9 };
                for i in 0..rng.i64(1..4) {
                    let placed = Placed {
                        kind,
                        ridden: false,
                        x: side * (street.kerb + 0.9) + between(&mut rng, -0.1, 0.1),
                        z: z + i as f32 * gap,
                        heading: heading + between(&mut rng, -0.2, 0.2),
                        gone: None,
                        identity: identity(10 + index, slot * 4 + i),
                    };
                    self.put(placed, &mut rng);
                }
            }
        }
    }

    /// Those who wait in the crossing street, and those who cross ours before we come.
    fn junctions(&mut self) {
        let street = self.street;
        let (nearest, number) = street.junction(self.z);
        for k in -1i64..=1 {
            let (middle, number) = (nearest + k as f32 * street.spacing(), number + k);
            let mut rng = keyed(street.seed, 0x400, number);
            for (i, side) in [(0i64, -1.0f32), (1, 1.0), (2, -1.0), (3, 1.0)] {
                let kind = vehicle(&mut rng);
                let (_, half) = kind.half_sizes();
                let behind = if i < 2 { 0.0 } else { 13.0 };
                let placed = Placed {
                    kind,
                    ridden: true,
                    x: side * (street.kerb + 1.2 + half + behind),
                    z: middle + side * 2.6,
                    heading: -side * FRAC_PI_2,
                    gone: Some(0.0),
                    identity: identity(33, number * 4 + i),
                };
                let present = rng.f32() < 0.6;
                let mut own = Rng::with_seed(rng.u64(..));
                if present {
                    self.put(placed, &mut own);
                }
            }
            let arrival_s = (middle - JUNCTION_HALF_M) / street.speed;
            for i in 0..6i64 {
                let mut rng = keyed(street.seed, 0x440, number * 8 + i);
                let kind = match rng.u8(..6) {
                    0..4 => Kind::Person,
                    4 => Kind::Bicycle,
                    _ => Kind::Scooter,
                };
                let speed = if kind == Kind::Person { 1.3 } else { 2.8 };
                let way = pick(&mut rng, &[-1.0f32, 1.0]);
                let end = pick(&mut rng, &[-1.0f32, 1.0]);
                let gone = speed * (self.time_s - arrival_s + between(&mut rng, 0.0, 9.0));
                if gone.abs() > street.kerb + 6.0 {
                    continue;
                }
                let placed = Placed {
                    kind,
                    ridden: true,
                    x: way * gone,
                    z: middle + end * (JUNCTION_HALF_M + between(&mut rng, 1.2, 3.4)),
                    heading: way * FRAC_PI_2,
                    gone: Some(gone),
                    identity: identity(34, number * 8 + i),
                };
                self.put(placed, &mut rng);
            }
        }
    }

    /// People on the pavements: walking both ways, standing, riding scooters.
    fn pavements(&mut self) {
        let street = self.street;
        for (index, side) in [(0u64, -1.0f32), (1, 1.0)] {
            for (lane, speed, spacing) in [
                (0u64, 1.35f32, 6.0f32),
                (1, -1.25, 6.0),
                (2, 0.0, 8.0),
                (3, 3.4, 37.0),
            ] {
                let shift = speed * self.time_s;
                for slot in slots(self.z - shift, spacing) {
                    let stream = 16 + index * 4 + lane;
                    let mut rng = keyed(street.seed, 0x300 + stream, slot);
                    if rng.f32() > 0.3 * street.density {
                        continue;
                    }
                    let depth = 0.7 + (street.front - street.kerb - 1.2) * rng.f32();
                    let heading = match lane {
                        0 | 3 => 0.0,
                        1 => PI,
                        _ => between(&mut rng, 0.0, TAU),
                    };
                    let at = (slot as f32 + rng.f32()) * spacing + shift;
                    let placed = Placed {
                        kind: if lane == 3 {
                            Kind::Scooter
                        } else {
                            Kind::Person
                        },
                        ridden: true,
                        x: side * (street.kerb + depth),
                        z: at,
                        heading: heading + between(&mut rng, -0.15, 0.15),
                        gone: (lane != 2).then_some(at),
                        identity: identity(stream as u32, slot),
                    };
                    self.put(placed, &mut rng);
                }
            }
        }
    }
}

/// Numbers of the slots of this spacing within sight of `z`.
pub(super) fn slots(z: f32, spacing: f32) -> std::ops::Range<i64> {
    let slot = |z: f32| (z / spacing).floor() as i64;
    slot(z - SIGHT_M)..slot(z + SIGHT_M) + 1
}

fn vehicle(rng: &mut Rng) -> Kind {
    match rng.u8(..100) {
        0..42 => Kind::Car,
        42..54 => Kind::SmallTruck,
        54..66 => Kind::Truck,
        66..80 => Kind::Bus,
        _ => Kind::Motorcycle,
    }
}
