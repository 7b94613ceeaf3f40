//! Axes: from values to positions, with ticks at numbers that people like.

use super::number;

/// Values further from 0 than this would overflow when subtracted.
const VALUE_MAX: f64 = 1e300;

/// Values nearer to 0 than this have no place on a logarithmic axis.
const LOG_MIN: f64 = 1e-300;

/// Ticks that an axis has at most.
const TICKS_MAX: usize = 12;

/// One axis of a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// What is shown, with its unit: `width, input pixels`.
    pub label: String,
    /// Whether equal distances mean equal ratios; values of 0 and below are then left out.
    pub is_log: bool,
    /// Ends of the axis; the data's own where `None`.
    pub range: Option<(f64, f64)>,
}

impl Axis {
    /// An axis on which equal distances mean equal differences.
    pub fn linear(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            is_log: false,
            range: None,
        }
    }

    /// An axis on which equal distances mean equal ratios.
    pub fn log(label: impl Into<String>) -> Self {
        Self {
            is_log: true,
            ..Self::linear(label)
        }
    }

    /// The same axis with fixed ends.
    #[must_use]
    pub fn with_range(self, min: f64, max: f64) -> Self {
        Self {
            range: Some((min, max)),
            ..self
        }
    }

    /// Whether a value has a place on the axis.
    pub(super) fn shows(&self, value: f64) -> bool {
        let is_in_reach = value.is_finite() && value.abs() <= VALUE_MAX;
        is_in_reach && (!self.is_log || value >= LOG_MIN)
    }
}

/// An axis laid out over `pixel_min..pixel_max`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scale {
    min: f64,
    max: f64,
    is_log: bool,
    pixel_min: f64,
    pixel_max: f64,
}

impl Scale {
    /// Lays `axis` out for `values`; `None` when there is nothing to show. With `from_zero` a
    /// linear axis begins at 0 unless values are below, a logarithmic one below the least.
    pub fn fit(
        axis: &Axis,
        values: impl Iterator<Item = f64>,
        from_zero: bool,
        (pixel_min, pixel_max): (f64, f64),
    ) -> Option<Self> {
        let mut ends = values.filter(|value| axis.shows(*value)).fold(
            None,
            |ends: Option<(f64, f64)>, value| {
                let (min, max) = ends.unwrap_or((value, value));
                Some((min.min(value), max.max(value)))
            },
        )?;
        let fixed = axis
            .range
            .filter(|(min, max)| min < max && axis.shows(*min) && axis.shows(*max));
        if let Some(range) = fixed {
            ends = range;
        } else if axis.is_log {
            // What stands on the axis is to be seen, the lowest, too.
            let below = if from_zero { 2.0 } else { 1.0 };
            ends = widen_log((ends.0 / below, ends.1));
        } else {
            if from_zero {
                ends = (ends.0.min(0.0), ends.1.max(0.0));
            }
            ends = widen_linear(ends);
        }
        Some(Self {
            min: ends.0,
            max: ends.1,
            is_log: axis.is_log,
            pixel_min,
            pixel_max,
        })
    }

    /// Where a value is, in pixels, kept within the axis; `None` where it has no place.
    pub fn position(&self, value: f64) -> Option<f64> {
        if !value.is_finite() || (self.is_log && value < LOG_MIN) {
            return None;
        }
        let (v, min, max) = if self.is_log {
            (value.log10(), self.min.log10(), self.max.log10())
        } else {
            (value, self.min, self.max)
        };
        let part = ((v - min) / (max - min)).clamp(0.0, 1.0);
        let position = self.pixel_min + part * (self.pixel_max - self.pixel_min);
        position.is_finite().then_some(position)
    }

    /// Where bars stand: at 0, or at the end of an axis that does not reach it.
    pub fn base(&self) -> f64 {
        let base = if self.is_log { self.min } else { 0.0 };
        self.position(base).unwrap_or(self.pixel_min)
    }

    /// Values and texts of the ticks, rising.
    pub fn ticks(&self) -> Vec<(f64, String)> {
        let mut ticks = Vec::new();
        if self.is_log {
            ticks = log_ticks(self.min, self.max);
        }
        if ticks.len() < 2 {
            ticks = linear_ticks(self.min, self.max);
        }
        ticks
    }
}

/// A range with some length, whose ends are ticks.
fn widen_linear((min, max): (f64, f64)) -> (f64, f64) {
    let (min, max) = if max - min > min.abs().max(max.abs()) * 1e-9 {
        (min, max)
    } else if min == 0.0 {
        (0.0, 1.0)
    } else {
        let by = min.abs() * 0.1;
        (min - by, max + by)
    };
    let step = nice_step(max - min);
    ((min / step).floor() * step, (max / step).ceil() * step)
}

