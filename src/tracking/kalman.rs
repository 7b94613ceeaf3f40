//! Where an object will be: a Kalman filter of nearly constant velocity.
//!
//! Centre, width and height are four filters of their own. That is what the usual filter with
//! eight states comes to, because its matrices connect no coordinate with another.

use crate::geometry::BBox;

/// Uncertainty of a measured coordinate, as a share of the object's height.
const MEASURED_STD: f32 = 0.05;

/// Uncertainty of the velocity of an object that has been seen once, in heights a second.
const VELOCITY_STD_FIRST: f32 = 2.0;

/// How fast an object changes its velocity: strength of a white acceleration, in heights per
/// second to the power of 1.5.
const ACCELERATION: f32 = 1.0;

/// The same for its sides, which grow and shrink more steadily than the picture shakes.
const GROWTH_ACCELERATION: f32 = 0.15;

/// Uncertainty of the approach of an object that has been seen once, as its share a second.
const APPROACH_STD_FIRST: f32 = 1.0;

/// How fast an approach changes, as [`ACCELERATION`], in its own share.
const APPROACH_ACCELERATION: f32 = 0.1;

/// Widths and heights do not shrink below this, in pixels.
const SIDE_MIN: f32 = 1.0;

/// A number that changes at a nearly constant rate.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Coordinate {
    pub value: f32,
    /// Change a second.
    pub rate: f32,
    value_variance: f32,
    covariance: f32,
    pub rate_variance: f32,
}

impl Coordinate {
    fn new(value: f32, value_std: f32, rate_std: f32) -> Self {
        Self {
            value,
            rate: 0.0,
            value_variance: value_std * value_std,
            covariance: 0.0,
            rate_variance: rate_std * rate_std,
        }
    }

    fn predict(&mut self, seconds: f32, acceleration: f32) {
        let noise = acceleration * acceleration;
        self.value += self.rate * seconds;
        self.value_variance += seconds
            * (2.0 * self.covariance + seconds * (self.rate_variance + noise * seconds / 3.0));
        self.covariance += seconds * (self.rate_variance + noise * seconds / 2.0);
        self.rate_variance += noise * seconds;
    }

    fn correct(&mut self, measured: f32, std: f32) {
        let total = self.value_variance + std * std;
        let (gain, rate_gain) = (self.value_variance / total, self.covariance / total);
        let surprise = measured - self.value;
        self.value += gain * surprise;
        self.rate += rate_gain * surprise;
        self.rate_variance -= rate_gain * self.covariance;
        self.covariance *= 1.0 - gain;
        self.value_variance *= 1.0 - gain;
    }
}

/// A box that moves and grows.
///
/// The fifth number is one divided by the box's size. What comes nearer at a constant speed grows
/// ever faster, but this falls evenly, to 0 where the object is at the camera.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Motion {
    pub x: Coordinate,
    pub y: Coordinate,
    pub width: Coordinate,
    pub height: Coordinate,
    pub inverse_size: Coordinate,
}

impl Motion {
    /// That of an object seen for the first time.
    pub fn new(bbox: &BBox) -> Self {
        let (x, y) = bbox.centre();
        let side = bbox.height().max(SIDE_MIN);
        let at = |value| Coordinate::new(value, MEASURED_STD * side, VELOCITY_STD_FIRST * side);
        Self {
            x: at(x),
            y: at(y),
            width: at(bbox.width()),
            height: at(bbox.height()),
            inverse_size: {
                let inverse = inverse_size(bbox);
                Coordinate::new(
                    inverse,
                    MEASURED_STD * inverse,
                    APPROACH_STD_FIRST * inverse,
                )
            },
        }
    }

    /// Goes on for `seconds` without seeing the object.
    pub fn predict(&mut self, seconds: f32) {
        let side = self.height.value.max(SIDE_MIN);
        for place in [&mut self.x, &mut self.y] {
            place.predict(seconds, ACCELERATION * side);
        }
        for length in [&mut self.width, &mut self.height] {
            length.predict(seconds, GROWTH_ACCELERATION * side);
            length.value = length.value.max(SIDE_MIN);
        }
        let acceleration = APPROACH_ACCELERATION * self.inverse_size.value.abs();
        self.inverse_size.predict(seconds, acceleration);
    }

    /// Takes note of where the object is.
    pub fn correct(&mut self, bbox: &BBox) {
        let std = MEASURED_STD * bbox.height().max(SIDE_MIN);
        let (x, y) = bbox.centre();
        let measured = [x, y, bbox.width(), bbox.height()];
        for (coordinate, measured) in self.coordinates().into_iter().zip(measured) {
            coordinate.correct(measured, std);
        }
        let inverse = inverse_size(bbox);
        self.inverse_size.correct(inverse, MEASURED_STD * inverse);
    }

    /// The box.
    pub fn bbox(&self) -> BBox {
        BBox::from_centre(
            self.x.value,
            self.y.value,
            self.width.value,
            self.height.value,
        )
    }

    fn coordinates(&mut self) -> [&mut Coordinate; 4] {
        [&mut self.x, &mut self.y, &mut self.width, &mut self.height]
    }
}

fn inverse_size(bbox: &BBox) -> f32 {
    let area = bbox.width().max(SIDE_MIN) * bbox.height().max(SIDE_MIN);
    1.0 / area.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_walk_is_learnt_and_carried_on() {
        let at =
            |t: f32| BBox::from_centre(100.0 + 40.0 * t, 50.0 - 10.0 * t, 20.0, 40.0 + 4.0 * t);
        let mut motion = Motion::new(&at(0.0));
        for i in 1..=30 {
            motion.predict(0.1);
            motion.correct(&at(i as f32 * 0.1));
        }
        assert!((motion.x.rate - 40.0).abs() < 1.0, "{motion:?}");
        assert!((motion.y.rate + 10.0).abs() < 1.0, "{motion:?}");
        assert!((motion.height.rate - 4.0).abs() < 0.5, "{motion:?}");
        let before = motion.x.rate_variance;
        motion.predict(0.5);
        assert!(motion.bbox().iou(&at(3.5)) > 0.9, "{motion:?}");
        assert!(motion.x.rate_variance > before);
    }

    #[test]
    fn boxes_never_turn_inside_out() {
        let mut motion = Motion::new(&BBox::from_centre(10.0, 10.0, 9.0, 9.0));
        for side in [6.0, 3.0, 1.5] {
            motion.predict(0.1);
            motion.correct(&BBox::from_centre(10.0, 10.0, side, side));
        }
        motion.predict(10.0);
        assert!(motion.bbox().is_valid(), "{motion:?}");
    }
}
