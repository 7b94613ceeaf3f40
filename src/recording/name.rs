//! Names of segments: `lookout-20261127T193000Z-000042.mcap`.
//!
//! The number rises by one with each segment of a folder, over all runs, so that the order is
//! right and no name comes twice also where the wall clock jumps or starts in 1970.

use std::fmt;
use std::ops::Range;

const SECONDS_PER_DAY: u64 = 86_400;

/// Ends of names. A segment that is being written, or was when the power went, is unfinished;
/// one that could not be brought into order is damaged.
const SUFFIXES: [(State, &str); 3] = [
    (State::Finished, ".mcap"),
    (State::Unfinished, ".mcap.part"),
    (State::Damaged, ".mcap.damaged"),
];

/// What a file's name says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// A valid file with an index.
    Finished,
    /// A file without its end.
    Unfinished,
    /// A file that could not be made valid.
    Damaged,
}

/// The name of a segment, without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SegmentName {
    /// Rises by one from segment to segment.
    pub(super) number: u64,
    /// When it was begun, in seconds since 1970 UTC.
    pub(super) begun_unix_s: u64,
}

impl SegmentName {
    /// The file's name in this state.
    pub(super) fn file(self, state: State) -> String {
        let suffix = SUFFIXES.iter().find(|known| known.0 == state);
        format!("{self}{}", suffix.map_or("", |known| known.1))
    }

    /// The name of the note that tells why it is kept.
    pub(super) fn note(self) -> String {
        format!("{self}.json")
    }

    /// Reads the name of a file; `None` where it is not exactly one of ours.
    pub(super) fn parse(file: &str) -> Option<(Self, State)> {
        let (state, stem) = SUFFIXES
            .iter()
            .find_map(|(state, suffix)| Some((*state, file.strip_suffix(suffix)?)))?;
        let (time, number) = stem.strip_prefix("lookout-")?.split_once("Z-")?;
        let (date, time) = time.split_once('T')?;
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !(digits(date) && digits(time) && digits(number)) || (date.len(), time.len()) != (8, 6) {
            return None;
        }
        let part = |text: &str, range: Range<usize>| text.get(range)?.parse::<u64>().ok();
        let days = days(part(date, 0..4)?, part(date, 4..6)?, part(date, 6..8)?)?;
        let (h, m, s) = (part(time, 0..2)?, part(time, 2..4)?, part(time, 4..6)?);
        let name = Self {
            number: number.parse().ok()?,
            begun_unix_s: days * SECONDS_PER_DAY + h * 3600 + m * 60 + s,
        };
        // So that no two files have the same name as far as we are concerned.
        (name.file(state) == file).then_some((name, state))
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date(self.begun_unix_s / SECONDS_PER_DAY);
        let second = self.begun_unix_s % SECONDS_PER_DAY;
        let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
        write!(
            f,
            "lookout-{year:04}{month:02}{day:02}T{h:02}{m:02}{s:02}Z-{:06}",
            self.number
        )
    }
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn days_of_month(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Year, month and day of a day since 1970-01-01.
fn date(mut days: u64) -> (u64, u64, u64) {
    let (mut year, mut month) = (1970, 1);
    // 9999 is as far as names go.
    while year < 9999 && days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    while month < 12 && days >= days_of_month(year, month) {
        days -= days_of_month(year, month);
        month += 1;
    }
    (year, month, days.min(30) + 1)
}

/// The day since 1970-01-01; `None` where there is none of that date.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if year < 1970 || !(1..=12).contains(&month) || !(1..=days_of_month(year, month)).contains(&day)
    {
        return None;
    }
    let years: u64 = (1970..year).map(|y| 365 + u64::from(is_leap(y))).sum();
    let months: u64 = (1..month).map(|m| days_of_month(year, m)).sum();
    Some(years + months + day - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_dates_and_strangers_are_not_ours() {
        let name = SegmentName {
            number: 42,
            begun_unix_s: 1_795_807_800,
        };
        assert_eq!(
            name.file(State::Finished),
            "lookout-20261127T193000Z-000042.mcap"
        );
        for stranger in [
            "lookout-20261127T193000Z-000042.mcap.tmp",
            "lookout-20261127T193000Z-42.mcap",
            "lookout-20261127T193060Z-000042.mcap",
            "lookout-20260229T193000Z-000042.mcap",
            "lookout-20261327T193000Z-000042.mcap",
            "lookout-2026112+T193000Z-000042.mcap",
            "lookout-20261127T193000Z-.mcap",
            "holiday.mcap",
            ".mcap",
            "",
        ] {
            assert_eq!(SegmentName::parse(stranger), None, "{stranger}");
        }
    }

    proptest! {
        #[test]
        fn names_read_back(number in 0..u64::MAX, begun_unix_s in 0..253_402_300_800_u64) {
            let name = SegmentName { number, begun_unix_s };
            for (state, _) in SUFFIXES {
                prop_assert_eq!(SegmentName::parse(&name.file(state)), Some((name, state)));
            }
        }

        #[test]
        fn any_text_is_taken_or_refused(text in ".{0,50}") {
            let _ = SegmentName::parse(&text);
        }
    }
}
