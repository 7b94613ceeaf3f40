//! What the live page counts.

use crate::count::Count;

/// Why somebody was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Refused {
    /// Too many connections at a time.
    Connections = 0,
    /// Too many streams at a time.
    Streams = 1,
    /// No token, or a wrong one.
    Token = 2,
    /// Wrong tokens too often.
    Attempts = 3,
    /// A page of somebody else, or a name that is not this machine's.
    Foreign = 4,
    /// A body, or a message, that is too large.
    Size = 5,
}

impl Refused {
    const COUNT: usize = 6;

    /// All of them.
    pub(super) const ALL: [Self; Self::COUNT] = [
        Self::Connections,
        Self::Streams,
        Self::Token,
        Self::Attempts,
        Self::Foreign,
        Self::Size,
    ];

    /// Name in metrics.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Streams => "streams",
            Self::Token => "token",
            Self::Attempts => "attempts",
            Self::Foreign => "foreign",
            Self::Size => "size",
        }
    }
}

/// All that is counted since the start.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// Requests that were let in.
    pub(super) requests: Count,
    /// Pictures made.
    pub(super) pictures: Count,
    /// Frames of which no picture could be made.
    pub(super) picture_faults: Count,
    /// Frames that the picture thread missed.
    pub(super) pictures_missed: Count,
    /// Lines that readers of the stream of detections missed.
    pub(super) lines_missed: Count,
    /// Clients that were dropped because they did not read.
    pub(super) stuck: Count,
    /// Faults of the system while connections were taken.
    pub(super) accept_faults: Count,
    /// Times that one of the threads was started again.
    pub(super) restarts: Count,
    refused: [Count; Refused::COUNT],
}

impl Counters {
    pub(super) fn refused(&self, why: Refused) -> &Count {
        &self.refused[why as usize]
    }
}
