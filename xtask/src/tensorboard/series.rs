//! What TensorBoard shows of a folder: a series a tag, without what a resumed run took back.

use super::reader::{BucketCounts, Event, EventFile, Kind, Picture};
use super::{FILE_PREFIX, TensorboardError};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Most event files of a folder.
const FILES_MAX: usize = 10_000;

/// Most events that are kept.
const EVENTS_MAX: usize = 10_000_000;

/// One value of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Point<T> {
    /// Step of the training.
    pub step: i64,
    /// Seconds since 1970.
    pub wall_time_s: f64,
    /// The value.
    pub value: T,
}

/// The points of each tag, in the order in which they were written.
type Tagged<T> = BTreeMap<String, Vec<Point<T>>>;

/// Everything that a folder of event files shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Numbers.
    pub scalars: Tagged<f32>,
    /// Distributions.
    pub histograms: Tagged<BucketCounts>,
    /// Pictures.
    pub images: Tagged<Picture>,
    /// Texts in Markdown.
    pub texts: Tagged<String>,
}

impl Series {
    /// Reads a folder. A file may end within a record, as that of a killed run does.
    ///
    /// # Errors
    /// [`TensorboardError::File`], and [`TensorboardError::Damaged`] for a wrong checksum.
    pub fn read(dir: &Path) -> Result<Self, TensorboardError> {
        let mut series = Self::default();
        let mut count = 0;
        for path in event_files(dir)? {
            for event in EventFile::open(&path)? {
                match event {
                    Ok(event) => series.add(event),
                    Err(TensorboardError::Torn { .. }) => break,
                    Err(error) => return Err(error),
                }
                count += 1;
                if count > EVENTS_MAX {
                    let reason = format!("{} holds too many events", dir.display());
                    return Err(TensorboardError::Value(reason));
                }
            }
        }
        Ok(series)
    }

    /// All tags, in order.
    pub fn tags(&self) -> Vec<&str> {
        let mut tags: Vec<&str> = self
            .scalars
            .keys()
            .chain(self.histograms.keys())
            .chain(self.images.keys())
            .chain(self.texts.keys())
            .map(String::as_str)
            .collect();
        tags.sort_unstable();
        tags.dedup();
        tags
    }

    fn add(&mut self, event: Event) {
        let Event {
            wall_time_s, step, ..
        } = event;
        match event.kind {
            Kind::Start => {
                forget(&mut self.scalars, step);
                forget(&mut self.histograms, step);
                forget(&mut self.images, step);
                forget(&mut self.texts, step);
            }
            Kind::Scalar(tag, value) => push(&mut self.scalars, tag, step, wall_time_s, value),
            Kind::Histogram(tag, value) => {
                push(&mut self.histograms, tag, step, wall_time_s, value);
            }
            Kind::Image(tag, value) => push(&mut self.images, tag, step, wall_time_s, value),
            Kind::Text(tag, value) => push(&mut self.texts, tag, step, wall_time_s, value),
            Kind::Version(_) | Kind::Other => {}
        }
    }
}

fn push<T>(series: &mut Tagged<T>, tag: String, step: i64, wall_time_s: f64, value: T) {
    series.entry(tag).or_default().push(Point {
        step,
        wall_time_s,
        value,
    });
}

/// Takes back this step and all later ones.
fn forget<T>(series: &mut Tagged<T>, from_step: i64) {
    for points in series.values_mut() {
        points.retain(|point| point.step < from_step);
    }
    series.retain(|_, points| !points.is_empty());
}

/// The event files of a folder, in TensorBoard's order; none where there is no folder.
///
/// # Errors
/// [`TensorboardError::File`] when the folder cannot be read.
pub fn event_files(dir: &Path) -> Result<Vec<PathBuf>, TensorboardError> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(TensorboardError::file(dir))?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(TensorboardError::file(dir))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy());
        if name.is_some_and(|name| name.starts_with(FILE_PREFIX)) && path.is_file() {
            files.push(path);
        }
        if files.len() > FILES_MAX {
            let reason = format!("{} holds more than {FILES_MAX} event files", dir.display());
            return Err(TensorboardError::Value(reason));
        }
    }
    files.sort_unstable();
    Ok(files)
}
