//! From the bytes of a frame to rows of RGB.
//!
//! [`Decoder::picture`] turns any [`crate::frame::Frame`] into a [`Picture`]: a raw frame is
//! only checked and viewed, a JPEG is decoded into a buffer that is reused. Whoever needs
//! pixels then reads [`Picture::rgb_row`], row by row, in the order and number it wants.

mod decoder;
mod encode;
mod error;
pub(crate) mod jpeg;
mod picture;
mod planes;
mod rows;

pub use decoder::Decoder;
pub use encode::{nv12_of_rgb, yuyv_of_rgb};
pub use error::PixelError;
pub use picture::Picture;
pub(crate) use planes::{Plane, Planes};
#[cfg(test)]
pub(crate) use rows::rgb_of_yuv;
pub(crate) use rows::wide_rgb_of_yuv;
