//! Pictures for people: boxes, labels and scores drawn on frames, and a writer of such files.

mod canvas;
mod label;
mod writer;

pub use canvas::Canvas;
pub use label::{class_colour, draw};
pub use writer::{
    AnnotateError, AnnotateOptions, AnnotateReport, AnnotateWriter, JPEG_QUALITY, PictureFile,
};
