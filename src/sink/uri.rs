//! Names of sinks, as the command line and the configuration give them.

use super::bus::{MqttUri, ZenohUri};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where detections shall go.
///
/// The grammar is `jsonl:-` (standard output), `jsonl:FILE` or `unix:SOCKET`, where all after the
/// first colon is a path, taken as it is (a file that is really called `-` is `jsonl:./-`), or
/// that of [`MqttUri`] or [`ZenohUri`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SinkUri {
    /// JSON lines on standard output.
    Stdout,
    /// JSON lines appended to this file.
    File(PathBuf),
    /// JSON lines to everybody who connects to this local socket.
    Unix(PathBuf),
    /// Messages to an MQTT broker.
    Mqtt(MqttUri),
    /// Messages to a Zenoh network; a program built without it refuses to start with this.
    Zenoh(ZenohUri),
}

/// A sink URI that is not in the grammar.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "sink '{uri}': {reason}; allowed are jsonl:- (standard output), jsonl:FILE, unix:SOCKET, \
     mqtt://HOST/VEHICLE and zenoh:VEHICLE, for example unix:/run/lookout.sock"
)]
pub struct SinkUriError {
    uri: String,
    reason: String,
}

/// Linux gives the name of a local socket 108 bytes, one of them a closing zero.
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// Linux refuses longer paths (PATH_MAX with its closing zero).
const PATH_BYTES_MAX: usize = 4095;

/// Characters of a refused URI that its message repeats.
const ECHO_CHARS_MAX: usize = 80;

impl SinkUri {
    /// Whether it is a bus, which passes on the health of the program, too.
    pub(crate) fn is_bus(&self) -> bool {
        matches!(self, Self::Mqtt(_) | Self::Zenoh(_))
    }
}

impl FromStr for SinkUri {
    type Err = SinkUriError;

    fn from_str(uri: &str) -> Result<Self, SinkUriError> {
        let refuse = |reason: &str| {
            let echo: String = uri.chars().take(ECHO_CHARS_MAX).collect();
            Err(SinkUriError {
                uri: echo.escape_debug().to_string(),
                reason: reason.to_owned(),
            })
        };
        let Some((scheme, path)) = uri.split_once(':') else {
            return refuse("there is no scheme");
        };
        if path.contains('\0') {
            return refuse("the path contains a zero byte");
        }
        if path.len() > PATH_BYTES_MAX {
            return refuse("the path is longer than 4095 bytes");
        }
        match scheme {
            "jsonl" | "unix" if path.is_empty() => refuse("the path is missing"),
            "jsonl" if path == "-" => Ok(Self::Stdout),
            "jsonl" => Ok(Self::File(path.into())),
            "unix" if path.len() > SOCKET_PATH_BYTES_MAX => {
                refuse("the path of a socket has at most 107 bytes")
            }
            "unix" => Ok(Self::Unix(path.into())),
            "mqtt" => MqttUri::parse(path)
                .map(Self::Mqtt)
                .or_else(|reason| refuse(&reason)),
            "zenoh" => ZenohUri::parse(path)
                .map(Self::Zenoh)
                .or_else(|reason| refuse(&reason)),
            _ => refuse("the scheme is unknown"),
        }
    }
}

impl fmt::Display for SinkUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("jsonl:-"),
            // Printed bare this would read back as standard output.
            Self::File(path) if path.as_os_str() == "-" => f.write_str("jsonl:./-"),
            Self::File(path) => write!(f, "jsonl:{}", path.display()),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Mqtt(uri) => uri.fmt(f),
            Self::Zenoh(uri) => uri.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_three_forms_are_read() {
        assert_eq!("jsonl:-".parse(), Ok(SinkUri::Stdout));
        assert_eq!(
            "jsonl:a b.jsonl".parse(),
            Ok(SinkUri::File("a b.jsonl".into()))
        );
        assert_eq!("jsonl:./-".parse(), Ok(SinkUri::File("./-".into())));
        assert_eq!(
            "unix:/run/lookout.sock".parse(),
            Ok(SinkUri::Unix("/run/lookout.sock".into()))
        );
    }

    #[test]
    fn refusals_say_what_is_allowed() {
        let long = format!("unix:/{}", "x".repeat(107));
        let longer = format!("jsonl:{}", "x".repeat(5000));
        for bad in [
            "",
            "-",
            "jsonl",
            "jsonl:",
            "unix:",
            "tcp:1",
            "mqtt:broker",
            "zenoh:",
            "unix:a\0b",
            &long,
            &longer,
        ] {
            let message = bad.parse::<SinkUri>().unwrap_err().to_string();
            for allowed in ["jsonl:-", "jsonl:FILE", "unix:SOCKET"] {
                assert!(message.contains(allowed), "{bad:?}: {message}");
            }
            assert!(
                message.len() < 500,
                "the message repeats too much of its input"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_prints_and_reads_back(text in "(jsonl|unix|file|mqtt|zenoh)?:?.{0,40}") {
            if let Ok(uri) = text.parse::<SinkUri>() {
                prop_assert_eq!(uri.to_string().parse::<SinkUri>(), Ok(uri));
            }
        }

        #[test]
        fn any_path_survives(path in "[^\0]{1,100}") {
            let uri = SinkUri::File(path.into());
            let back = uri.to_string().parse::<SinkUri>().unwrap();
            let same = back == uri || uri == SinkUri::File("-".into());
            prop_assert!(same);
        }
    }
}
