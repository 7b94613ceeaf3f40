//! Why a program is as it is, and what a person can do about it.

use super::shedding::SheddingCause;
use crate::capture::CaptureState;
use crate::detection::{LoadShedding, SheddingLevel};
use std::fmt;
use std::time::Duration;

/// Why a program is not simply ok. Each is a sentence for people.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// The source has not given a frame yet.
    NoFrameYet,
    /// The first frame is being looked at.
    NoInferenceYet,
    /// There is no such camera.
    CameraAbsent,
    /// No frame came for so long.
    NoFrame {
        /// Time since the newest frame; `None` when there never was one.
        silence: Option<Duration>,
        /// Where capture stands.
        capture: CaptureState,
    },
    /// Frames come, but for so long none could be looked at.
    NothingSeen {
        /// Time since the newest publication; `None` when there never was one.
        silence: Option<Duration>,
    },
    /// The detector does not come to an end with a frame.
    DetectorStuck {
        /// How long it has been at it.
        at_it: Duration,
    },
    /// Frames come again, and the first is being looked at.
    Recovering,
    /// The detector takes long for a frame.
    DetectorSlow {
        /// How long.
        took: Duration,
    },
    /// A processor is too hot.
    Hot {
        /// Its name.
        zone: String,
        /// Degrees Celsius.
        celsius: f64,
    },
    /// The processors are being slowed down.
    Throttled,
    /// Work is left out.
    Shedding {
        /// What is left out.
        load: LoadShedding,
        /// What it is left out for, if that still lasts.
        cause: Option<SheddingCause>,
    },
    /// Many frames are lost by faults.
    Losing {
        /// Frames lost lately.
        lost: u64,
        /// Frames captured and lost in the same time.
        of: u64,
    },
    /// A sink does not get rid of its messages.
    SinkStuck {
        /// The sink's URI.
        sink: String,
        /// Messages it lost lately.
        lost: u64,
    },
    /// Nothing, or not everything, is recorded.
    Recording(String),
    /// Somebody asked the program to stop, and it did.
    Stopped,
    /// The program came to its end.
    Ended,
    /// The program gave up.
    Failed(String),
}

impl Reason {
    /// Whether both are the same but for their numbers.
    pub fn is_same_kind(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFrameYet => f.write_str("waiting for the first frame"),
            Self::NoInferenceYet => f.write_str("the first frame is being looked at"),
            Self::CameraAbsent => f.write_str(
                "the camera is absent: see that it is plugged in and has power; \
                 `lookout doctor` lists the cameras",
            ),
            Self::NoFrame { silence, capture } => no_frame(f, *silence, *capture),
            Self::NothingSeen { silence } => {
                f.write_str("frames arrive, but none could be looked at")?;
                tell_silence(f, *silence)?;
                f.write_str("; see the log, and try another format, cable or port of the camera")
            }
            Self::DetectorStuck { at_it } => write!(
                f,
                "the detector has been at one frame for {:.0} s; restart lookout, and report it \
                 if it comes back",
                at_it.as_secs_f32()
            ),
            Self::Recovering => {
                f.write_str("frames arrive again, and the first is being looked at")
            }
            Self::DetectorSlow { took } => write!(
                f,
                "the detector takes {:.1} s for a frame; use a smaller model, more threads or a \
                 higher power mode",
                took.as_secs_f32()
            ),
            Self::Hot { zone, celsius } => write!(
                f,
                "{zone} is {celsius:.0} C hot; give the board a fan, a heat sink or shade"
            ),
            Self::Throttled => f.write_str(
                "the board slows its processors down; see to its cooling and its power supply",
            ),
            Self::Shedding { load, cause } => shedding(f, *load, cause.as_ref()),
            Self::Losing { lost, of } => write!(
                f,
                "{lost} of the newest {of} frames were lost or damaged; see the log, and try \
                 another cable or port of the camera"
            ),
            Self::SinkStuck { sink, lost } => write!(
                f,
                "{sink} lost {lost} messages lately; see that its reader keeps up and that its \
                 disk has room"
            ),
            Self::Recording(trouble) => write!(f, "recording: {trouble}"),
            Self::Stopped => {
                f.write_str("lookout was stopped, and nobody looks at the road; start it again")
            }
            Self::Ended => f.write_str("the run is over, and nobody looks at the road"),
            Self::Failed(error) => f.write_str(error),
        }
    }
}

fn tell_silence(f: &mut fmt::Formatter<'_>, silence: Option<Duration>) -> fmt::Result {
    match silence {
        Some(silence) => write!(f, " for {:.1} s", silence.as_secs_f32()),
        None => Ok(()),
    }
}

fn no_frame(
    f: &mut fmt::Formatter<'_>,
    silence: Option<Duration>,
    capture: CaptureState,
) -> fmt::Result {
    f.write_str(match silence {
        Some(_) => "no frame arrived",
        None => "no frame has arrived yet",
    })?;
    tell_silence(f, silence)?;
    f.write_str(match capture {
        CaptureState::Opening | CaptureState::Streaming => {
            ": the camera gives none; unplug it and plug it in again if this lasts"
        }
        CaptureState::Stalled => ": the camera stalled and is opened again",
        CaptureState::Lost | CaptureState::BackingOff => {
            ": the camera is lost and tried again all the time; see the log and its cable"
        }
        CaptureState::Ended => ": the source has ended",
    })
}

fn shedding(
    f: &mut fmt::Formatter<'_>,
    load: LoadShedding,
    cause: Option<&SheddingCause>,
) -> fmt::Result {
    if load.every_nth > 1 {
        write!(f, "only one frame in {} is looked at", load.every_nth)?;
    }
    if load.level == SheddingLevel::Lite {
        f.write_str(", and by the lite model")?;
    }
    match cause {
        Some(cause) => write!(f, ", because {cause}"),
        None => f.write_str(", until the board has been at ease for a while"),
    }
}
