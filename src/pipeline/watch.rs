//! Notices that a run has gone blind, and that it sees again.

use std::time::{Duration, Instant};

/// What a [`StallWatch`] has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// No frame has been counted for so long. Said once for each stretch.
    Lost(Duration),
    /// A frame has been counted, the first one after so long. Only after [`Self::Lost`].
    Regained(Duration),
}

/// Watches a number of frames, captured or published. Ask it a few times a second.
#[derive(Debug)]
pub struct StallWatch {
    limit: Duration,
    frames: u64,
    moved_at: Instant,
    is_blind: bool,
}

impl StallWatch {
    /// A watch that speaks up after `limit` without a frame, counted from `now` on.
    pub fn new(limit: Duration, now: Instant) -> Self {
        Self {
            limit,
            frames: 0,
            moved_at: now,
            is_blind: false,
        }
    }

    /// Takes the number of frames counted up to `now`, and says what changed.
    pub fn observe(&mut self, frames: u64, now: Instant) -> Option<Sight> {
        let silence = now.saturating_duration_since(self.moved_at);
        if frames != self.frames {
            self.frames = frames;
            self.moved_at = now;
            return std::mem::take(&mut self.is_blind).then_some(Sight::Regained(silence));
        }
        if self.is_blind || silence < self.limit {
            return None;
        }
        self.is_blind = true;
        Some(Sight::Lost(silence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_and_return_are_said_once_each() {
        let start = Instant::now();
        let mut watch = StallWatch::new(Duration::from_secs(2), start);
        let mut said = Vec::new();
        for (second, frames) in [
            (1, 0),
            (2, 0),
            (3, 0),
            (4, 1),
            (5, 2),
            (6, 2),
            (7, 2),
            (8, 9),
        ] {
            let sight = watch.observe(frames, start + Duration::from_secs(second));
            said.extend(sight.map(|sight| (second, sight)));
        }
        let seconds = Duration::from_secs;
        let expected = [
            (2, Sight::Lost(seconds(2))),
            (4, Sight::Regained(seconds(4))),
            (7, Sight::Lost(seconds(2))),
            (8, Sight::Regained(seconds(3))),
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn an_even_stream_is_silent() {
        let start = Instant::now();
        let mut watch = StallWatch::new(Duration::from_secs(2), start);
        for second in 0..100 {
            assert_eq!(
                watch.observe(second + 1, start + Duration::from_secs(second)),
                None
            );
        }
    }
}
