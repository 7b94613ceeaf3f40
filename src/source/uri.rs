//! Source URIs: `SCHEME:WHERE?NAME=VALUE&...`, one grammar for the command line, the
//! configuration file and the library.

use super::{Pace, SourceError};
use crate::capture::V4l2Config;
use crate::drive::Light;
use crate::frame::{Frame, PixelFormat};
use crate::query::{Query, QueryError};
use std::fmt::{self, Display};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// The longest URI that is read, in bytes.
const URI_BYTES_MAX: usize = 4096;

const SCHEMES: &str = "v4l2:///dev/NODE, video:FILE.mp4, images:DIR_OR_GLOB, mjpeg:FILE, mcap:FILE_OR_DIR or \
                       drive:";

const V4L2_PARAMETERS: &[&str] = &[
    "size=WxH",
    "fps=N",
    "format=mjpg|yuyv|nv12|grey",
    "timeout_ms=N",
];
const VIDEO_PARAMETERS: &[&str] = &["pace=live|max"];
const STILLS_PARAMETERS: &[&str] = &["pace=live|max", "fps=N"];
const DRIVE_PARAMETERS: &[&str] = &[
    "seed=N",
    "size=WxH",
    "fps=N",
    "frames=N",
    "light=day|overcast|lowsun|dusk|rain",
    "pace=live|max",
];

const FORMATS: [(&str, PixelFormat); 4] = [
    ("mjpg", PixelFormat::Mjpeg),
    ("yuyv", PixelFormat::Yuyv),
    ("nv12", PixelFormat::Nv12),
    ("grey", PixelFormat::Grey),
];
const PACES: [(&str, Pace); 2] = [("live", Pace::Live), ("max", Pace::EveryFrame)];

/// The built-in drive as a source URI names it.
#[derive(Clone, Debug, PartialEq)]
pub struct DriveSettings {
    /// The same seed gives the same drive.
    pub seed: u64,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Frames in a second of the drive.
    pub frames_per_second: f32,
    /// How many frames there are; 0 for a drive without end.
    pub frames: u32,
    /// Light and weather; the seed chooses where `None`.
    pub light: Option<Light>,
    /// Whether frames come in time or as fast as they are taken.
    pub pace: Pace,
}

impl Default for DriveSettings {
    /// Ten seconds of the drive of seed 0, 768x432 pixels at 15 frames a second, in time.
    fn default() -> Self {
        Self {
            seed: 0,
            width: 768,
            height: 432,
            frames_per_second: 15.0,
            frames: 150,
            light: None,
            pace: Pace::Live,
        }
    }
}

/// Where frames are to come from.
///
/// ```text
/// v4l2:///dev/dashcam[?size=WxH&fps=N&format=mjpg|yuyv|nv12|grey&timeout_ms=N]
/// video:FILE.mp4[?pace=live|max]
/// images:DIR_OR_GLOB[?pace=live|max&fps=N]
/// mjpeg:FILE[?pace=live|max&fps=N]
/// mcap:FILE_OR_DIR[?pace=live|max]
/// drive:[?seed=N&size=WxH&fps=N&frames=N&light=day|overcast|lowsun|dusk|rain&pace=live|max]
/// ```
///
/// Parameters begin at the last `?` that a `=` follows, so names and patterns may hold `?`.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceUri {
    /// A camera.
    V4l2(V4l2Config),
    /// An MP4 file with H.264 video.
    Video {
        /// The file.
        path: PathBuf,
        /// [`Pace::Live`] where not given.
        pace: Pace,
    },
    /// Pictures (JPEG, PNG), each once, sorted by name.
    Images {
        /// A folder, a file, or a pattern with `*`, `?` and `[...]`.
        pattern: String,
        /// [`Pace::EveryFrame`] where not given.
        pace: Pace,
        /// Pictures in a second of [`Pace::Live`]; 10 where not given.
        frames_per_second: f32,
    },
    /// A file of concatenated JPEG pictures.
    Mjpeg {
        /// The file.
        path: PathBuf,
        /// [`Pace::Live`] where not given.
        pace: Pace,
        /// Pictures in a second of [`Pace::Live`]; 30 where not given.
        frames_per_second: f32,
    },
    /// A recording, or a folder of them.
    Mcap {
        /// The file or the folder.
        path: PathBuf,
        /// [`Pace::Live`] where not given.
        pace: Pace,
    },
    /// The built-in drive.
    Drive(DriveSettings),
}

