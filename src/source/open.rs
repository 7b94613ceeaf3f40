//! From a URI to a running source.

use super::{
    DriveSource, FrameSource, ImagesSource, McapSource, MjpegSource, SourceError, SourceUri,
    VideoSource,
};
use crate::capture::V4l2Source;
use std::fs::File;
use std::path::Path;

/// Opens the source that `uri` names.
///
/// # Errors
/// [`SourceError::Absent`] and [`SourceError::Device`] for a camera, [`SourceError::File`] for files,
/// [`SourceError::Uri`] for parameters that do not go together; each says what to do.
pub fn open(uri: &SourceUri) -> Result<Box<dyn FrameSource>, SourceError> {
    Ok(match uri {
        SourceUri::V4l2(config) => Box::new(V4l2Source::open(config)?),
        SourceUri::Video { path, pace } => Box::new(VideoSource::open(path, *pace)?),
        SourceUri::Images {
            pattern,
            pace,
            frames_per_second,
        } => Box::new(ImagesSource::open(pattern, *pace, *frames_per_second)?),
        SourceUri::Mjpeg {
            path,
            pace,
            frames_per_second,
        } => Box::new(MjpegSource::open(path, *pace, *frames_per_second)?),
        SourceUri::Mcap { path, pace } => Box::new(McapSource::open(path, *pace)?),
        SourceUri::Drive(settings) => Box::new(DriveSource::open(settings)?),
    })
}

/// Whether the source is a device that may fail and come back, and that never ends. All
/// others are opened once and end, even if they are paced in time.
pub fn is_live(uri: &SourceUri) -> bool {
    matches!(uri, SourceUri::V4l2(_))
}

/// Opens a file for reading; a folder, pipe or device is refused, since reading those could
/// block without limit.
pub(super) fn open_file(path: &Path) -> Result<File, SourceError> {
    let trouble = |reason: String| SourceError::File {
        path: path.display().to_string(),
        reason,
    };
    let cannot = |error: std::io::Error| trouble(format!("cannot be opened: {error}"));
    // Looked at before it is opened: opening a pipe already waits for its writer.
    if !path.metadata().map_err(cannot)?.is_file() {
        return Err(trouble(
            "is not a file; name a file to read frames from".to_owned(),
        ));
    }
    File::open(path).map_err(cannot)
}
