//! The inner loops, one set for each kind of CPU. All sets give the same bytes.
//!
//! A convolution is `sum = bias + products`, `steps = round(sum * multiplier)` in `f32` with
//! halves to even, `steps + zero point` saturated to a byte: onnxruntime's arithmetic.
//!
//! The caller proves the bounds once, when it plans: a row function reads
//! [`RowIn::columns`] windows and writes as many pixels, all within one buffer and its slack.

/// Repeats a block with a constant: vectors stay in registers only if every index is one.
#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
macro_rules! unrolled {
    ($name:ident in [$($value:literal),*] $body:block) => {
        $({
            const $name: usize = $value;
            $body
        })*
    };
}

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx_vnni;
#[cfg(target_arch = "aarch64")]
mod neon;
mod pack;
mod portable;
#[cfg(target_arch = "x86_64")]
mod ymm;
#[cfg(test)]
pub use portable::add_bytes;

pub use pack::{Blocks, Packed};

use super::graph::{Add, Conv, Shape};

/// Bytes behind a buffer that kernels may read, never write, in pixels of the buffer.
pub const SLACK_PIXELS: usize = 16;

/// Most bytes behind a buffer that kernels may read besides the slack pixels.
pub const SLACK_BYTES: usize = 64;

/// Channels of a buffer come in multiples of this.
pub const CHANNEL_STEP: usize = 16;

/// Where a row of windows is read.
#[derive(Clone, Copy, Debug)]
pub struct RowIn {
    /// First byte of the first window.
    pub data: *const u8,
    /// Bytes from one row of the window to the next.
    pub row_bytes: usize,
    /// Bytes from one pixel to the next.
    pub pixel_bytes: usize,
    /// Bytes from one window to the next.
    pub step_bytes: usize,
    /// Windows.
    pub columns: usize,
}

/// Where a row of pixels is written.
#[derive(Clone, Copy, Debug)]
pub struct RowOut {
    /// First byte of the first pixel.
    pub data: *mut u8,
    /// Bytes from one pixel to the next; that many may be written, whatever the channels.
    pub pixel_bytes: usize,
}

/// One set of inner loops.
pub trait Kernels: Send + Sync {
    /// Name for people.
    fn name(&self) -> &'static str;

    /// What the stored bytes are combined with by exclusive or: 0 where activations are
    /// stored as they are, 0x80 where they are stored as signed numbers.
    fn flip(&self) -> u8 {
        0
    }

    /// Lays out the weights of a convolution that is not depthwise.
    fn pack_dense(&self, conv: &Conv, input: &Shape) -> Packed;

    /// Lays out the weights of a depthwise convolution.
    fn pack_depthwise(&self, conv: &Conv) -> Packed;

    /// One row of a dense convolution, all channels.
    ///
    /// # Safety
    /// `packed` comes from this set's [`Kernels::pack_dense`]; every window of `x` can be
    /// read, every pixel of `y` be written, as [`RowIn`] and [`RowOut`] say.
    unsafe fn dense_row(&self, packed: &Packed, x: RowIn, y: RowOut);

    /// One row of a depthwise convolution, all channels.
    ///
    /// # Safety
    /// As for [`Kernels::dense_row`], with [`Kernels::pack_depthwise`]. In addition the slack
    /// behind `x`'s buffer can be read.
    unsafe fn depthwise_row(&self, packed: &Packed, x: RowIn, y: RowOut);

    /// The sum of two rows of `bytes` bytes; `bytes` is a multiple of [`CHANNEL_STEP`].
    ///
    /// # Safety
    /// `bytes` bytes can be read at `a` and `b` and written at `y`.
    unsafe fn add_row(&self, add: &Add, a: *const u8, b: *const u8, y: *mut u8, bytes: usize);
}

/// The sets that this CPU can run, the fastest first.
pub fn available() -> Vec<&'static dyn Kernels> {
    let mut sets: Vec<&'static dyn Kernels> = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        sets.extend(avx512::detect());
        sets.extend(avx_vnni::detect());
        sets.extend(avx2::detect());
        #[cfg(test)]
        sets.extend(avx_vnni::wide_encoding::detect());
    }
    #[cfg(target_arch = "aarch64")]
    sets.extend(neon::detect());
    sets.push(&portable::Portable);
    sets
}
