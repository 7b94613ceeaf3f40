//! When the frames of a recording are due.

use super::Pace;
use crate::clock::monotonic_ns;
use crate::frame::FrameStamp;
use std::time::Duration;

/// The longest that a source sleeps before a frame, within what
/// [`super::FrameSource::next_frame`] promises. A longer pause in a recording is cut.
const WAIT_NS_MAX: u64 = 1_000_000_000;

/// How far a source may fall behind before its schedule moves. A recording on a machine that is
/// too slow for it then plays slower, rather than growing older without end.
const LAG_NS_MAX: u64 = 500_000_000;

/// Gives the frames of a recording out in time.
#[derive(Clone, Debug)]
pub(super) struct Pacer {
    pace: Pace,
    /// The moment on CLOCK_MONOTONIC at which the recording began; may lie before boot.
    origin_ns: Option<i128>,
}

impl Pacer {
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            pace,
            origin_ns: None,
        }
    }

    pub(super) fn pace(&self) -> Pace {
        self.pace
    }

    /// Waits until the frame at `media_ns` after the start of the recording is due, and gives
    /// that moment on CLOCK_MONOTONIC. The first frame, and a late one, is not waited for. At
    /// [`Pace::EveryFrame`] a frame is due when it is asked for.
    fn wait(&mut self, media_ns: u64) -> u64 {
        let now_ns = monotonic_ns();
        let due_ns = self.due(media_ns, now_ns);
        if let Some(wait_ns) = due_ns.checked_sub(now_ns).filter(|&wait_ns| wait_ns > 0) {
            std::thread::sleep(Duration::from_nanos(wait_ns));
        }
        due_ns
    }

    /// Waits likewise, and gives the stamp of the frame.
    pub(super) fn stamp(&mut self, sequence: u64, media_ns: u64) -> FrameStamp {
        FrameStamp {
            sequence,
            monotonic_ns: self.wait(media_ns),
            scene_ns: media_ns,
        }
    }

    /// When a frame is due, if it is `now_ns`.
    fn due(&mut self, media_ns: u64, now_ns: u64) -> u64 {
        if self.pace == Pace::EveryFrame {
            return now_ns;
        }
        let (media, now) = (i128::from(media_ns), i128::from(now_ns));
        let origin = self.origin_ns.unwrap_or(now - media);
        let due = match origin + media - now {
            ahead if ahead > i128::from(WAIT_NS_MAX) => now + i128::from(WAIT_NS_MAX),
            ahead if ahead < -i128::from(LAG_NS_MAX) => now,
            _ => origin + media,
        };
        self.origin_ns = Some(due - media);
        u64::try_from(due).unwrap_or(now_ns)
    }
}

/// The time of frame `index` of a recording with a steady rate, in nanoseconds.
pub(super) fn frame_time_ns(index: u64, frames_per_second: f32) -> u64 {
    (index as f64 * 1e9 / f64::from(frames_per_second)).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    const MS: u64 = 1_000_000;
    const START: u64 = 7_000 * MS;

    #[test]
    fn frames_are_due_by_their_times() {
        let mut pacer = Pacer::new(Pace::Live);
        // A recording whose first frame is not at 0 starts at once all the same.
        assert_eq!(pacer.due(1000 * MS, START), START);
        assert_eq!(pacer.due(1033 * MS, START + 5 * MS), START + 33 * MS);
        // A frame that is late keeps its time, and so does the next.
        assert_eq!(pacer.due(1066 * MS, START + 90 * MS), START + 66 * MS);
        assert_eq!(pacer.due(1100 * MS, START + 91 * MS), START + 100 * MS);
    }

    #[test]
    fn pauses_are_cut_and_lags_are_forgotten() {
        let mut pacer = Pacer::new(Pace::Live);
        pacer.due(0, START);
        assert_eq!(pacer.due(60_000 * MS, START + MS), START + 1001 * MS);
        assert_eq!(pacer.due(60_010 * MS, START + 1002 * MS), START + 1011 * MS);
        assert_eq!(pacer.due(60_020 * MS, START + 9000 * MS), START + 9000 * MS);
        assert_eq!(pacer.due(60_030 * MS, START + 9001 * MS), START + 9010 * MS);
        // Times that jump back are not waited for.
        assert_eq!(pacer.due(0, START + 9010 * MS), START + 9010 * MS);
        assert_eq!(pacer.due(u64::MAX, START + 9011 * MS), START + 10_011 * MS);
    }

    #[test]
    fn without_pacing_every_frame_is_due_at_once() {
        let mut pacer = Pacer::new(Pace::EveryFrame);
        assert_eq!(pacer.due(0, START), START);
        assert_eq!(pacer.due(5000 * MS, START + MS), START + MS);
    }

    #[test]
    fn steady_rates_do_not_drift() {
        assert_eq!(frame_time_ns(0, 15.0), 0);
        assert_eq!(frame_time_ns(1, 15.0), 66_666_667);
        assert_eq!(frame_time_ns(15 * 3600, 15.0), 3_600_000_000_000);
    }
}
