//! Houses and furniture along the street.

use super::random::{between, keyed};
use super::street::KERB_M;
use super::traffic::{Filler, slots};
use super::{SENSOR_M, scenery};
use lookout::drive::vector::v3;
use std::f32::consts::PI;

impl Filler<'_> {
    fn begin(&mut self, x: f32, base: f32, z: f32, heading: f32) {
        let origin = v3(x - self.street.own_x, base - SENSOR_M, z - self.z);
        self.scene.begin(None, 0, origin, heading);
    }

    /// Houses along both sides, with gaps where streets cross.
    pub fn houses(&mut self) {
        let street = self.street;
        let width = 12.0;
        for (index, side) in [(0u64, -1.0f32), (1, 1.0)] {
            let first = ((self.z - 85.0) / width).floor() as i64;
            for slot in first..first + 16 {
                let z = (slot as f32 + 0.5) * width;
                let mut rng = keyed(street.seed, 0x500 + index, slot);
                let set_back = between(&mut rng, 0.0, 1.2);
                if rng.f32() < 0.08 || !street.clear_of_junction(z, 0.5 * width - 0.5) {
                    continue;
                }
                let heading = if side > 0.0 { 0.0 } else { PI };
                self.begin(side * (street.front + set_back), 0.0, z, heading);
                scenery::house(
                    self.scene,
                    &mut rng,
                    width - 0.05,
                    (2 * slot + index as i64) as u32,
                );
            }
        }
    }

    /// Trees, lamp posts, signs, bollards.
    pub fn furniture(&mut self) {
        let street = self.street;
        for (index, side) in [(0u64, -1.0f32), (1, 1.0)] {
            for slot in slots(self.z, 7.5) {
                let mut rng = keyed(street.seed, 0x600 + index, slot);
                let z = (slot as f32 + between(&mut rng, 0.3, 0.7)) * 7.5;
                if !street.clear_of_junction(z, 1.5) {
                    continue;
                }
                let heading = if side > 0.0 { 0.0 } else { PI };
                let choice = rng.u8(..8);
                if choice < 7 {
                    self.begin(side * (street.kerb + 0.5), KERB_M, z, heading);
                }
                match choice {
                    0..3 => scenery::tree(self.scene, &mut rng),
                    3 => scenery::lamp_post(self.scene),
                    4 => scenery::sign(self.scene, &mut rng),
                    5 | 6 => scenery::furniture(self.scene, &mut rng),
                    _ => {}
                }
            }
        }
    }
}
