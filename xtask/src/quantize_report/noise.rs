//! Signal against noise.

/// Sums of squares of numbers and of their errors.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Noise {
    signal: f64,
    noise: f64,
    count: u64,
}

/// More decibels than this mean that there is no error to speak of.
const DECIBELS_MAX: f64 = 150.0;

impl Noise {
    /// Adds numbers as they should be and as they are.
    pub(super) fn add(&mut self, expected: &[f32], found: &[f32]) {
        for (a, b) in expected.iter().zip(found) {
            let (a, b) = (f64::from(*a), f64::from(*b));
            self.signal += a * a;
            self.noise += (a - b) * (a - b);
        }
        self.count += expected.len().min(found.len()) as u64;
    }

    /// Signal to noise in decibels; `None` where there was no signal.
    pub(super) fn decibels(&self) -> Option<f64> {
        let ratio = 10.0 * (self.signal / self.noise).log10();
        (self.signal > 0.0).then(|| ratio.min(DECIBELS_MAX))
    }

    /// Root of the mean square of the error; `None` where nothing was added.
    pub(super) fn error(&self) -> Option<f64> {
        (self.count > 0).then(|| (self.noise / self.count as f64).sqrt())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn known_noise_has_known_decibels() {
        let signal: Vec<f32> = (0..2000).map(|i| (i as f32 * 0.1).sin()).collect();
        // A mean square of 0.5 against one of 0.0001 * 0.5: 40 dB.
        let noisy = |share: f32| -> Vec<f32> {
            let noise = signal.iter().enumerate();
            noise
                .map(|(i, s)| s + share * (i as f32 * 0.37).cos())
                .collect()
        };
        let mut noise = Noise::default();
        noise.add(&signal, &noisy(0.01));
        assert!((noise.decibels().unwrap() - 40.0).abs() < 0.1, "{noise:?}");
        assert!((noise.error().unwrap() - 0.01 * 0.5f64.sqrt()).abs() < 1e-4);
        noise.add(&signal, &noisy(0.1));
        // Half of the signal has a hundred times the noise: 10 log10(2 / (0.0001 + 0.01)).
        assert!((noise.decibels().unwrap() - 22.97).abs() < 0.1, "{noise:?}");
    }

    #[test]
    fn no_noise_and_no_signal_are_told_apart() {
        let mut noise = Noise::default();
        assert_eq!((noise.decibels(), noise.error()), (None, None));
        noise.add(&[0.0, 0.0], &[0.0, 1.0]);
        assert_eq!(noise.decibels(), None);
        noise.add(&[1.0], &[1.0]);
        assert_eq!(noise.decibels(), Some(0.0));
        let mut none = Noise::default();
        none.add(&[1.0, 2.0], &[1.0, 2.0]);
        assert_eq!(none.decibels(), Some(DECIBELS_MAX));
    }
}