const IMAGES_FPS: f32 = 10.0;
const MJPEG_FPS: f32 = 30.0;

impl Default for SourceUri {
    /// The built-in drive, which needs no hardware and no file.
    fn default() -> Self {
        Self::Drive(DriveSettings::default())
    }
}

impl FromStr for SourceUri {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        let refuse = |reason: String| Err(SourceError::Uri(reason));
        if text.len() > URI_BYTES_MAX || text.contains('\0') {
            return refuse(format!(
                "a source URI has at most {URI_BYTES_MAX} bytes and no NUL among them"
            ));
        }
        let Some((scheme, rest)) = text.split_once(':') else {
            return refuse(format!("source `{text}` has no scheme; write {SCHEMES}"));
        };
        let allowed = match scheme {
            "v4l2" => V4L2_PARAMETERS,
            "video" | "mcap" => VIDEO_PARAMETERS,
            "images" | "mjpeg" => STILLS_PARAMETERS,
            "drive" => DRIVE_PARAMETERS,
            _ => {
                return refuse(format!(
                    "source scheme `{scheme}:` is unknown; write {SCHEMES}"
                ));
            }
        };
        let (place, query) = match rest.rsplit_once('?') {
            Some((place, query)) if query.contains('=') => (place, query),
            _ => (rest, ""),
        };
        let mut query = Query::new(scheme, allowed, query)?;
        if place.is_empty() != (scheme == "drive") {
            return refuse(match scheme {
                "drive" => format!("`drive:` takes no place such as `{place}`, only parameters"),
                _ => format!("source `{text}` names no place; write {SCHEMES}"),
            });
        }
        match scheme {
            "v4l2" => camera(place, &mut query),
            "video" => Ok(Self::Video {
                path: place.into(),
                pace: query.pace(Pace::Live)?,
            }),
            "images" => Ok(Self::Images {
                pattern: place.into(),
                pace: query.pace(Pace::EveryFrame)?,
                frames_per_second: query.rate(IMAGES_FPS)?,
            }),
            "mjpeg" => Ok(Self::Mjpeg {
                path: place.into(),
                pace: query.pace(Pace::Live)?,
                frames_per_second: query.rate(MJPEG_FPS)?,
            }),
            "mcap" => Ok(Self::Mcap {
                path: place.into(),
                pace: query.pace(Pace::Live)?,
            }),
            _ => drive(&mut query),
        }
    }
}

fn camera(place: &str, query: &mut Query<'_>) -> Result<SourceUri, SourceError> {
    let device = place.strip_prefix("//").unwrap_or(place);
    if !device.starts_with('/') {
        return Err(SourceError::Uri(format!(
            "`v4l2:{place}` is not the absolute path of a camera; write v4l2:///dev/video0"
        )));
    }
    let mut config = V4l2Config::new(device);
    (config.width, config.height) =
        query.size((config.width, config.height), 1, Frame::SIDE_PIXELS_MAX)?;
    config.frames_per_second = query.whole("fps", config.frames_per_second, 1, 1000)?;
    config.format = query.one_of("format", &FORMATS)?;
    // Both ends are what the camera source itself holds to.
    let timeout_ms = query.whole("timeout_ms", config.timeout.as_millis() as u64, 50, 2000)?;
    config.timeout = Duration::from_millis(timeout_ms);
    Ok(SourceUri::V4l2(config))
}

fn drive(query: &mut Query<'_>) -> Result<SourceUri, SourceError> {
    let default = DriveSettings::default();
    let (width, height) = query.size((default.width, default.height), 64, 1920)?;
    let lights = Light::ALL.map(|light| (light_name(light), light));
    Ok(SourceUri::Drive(DriveSettings {
        seed: query.whole("seed", default.seed, 0, u64::MAX)?,
        width,
        height,
        frames_per_second: query.number("fps", default.frames_per_second, 1.0, 120.0)?,
        frames: query.whole("frames", default.frames, 0, u32::MAX)?,
        light: query.one_of("light", &lights)?,
        pace: query.pace(default.pace)?,
    }))
}

fn light_name(light: Light) -> &'static str {
    match light {
        Light::Day => "day",
        Light::Overcast => "overcast",
        Light::LowSun => "lowsun",
        Light::Dusk => "dusk",
        Light::Rain => "rain",
    }
}

/// Parameters that several sources have.
trait SourceParameters {
    fn rate(&self, default: f32) -> Result<f32, QueryError>;
    fn size(&self, default: (u32, u32), min: u32, max: u32) -> Result<(u32, u32), QueryError>;
    fn pace(&self, default: Pace) -> Result<Pace, QueryError>;
}

