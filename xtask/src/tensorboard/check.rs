//! The real TensorBoard reads a folder, and must see what was written.

use super::TensorboardError;
use super::reader::{BucketCounts, Picture};
use super::series::{Point, Series};
use crate::bench::python::Environment;
use crate::bench::run_limited;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const SCRIPT: &str = include_str!("check.py");

/// TensorBoard without its web server.
const TENSORBOARD: Environment = Environment {
    name: "tensorboard-reader",
    what: "TensorBoard's reader of event files, about 30 MB",
    requirements: include_str!("requirements.txt"),
    needed_bytes: 300_000_000,
};

/// Reading the events of a long run takes a while in Python.
const READ_LIMIT: Duration = Duration::from_secs(300);

/// Most bytes of the script's answer.
const ANSWER_BYTES_MAX: u64 = 512 << 20;

/// What TensorBoard sees; numbers as bits.
#[derive(Deserialize)]
struct Seen {
    scalars: Tagged<u32>,
    histograms: Tagged<SeenHistogram>,
    images: Tagged<SeenPicture>,
    texts: Tagged<String>,
}

type Tagged<T> = BTreeMap<String, Vec<SeenPoint<T>>>;

#[derive(Debug, PartialEq, Deserialize)]
struct SeenPoint<T> {
    step: i64,
    wall_time_s: u64,
    value: T,
}