fn widen_log((min, max): (f64, f64)) -> (f64, f64) {
    if max / min > 1.0 + 1e-9 {
        (min, max)
    } else {
        (min / 2.0, max * 2.0)
    }
}

/// 1, 2 or 5 times a power of ten, so that about five of them make up `span`.
fn nice_step(span: f64) -> f64 {
    let rough = span / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|factor| factor * power >= rough * 0.999)
        .unwrap_or(10.0);
    factor * power
}

fn linear_ticks(min: f64, max: f64) -> Vec<(f64, String)> {
    let step = nice_step(max - min);
    let first = (min / step - 1e-6).ceil();
    (0..TICKS_MAX)
        .map(|index| (first + index as f64) * step)
        .take_while(|value| *value <= max + step * 1e-6)
        .map(|value| (value, number::tick(value, step)))
        .collect()
}

/// Powers of ten, and their 2- and 5-fold where there are few.
fn log_ticks(min: f64, max: f64) -> Vec<(f64, String)> {
    let (first, last) = (min.log10().floor() as i32, max.log10().ceil() as i32);
    let decades = (last - first).max(1) as usize;
    let factors: &[f64] = if decades <= 3 {
        &[1.0, 2.0, 5.0]
    } else {
        &[1.0]
    };
    (first..=last)
        .step_by(decades.div_ceil(TICKS_MAX - 2))
        .flat_map(|decade| {
            let power = 10f64.powi(decade);
            factors.iter().map(move |factor| (factor * power, power))
        })
        .filter(|(value, _)| (min * 0.999..=max * 1.001).contains(value))
        .map(|(value, power)| (value, number::tick(value, power)))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn texts(axis: &Axis, values: &[f64]) -> Vec<String> {
        let scale = Scale::fit(axis, values.iter().copied(), false, (0.0, 100.0)).unwrap();
        scale.ticks().into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn linear_ticks_are_nice_numbers() {
        let axis = Axis::linear("a");
        assert_eq!(texts(&axis, &[0.0, 9.7]), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(
            texts(&axis, &[0.113, 0.52]),
            ["0.1", "0.2", "0.3", "0.4", "0.5", "0.6"]
        );
        assert_eq!(
            texts(&axis.clone().with_range(0.0, 1.0), &[0.4]),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        assert_eq!(
            texts(&axis, &[0.0]).len(),
            6,
            "a single value has an axis, too"
        );
    }

    #[test]
    fn log_ticks_are_decades_or_their_parts() {
        let axis = Axis::log("a");
        assert_eq!(texts(&axis, &[1.0, 1e5]).len(), 6);
        assert_eq!(texts(&axis, &[2.0, 60.0]), ["2", "5", "10", "20", "50"]);
        assert!(texts(&axis, &[3.0, 3.9]).len() >= 2);
        assert!(texts(&axis, &[1e-300, 1e300]).len() <= TICKS_MAX);
    }

    #[test]
    fn equal_ratios_are_equal_distances_on_a_log_axis() {
        let scale = Scale::fit(
            &Axis::log("a"),
            [1.0, 100.0].into_iter(),
            false,
            (0.0, 50.0),
        );
        let scale = scale.unwrap();
        assert!((scale.position(10.0).unwrap() - 25.0).abs() < 1e-9);
        assert_eq!(scale.position(0.0), None);
        assert_eq!(scale.position(1000.0), Some(50.0));
    }

    #[test]
    fn nothing_to_show_is_no_scale() {
        let fit = |axis: &Axis, values: &[f64]| {
            Scale::fit(axis, values.iter().copied(), true, (0.0, 1.0)).is_some()
        };
        assert!(!fit(&Axis::linear("a"), &[]));
        assert!(!fit(
            &Axis::linear("a"),
            &[f64::NAN, f64::INFINITY, f64::MAX]
        ));
        assert!(!fit(&Axis::log("a"), &[0.0, -1.0]));
        assert!(fit(&Axis::log("a").with_range(5.0, f64::NAN), &[1.0]));
    }

    proptest! {
        #[test]
        fn any_values_have_few_ticks_and_places_inside(
            values in proptest::collection::vec(any::<f64>(), 0..5),
            range in proptest::option::of((any::<f64>(), any::<f64>())),
            is_log in any::<bool>(), from_zero in any::<bool>(),
        ) {
            let axis = Axis { label: String::new(), is_log, range };
            if let Some(scale) = Scale::fit(&axis, values.iter().copied(), from_zero, (9.0, 3.0)) {
                prop_assert!(scale.ticks().len() <= 3 * TICKS_MAX);
                for value in values {
                    if let Some(position) = scale.position(value) {
                        prop_assert!((3.0..=9.0).contains(&position), "{position}");
                    }
                }
            }
        }
    }
}
