//! A raw picture as its samples lie in memory.

/// Rows of bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plane<'a> {
    /// The first row and all below it.
    pub(crate) data: &'a [u8],
    /// Bytes from one row to the next.
    pub(crate) row_bytes: usize,
    /// Bytes of a row that are samples.
    pub(crate) columns: usize,
}

/// The planes of a picture. Planes of chroma beside one of luma have half the rows, rounded up.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Planes<'a> {
    /// R, G, B.
    Rgb(Plane<'a>),
    /// Luma of full range.
    Grey(Plane<'a>),
    /// Y0 U Y1 V.
    Yuyv(Plane<'a>),
    /// Luma, and U V for every second column.
    Nv12 { luma: Plane<'a>, chroma: Plane<'a> },
    /// Luma, and U and V for every second column.
    I420 {
        luma: Plane<'a>,
        u: Plane<'a>,
        v: Plane<'a>,
    },
}

impl Planes<'_> {
    /// Whether [`super::rgb_of_yuv`] makes the colours of the samples.
    pub(crate) fn is_yuv(&self) -> bool {
        !matches!(self, Self::Rgb(_) | Self::Grey(_))
    }
}
