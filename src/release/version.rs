//! The version of a release, which alone decides what is newer.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// `MAJOR.MINOR.PATCH+BUILD[.TEXT]`: the crate's version, the number of commits, and what else
/// tells it apart, such as `0.1.0+341.g932a6bd`. The text counts for nothing in a comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    numbers: [u64; 4],
    text: String,
}

/// The text is no version.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is no version of a release; it looks like 0.1.0+341 or 0.1.0+341.g932a6bd, in letters, \
     digits and dots"
)]
pub struct VersionError(String);

/// The longest version, in bytes.
const BYTES_MAX: usize = 64;

impl Version {
    /// Whether this one is older than `other`.
    pub fn is_older_than(&self, other: &Self) -> bool {
        self.numbers < other.numbers
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let wrong = || VersionError(text.chars().take(BYTES_MAX).collect());
        if text.len() > BYTES_MAX {
            return Err(wrong());
        }
        let (release, build) = text.split_once('+').ok_or_else(wrong)?;
        let (build, rest) = build.split_once('.').unwrap_or((build, ""));
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '.';
        if !rest.chars().all(plain) || build.len() + rest.len() + 1 == text.len() {
            return Err(wrong());
        }
        let mut numbers = [0; 4];
        let mut parts = release.split('.').chain([build]);
        for number in &mut numbers {
            let part = parts.next().ok_or_else(wrong)?;
            let is_plain = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            *number = part.parse().ok().filter(|_| is_plain).ok_or_else(wrong)?;
        }
        if parts.next().is_some() {
            return Err(wrong());
        }
        Ok(Self {
            numbers,
            text: text.to_owned(),
        })
    }
}

impl TryFrom<String> for Version {
    type Error = VersionError;

    fn try_from(text: String) -> Result<Self, VersionError> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.text
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn numbers_decide_and_not_letters() {
        let rising = [
            "0.1.0+9",
            "0.1.0+10.gffff",
            "0.1.1+1",
            "0.2.0+1",
            "0.10.0+0",
            "1.0.0+0",
        ];
        for pair in rising.windows(2) {
            assert!(
                version(pair[0]).is_older_than(&version(pair[1])),
                "{pair:?}"
            );
            assert!(
                !version(pair[1]).is_older_than(&version(pair[0])),
                "{pair:?}"
            );
        }
        assert!(!version("0.1.0+5.gaa").is_older_than(&version("0.1.0+5.gbb")));
        assert_eq!(version("0.1.0+5.gaa").to_string(), "0.1.0+5.gaa");
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "1",
            "0.1.0",
            "0.1+1",
            "0.1.0.2+1",
            "0.1.0+",
            "0.1.0+x",
            "0.1.0+1./etc",
            "0.1.0++1",
            "0.1.-1+1",
            "0.1.+1+1",
            "0.1.99999999999999999999+1",
        ] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
        assert!(
            format!("0.1.0+1.{}", "a".repeat(80))
                .parse::<Version>()
                .is_err()
        );
    }

    proptest! {
        #[test]
        fn any_text_gives_a_value_or_an_error(text in "\\PC{0,80}") {
            if let Ok(version) = text.parse::<Version>() {
                prop_assert_eq!(version.to_string(), text);
            }
        }
    }
}