#[derive(Debug, PartialEq, Deserialize)]
struct SeenHistogram {
    sums: [u64; 5],
    limits: Vec<u64>,
    counts: Vec<u64>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct SeenPicture {
    width: i32,
    height: i32,
    sha256: String,
}

/// Whether TensorBoard's reader is in the cache already, so that no network is needed.
pub fn is_installed() -> bool {
    TENSORBOARD.existing().is_some()
}

/// Has TensorBoard's own reader read the folder, and compares every number, distribution,
/// picture and text with what this program wrote. These tags must be among them. Gives what
/// both see.
///
/// TensorBoard is fetched into the cache unless it is there; Python 3.11 or newer is needed.
///
/// # Errors
/// [`TensorboardError::Python`] where there is no Python or no network,
/// [`TensorboardError::Disagrees`] with the first difference.
pub fn check_with_tensorboard(
    dir: &Path,
    expected_tags: &[&str],
) -> Result<Series, TensorboardError> {
    let disagrees = |reason: String| TensorboardError::Disagrees {
        path: dir.into(),
        reason,
    };
    let series = Series::read(dir)?;
    let tags = series.tags();
    if tags.is_empty() {
        return Err(disagrees("there are no events".into()));
    }
    if let Some(missing) = expected_tags.iter().find(|tag| !tags.contains(tag)) {
        return Err(disagrees(format!("nothing was written as {missing:?}")));
    }
    let seen = seen(dir, &disagrees)?;
    compare(&series, seen).map_err(disagrees)?;
    Ok(series)
}

fn seen(
    dir: &Path,
    disagrees: &impl Fn(String) -> TensorboardError,
) -> Result<Seen, TensorboardError> {
    let python = TENSORBOARD.ensure()?;
    let work = tempfile::tempdir().map_err(TensorboardError::file(&std::env::temp_dir()))?;
    let (script, answer) = (work.path().join("check.py"), work.path().join("seen.json"));
    std::fs::write(&script, SCRIPT).map_err(TensorboardError::file(&script))?;
    let mut command = Command::new(python);
    command.arg("-I").arg(&script).arg(dir).arg(&answer);
    run_limited(&mut command, READ_LIMIT)
        .map_err(|reason| disagrees(format!("its reader failed ({reason}), see above")))?;
    let mut text = String::new();
    File::open(&answer)
        .and_then(|file| file.take(ANSWER_BYTES_MAX).read_to_string(&mut text))
        .map_err(TensorboardError::file(&answer))?;
    serde_json::from_str(&text).map_err(|error| disagrees(format!("its answer is odd: {error}")))
}

fn compare(series: &Series, seen: Seen) -> Result<(), String> {
    same("number", &series.scalars, seen.scalars, |v| bits32(*v))?;
    same("histogram", &series.histograms, seen.histograms, histogram)?;
    same("picture", &series.images, seen.images, picture)?;
    same("text", &series.texts, seen.texts, String::clone)
}

/// Whether the series of one kind are the same.
fn same<T, S: PartialEq + std::fmt::Debug>(
    what: &str,
    written: &BTreeMap<String, Vec<Point<T>>>,
    mut seen: Tagged<S>,
    convert: impl Fn(&T) -> S,
) -> Result<(), String> {
    for (tag, points) in written {
        let shown = seen.remove(tag).unwrap_or_default();
        if shown.len() != points.len() {
            let (shown, written) = (shown.len(), points.len());
            return Err(format!("{what} {tag:?} has {shown} points, not {written}"));
        }
        for (point, shown) in points.iter().zip(shown) {
            let point = SeenPoint {
                step: point.step,
                wall_time_s: bits64(point.wall_time_s),
                value: convert(&point.value),
            };
            if point != shown {
                return Err(format!("{what} {tag:?} is {shown:?}, not {point:?}"));
            }
        }
    }
    // A series that was taken back as a whole leaves its tag behind.
    match seen.iter().find(|(_, points)| !points.is_empty()) {
        Some((tag, _)) => Err(format!("{what} {tag:?} was never written")),
        None => Ok(()),
    }
}

/// All NaN are one, because Python does not keep their bits.
fn bits32(number: f32) -> u32 {
    if number.is_nan() { f32::NAN } else { number }.to_bits()
}

fn bits64(number: f64) -> u64 {
    if number.is_nan() { f64::NAN } else { number }.to_bits()
}

fn histogram(counts: &BucketCounts) -> SeenHistogram {
    let sums = [
        counts.min,
        counts.max,
        counts.num,
        counts.sum,
        counts.sum_squares,
    ];
    let all = |numbers: &[f64]| numbers.iter().copied().map(bits64).collect();
    SeenHistogram {
        sums: sums.map(bits64),
        limits: all(&counts.limits),
        counts: all(&counts.counts),
    }
}

fn picture(picture: &Picture) -> SeenPicture {
    let mut sha256 = String::new();
    for byte in Sha256::digest(&picture.png) {
        // Writing to a string cannot fail.
        let _ = write!(sha256, "{byte:02x}");
    }
    SeenPicture {
        width: picture.width,
        height: picture.height,
        sha256,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::bench::python::unpinned;

    #[test]
    fn every_package_is_pinned_and_hashed() {
        assert_eq!(unpinned(TENSORBOARD.requirements), None);
    }

    fn written() -> Series {
        let mut series = Series::default();
        let point = |step, value| Point {
            step,
            wall_time_s: 1.5,
            value,
        };
        let points = vec![point(1, 0.5), point(2, f32::NAN)];
        series.scalars.insert("loss".into(), points);
        series
    }

    fn answer(scalars: &str) -> Seen {
        let rest = r#""histograms": {}, "images": {}, "texts": {}"#;
        serde_json::from_str(&format!(r#"{{"scalars": {scalars}, {rest}}}"#)).unwrap()
    }

    fn point(step: i64, value: f32) -> String {
        let (time, value) = (bits64(1.5), bits32(value));
        format!(r#"{{"step": {step}, "wall_time_s": {time}, "value": {value}}}"#)
    }

    #[test]
    fn differences_are_seen() {
        let (first, second) = (point(1, 0.5), point(2, f32::NAN));
        let good = format!(r#"{{"loss": [{first}, {second}], "gone": []}}"#);
        assert_eq!(compare(&written(), answer(&good)), Ok(()));
        let wrong = point(2, 0.0);
        for (scalars, reason) in [
            ("{}".to_owned(), "has 0 points, not 2"),
            (format!(r#"{{"loss": [{first}]}}"#), "has 1 points, not 2"),
            (format!(r#"{{"loss": [{first}, {wrong}]}}"#), "is SeenPoint"),
            (
                format!(r#"{{"loss": [{first}, {second}], "ghost": [{first}]}}"#),
                "\"ghost\" was never written",
            ),
        ] {
            let error = compare(&written(), answer(&scalars)).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn an_empty_folder_is_no_success() {
        let dir = tempfile::tempdir().unwrap();
        let error = check_with_tensorboard(dir.path(), &[]).unwrap_err();
        assert!(error.to_string().contains("there are no events"), "{error}");
    }
}
