//! A straight line through average precision over the logarithm of the number of images: what a
//! doubling brings, and how sure that is.

/// `value = at_first + per_doubling * log2(images)`, by least squares.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Fit {
    /// Where the line is at a single image.
    pub at_first: f64,
    /// Gain of a doubling.
    pub per_doubling: f64,
    /// Standard error of that gain; `None` where two points leave nothing to judge it by.
    pub per_doubling_error: Option<f64>,
}

impl Fit {
    /// The line through `(images, value)`; `None` with fewer than two different numbers of images.
    pub fn through(points: &[(u64, f64)]) -> Option<Self> {
        let count = points.len() as f64;
        let at = |&(images, _): &(u64, f64)| (images.max(1) as f64).log2();
        let mean_x = points.iter().map(at).sum::<f64>() / count;
        let mean_y = points.iter().map(|point| point.1).sum::<f64>() / count;
        let spread: f64 = points.iter().map(|p| (at(p) - mean_x).powi(2)).sum();
        let both = |p: &(u64, f64)| (at(p) - mean_x) * (p.1 - mean_y);
        let slope = points.iter().map(both).sum::<f64>() / spread;
        if !slope.is_finite() {
            return None;
        }
        let rest = |p: &(u64, f64)| (p.1 - mean_y - slope * (at(p) - mean_x)).powi(2);
        let residual: f64 = points.iter().map(rest).sum();
        Some(Self {
            at_first: mean_y - slope * mean_x,
            per_doubling: slope,
            per_doubling_error: (points.len() > 2)
                .then(|| (residual / (count - 2.0) / spread).sqrt()),
        })
    }

    /// The line at so many images.
    pub fn at(&self, images: u64) -> f64 {
        self.at_first + self.per_doubling * (images.max(1) as f64).log2()
    }

    /// What `more` images beside `images` would bring, and the standard error of that.
    pub fn gain_of(&self, more: u64, images: u64) -> (f64, Option<f64>) {
        let doublings = ((images.max(1) + more) as f64 / images.max(1) as f64).log2();
        let error = self.per_doubling_error.map(|error| error * doublings);
        (self.per_doubling * doublings, error)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_lies_on_a_line_is_found_again() {
        let points: Vec<(u64, f64)> = [500, 1000, 2000, 4000]
            .map(|images| (images, 0.1 + 0.03 * (images as f64 / 500.0).log2()))
            .into();
        let fit = Fit::through(&points).unwrap();
        assert!((fit.per_doubling - 0.03).abs() < 1e-9, "{fit:?}");
        assert!(fit.per_doubling_error.unwrap() < 1e-9, "{fit:?}");
        assert!((fit.at(8000) - 0.22).abs() < 1e-9, "{fit:?}");
        let (gain, error) = fit.gain_of(4000, 4000);
        assert!((gain - 0.03).abs() < 1e-9 && error.unwrap() < 1e-9);
        assert!(fit.gain_of(1000, 4000).0 < 0.01);
    }

    #[test]
    fn noise_makes_it_unsure_and_too_little_makes_no_line() {
        let fit = Fit::through(&[(100, 0.10), (200, 0.18), (400, 0.14), (800, 0.22)]).unwrap();
        assert!(fit.per_doubling > 0.0 && fit.per_doubling_error.unwrap() > 0.01);
        let two = Fit::through(&[(100, 0.1), (200, 0.2)]).unwrap();
        assert_eq!(two.per_doubling_error, None);
        assert_eq!(Fit::through(&[(100, 0.1), (100, 0.2)]), None);
        assert_eq!(Fit::through(&[(100, 0.1)]), None);
        assert_eq!(Fit::through(&[]), None);
    }
}