impl SourceParameters for Query<'_> {
    fn rate(&self, default: f32) -> Result<f32, QueryError> {
        self.number("fps", default, 0.5, 1000.0)
    }

    fn size(&self, default: (u32, u32), min: u32, max: u32) -> Result<(u32, u32), QueryError> {
        let form = format_args!("WxH in pixels, each side from {min} to {max}").to_string();
        self.get("size", default, form, |value| {
            let (width, height) = value.split_once('x')?;
            let side = |text: &str| text.parse().ok().filter(|side| (min..=max).contains(side));
            Some((side(width)?, side(height)?))
        })
    }

    fn pace(&self, default: Pace) -> Result<Pace, QueryError> {
        Ok(self.one_of("pace", &PACES)?.unwrap_or(default))
    }
}

impl Display for SourceUri {
    /// A URI that reads back as the same source; parameters of their default value are left
    /// out. A name that is not UTF-8 is shown, but not reproduced.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parameters = Shown::default();
        let place = match self {
            Self::V4l2(config) => {
                let default = V4l2Config::new("");
                let size = |config: &V4l2Config| format!("{}x{}", config.width, config.height);
                let timeout_ms = |config: &V4l2Config| config.timeout.as_millis();
                parameters.add("size", size(config), size(&default));
                parameters.add("fps", config.frames_per_second, default.frames_per_second);
                if let Some(format) = name_of(config.format, &FORMATS) {
                    parameters.add("format", format, "");
                }
                parameters.add("timeout_ms", timeout_ms(config), timeout_ms(&default));
                format!("v4l2://{}", config.device.display())
            }
            Self::Video { path, pace } => {
                parameters.pace(*pace, Pace::Live);
                format!("video:{}", path.display())
            }
            Self::Images {
                pattern,
                pace,
                frames_per_second,
            } => {
                parameters.add("fps", *frames_per_second, IMAGES_FPS);
                parameters.pace(*pace, Pace::EveryFrame);
                format!("images:{pattern}")
            }
            Self::Mjpeg {
                path,
                pace,
                frames_per_second,
            } => {
                parameters.add("fps", *frames_per_second, MJPEG_FPS);
                parameters.pace(*pace, Pace::Live);
                format!("mjpeg:{}", path.display())
            }
            Self::Mcap { path, pace } => {
                parameters.pace(*pace, Pace::Live);
                format!("mcap:{}", path.display())
            }
            Self::Drive(settings) => {
                parameters.drive(settings);
                "drive:".to_owned()
            }
        };
        f.write_str(&place)?;
        match parameters.given.is_empty() {
            // Without this a `?` in the name could be taken for the start of parameters.
            true if place.contains('?') => write!(f, "?{}", parameters.default),
            true => Ok(()),
            false => write!(f, "?{}", parameters.given.join("&")),
        }
    }
}

fn name_of<T: PartialEq + Copy>(
    value: Option<T>,
    known: &[(&'static str, T)],
) -> Option<&'static str> {
    known
        .iter()
        .find(|pair| Some(pair.1) == value)
        .map(|pair| pair.0)
}

/// The parameters of a URI that is being shown.
#[derive(Default)]
struct Shown {
    given: Vec<String>,
    /// The last one that was left out.
    default: String,
}

impl Shown {
    fn add<T: Display + PartialEq<U>, U>(&mut self, name: &str, value: T, default: U) {
        let text = format!("{name}={value}");
        if value == default {
            self.default = text;
        } else {
            self.given.push(text);
        }
    }

    fn pace(&mut self, pace: Pace, default: Pace) {
        let name = |pace| name_of(Some(pace), &PACES).unwrap_or_default();
        self.add("pace", name(pace), name(default));
    }

    fn drive(&mut self, settings: &DriveSettings) {
        let default = DriveSettings::default();
        let size = |settings: &DriveSettings| format!("{}x{}", settings.width, settings.height);
        self.add("seed", settings.seed, default.seed);
        self.add("size", size(settings), size(&default));
        self.add("fps", settings.frames_per_second, default.frames_per_second);
        self.add("frames", settings.frames, default.frames);
        if let Some(light) = settings.light {
            self.add("light", light_name(light), "");
        }
        self.pace(settings.pace, default.pace);
    }
}

#[cfg(test)]
#[path = "uri_tests.rs"]
mod tests;
