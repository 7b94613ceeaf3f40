//! The losses of the last hour, in bounded room.

use std::collections::VecDeque;

/// What is older is forgotten, in seconds.
const WINDOW_S: f64 = 3600.0;

/// Points that are kept; when there are more, they become longer ones.
const POINTS_MAX: usize = 2048;

/// A value that changes with time.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    /// In order of time.
    points: VecDeque<Point>,
    /// Values closer together than this share a point.
    point_s: f64,
}

/// Values of about the same time.
#[derive(Clone, Copy, Debug)]
struct Point {
    /// Time of the first of them, in seconds.
    time_s: f64,
    sum: f64,
    count: u32,
}

impl History {
    /// Adds a value. A time before the last one begins a new history.
    pub(super) fn push(&mut self, time_s: f64, value: f64) {
        if !time_s.is_finite() {
            return;
        }
        if self.points.back().is_some_and(|last| time_s < last.time_s) {
            *self = Self::default();
        }
        self.add(Point {
            time_s,
            sum: value,
            count: 1,
        });
        let is_old = |point: &Point| time_s - point.time_s > WINDOW_S;
        while self.points.front().is_some_and(is_old) {
            self.points.pop_front();
        }
        if self.points.len() > POINTS_MAX {
            // Now half of them fit the time; when that is the whole window, this was the last time.
            self.point_s = 2.0 * self.span_s() / POINTS_MAX as f64;
            for point in std::mem::take(&mut self.points) {
                self.add(point);
            }
        }
    }

    fn add(&mut self, point: Point) {
        match self.points.back_mut() {
            Some(last) if point.time_s - last.time_s < self.point_s => {
                last.sum += point.sum;
                last.count = last.count.saturating_add(point.count);
            }
            _ => self.points.push_back(point),
        }
    }

    /// Time between first and last value, in seconds.
    pub(super) fn span_s(&self) -> f64 {
        match (self.points.front(), self.points.back()) {
            (Some(first), Some(last)) => last.time_s - first.time_s,
            _ => 0.0,
        }
    }

    /// The mean of each of so many equal parts of the time, or of fewer when there are fewer
    /// values. A part without a value repeats the one before; a value that is not finite makes
    /// its part so.
    pub(super) fn means(&self, parts_max: usize) -> Vec<f64> {
        let parts = parts_max.min(self.points.len());
        let (Some(first), 1..) = (self.points.front(), parts) else {
            return Vec::new();
        };
        let mut sums = vec![(0.0, 0_u32); parts];
        for point in &self.points {
            let share = (point.time_s - first.time_s) / self.span_s();
            // At a span of zero the share is NaN, which becomes part zero.
            let part = ((share * parts as f64) as usize).min(parts - 1);
            let (sum, count) = &mut sums[part];
            *sum += point.sum;
            *count = count.saturating_add(point.count);
        }
        let mut last = f64::NAN;
        let mean = |(sum, count): (f64, u32)| {
            if count > 0 {
                last = sum / f64::from(count);
            }
            last
        };
        sums.into_iter().map(mean).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn history(points: &[(f64, f64)]) -> History {
        let mut history = History::default();
        for (time_s, value) in points {
            history.push(*time_s, *value);
        }
        history
    }

    #[test]
    fn parts_are_means_over_equal_times() {
        let points = [(0.0, 4.0), (1.0, 2.0), (9.0, 1.0), (10.0, 0.0)];
        assert_eq!(history(&points).means(2), [3.0, 0.5]);
        // Nothing between seconds 2.5 and 7.5.
        assert_eq!(history(&points).means(4), [3.0, 3.0, 3.0, 0.5]);
        assert_eq!(history(&points[..1]).means(9), [4.0]);
        assert!(history(&[]).means(9).is_empty());
        assert!(history(&points).means(0).is_empty());
    }

    #[test]
    fn a_value_that_is_none_marks_its_part() {
        let means = history(&[(0.0, 1.0), (1.0, f64::NAN), (10.0, 2.0)]).means(2);
        assert!(means[0].is_nan());
        assert_eq!(means[1], 2.0);
    }

    #[test]
    fn what_is_old_is_forgotten() {
        let old = history(&[(0.0, 1.0), (10.0, 2.0), (3605.0, 3.0)]);
        assert_eq!(old.span_s(), 3595.0);
        let again = history(&[(100.0, 1.0), (0.5, 2.0)]);
        assert_eq!(again.means(5), [2.0]);
        assert_eq!(history(&[(f64::NAN, 1.0)]).span_s(), 0.0);
    }

    /// However often points became longer, all of the time is as fine as any other.
    #[test]
    fn many_points_take_little_room() {
        for count in [5_000, 100_000, 400_000] {
            let points: Vec<(f64, f64)> = (0..count)
                .map(|i| (f64::from(i) * 0.01, f64::from(i)))
                .collect();
            let history = history(&points);
            assert!(history.points.len() <= POINTS_MAX);
            let span_s = (f64::from(count) * 0.01).min(WINDOW_S);
            assert!(history.span_s() > 0.99 * span_s && history.span_s() <= WINDOW_S);
            let means = history.means(10);
            let step = span_s * 100.0 / 10.0;
            for pair in means.windows(2) {
                assert!((pair[1] - pair[0] - step).abs() < 0.05 * step, "{means:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(
            points in prop::collection::vec((prop::num::f64::ANY, prop::num::f64::ANY), 0..200),
            parts in 0_usize..100,
        ) {
            let history = history(&points);
            prop_assert!(history.means(parts).len() <= parts);
            prop_assert!(history.span_s() >= 0.0);
        }
    }
}
