//! A picture as the network reads it.

use lookout::letterbox::{Resampler, View};
use lookout::pixels::Picture;

/// Pixels `[3, height, width]` that `resampler`, made for this size, draws of `picture`.
pub fn planes(
    resampler: &mut Resampler,
    picture: &Picture<'_>,
    view: &View,
    (height, width): (u32, u32),
) -> Vec<u8> {
    let (width, plane) = (width as usize, (width * height) as usize);
    let mut pixels = vec![0; 3 * plane];
    resampler.draw(picture, view, |y, row| {
        for (x, pixel) in row.iter().enumerate() {
            for (channel, value) in pixel[..3].iter().enumerate() {
                pixels[channel * plane + y * width + x] = *value;
            }
        }
    });
    pixels
}
