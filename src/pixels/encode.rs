//! From RGB to what cameras send: for benchmarks and test clips.

/// BT.601, limited range, in 8-bit fixed point, as most cameras do it.
fn yuv(pixel: &[u8]) -> [i32; 3] {
    let [r, g, b] = [0, 1, 2].map(|channel| i32::from(pixel[channel]));
    [
        ((66 * r + 129 * g + 25 * b + 128) >> 8) + 16,
        ((-38 * r - 74 * g + 112 * b + 128) >> 8) + 128,
        ((112 * r - 94 * g - 18 * b + 128) >> 8) + 128,
    ]
}

/// Packed Y0 U Y1 V of R, G, B; the width must be even.
pub fn yuyv_of_rgb(rgb: &[u8]) -> Vec<u8> {
    rgb.chunks_exact(6)
        .flat_map(|pair| {
            let (a, b) = (yuv(&pair[..3]), yuv(&pair[3..]));
            [a[0], (a[1] + b[1]) / 2, b[0], (a[2] + b[2]) / 2].map(|value| value as u8)
        })
        .collect()
}

/// A plane of luma and one of interleaved chroma of R, G, B, `width` pixels a row; both sides
/// must be even.
pub fn nv12_of_rgb(rgb: &[u8], width: usize) -> Vec<u8> {
    let mut all: Vec<u8> = rgb
        .chunks_exact(3)
        .map(|pixel| yuv(pixel)[0] as u8)
        .collect();
    for rows in rgb.chunks_exact((6 * width).max(1)) {
        let (upper, lower) = rows.split_at(3 * width);
        for (above, below) in upper.chunks_exact(6).zip(lower.chunks_exact(6)) {
            let four = [&above[..3], &above[3..], &below[..3], &below[3..]].map(yuv);
            for channel in [1, 2] {
                let sum: i32 = four.iter().map(|pixel| pixel[channel]).sum();
                all.push((sum / 4) as u8);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::frame::PixelFormat;
    use crate::pixels::Picture;

    #[test]
    fn grey_stays_grey() {
        for value in [0, 128, 255] {
            let [y, u, v] = yuv(&[value; 3]);
            assert!((16..=235).contains(&y));
            assert_eq!((u, v), (128, 128));
        }
    }

    #[test]
    fn colours_come_back() {
        let rgb: Vec<u8> = [[200, 40, 90], [200, 40, 90]].concat().repeat(8);
        let formats = [
            (PixelFormat::Yuyv, 8, yuyv_of_rgb(&rgb)),
            (PixelFormat::Nv12, 4, nv12_of_rgb(&rgb, 4)),
        ];
        for (format, stride, bytes) in formats {
            let mut back = Vec::new();
            let picture = Picture::new(format, 4, 4, stride, &bytes).unwrap();
            picture.write_rgb(&mut back);
            assert!(back.iter().zip(&rgb).all(|(a, b)| a.abs_diff(*b) <= 3));
        }
    }
}
