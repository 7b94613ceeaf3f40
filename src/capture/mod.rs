//! Frames from cameras, without end: the V4L2 source, the list of cameras and the
//! supervisor that opens a source again whenever it fails.

mod camera;
mod counters;
mod device;
mod guard;
mod mode;
mod negotiate;
mod packet;
mod stop;
mod supervisor;
mod trouble;
mod v4l2;

pub use camera::{CameraInfo, CameraMode, first_camera, list_cameras};
pub use counters::{CaptureCounters, CaptureSnapshot, CaptureState};
pub use negotiate::pixel_format_of;
pub use stop::StopFlag;
pub use supervisor::{Opener, SourceMode, Supervisor};
pub use v4l2::{V4l2Config, V4l2Source};
